# SPDX-License-Identifier: Apache-2.0
# The BPF C sources and the stand-in kernel headers become one C file with their texts; an edit below bpf_src/ rebuilds it.
file(GLOB_RECURSE PX_BPF_FILES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bpf_src/*)
set(PX_BPF_EMBEDDED ${CMAKE_CURRENT_BINARY_DIR}/bpf_source.c)
add_custom_command(OUTPUT ${PX_BPF_EMBEDDED}
	COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_CURRENT_SOURCE_DIR}/bpf_src -DOUT=${PX_BPF_EMBEDDED}
		-P ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
	DEPENDS ${PX_BPF_FILES} ${CMAKE_CURRENT_SOURCE_DIR}/cmake/embed.cmake
	COMMENT "Embedding bpf_src/" VERBATIM)
add_library(px_bpf_source STATIC ${PX_BPF_EMBEDDED})
target_link_libraries(px_bpf_source PUBLIC px_warnings)
