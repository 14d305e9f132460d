/* SPDX-License-Identifier: Apache-2.0 */
/* What this process knows of its exchanges and connections, as lines of JSON in a file. */
#define _GNU_SOURCE
#include "generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *out;

void gen_account_open(const char *folder, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.json", folder, name);
	out = fopen(path, "we");
	if (!out)
		gen_die(path);
}

void gen_account_close(void)
{
	fprintf(out, "{\"type\":\"end\",\"pid\":%d,\"interrupted\":%lu,\"would_block\":%lu}\n",
		(int)getpid(), gen_counts.interrupted, gen_counts.would_block);
	if (fclose(out) != 0)
		gen_die("account");
}

typedef int (*name_call)(int, struct sockaddr *, socklen_t *);

static void address_of(char to[160], int fd, name_call call)
{
	struct sockaddr_storage a;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a;
	struct sockaddr_un *un = (struct sockaddr_un *)&a;
	socklen_t len = sizeof(a);
	char text[INET6_ADDRSTRLEN] = "";

	memset(&a, 0, sizeof(a));
	if (call(fd, (struct sockaddr *)&a, &len) < 0)
		gen_die("endpoints");
	if (a.ss_family == AF_UNIX) {
		int n = (int)(len - offsetof(struct sockaddr_un, sun_path));

		if (n > 1 && un->sun_path[0] == '\0')
			snprintf(to, 160, "[\"@%.*s\",0]", n - 1, un->sun_path + 1);
		else
			snprintf(to, 160, "[\"%s\",0]", n > 0 ? un->sun_path : "");
		return;
	}
	if (a.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&a)->sin_addr, text, sizeof(text));
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	/* The port is at the same place in both families. */
	snprintf(to, 160, "[\"%s\",%d]", text, ntohs(in6->sin6_port));
}

void gen_account_ends(struct gen_end *e)
{
	address_of(e->local, e->fd, getsockname);
	address_of(e->remote, e->fd, getpeername);
}

static void print_end(const char *type, const struct gen_end *e, const struct gen_case *c,
		      enum gen_side side)
{
	fprintf(out, "{\"type\":\"%s\",\"role\":\"%s\",\"net\":\"%s\",\"pid\":%d,\"inode\":%llu",
		type, side == GEN_CLIENT ? "client" : "server",
		c->kind <= GEN_MAPPED ? "tcp" : "unix", (int)getpid(),
		(unsigned long long)e->inode);
	fprintf(out, ",\"paired\":%s", c->kind == GEN_PAIR ? "true" : "false");
	fprintf(out, ",\"local\":%s,\"remote\":%s", e->local, e->remote);
}

/* Whether this side's calls show the bytes of a body, and where they are if in no memory of ours. */
static const char *content(const struct gen_end *e, const struct gen_move *move)
{
	if (move->flags & GEN_FROM_FILE)
		return "file";
	if (strcmp(move->name, "splice-to") == 0)
		return "pipe";
	if (move->flags & GEN_TCP_ONLY || !(move->flags & GEN_NO_CONTENT))
		return "call";
	return strcmp(move->name, "recv-trunc") == 0 && e->kind > GEN_MAPPED ? "call" : "none";
}

void gen_account_exchange(const struct gen_end *e, const struct gen_case *c, enum gen_side side,
			  const char *url, const size_t heads[2], const unsigned int sizes[2])
{
	const struct gen_move *asked = side == GEN_CLIENT ? c->request_out : c->request_in;
	const struct gen_move *answered = side == GEN_CLIENT ? c->answer_in : c->answer_out;

	print_end("exchange", e, c, side);
	fprintf(out, ",\"op\":\"POST\",\"url\":\"%s\",\"status\":\"200\"", url);
	fprintf(out, ",\"req_bytes\":%zu,\"req_body\":%u,\"resp_bytes\":%zu,\"resp_body\":%u",
		heads[0] + sizes[0], sizes[0], heads[1] + sizes[1], sizes[1]);
	fprintf(out, ",\"calls\":[\"%s\",\"%s\"],\"contents\":[\"%s\",\"%s\"]}\n", asked->name,
		answered->name, content(e, asked), content(e, answered));
}

void gen_account_connection(const struct gen_end *e, const struct gen_case *c, enum gen_side side)
{
	print_end("connection", e, c, side);
	fprintf(out, ",\"sent\":%llu,\"received\":%llu,\"connect_ns\":%llu,\"urgent\":%zu}\n",
		(unsigned long long)e->sent, (unsigned long long)e->received,
		(unsigned long long)e->connect_ns, e->urgent_seen);
}

void gen_account_failure(const char *address, int port, const char *error, uint64_t ns,
			 uint64_t inode)
{
	fprintf(out,
		"{\"type\":\"failure\",\"remote\":[\"%s\",%d],\"error\":\"%s\",\"connect_ns\":%llu,"
		"\"inode\":%llu}\n",
		address, port, error, (unsigned long long)ns, (unsigned long long)inode);
}
