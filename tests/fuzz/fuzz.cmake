# SPDX-License-Identifier: Apache-2.0
# fuzz_NAME for each line of parsers/registry.c; tests/fuzz/NAME/ has its dictionary and its first corpus.
if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
	message(FATAL_ERROR "PX_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang")
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/parsers/registry.c)
file(STRINGS ${PROJECT_SOURCE_DIR}/parsers/registry.c lines REGEX "^\t&px_parser_[a-z0-9]+,")
foreach(line ${lines})
	string(REGEX REPLACE "^\t&px_parser_([a-z0-9]+),.*" "\\1" name "${line}")
	add_executable(fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_parser.c)
	target_compile_definitions(fuzz_${name} PRIVATE PX_FUZZ_PARSER=px_parser_${name}
		PX_FUZZ_HEADER="${name}/${name}.h")
	target_link_libraries(fuzz_${name} PRIVATE px_test_support px_parsers)
	target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
endforeach()

# fuzz_replay: a tape through the whole program; its first corpus are the tapes of tests/golden.
add_executable(fuzz_replay ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_replay.c ${CMAKE_CURRENT_SOURCE_DIR}/golden/player.c
	${PROJECT_SOURCE_DIR}/src/report.c)
target_link_libraries(fuzz_replay PRIVATE px_capture px_conn px_filter px_sink px_warnings)
target_include_directories(fuzz_replay PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_options(fuzz_replay PRIVATE -fsanitize=fuzzer)

# What reads captures, with everything behind it.
add_executable(fuzz_capture ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_capture.c)
target_link_libraries(fuzz_capture PRIVATE px_capture px_conn)
target_link_options(fuzz_capture PRIVATE -fsanitize=fuzzer)
