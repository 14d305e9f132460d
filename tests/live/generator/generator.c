/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generator: a client and a server that use every way to move bytes, and tell what they moved.
 *
 *   generator FOLDER all|short|OUT/IN
 *
 * Prints the process ids of both, then waits for a line on stdin. FOLDER/client.json and
 * FOLDER/server.json hold their accounts. Bodies are texts in which every 16 bytes tell which
 * exchange and direction they belong to and where they stand; each side compares what it gets with
 * what has to come.
 */
#define _GNU_SOURCE
#include "generator.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 512
#define BODY_MAX (50u << 20)
#define STEP 16

static const char *self = "generator";

void gen_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", self, what, strerror(errno));
	exit(1);
}

uint64_t gen_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void gen_sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static void hex(char *to, unsigned int digits, size_t v)
{
	while (digits--) {
		to[digits] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
}

/* Lines of 16 bytes: 7 digits for the message, 8 for the line's place, a line feed. */
static void fill_body(char *to, size_t n, size_t message)
{
	char line[STEP];

	line[STEP - 1] = '\n';
	hex(line, 7, message);
	for (size_t at = 0; at < n; at += STEP) {
		hex(line + 7, 8, at);
		memcpy(to + at, line, n - at < STEP ? n - at : STEP);
	}
}

/* The message of one direction as it has to be: its head's length is returned. */
static size_t build(char *to, const char *url, size_t number, unsigned int body)
{
	int n;

	if (url)
		n = snprintf(to, HEAD_MAX,
			     "POST %s HTTP/1.1\r\nHost: generator\r\nContent-Type: text/plain\r\n"
			     "Content-Length: %u\r\n\r\n",
			     url, body);
	else
		n = snprintf(
			to, HEAD_MAX,
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %u\r\n\r\n",
			body);
	fill_body(to + n, body, number);
	return (size_t)n;
}

static char *ours, *theirs;	/* a message, and what came from the other side */

static void send_message(struct gen_end *e, const struct gen_move *move, size_t head, size_t n,
			 bool is_slow)
{
	if (is_slow)
		gen_sleep_ms(5);	/* who waits is interrupted meanwhile */
	gen_send(e, move, ours, head, n);
}

static void receive_message(struct gen_end *e, const struct gen_move *move, size_t head, size_t n,
			    bool is_slow)
{
	/* Bytes that MSG_TRUNC threw away leave what was here. */
	bool is_thrown_away = strcmp(move->name, "recv-trunc") == 0 && e->kind <= GEN_MAPPED;

	if (is_slow && n > 1 << 20)
		gen_sleep_ms(12);	/* who sends more than there is room for, too */
	gen_receive(e, move, theirs, head, n);
	if (memcmp(ours, theirs, is_thrown_away ? head : n) != 0) {
		errno = EBADMSG;
		gen_die(move->name);
	}
}

static void exchange(struct gen_end *e, const struct gen_case *c, size_t i, int k,
		     enum gen_side side)
{
	const unsigned int *sizes = c->sizes[k];
	size_t number = (i * GEN_EXCHANGES_MAX + (size_t)k) * 2, heads[2];
	bool is_slow = (c->request_out->flags | c->request_in->flags | c->answer_out->flags |
			c->answer_in->flags) &
		       GEN_TIMER;
	char url[200];

	snprintf(url, sizeof(url), "/%zu/%d/%s/%s/%s/%s", number / 2, (int)c->kind,
		 c->request_out->name, c->request_in->name, c->answer_out->name,
		 c->answer_in->name);
	heads[0] = build(ours, url, number, sizes[0]);
	if (side == GEN_CLIENT)
		send_message(e, c->request_out, heads[0], heads[0] + sizes[0], is_slow);
	else
		receive_message(e, c->request_in, heads[0], heads[0] + sizes[0], is_slow);
	heads[1] = build(ours, NULL, number + 1, sizes[1]);
	if (side == GEN_CLIENT)
		receive_message(e, c->answer_in, heads[1], heads[1] + sizes[1], is_slow);
	else
		send_message(e, c->answer_out, heads[1], heads[1] + sizes[1], is_slow);
	gen_account_exchange(e, c, side, url, heads, sizes);
}

static void run_case(const struct gen_case *c, size_t i, enum gen_side side)
{
	struct gen_end e;

	gen_end_open(&e, c, i, side);
	for (int k = 0; k < c->exchanges; k++) {
		if (k == c->exchanges / 2)
			gen_end_turn(&e, c);
		exchange(&e, c, i, k, side);
	}
	gen_account_connection(&e, c, side);
	gen_end_close(&e, c, side);
}

static int run_side(const char *folder, enum gen_side side, int go, const struct gen_case *cases,
		    size_t count)
{
	char line;

	self = side == GEN_CLIENT ? "client" : "server";
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ours = mmap(NULL, 2 * (HEAD_MAX + BODY_MAX), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ours == MAP_FAILED)
		gen_die("mmap");
	theirs = ours + HEAD_MAX + BODY_MAX;
	gen_account_open(folder, self);
	if (read(go, &line, 1) != 1)
		gen_die("no word to begin");
	for (size_t i = 0; i < count; i++)
		run_case(&cases[i], i, side);
	if (side == GEN_CLIENT)
		gen_fail();
	gen_account_close();
	return 0;
}

int main(int argc, char **argv)
{
	int go[2], status, failed = 0;
	struct gen_case *cases;
	pid_t pids[2];
	size_t count;
	char line[8];

	if (argc != 3 || chdir(argv[1]) < 0) {
		fprintf(stderr, "usage: generator FOLDER all|short|OUT/IN\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	cases = gen_plan(argv[2], &count);
	gen_ends_prepare(cases, count);
	if (pipe(go) < 0)
		gen_die("pipe");
	for (int side = 0; side < 2; side++) {
		pids[side] = fork();
		if (pids[side] == 0)
			exit(run_side(".", (enum gen_side)side, go[0], cases, count));
	}
	gen_ends_forget(cases, count);
	printf("%d %d\n", (int)pids[0], (int)pids[1]);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin) || write(go[1], "gg", 2) != 2)
		gen_die("no word to begin");
	for (int side = 0; side < 2; side++) {
		if (wait(&status) < 0 || status != 0) {
			failed = 1;
			kill(pids[0], SIGKILL);
			kill(pids[1], SIGKILL);
		}
	}
	free(cases);
	return failed;
}
