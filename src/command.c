/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_NOT_FOUND 127
#define COMMAND_NOT_RUN 126

/* The user to be, or NULL to stay who we are; -1 with err filled for one that is not there. */
static int command_user(const char *name, const struct passwd **user, struct px_error *err)
{
	const char *text = name ? name : geteuid() == 0 ? getenv("SUDO_UID") : NULL;
	char *end;
	unsigned long uid;

	*user = NULL;
	if (!text || !*text)
		return 0;
	uid = strtoul(text, &end, 10);
	*user = *end ? getpwnam(text) : getpwuid((uid_t)uid);
	if (*user && (*user)->pw_uid == geteuid())
		*user = NULL;
	else if (!*user && name)
		return px_error_set(err, PX_EXIT_TARGET, "getent passwd lists the users",
				    "-u %s: there is no such user", name);
	return 0;
}

static int command_become(const struct passwd *user)
{
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
	    setuid(user->pw_uid) < 0)
		return -1;
	/* Root's folders are no use to it, and it has no business in them. */
	setenv("HOME", user->pw_dir, 1);
	setenv("USER", user->pw_name, 1);
	setenv("LOGNAME", user->pw_name, 1);
	return 0;
}

/* In the child: wait for the word, run the program, or say why not. */
static void command_child(char *const argv[], const struct passwd *user, int go, int failed)
{
	char word;
	ssize_t got;
	int why;

	do
		got = read(go, &word, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(COMMAND_NOT_RUN);
	if (!user || command_become(user) == 0)
		execvp(argv[0], argv);
	why = errno;
	if (write(failed, &why, sizeof(why)) < 0)
		_exit(COMMAND_NOT_RUN);
	_exit(why == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_RUN);
}

int px_command_start(struct px_command *c, char *const argv[], const char *name,
		     struct px_error *err)
{
	const struct passwd *user;
	int go[2] = { -1, -1 }, failed[2] = { -1, -1 };

	*c = (struct px_command){ .go = -1, .failed = -1 };
	if (command_user(name, &user, err) < 0)
		return -1;
	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(failed, O_CLOEXEC) < 0 || (c->pid = fork()) < 0) {
		px_error_set(err, PX_EXIT_FAILED, NULL, "cannot start %s: %s", argv[0],
			     strerror(errno));
		for (size_t i = 0; i < 2; i++) {
			if (go[i] >= 0)
				close(go[i]);
			if (failed[i] >= 0)
				close(failed[i]);
		}
		c->pid = 0;
		return -1;
	}
	if (c->pid == 0) {
		close(go[1]);
		close(failed[0]);
		command_child(argv, user, go[0], failed[1]);
	}
	close(go[0]);
	close(failed[1]);
	c->go = go[1];
	c->failed = failed[0];
	c->is_other_user = user != NULL;
	return 0;
}

int px_command_go(struct px_command *c, const char *name, struct px_error *err)
{
	int why = 0;
	ssize_t got = write(c->go, "", 1);

	close(c->go);
	c->go = -1;
	/* The other end is closed by exec, or by the child's end. */
	while (got == 1 && (got = read(c->failed, &why, sizeof(why))) < 0 && errno == EINTR)
		got = 1;
	close(c->failed);
	c->failed = -1;
	if (got == 0)
		return 0;
	waitpid(c->pid, NULL, 0);
	c->pid = 0;
	px_error_set(err, PX_EXIT_FAILED, why == ENOENT ? "give its path, or look at PATH" : NULL,
		     "cannot run %s: %s", name, why ? strerror(why) : "it is gone");
	err->code = (enum px_exit)(why == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_RUN);
	return -1;
}

void px_command_drop(struct px_command *c)
{
	if (!c->pid)
		return;
	if (c->go >= 0)
		close(c->go);
	if (c->failed >= 0)
		close(c->failed);
	waitpid(c->pid, NULL, 0);
	*c = (struct px_command){ .go = -1, .failed = -1 };
}

/* Has it not ended yet? Its status stays to be fetched. */
static bool command_is_running(const struct px_command *c)
{
	siginfo_t info = { 0 };

	return c->pid && waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

bool px_command_signal(struct px_command *c, int sig, bool from_terminal)
{
	if (!command_is_running(c))
		return false;
	if (from_terminal)
		return true;
	if (sig == SIGINT && c->was_told)
		_exit(130);	/* the second one: at once */
	c->was_told |= sig == SIGINT;
	kill(c->pid, sig);
	return true;
}

/* End as the command did, so that who started us sees what he would have seen. */
static void command_die(int sig)
{
	const struct rlimit none = { 0, 0 };
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
}

int px_command_wait(struct px_command *c, int signal_fd)
{
	struct pollfd fds[2] = { { .fd = signal_fd, .events = POLLIN },
				 { .fd = (int)syscall(SYS_pidfd_open, c->pid, 0),
				   .events = POLLIN } };
	struct signalfd_siginfo si;
	int status = 0;

	while (fds[1].fd >= 0 && !(fds[1].revents & POLLIN) && poll(fds, 2, -1) >= 0)
		while (read(signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
			if (si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM ||
			    si.ssi_signo == SIGHUP)
				px_command_signal(c, (int)si.ssi_signo, si.ssi_code == SI_KERNEL);
	if (fds[1].fd >= 0)
		close(fds[1].fd);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	if (WIFSIGNALED(status)) {
		command_die(WTERMSIG(status));
		return 128 + WTERMSIG(status);	/* one that does not end us, such as SIGCHLD would not */
	}
	return WEXITSTATUS(status);
}
