# SPDX-License-Identifier: Apache-2.0
add_executable(sink_records ${CMAKE_CURRENT_LIST_DIR}/records.c)
target_link_libraries(sink_records PRIVATE px_sink px_tally px_parsers)
add_test(NAME sink/schema COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/schema_test.py
	${CMAKE_SOURCE_DIR}/doc/pxtrace.schema.json $<TARGET_FILE:sink_records> $<TARGET_FILE:pxtrace>)
set_tests_properties(sink/schema PROPERTIES SKIP_RETURN_CODE 77)

# Nanoseconds per record; a number to look at, not a test.
add_executable(sink_bench ${CMAKE_SOURCE_DIR}/bench/sink_bench.c)
target_link_libraries(sink_bench PRIVATE px_sink)
target_include_directories(sink_bench PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
add_test(NAME sink/columns COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/columns_test.py
	$<TARGET_FILE:pxtrace> ${CMAKE_CURRENT_SOURCE_DIR}/golden)
