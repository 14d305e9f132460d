# SPDX-License-Identifier: Apache-2.0
add_test(NAME shell COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/shell_test.py
	$<TARGET_FILE:pxtrace> ${CMAKE_CURRENT_SOURCE_DIR}/golden)
