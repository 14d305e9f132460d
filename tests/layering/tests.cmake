# SPDX-License-Identifier: Apache-2.0
add_test(NAME layering
	COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/layering.py ${CMAKE_SOURCE_DIR})
add_test(NAME layering/finds-faults COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/layering.py --test)
