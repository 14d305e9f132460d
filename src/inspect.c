/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "capture/survey.h"
#include "capture/tls_stranger.h"
#include "capture/tracefs.h"
#include "cli/host.h"
#include "sink/escape.h"

enum check_state { CHECK_OK, CHECK_WARN, CHECK_FAIL };

struct check {
	bool as_json;
	int code;	/* of the first that failed */
};

/* ,"NAME":"text" with all that a text may hold; nothing for an empty one. */
static void check_member(const char *name, const char *text, bool is_first)
{
	size_t len = strlen(text);
	char *escaped = malloc(len * PX_JSON_GROWTH + PX_JSON_SLACK), *end;

	end = escaped ? px_json_escape(escaped, px_bytes_of(text, len)) : NULL;
	if (end && len)
		printf("%s\"%s\":\"%.*s\"", is_first ? "{" : ",", name, (int)(end - escaped),
		       escaped);
	free(escaped);
}

/* A text of somebody else's, harmless for a terminal. */
static void check_text(const char *text)
{
	struct px_buf b = px_buf_of(1 << 16);

	if (px_term_append(&b, px_bytes_str(text), 0, PX_TERM_ROOM_ALL, NULL) == 0 && b.len)
		fwrite(b.ptr, 1, b.len, stdout);
	px_buf_fini(&b);
}

static void check_say(struct check *c, enum check_state state, const char *name, const char *value,
		      const char *consequence, const char *cure)
{
	static const char *const words[] = { "ok", "warn", "FAIL" };
	const char *const parts[] = { value, consequence, cure };

	if (c->as_json) {
		check_member("state", words[state], true);
		check_member("name", name, false);
		check_member("value", value, false);
		check_member("consequence", consequence, false);
		check_member("cure", cure, false);
		printf("}\n");
	} else {
		printf("%-4s %s", words[state], name);
		for (size_t i = 0; i < PX_COUNT(parts); i++) {
			if (!parts[i][0])
				continue;
			printf(": ");
			check_text(parts[i]);
		}
		printf("\n");
	}
	fflush(stdout);
}

static void check_error(struct check *c, const char *name, const struct px_error *err)
{
	check_say(c, CHECK_FAIL, name, err->cause, "nothing can be traced", err->cure);
	if (c->code == PX_EXIT_OK)
		c->code = (int)err->code;
}

static void check_kernel(struct check *c, const struct px_host *h)
{
	static const char *const lockdown[] = { "none", "integrity", "confidentiality" };
	struct utsname host;
	char text[64];

	if (uname(&host) == 0)
		check_say(c, CHECK_OK, "kernel", host.release, "", "");
	check_say(c, h->has_btf ? CHECK_OK : CHECK_FAIL, "types (BTF)",
		  h->has_btf ? "/sys/kernel/btf/vmlinux" : "missing",
		  h->has_btf ? "" : "sockets cannot be found in memory",
		  h->has_btf ? "" : "boot a kernel with CONFIG_DEBUG_INFO_BTF=y");
	check_say(c, h->lockdown == PX_LOCKDOWN_CONFIDENTIALITY ? CHECK_FAIL : CHECK_OK, "lockdown",
		  lockdown[h->lockdown], "", "");
	snprintf(text, sizeof(text), "%d", h->perf_paranoid);
	check_say(c, h->refuses_perf ? CHECK_WARN : CHECK_OK, "perf_event_paranoid", text,
		  h->refuses_perf ? "no kprobes, no perf buffers" : "",
		  h->refuses_perf ? "sysctl kernel.perf_event_paranoid=2, or root" : "");
	check_say(c, h->has_seccomp ? CHECK_WARN : CHECK_OK, "seccomp",
		  h->has_seccomp ? "a filter is on this process" : "no filter",
		  h->has_seccomp ? "it may forbid bpf()" : "", "");
	check_say(c, h->refuses_bpf ? CHECK_FAIL : CHECK_OK, "bpf()",
		  h->refuses_bpf ? "refused" : "allowed", "", "");
}

static void check_files(struct check *c)
{
	struct px_error err;
	int fd = px_tracefs_open(&err);
	void *lib = dlopen("libbcc.so.0", RTLD_LAZY | RTLD_LOCAL);

	if (fd >= 0)
		check_say(c, CHECK_OK, "tracefs", "can be opened", "", "");
	else
		check_say(c, CHECK_WARN, "tracefs", err.cause,
			  "kprobes cannot be used; the other probes need none of it", err.cure);
	if (fd >= 0)
		close(fd);
	if (lib)
		check_say(c, CHECK_OK, "libbcc", "libbcc.so.0", "", "");
	else
		check_say(c, CHECK_FAIL, "libbcc", "not found", "programs cannot be compiled",
			  "apt-get install libbpfcc");
	if (!lib && c->code == PX_EXIT_OK)
		c->code = PX_EXIT_HOST;
	if (lib)
		dlclose(lib);
}

/* What tracing does first, done for real. */
static void check_attach(struct check *c, const struct px_live_options *live)
{
	uint64_t begin = px_clock_mono_ns();
	struct px_live_info info = { 0 };
	struct px_source *source;
	struct px_error err;
	const char *note = "";
	char text[160];

	if (px_live_open(live, &source, &info, &err) != 0) {
		check_error(c, "compile, load, attach", &err);
		return;
	}
	px_live_is_whole(source, true, &note);
	snprintf(text, sizeof(text), "%zu probes (%s, %s) in %llu ms", info.probes,
		 px_probe_name(info.probe), px_transport_name(info.transport),
		 (unsigned long long)((px_clock_mono_ns() - begin) / 1000000));
	check_say(c, CHECK_OK, "compile, load, attach", text, "", "");
	for (size_t i = 0; i < PX_COUNT(info.notes) && info.notes[i][0]; i++)
		check_say(c, CHECK_WARN, "probes", info.notes[i], "", "");
	if (note[0])
		check_say(c, CHECK_WARN, "probes", note, "", "");
	source->ops->free(source);
}

