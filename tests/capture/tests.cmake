# SPDX-License-Identifier: Apache-2.0
add_test(NAME capture/judge COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/judge_test.py $<TARGET_FILE:pxtrace>)
add_test(NAME capture/save COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/save_test.py $<TARGET_FILE:pxtrace>)
add_test(NAME capture/slow_reader COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/slow_reader_test.py $<TARGET_FILE:pxtrace>)
# The reader with all that lies behind it: more than the stage that it is in.
add_executable(true_records ${CMAKE_CURRENT_LIST_DIR}/true_records.c)
target_link_libraries(true_records PRIVATE px_capture px_conn px_test_support ${CHECK_LIBRARIES})
target_include_directories(true_records PRIVATE ${CHECK_INCLUDE_DIRS})
add_test(NAME capture/true_records COMMAND true_records)
# A hundred; two thousand take minutes: mutate_test.py PXTRACE 2000
add_test(NAME capture/mutate COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/mutate_test.py $<TARGET_FILE:pxtrace> 100)
add_executable(go_places ${CMAKE_CURRENT_LIST_DIR}/go_places.c)
target_link_libraries(go_places PRIVATE px_capture)
# Go's own disassembler is the judge; 77: there is no Go here.
add_test(NAME capture/go COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/go_test.py $<TARGET_FILE:go_places> ${CMAKE_BINARY_DIR}/go_test)
set_tests_properties(capture/go PROPERTIES SKIP_RETURN_CODE 77)
