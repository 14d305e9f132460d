# SPDX-License-Identifier: Apache-2.0
# unit/seeds_NAME: all of tests/fuzz/NAME/seeds, made by hand or found by fuzzing, whatever the compiler.
include(${CMAKE_CURRENT_LIST_DIR}/protocols.cmake)
foreach(name ${px_fuzzed})
	px_fuzz_parser(seeds_${name} ${name} ${CMAKE_CURRENT_LIST_DIR}/seeds_main.c)
	add_test(NAME unit/seeds_${name} COMMAND seeds_${name} ${CMAKE_CURRENT_LIST_DIR}/${name}/seeds)
endforeach()
add_executable(seeds_filter ${CMAKE_CURRENT_LIST_DIR}/fuzz_filter.c ${CMAKE_CURRENT_LIST_DIR}/seeds_main.c)
target_link_libraries(seeds_filter PRIVATE px_filter px_parsers px_warnings)
add_test(NAME unit/seeds_filter COMMAND seeds_filter ${CMAKE_CURRENT_LIST_DIR}/filter/seeds)
