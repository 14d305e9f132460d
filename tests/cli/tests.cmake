# SPDX-License-Identifier: Apache-2.0
add_test(NAME cli/completion
	COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/completion_test.py ${PX_COMPLETIONS}
	$<TARGET_FILE:pxtrace>)
add_test(NAME cli/man COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/man_test.py
	$<TARGET_FILE:pxtrace> ${CMAKE_SOURCE_DIR}/man)
add_test(NAME cli/program COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/program_test.py $<TARGET_FILE:pxtrace>)
add_test(NAME cli/choice COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/choice_test.py
	$<TARGET_FILE:pxtrace> ${CMAKE_CURRENT_SOURCE_DIR}/golden/nginx/tape.gz)
