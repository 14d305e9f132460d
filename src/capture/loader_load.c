/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: which kind a program is, what it is made to fit, and what the verifier said. */
#include "capture/loader_private.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi.h"

#define LOAD_AHEAD_THREADS 4
#define LOAD_AHEAD_MAX 16
#define LOAD_AHEAD_LOG 512	/* bytes of statistics for --debug */
#define LOAD_TAIL_LINE 64	/* of each of the verifier's last lines */

static const char *const load_maps[PX_MAPS] = {
	[PX_MAP_COUNTS] = "counts", [PX_MAP_SHARED] = "shared",	  [PX_MAP_CONTROL] = "control",
	[PX_MAP_CALLS] = "calls",   [PX_MAP_TARGETS] = "targets", [PX_MAP_GLOBS] = "globs",
	[PX_MAP_EXES] = "exes",	    [PX_MAP_TAKEN] = "taken",	  [PX_MAP_TURN] = "turn",
	[PX_MAP_BODY] = "body",	    [PX_MAP_MOVED] = "moved",
};

/*
 * The last five lines of a text, for the message; of each as much as fits on a line of a terminal.
 */
static void load_tail(const char *text, char *out, size_t size)
{
	const char *p = text + strlen(text);
	size_t n = 0, lines = 0;

	while (p > text && p[-1] == '\n')
		p--;
	for (; p > text; p--)
		if (p[-1] == '\n' && ++lines == 5)
			break;
	out[0] = '\0';
	while (*p && n < size) {
		int len = (int)strcspn(p, "\n");

		n += (size_t)snprintf(out + n, size - n, "\n%.*s",
				      len < LOAD_TAIL_LINE ? len : LOAD_TAIL_LINE, p);
		p += len;
		p += *p == '\n';
	}
}

static int load_refused(struct px_child *c, const char *function, int why)
{
	char tail[5 * (LOAD_TAIL_LINE + 1) + 1];

	dprintf(STDERR_FILENO, "%s: %s\n%s\n", function, strerror(why), c->log);
	load_tail(c->log, tail, sizeof(tail));
	return px_error_set(
		&c->reply->error, why == EPERM ? PX_EXIT_PERMISSION : PX_EXIT_HOST,
		why == EPERM
			? "use --probe=auto; a security module, or this kernel, keeps such programs from root, too"
			: "please report this with the file named above",
		"the kernel refuses program %s: %s%s", function, strerror(why), tail);
}

/* BTF id of what the program hangs on; 0 for kretprobes, which have none; -1 with the error set. */
static int load_target(struct px_child *c, enum px_probe probe, const char *target)
{
	char function[64];
	int id;

	if (!target)
		return 0;
	snprintf(function, sizeof(function), PX_CALL_PREFIX "%s", target);
	id = probe == PX_PROBE_FENTRY ? px_btf_function(c->btf, function)
				      : px_btf_tracepoint(c->btf, target);
	if (id)
		return id;
	return px_error_set(&c->reply->error, PX_EXIT_HOST, "use --probe=auto",
			    "this kernel has no %s %s",
			    probe == PX_PROBE_FENTRY ? "system call" : "tracepoint", target);
}

/* Lead an instruction that takes a map of the module to the one of this name that is in use. */
static void load_share_map(const struct px_child *c, void *module, struct bpf_insn *insn)
{
	if (insn->code != (BPF_LD | BPF_IMM | BPF_DW) || insn->src_reg != BPF_PSEUDO_MAP_FD)
		return;
	for (size_t i = 0; i < PX_MAPS; i++)
		if (load_maps[i] && c->fds[i] >= 0 &&
		    c->bcc.table(module, load_maps[i]) == insn->imm) {
			insn->imm = c->fds[i];
			return;
		}
}

/*
 * A copy of the code made to fit: the program's constants put in, and the tail calls of the first
 * family led to this one's. NULL without memory.
 */
