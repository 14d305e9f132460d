# SPDX-License-Identifier: Apache-2.0
# Completion files are made from the table of options, so they cannot fall behind it.
add_executable(px_completions ${CMAKE_CURRENT_LIST_DIR}/make.c)
target_link_libraries(px_completions PRIVATE px_cli px_parsers px_warnings)
set(PX_COMPLETIONS ${CMAKE_CURRENT_BINARY_DIR}/completions)
file(MAKE_DIRECTORY ${PX_COMPLETIONS})
add_custom_command(OUTPUT ${PX_COMPLETIONS}/pxtrace ${PX_COMPLETIONS}/_pxtrace ${PX_COMPLETIONS}/pxtrace.fish
	COMMAND px_completions bash > ${PX_COMPLETIONS}/pxtrace
	COMMAND px_completions zsh > ${PX_COMPLETIONS}/_pxtrace
	COMMAND px_completions fish > ${PX_COMPLETIONS}/pxtrace.fish
	DEPENDS px_completions COMMENT "Writing the completions for bash, zsh and fish" VERBATIM)
add_custom_target(completions ALL DEPENDS ${PX_COMPLETIONS}/pxtrace ${PX_COMPLETIONS}/_pxtrace
	${PX_COMPLETIONS}/pxtrace.fish)
install(FILES ${PX_COMPLETIONS}/pxtrace DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${PX_COMPLETIONS}/_pxtrace DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${PX_COMPLETIONS}/pxtrace.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
