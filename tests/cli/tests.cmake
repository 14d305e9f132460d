# SPDX-License-Identifier: Apache-2.0
add_test(NAME cli/completion
	COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/completion_test.py ${PX_COMPLETIONS})