static struct bpf_insn *load_fitted(const struct px_child *c, void *module,
				    const struct bpf_insn *code, size_t count,
				    const struct px_program *p, int family)
{
	struct bpf_insn *own = calloc(count, sizeof(*own));

	for (size_t i = 0; own && i < count; i++) {
		own[i] = code[i];
		if (code[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) &&
		    code[i].imm == PX_ABI_PATCH_DIR)
			own[i].imm = (int)p->dir;
		if (c->req->base)
			load_share_map(c, module, &own[i]);
		if (code[i].code != (BPF_LD | BPF_IMM | BPF_DW) ||
		    code[i].src_reg != BPF_PSEUDO_MAP_FD || family <= 0)
			continue;
		if (code[i].imm == c->fds[PX_MAP_TURN])
			own[i].imm = c->fds[PX_MAP_TURN + family];
		else if (code[i].imm == c->fds[PX_MAP_BODY])
			own[i].imm = c->fds[PX_MAP_BODY + family];
	}
	return own;
}

/* A program made to fit; fd is -1 until the kernel has it. */
struct load_job {
	const struct px_program *p;
	int target;	/* BTF id of what it hangs on; 0 for none */
	int fd;
	bool is_multi;	/* at functions: for all places at once */
	size_t count;
	struct bpf_insn *code;
	char log[LOAD_AHEAD_LOG];
};

static int load_make(struct px_child *c, void *module, const struct px_program *p, int target,
		     int family, struct load_job *job)
{
	const struct bpf_insn *code;

	*job = (struct load_job){ .p = p,
				  .target = target,
				  .fd = -1,
				  .is_multi = c->reply->uprobe_multi &&
					      (p->hook == PX_HOOK_UPROBE ||
					       p->hook == PX_HOOK_URETPROBE) };
	code = px_child_code(c, module, p->function, &job->count);
	if (!code || !job->count)
		return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL,
				    "the kernel side has no program %s", p->function);
	job->code = load_fitted(c, module, code, job->count, p, family);
	if (!job->code)
		return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL, "no memory");
	return 0;
}

static void load_run(struct load_job *job, bool debug, char *log, uint32_t log_size)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = log_size,
		    .attach_btf_id = (uint32_t)job->target,
		    .log_level = debug ? 4 : 0 /* the verifier's statistics */);
	enum bpf_prog_type type = job->p->probe == PX_PROBE_KPROBE ||
						  job->p->hook == PX_HOOK_UPROBE ||
						  job->p->hook == PX_HOOK_URETPROBE
					  ? BPF_PROG_TYPE_KPROBE
					  : BPF_PROG_TYPE_TRACING;

	if (type == BPF_PROG_TYPE_TRACING)
		opts.expected_attach_type =
			job->p->probe == PX_PROBE_FENTRY ? BPF_TRACE_FEXIT : BPF_TRACE_RAW_TP;
	if (job->is_multi)
		opts.expected_attach_type = (enum bpf_attach_type)PX_ATTACH_UPROBE_MULTI;
	log[0] = '\0';
	job->fd = bpf_prog_load(type, job->p->function, "GPL", job->code, job->count, &opts);
}

/*
 * Programs that the kernel looks at several at a time: a third of the time to start is the
 * verifier's.
 */
struct load_ahead {
	bool debug;
	size_t count;
	size_t next;	/* atomic: the first that no thread has taken */
	struct load_job jobs[LOAD_AHEAD_MAX];
};

static void *load_ahead_some(void *arg)
{
	struct load_ahead *a = arg;
	size_t i;

	while ((i = __atomic_fetch_add(&a->next, 1, __ATOMIC_RELAXED)) < a->count)
		load_run(&a->jobs[i], a->debug, a->jobs[i].log, sizeof(a->jobs[i].log));
	return NULL;
}

/*
 * What takes the verifier longest goes first: the hooked programs of the back end, then the table's
 * order.
 */
