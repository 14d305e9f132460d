/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the generator share: ends of connections, ways to move bytes, and the plan that
 * client and server go through side by side.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GEN_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define GEN_IOV_MAX 1024

enum gen_kind {
	GEN_TCP4,
	GEN_TCP6,
	GEN_MAPPED,	/* both ends are IPv6 sockets with IPv4-mapped addresses */
	GEN_PATH,
	GEN_ABSTRACT,
	GEN_PAIR,	/* socketpair: no names, and nobody connects */
	GEN_KINDS
};

enum gen_side { GEN_CLIENT, GEN_SERVER };

/* One end of a connection, in the process that has it. */
struct gen_end {
	int fd;
	int other_fd;	/* a second descriptor of the same socket, or -1 */
	enum gen_kind kind;
	uint64_t inode;
	uint64_t sent, received;	/* bytes of the stream */
	uint64_t connect_ns;		/* what connect() took at most, 0 for the server */
	size_t moved;	/* of the head or body under way */
	int file;	/* that has the body, GEN_FROM_FILE */
	size_t urgent_seen;		/* MSG_OOB bytes taken so far */
	char local[160], remote[160];	/* endpoints as records are to have them: ["address",port] */
};

#define GEN_TCP_ONLY 0x1	/* UNIX sockets have no such thing */
#define GEN_HEAD_APART 0x2	/* heads go by plain send() or recv() */
#define GEN_NO_CONTENT 0x4	/* nobody sees the bytes of bodies that it moves */
#define GEN_NONBLOCK 0x8	/* the descriptor is set to O_NONBLOCK */
#define GEN_TIMER 0x10		/* a signal comes every 2 ms, and the other side takes its time */
#define GEN_RESTART 0x20	/* its handler is set with SA_RESTART */
#define GEN_FROM_FILE 0x40	/* the bytes of bodies are those of a file */

/* A way to move bytes: some() moves 1 to n of them and says how many, or 0 or -1 as read() does. */
struct gen_move {
	const char *name;
	unsigned int flags;
	ssize_t (*some)(struct gen_end *e, char *buf, size_t n);
};

extern const struct gen_move gen_out[], gen_in[];	/* each ended by a name of NULL */

/* How often the calls of this process came to nothing. */
extern struct gen_counts {
	unsigned long interrupted, would_block;
} gen_counts;

/*
 * Move all n bytes of which the first head are a message's head. Both end the program where that is
 * not possible.
 */
void gen_send(struct gen_end *e, const struct gen_move *move, char *buf, size_t head, size_t n);
void gen_receive(struct gen_end *e, const struct gen_move *move, char *buf, size_t head, size_t n);

#define GEN_EXCHANGES_MAX 8

/* A connection and what goes over it. */
struct gen_case {
	enum gen_kind kind;
	const struct gen_move *request_out, *request_in, *answer_out, *answer_in;
	unsigned int variant;	/* of connect, accept, dup and close: see ends.c */
	int exchanges;
	unsigned int sizes[GEN_EXCHANGES_MAX][2];	/* of bodies, asked and answered */
};

/* Everything that is to be done; the caller frees it. selection is "all", "short", or OUT/IN. */
struct gen_case *gen_plan(const char *selection, size_t *count);

/* Make the listening sockets and the pairs: before the fork. */
void gen_ends_prepare(const struct gen_case *cases, size_t count);
/* Of the process that takes no part: a pair that it holds would never end. */
void gen_ends_forget(const struct gen_case *cases, size_t count);
/* The end of cases[i] on this side, connected or accepted. */
void gen_end_open(struct gen_end *e, const struct gen_case *c, size_t i, enum gen_side side);
/* After half of the exchanges: from here on another descriptor, if the case wants that. */
void gen_end_turn(struct gen_end *e, const struct gen_case *c);
void gen_end_close(struct gen_end *e, const struct gen_case *c, enum gen_side side);
/* Connect to nobody, in several ways; tells of each on a line. */
void gen_fail(void);

/* Learn the endpoints: a reset takes them away. */
void gen_account_ends(struct gen_end *e);
/* Lines of JSON in a file of this process's own. */
void gen_account_open(const char *folder, const char *name);
void gen_account_exchange(const struct gen_end *e, const struct gen_case *c, enum gen_side side,
			  const char *url, const size_t heads[2], const unsigned int sizes[2]);
void gen_account_connection(const struct gen_end *e, const struct gen_case *c, enum gen_side side);
void gen_account_failure(const char *address, int port, const char *error, uint64_t ns,
			 uint64_t inode);
void gen_account_close(void);

void gen_die(const char *what) __attribute__((noreturn));
uint64_t gen_now_ns(void);
void gen_sleep_ms(long ms);

#endif
