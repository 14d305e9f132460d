# SPDX-License-Identifier: Apache-2.0
add_executable(record_tape ${CMAKE_CURRENT_LIST_DIR}/record_tape.c)
target_link_libraries(record_tape PRIVATE px_capture px_warnings)
add_test(NAME golden COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/golden_test.py $<TARGET_FILE:pxtrace>)