static int load_ahead_compare(const void *a, const void *b)
{
	const struct px_program *x = ((const struct load_job *)a)->p;
	const struct px_program *y = ((const struct load_job *)b)->p;
	int x_is_late = x->hook == PX_HOOK_TAIL || x->probe == PX_PROBE_AUTO;
	int y_is_late = y->hook == PX_HOOK_TAIL || y->probe == PX_PROBE_AUTO;

	return x_is_late != y_is_late ? x_is_late - y_is_late : (x > y) - (x < y);
}

static void load_ahead_run(struct load_ahead *a)
{
	pthread_t threads[LOAD_AHEAD_THREADS - 1];
	size_t n = 0, most = PX_COUNT(threads);
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && (size_t)CPU_COUNT(&cpus) <= most)
		most = (size_t)CPU_COUNT(&cpus) - 1;
	qsort(a->jobs, a->count, sizeof(a->jobs[0]), load_ahead_compare);
	while (n < most && n + 1 < a->count &&
	       pthread_create(&threads[n], NULL, load_ahead_some, a) == 0)
		n++;
	load_ahead_some(a);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

/* The program, if the kernel has taken it ahead; else -1, and it is tried again for the reason. */
static int load_ahead_take(struct px_child *c, const struct px_program *p, int target, int family)
{
	struct load_ahead *a = c->ahead;

	for (size_t i = 0; a && family == 0 && i < a->count; i++) {
		struct load_job *job = &a->jobs[i];
		int fd = job->fd;

		if (job->p != p || job->target != target || fd < 0)
			continue;
		job->fd = -1;
		if (a->debug)
			dprintf(STDERR_FILENO, "%s: %zu instructions, %s", p->function, job->count,
				job->log);
		return fd;
	}
	return -1;
}

static void load_ahead_free(struct px_child *c)
{
	for (size_t i = 0; c->ahead && i < c->ahead->count; i++) {
		free(c->ahead->jobs[i].code);
		if (c->ahead->jobs[i].fd >= 0)
			close(c->ahead->jobs[i].fd);
	}
	free(c->ahead);
	c->ahead = NULL;
}

/*
 * Load p as a program that hangs on what has BTF id `target`. Returns its descriptor; -1 with the
 * error set.
 */
static int load_program(struct px_child *c, void *module, const struct px_program *p, int target,
			int family)
{
	int fd = load_ahead_take(c, p, target, family);
	struct load_job job;

	if (fd >= 0)
		return fd;
	if (load_make(c, module, p, target, family, &job) < 0)
		return -1;
	load_run(&job, c->req->debug, c->log, PX_CHILD_LOG);
	free(job.code);
	if (job.fd < 0)
		return load_refused(c, p->function, -job.fd);
	if (c->req->debug)
		dprintf(STDERR_FILENO, "%s: %zu instructions, %s", p->function, job.count, c->log);
	return job.fd;
}

/* The program that a tail call jumps to, and the map that leads there. */
static int load_tail_call(struct px_child *c, void *module, const struct px_program *p, int target,
			  int family)
{
	int map = (strcmp(p->target, load_maps[PX_MAP_BODY]) == 0 ? PX_MAP_BODY : PX_MAP_TURN) +
		  family;
	int fd = load_program(c, module, p, target, family), err;
	uint32_t slot = p->slot;

	if (fd < 0)
		return -1;
	err = bpf_map_update_elem(c->fds[map], &slot, &fd, 0);
	close(fd);	/* the map holds it */
	if (err == 0)
		return 0;
	return px_error_set(&c->reply->error, PX_EXIT_HOST, NULL,
			    "the kernel refuses tail calls: %s", strerror(-err));
}

/* Another family has maps of its own to jump through. */
static int load_family_maps(struct px_child *c, int family)
{
	for (int first = PX_MAP_TURN; first <= PX_MAP_BODY; first += PX_FAMILIES) {
		int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, load_maps[first], sizeof(uint32_t),
					sizeof(int), PX_ABI_TURNS, NULL);

		if (fd < 0)
			return px_error_set(&c->reply->error, PX_EXIT_HOST, NULL,
					    "the kernel refuses tail calls: %s", strerror(-fd));
		c->fds[first + family] = fd;
		c->reply->has[first + family] = true;
	}
	return 0;
}

