/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host lets us do, found out before anything is tried, so that the answer is a cause and
 * a cure.
 */
#ifndef PX_CLI_HOST_H
#define PX_CLI_HOST_H

#include "cli/options.h"

enum px_lockdown { PX_LOCKDOWN_NONE, PX_LOCKDOWN_INTEGRITY, PX_LOCKDOWN_CONFIDENTIALITY };

/* Facts, read once. What could not be read has the value that stands in the way of nothing. */
struct px_host {
	uint64_t caps;			/* effective capabilities, a bit each */
	bool has_own_user_ns;		/* capabilities of a user namespace do not count for BPF */
	bool has_btf;			/* the kernel describes its own types */
	bool has_seccomp;		/* a filter of system calls is on us */
	bool refuses_bpf;		/* bpf() answers EPERM or ENOSYS whatever is asked */
	enum px_lockdown lockdown;
	int perf_paranoid;		/* kernel.perf_event_paranoid */
	bool refuses_perf;		/* it closes perf_event_open() to us */
	unsigned int kernel_major, kernel_minor;
	uint64_t memlock;		/* bytes that RLIMIT_MEMLOCK allows */
};

/* root: prefix of /proc and /sys, "" for this host. */
void px_host_read(struct px_host *h, const char *root);

/*
 * Can pxtrace work here as it was asked to? Returns 0, or -1 with err filled: PX_EXIT_PERMISSION
 * for what the user may cure by being somebody else, PX_EXIT_HOST for what this host cannot do.
 * command: the command line, for "Try: sudo ..."; argv of main.
 */
PX_MUST_USE int px_host_check(const struct px_host *h, const struct px_options *o, char **command,
			      struct px_error *err);

/*
 * Do all of pids exist, and are they processes? Returns 0, or -1 with err filled: PX_EXIT_TARGET.
 */
PX_MUST_USE int px_host_check_pids(const struct px_pids *pids, const char *root,
				   struct px_error *err);

#endif
