/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to come to a connection, to a second descriptor of it, and to its end. */
#define _GNU_SOURCE
#include "generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Names of the paths: relative ones, in the folder that the program was told to work in. */
#define PATH_NAME "generator.sock"
#define ABSTRACT_NAME "generator-%d"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static struct listener {
	int fd;
	socklen_t len;
	union address address;
} listeners[GEN_KINDS];

static int (*pairs)[2];	/* by case */

/* What varies from case to case: three numbers out of one. */
static unsigned int of(const struct gen_case *c, unsigned int divisor, unsigned int choices)
{
	return c->variant / divisor % choices;
}

static int domain_of(enum gen_kind kind)
{
	return kind == GEN_TCP4 ? AF_INET : kind <= GEN_MAPPED ? AF_INET6 : AF_UNIX;
}

static void listen_on(enum gen_kind kind)
{
	struct listener *l = &listeners[kind];
	union address *a = &l->address;

	memset(a, 0, sizeof(*a));
	a->any.sa_family = (sa_family_t)domain_of(kind);
	l->len = sizeof(a->in6);
	if (kind == GEN_TCP4) {
		a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		l->len = sizeof(a->in);
	} else if (kind == GEN_TCP6) {
		a->in6.sin6_addr = in6addr_loopback;
	} else if (kind == GEN_PATH) {
		strcpy(a->un.sun_path, PATH_NAME);
		l->len = (socklen_t)(sizeof(sa_family_t) + sizeof(PATH_NAME));
		unlink(PATH_NAME);
	} else if (kind == GEN_ABSTRACT) {
		int n = snprintf(a->un.sun_path + 1, sizeof(a->un.sun_path) - 1, ABSTRACT_NAME,
				 (int)getpid());

		l->len = (socklen_t)(sizeof(sa_family_t) + 1) + (socklen_t)n;
	}
	l->fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l->fd, &a->any, l->len) < 0 || listen(l->fd, 64) < 0)
		gen_die("listen");
	if (kind <= GEN_MAPPED && getsockname(l->fd, &a->any, &l->len) < 0)
		gen_die("getsockname");
	if (kind == GEN_MAPPED)	/* it listens on ::, and is asked for by its IPv4 address */
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &a->in6.sin6_addr);
}

void gen_ends_prepare(const struct gen_case *cases, size_t count)
{
	for (int kind = 0; kind < GEN_PAIR; kind++)
		listen_on((enum gen_kind)kind);
	pairs = calloc(count, sizeof(*pairs));
	for (size_t i = 0; i < count; i++)
		if (cases[i].kind == GEN_PAIR && socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) < 0)
			gen_die("socketpair");
}

void gen_ends_forget(const struct gen_case *cases, size_t count)
{
	for (int kind = 0; kind < GEN_PAIR; kind++)
		close(listeners[kind].fd);
	for (size_t i = 0; i < count; i++) {
		if (cases[i].kind == GEN_PAIR) {
			close(pairs[i][0]);
			close(pairs[i][1]);
		}
	}
}

