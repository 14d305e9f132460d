# SPDX-License-Identifier: Apache-2.0
# fuzz_NAME for each line of parsers/registry.c; tests/fuzz/NAME/ has its dictionary and its first corpus.
if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
	message(FATAL_ERROR "PX_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/protocols.cmake)
foreach(name ${px_fuzzed})
	px_fuzz_parser(fuzz_${name} ${name})
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

# Expressions over records.
add_executable(fuzz_filter ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/fuzz_filter.c)
target_link_libraries(fuzz_filter PRIVATE px_filter px_parsers px_warnings)
target_link_options(fuzz_filter PRIVATE -fsanitize=fuzzer)
