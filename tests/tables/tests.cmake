# SPDX-License-Identifier: Apache-2.0
# Rows per second; a number to look at, not a test.
add_executable(tables_bench ${CMAKE_SOURCE_DIR}/bench/tables_bench.c)
target_link_libraries(tables_bench PRIVATE px_tables)
target_include_directories(tables_bench PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
add_test(NAME tables/sqlite COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/sqlite_test.py
	$<TARGET_FILE:pxtrace> ${CMAKE_CURRENT_SOURCE_DIR}/golden)
add_test(NAME tables/questions COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/questions_test.py
	$<TARGET_FILE:pxtrace>)