static int finish_connect(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int error = 0;

	if (poll(&p, 1, 20000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		gen_die("connect");
	return error;
}

/* Returns 0 or what errno says. how: 0 blocking, 1 not, 2 from a port of its own choice. */
static int connect_to(int fd, const union address *to, socklen_t len, unsigned int how)
{
	int error, flags = fcntl(fd, F_GETFL);

	if (how == 1)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (how == 2 && to->any.sa_family == AF_INET) {
		struct sockaddr_in from = { .sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

		if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			gen_die("bind");
	}
	error = connect(fd, &to->any, len) < 0 ? errno : 0;
	if (error == EINPROGRESS)
		error = finish_connect(fd);
	fcntl(fd, F_SETFL, flags);
	return error;
}

static int accept_from(int listener, unsigned int how)
{
	union address from;
	socklen_t len = sizeof(from);

	switch (how) {
	case 0:
		return accept(listener, NULL, NULL);
	case 1:
		return accept(listener, &from.any, &len);
	case 2:
		return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	default:
		return accept4(listener, &from.any, &len, 0);
	}
}

/* A second descriptor of the same socket, made in five ways. */
static int second(int fd, unsigned int how)
{
	switch (how) {
	case 0:
		return dup(fd);
	case 1:
		return dup2(fd, 200);
	case 2:
		return dup3(fd, 201, O_CLOEXEC);
	case 3:
		return fcntl(fd, F_DUPFD, 300);
	default:
		return fcntl(fd, F_DUPFD_CLOEXEC, 100);
	}
}

void gen_end_open(struct gen_end *e, const struct gen_case *c, size_t i, enum gen_side side)
{
	const struct listener *l = &listeners[c->kind];
	uint64_t begin = gen_now_ns();
	struct stat st;
	int one = 1, error;

	*e = (struct gen_end){ .fd = -1, .other_fd = -1, .kind = c->kind };
	if (c->kind == GEN_PAIR) {
		e->fd = pairs[i][side];
		close(pairs[i][!side]);
	} else if (side == GEN_CLIENT) {
		e->fd = socket(l->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		error = connect_to(e->fd, &l->address, l->len, of(c, 1, 3));
		if (error) {
			errno = error;
			gen_die("connect");
		}
		e->connect_ns = gen_now_ns() - begin;
	} else {
		e->fd = accept_from(l->fd, of(c, 1, 4));
	}
	if (e->fd < 0 || fstat(e->fd, &st) < 0)
		gen_die("accept");
	e->inode = st.st_ino;
	if (c->kind <= GEN_MAPPED)
		setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	gen_account_ends(e);
	if (of(c, 5, 2)) {
		e->other_fd = second(e->fd, of(c, 1, 5));
		if (e->other_fd < 0)
			gen_die("dup");
	}
}

void gen_end_turn(struct gen_end *e, const struct gen_case *c)
{
	int first = e->fd;

	if (e->other_fd < 0)
		return;
	e->fd = e->other_fd;
	e->other_fd = first;
	if (of(c, 3, 2)) {	/* the first is closed: that is not the connection's end */
		close(first);
		e->other_fd = -1;
	}
}

static void await_end(struct gen_end *e)
{
	char rest[64];
	ssize_t n;

	do {
		n = read(e->fd, rest, sizeof(rest));
	} while (n < 0 && errno == EINTR);
	if (n > 0 || (n < 0 && errno != ECONNRESET))
		gen_die("end of the stream");
}

void gen_end_close(struct gen_end *e, const struct gen_case *c, enum gen_side side)
{
	struct linger now = { 1, 0 };
	enum gen_side first = (enum gen_side)of(c, 7, 2);
	unsigned int how = of(c, 1, 6);

	if (side != first) {
		await_end(e);
	} else if (how == 0 && side == GEN_CLIENT) {	/* the client has all that was sent */
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	} else if (how == 1 && side == GEN_CLIENT) {
		if (shutdown(e->fd, SHUT_RDWR) < 0)
			gen_die("shutdown");
	} else if (how <= 3) {
		if (shutdown(e->fd, SHUT_WR) < 0)
			gen_die("shutdown");
		await_end(e);
	}
	if (e->other_fd >= 0)
		close(e->other_fd);
	if (how % 2 || close_range((unsigned int)e->fd, (unsigned int)e->fd, 0) < 0)
		close(e->fd);
	e->fd = e->other_fd = -1;
}

/* Nobody listens where something is bound to a port and does not listen. */
static void fail_by(int domain, unsigned int how)
{
	union address a = { .any.sa_family = (sa_family_t)domain };
	socklen_t len = domain == AF_INET ? sizeof(a.in) : sizeof(a.in6);
	int bound = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, error;
	struct stat st;
	uint64_t begin;

	if (domain == AF_INET)
		a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.in6.sin6_addr = in6addr_loopback;
	if (bind(bound, &a.any, len) < 0 || getsockname(bound, &a.any, &len) < 0)
		gen_die("bind");
	fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		gen_die("socket");
	begin = gen_now_ns();
	error = connect_to(fd, &a, len, how);
	gen_account_failure(domain == AF_INET ? "127.0.0.1" : "::1", ntohs(a.in.sin_port),
			    strerrorname_np(error), gen_now_ns() - begin, st.st_ino);
	close(fd);
	close(bound);
}

void gen_fail(void)
{
	for (unsigned int how = 0; how < 3; how++) {
		fail_by(AF_INET, how);
		fail_by(AF_INET6, how);
	}
}
