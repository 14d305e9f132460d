# SPDX-License-Identifier: Apache-2.0
# Memory is refused to the parsers, counted and, in http_oom_test, refused to the decoders where there are static libraries of them.
foreach(name http_oom_test every_oom_test every_hostile_test)
	target_link_options(${name} PRIVATE -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
endforeach()
foreach(lib z brotlidec brotlicommon zstd)
	find_library(static_${lib} lib${lib}.a)
	if(static_${lib})
		target_link_libraries(http_oom_test PRIVATE ${static_${lib}})
	endif()
endforeach()