static void check_process(struct check *c, struct px_survey_nets *nets, uint32_t pid)
{
	char name[64], text[160], stranger[200];
	struct px_survey s;

	if (!px_survey_process(nets, pid, &s))
		return;
	snprintf(name, sizeof(name), "%.31s[%u]", s.comm, pid);
	snprintf(text, sizeof(text), "%zu TCP, %zu UDP, %zu UNIX sockets", s.tcp, s.udp,
		 s.unix_sockets);
	if (s.is_hidden)
		check_say(c, CHECK_WARN, name, "its sockets cannot be listed", "",
			  "run it as root: sudo pxtrace --check");
	else if (s.tcp + s.udp + s.unix_sockets == 0)
		check_say(c, CHECK_WARN, name, text, "there is nothing to see before it opens one",
			  "-f looks at its children, too");
	else
		check_say(c, CHECK_OK, name, text, "", "");
	snprintf(name, sizeof(name), "%.31s[%u] TLS", s.comm, pid);
	check_say(c, CHECK_OK, name,
		  s.tls[0] ? s.tls : "no library that pxtrace can look into is mapped",
		  s.tls[0] ? "" : "what it encrypts by other means is not seen", "");
	if (!s.tls[0] && px_tls_stranger(pid, stranger, sizeof(stranger)))
		check_say(c, CHECK_WARN, name, stranger, "what it encrypts with that is not seen",
			  "--tls-info tells of its handshakes");
}

int px_inspect_host(const struct px_options *o, const struct px_live_options *live, char **argv)
{
	struct check c = { .as_json = o->json };
	struct px_survey_nets nets = { NULL, 0 };
	struct px_error err;
	struct px_host host;

	px_host_read(&host, "");
	check_kernel(&c, &host);
	check_files(&c);
	if (px_host_check(&host, o, argv, &err) != 0)
		check_error(&c, "privileges", &err);
	else
		check_say(&c, CHECK_OK, "privileges", "cap_bpf and cap_perfmon, or root", "", "");
	if (px_host_check_pids(&o->pids, "", &err) != 0)
		check_error(&c, "target", &err);
	for (size_t i = 0; i < o->pids.count; i++)
		check_process(&c, &nets, o->pids.pid[i]);
	px_survey_nets_fini(&nets);
	if (c.code == PX_EXIT_OK)
		check_attach(&c, live);
	return c.code;
}

/* --- -D --- */

static void list_ports(const char *what, const struct px_survey_ports *ports)
{
	if (!ports->count)
		return;
	printf(" %s=", what);
	for (size_t i = 0; i < ports->count; i++)
		printf("%s%u", i ? "," : "", ports->port[i]);
	printf("%s", ports->has_more ? ",..." : "");
}

static void list_json_ports(const char *what, const struct px_survey_ports *ports)
{
	printf(",\"%s\":[", what);
	for (size_t i = 0; i < ports->count; i++)
		printf("%s%u", i ? "," : "", ports->port[i]);
	printf("]");
}

static void list_print(const struct px_options *o, const struct px_survey *s)
{
	if (o->json) {
		printf("{\"pid\":%u", s->pid);
		check_member("comm", s->comm, false);
		check_member("group", s->group, false);
		list_json_ports("listening", &s->listening);
		list_json_ports("peers", &s->peers);
		printf(",\"tcp\":%zu,\"udp\":%zu,\"unix\":%zu", s->tcp, s->udp, s->unix_sockets);
		check_member("tls", s->tls, false);
		printf("}\n");
		return;
	}
	printf("%7u ", s->pid);
	check_text(s->comm);
	if (s->group[0])
		printf(" group=");
	check_text(s->group);
	list_ports("listening", &s->listening);
	list_ports("peers", &s->peers);
	if (s->unix_sockets)
		printf(" unix=%zu", s->unix_sockets);
	if (s->tls[0])
		printf(" tls=%s", s->tls);
	printf("\n");
}

static bool list_is_wanted(const struct px_pids *pids, uint64_t pid)
{
	for (size_t i = 0; i < pids->count; i++)
		if (pids->pid[i] == pid)
			return true;
	return pids->count == 0;
}

int px_inspect_list(const struct px_options *o)
{
	struct px_survey_nets nets = { NULL, 0 };
	DIR *dir;
	size_t hidden = 0;
	struct dirent *entry;
	struct px_error err;

	if (px_host_check_pids(&o->pids, "", &err) != 0) {
		px_error_print(&err);
		return (int)err.code;
	}
	dir = opendir("/proc");
	while (dir && (entry = readdir(dir))) {
		struct px_survey s;
		uint64_t pid;

		if (px_arg_number(entry->d_name, &pid) != 0 || !list_is_wanted(&o->pids, pid) ||
		    !px_survey_process(&nets, (uint32_t)pid, &s))
			continue;
		hidden += s.is_hidden;
		if (s.tcp + s.udp + s.unix_sockets)
			list_print(o, &s);
	}
	if (dir)
		closedir(dir);
	px_survey_nets_fini(&nets);
	if (hidden)
		fprintf(stderr,
			"pxtrace: %zu processes of others are not shown\n"
			"pxtrace: Try: sudo pxtrace -D\n",
			hidden);
	return PX_EXIT_OK;
}
