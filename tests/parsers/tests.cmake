# SPDX-License-Identifier: Apache-2.0
# http_oom_test refuses memory to the parser and, where there are static libraries of them, to the decoders.
target_link_options(http_oom_test PRIVATE -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
foreach(lib z brotlidec brotlicommon zstd)
	find_library(static_${lib} lib${lib}.a)
	if(static_${lib})
		target_link_libraries(http_oom_test PRIVATE ${static_${lib}})
	endif()
endforeach()