/* Has what the program is for been asked for? */
static bool load_is_wanted(const struct px_child *c, const struct px_program *p)
{
	const struct px_targets *t = c->req->targets;
	enum px_part_kind part = p->when >= PX_WHEN_GO	  ? PX_PART_GO
				 : p->when >= PX_WHEN_TLS ? PX_PART_TLS
							  : PX_PART_MAIN;

	if (part != c->req->part)
		return false;
	switch (p->when) {
	case PX_WHEN_TARGETS_CHANGE:
		return px_targets_change(t);
	case PX_WHEN_COMM:
		return t->comm.end != 0;
	case PX_WHEN_EXE:
		return t->exe_count != 0;
	case PX_WHEN_PROCS:
		return c->req->tells_procs && px_targets_change(t);
	case PX_WHEN_ENDS:
		return c->req->tells_ends;
	case PX_WHEN_DATAGRAMS:
		return c->req->datagrams;
	case PX_WHEN_TLS_SOCK:
	case PX_WHEN_GO_SOCK:
		return c->reply->probe == PX_PROBE_SOCK;
	case PX_WHEN_TLS_CALLS:
	case PX_WHEN_GO_CALLS:
		return c->reply->probe != PX_PROBE_SOCK;
	case PX_WHEN_TLS:
	case PX_WHEN_GO:
	case PX_WHEN_ALWAYS:
		break;
	}
	return true;
}

static int load_tails(struct px_child *c, void *module, enum px_probe probe, int target, int family)
{
	if (family > 0 && load_family_maps(c, family) < 0)
		return -1;
	for (size_t i = 0; i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];

		if (p->probe == probe && p->hook == PX_HOOK_TAIL && !p->without &&
		    load_is_wanted(c, p) && load_tail_call(c, module, p, target, family) < 0)
			return -1;
	}
	return 0;
}

/*
 * Programs may jump to one another only if their targets take the same arguments, by the letter of
 * BTF: the wrappers of system calls name theirs differently (`regs`, `__unused`), which makes two
 * families. Returns the family of the target, whose tails are loaded then; -1 with the error set.
 */
static int load_family(struct px_child *c, void *module, enum px_probe probe, int target)
{
	int takes = probe == PX_PROBE_FENTRY ? px_btf_takes(c->btf, target) : 1;

	for (int i = 0; i < PX_FAMILIES; i++) {
		if (c->families[i] == takes)
			return i;
		if (c->families[i])
			continue;
		c->families[i] = takes;
		c->family_targets[i] = target;
		return load_tails(c, module, probe, target, i) < 0 ? -1 : i;
	}
	return px_error_set(&c->reply->error, PX_EXIT_HOST, NULL,
			    "its system calls are of too many kinds");
}

static int load_one(struct px_child *c, void *module, enum px_probe probe, size_t index)
{
	const struct px_program *p = &px_programs[index];
	int target = load_target(c, p->probe, p->target), family = 0, fd;

	if (target < 0)
		return -1;
	if (p->hook == PX_HOOK_TAIL)
		return load_tail_call(c, module, p, target, 0);
	if (p->probe == probe)
		family = load_family(c, module, probe, target);
	if (family < 0)
		return -1;
	fd = load_program(c, module, p, target, family);
	if (fd < 0)
		return -1;
	c->fds[PX_MAPS + index] = fd;
	c->reply->has[PX_MAPS + index] = true;
	return 0;
}

/* Were the sources compiled so that they have this map? */
static bool load_has_map(const struct px_child *c, enum px_probe probe, size_t map)
{
	const struct px_targets *t = c->req->targets;

	switch (map) {
	case PX_MAP_TARGETS:
		return px_targets_use_map(t);
	case PX_MAP_GLOBS:
		return t->comm.end != 0;
	case PX_MAP_EXES:
		return t->exe_count != 0;
	case PX_MAP_TAKEN:
		return c->reply->transport == PX_TRANSPORT_PERF;
	case PX_MAP_BODY:
		return probe == PX_PROBE_FENTRY;
	default:
		return load_maps[map] != NULL;
	}
}

