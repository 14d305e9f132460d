# SPDX-License-Identifier: Apache-2.0
# px_fuzzed: the protocols, from parsers/registry.c; px_fuzz_parser(TARGET NAME): fuzz_parser.c with one of them.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/parsers/registry.c)
file(STRINGS ${PROJECT_SOURCE_DIR}/parsers/registry.c px_fuzzed REGEX "^\t&px_parser_[a-z0-9]+,")
list(TRANSFORM px_fuzzed REPLACE "^\t&px_parser_([a-z0-9]+),.*" "\\1")

function(px_fuzz_parser target name)
	add_executable(${target} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/fuzz_parser.c ${ARGN})
	target_compile_definitions(${target} PRIVATE PX_FUZZ_PARSER=px_parser_${name} PX_FUZZ_HEADER="${name}/${name}.h")
	target_link_libraries(${target} PRIVATE px_test_support px_parsers)
endfunction()
