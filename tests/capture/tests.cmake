# SPDX-License-Identifier: Apache-2.0
add_test(NAME capture/judge COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/judge_test.py $<TARGET_FILE:pxtrace>)
add_test(NAME capture/save COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/save_test.py $<TARGET_FILE:pxtrace>)
