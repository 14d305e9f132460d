/* SPDX-License-Identifier: Apache-2.0 */
/* Run by the build: prints the completion file of the shell that is named. */
#include "cli/options.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bash") == 0)
		px_completion_bash(stdout);
	else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
		px_completion_zsh(stdout);
	else
		return PX_EXIT_USAGE;
	return fclose(stdout) ? PX_EXIT_FAILED : PX_EXIT_OK;
}
