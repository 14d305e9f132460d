# SPDX-License-Identifier: Apache-2.0
add_executable(record_tape ${CMAKE_CURRENT_LIST_DIR}/record_tape.c)
target_link_libraries(record_tape PRIVATE px_capture px_warnings)
add_test(NAME golden COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/golden_test.py $<TARGET_FILE:pxtrace>)

add_library(px_player STATIC ${CMAKE_CURRENT_LIST_DIR}/player.c ${CMAKE_SOURCE_DIR}/src/report.c)
target_link_libraries(px_player PUBLIC px_capture px_conn px_sink px_warnings)
target_include_directories(px_player PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
add_executable(tape_test ${CMAKE_CURRENT_LIST_DIR}/tape_test.c)
target_link_libraries(tape_test PRIVATE px_player ${CHECK_LIBRARIES})
target_include_directories(tape_test PRIVATE ${CHECK_INCLUDE_DIRS})
add_test(NAME golden/tapes COMMAND tape_test ${CMAKE_CURRENT_LIST_DIR})