static bool load_has_program(const struct px_child *c, enum px_probe probe,
			     const struct px_program *p)
{
	return (p->hook != PX_HOOK_TAIL || p->probe == PX_PROBE_AUTO) && !p->without &&
	       (p->probe == probe || p->probe == PX_PROBE_AUTO) && load_is_wanted(c, p);
}

/*
 * Begin with what there is no choice about: the hooked programs, and what those of the first family
 * jump to. Failures are left for later: each of these programs is asked for again.
 */
static void load_ahead(struct px_child *c, void *module, enum px_probe probe)
{
	struct load_ahead *a = calloc(1, sizeof(*a));
	int first = 0;

	c->ahead = a;
	for (size_t i = 0; a && i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];

		if (p->probe == probe && load_has_program(c, probe, p)) {
			first = load_target(c, probe, p->target);
			break;
		}
	}
	for (size_t i = 0; a && i < px_program_count && a->count < LOAD_AHEAD_MAX; i++) {
		const struct px_program *p = &px_programs[i];
		int target;

		if (p->without)
			continue;
		if (p->probe == probe && p->hook == PX_HOOK_TAIL && load_is_wanted(c, p))
			target = first;
		else if (load_has_program(c, probe, p) && p->probe != PX_PROBE_FENTRY)
			target = load_target(c, p->probe, p->target);
		else
			continue;
		if (target >= 0 && load_make(c, module, p, target, 0, &a->jobs[a->count]) == 0)
			a->count++;
	}
	memset(&c->reply->error, 0, sizeof(c->reply->error));
	if (a) {
		a->debug = c->req->debug;
		load_ahead_run(a);
	}
}

static int load_all(struct px_child *c, void *module, enum px_probe probe)
{
	size_t hooked = 0;

	for (size_t i = 0; i < PX_MAPS && !c->req->base; i++) {
		if (!load_has_map(c, probe, i))
			continue;
		c->fds[i] = c->bcc.table(module, load_maps[i]);
		c->reply->has[i] = c->fds[i] >= 0;
		if (c->fds[i] < 0)
			return px_error_set(&c->reply->error, PX_EXIT_FAILED, NULL,
					    "the kernel side has no map %s", load_maps[i]);
	}
	load_ahead(c, module, probe);
	for (size_t i = 0; i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];

		if (!load_has_program(c, probe, p))
			continue;
		if (load_one(c, module, probe, i) == 0) {
			hooked += p->probe == probe;
			continue;
		}
		if (!p->optional)
			return -1;
		px_child_note(c, "%.150s", c->reply->error.cause);
	}
	return hooked || c->req->base ? 0 : -1;
}

int px_child_load(struct px_child *c, enum px_probe probe)
{
	int rc = load_all(c, c->module, probe);

	load_ahead_free(c);
	return rc;
}

static void load_late(struct px_child *c, size_t index)
{
	const struct px_program *p = &px_programs[index];

	if (p->hook != PX_HOOK_TAIL) {
		if (load_one(c, c->module, p->probe, index) < 0)
			px_child_note(c, "%s: %.150s", p->without, c->reply->error.cause);
		return;
	}
	for (int f = 0; f < PX_FAMILIES && c->families[f]; f++)
		if (load_tail_call(c, c->module, p, c->family_targets[f], f) < 0) {
			px_child_note(c, "%s: %.150s", p->without, c->reply->error.cause);
			return;
		}
}

void px_child_load_late(struct px_child *c)
{
	int result = px_part_fetch(c);

	for (size_t i = 0; i < px_program_count; i++) {
		const struct px_program *p = &px_programs[i];

		if (p->probe != c->reply->probe || !p->without || !load_is_wanted(c, p))
			continue;
		if (result == 0)
			load_late(c, i);
		else
			px_child_note(c, "%s: %s does not compile", p->without, p->function);
	}
}
