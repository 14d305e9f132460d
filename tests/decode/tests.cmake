# SPDX-License-Identifier: Apache-2.0
# recognise_test makes its streams in two files of their own.
target_sources(recognise_test PRIVATE ${CMAKE_CURRENT_LIST_DIR}/foreign.c ${CMAKE_CURRENT_LIST_DIR}/carry.c)
