# SPDX-License-Identifier: Apache-2.0
add_test(NAME capture/judge COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/judge_test.py $<TARGET_FILE:pxtrace>)
