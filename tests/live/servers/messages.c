/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages: both ends of connections and of datagrams in one process, moved by sendmmsg and
 * recvmmsg above all. Waits for a line on standard input, does it all, and prints its own account:
 *
 *   http NET PATH STATUS BYTES        an exchange that was made, and the bytes of its answer's body
 *   udp DIR LOCAL REMOTE BYTES TEXT   a datagram: ports (0: nobody told), its size and its first byte
 *
 * Then it waits for another line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGES 64 /* in a vector */
#define PARTS 6 /* of a message */
#define LARGEST 65000

static void die(const char *what)
{
	fprintf(stderr, "messages: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct vector {
	struct mmsghdr msg[MESSAGES];
	struct iovec iov[MESSAGES][PARTS];
	struct sockaddr_storage name[MESSAGES];
} out, in;
static char room[MESSAGES][LARGEST];

/* Cut n bytes into messages of growing sizes, each in parts, some of both empty. Returns how many. */
static unsigned vector_cut(struct vector *v, const char *data, size_t n, size_t step)
{
	unsigned count = 0;
	size_t at = 0;

	while (at < n && count < MESSAGES) {
		struct iovec *iov = v->iov[count];
		size_t size = count % 4 == 2 ? 0 : step * (count + 1), parts = 0;

		if (size > n - at)
			size = n - at;
		memset(&v->msg[count], 0, sizeof(v->msg[count]));
		for (size_t done = 0; parts < (count % 3 ? PARTS : 1); parts++) {
			size_t part =
				count % 3 && parts < PARTS - 1 ? (size - done) / 2 : size - done;

			iov[parts] = (struct iovec){ (char *)(uintptr_t)data + at + done,
						     parts == 3 ? 0 : part };
			done += iov[parts].iov_len;
		}
		v->msg[count].msg_hdr.msg_iov = iov;
		v->msg[count].msg_hdr.msg_iovlen = parts;
		at += size;
		count++;
	}
	return count;
}

/* Room for count messages of at most `size` bytes, in three parts each. */
static void vector_room(struct vector *v, unsigned count, size_t size, bool with_names)
{
	for (unsigned i = 0; i < count; i++) {
		struct iovec *iov = v->iov[i];

		memset(&v->msg[i], 0, sizeof(v->msg[i]));
		iov[0] = (struct iovec){ room[i], i % 2 ? size : size / 3 };
		iov[1] = (struct iovec){ room[i] + size / 3, 0 };
		iov[2] = (struct iovec){ room[i] + size / 3, size - size / 3 };
		v->msg[i].msg_hdr.msg_iov = iov;
		v->msg[i].msg_hdr.msg_iovlen = i % 2 ? 1 : 3;
		if (with_names) {
			v->msg[i].msg_hdr.msg_name = &v->name[i];
			v->msg[i].msg_hdr.msg_namelen = sizeof(v->name[i]);
		}
	}
}

/* Send it all, whatever comes back: some messages only, or a part of one. */
static void stream_send(int fd, const char *data, size_t n, size_t step, int flags)
{
	size_t at = 0;

	while (at < n) {
		unsigned count = vector_cut(&out, data + at, n - at, step);
		int sent = sendmmsg(fd, out.msg, count, flags);

		if (sent < 0 && errno != EAGAIN)
			die("sendmmsg");
		if (sent < 0)
			return; /* the other side has to read first */
		for (int i = 0; i < sent; i++)
			at += out.msg[i].msg_len;
	}
}

struct reader {
	unsigned count; /* messages asked for at once */
	size_t size; /* bytes of each */
	int flags;
	struct timespec *timeout;
};

/* Take n bytes. Returns how many that were. */
static size_t stream_take(int fd, const struct reader *r, size_t n)
{
	size_t got = 0;

	while (got < n) {
		struct timespec timeout = r->timeout ? *r->timeout : (struct timespec){ 0 };
		int count;

		vector_room(&in, r->count, r->size, false);
		count = recvmmsg(fd, in.msg, r->count, r->flags, r->timeout ? &timeout : NULL);
		if (count < 0 && errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 1000);
			continue;
		}
		if (count < 0)
			die("recvmmsg");
		for (int i = 0; i < count; i++)
			got += in.msg[i].msg_len;
	}
	return got;
}

static void exchange(const char *net, int client, int server, const char *path, size_t body,
		     size_t step, const struct reader *r, const char *extra)
{
	size_t head, all, sent = 0, got = 0;
	char request[4096], *answer = malloc(body + 4096);
	int n;

	n = snprintf(request, sizeof(request),
		     "GET %s HTTP/1.1\r\nHost: messages\r\nX-Filler: %0700d\r\n\r\n", path, 7);
	stream_send(client, request, (size_t)n, step, 0);
	stream_take(server, r, (size_t)n);
	head = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", body,
			       extra);
	for (size_t i = 0; i < body; i++)
		answer[head + i] = (char)('a' + i * 7 % 26);
	all = head + body;
	while (got < all) { /* in turn, since both ends are here */
		size_t some = all - sent < 100000 ? all - sent : 100000;

		stream_send(server, answer + sent, some, step, 0);
		sent += some;
		got += stream_take(client, r, sent - got);
	}
	printf("http %s %s 200 %zu\n", net, path, body);
	free(answer);
}

static void streams(const char *net, int client, int server)
{
	static struct timespec soon = { 0, 1 }, late = { 5, 0 };
	const struct {
		const char *path;
		size_t body, step;
		struct reader r;
	} runs[] = {
		{ "/small", 50, 11, { 5, 40, MSG_WAITFORONE, NULL } },
		{ "/again", 3000, 60, { 4, 333, MSG_WAITFORONE, NULL } },
		{ "/one", 3000, 60, { 1, 500, 0, NULL } },
		{ "/wide", 20000, 7, { 64, 900, MSG_WAITFORONE, NULL } },
		{ "/large", 700000, 900, { 16, 9000, MSG_WAITFORONE, NULL } },
		{ "/polled", 5000, 300, { 8, 200, MSG_DONTWAIT, NULL } },
		{ "/late", 5000, 300, { 1, 6000, MSG_WAITFORONE, &late } },
		{ "/soon", 5000, 300, { 7, 700, MSG_WAITFORONE, &soon } },
		{ "/end", 100, 300, { 7, 700, MSG_WAITFORONE, NULL } },
	};
	char byte;

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		exchange(net, client, server, runs[i].path, runs[i].body, runs[i].step, &runs[i].r,
			 i + 1 == sizeof(runs) / sizeof(runs[0]) ? "Connection: close\r\n" : "");
		if (i % 2) /* another call in between */
			recv(client, &byte, 1, MSG_DONTWAIT);
	}
	close(server);
	vector_room(&in, 3, 100, false);
	if (recvmmsg(client, in.msg, 3, 0, NULL) != 3 || in.msg[0].msg_len)
		die("the end of the stream");
	close(client);
}

static int bound(int family, int type, struct sockaddr_storage *name)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(*name);
	int fd = socket(family, type, 0);

	if (fd < 0 ||
	    bind(fd, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		 family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0 ||
	    getsockname(fd, (struct sockaddr *)name, &len) < 0)
		die("socket");
	return fd;
}

static unsigned port(const struct sockaddr_storage *name)
{
	return ntohs(((const struct sockaddr_in *)(const void *)name)->sin_port);
}

static void tell(const char *dir, unsigned local, unsigned remote, const char *data, size_t n)
{
	printf("udp %s %u %u %zu %c\n", dir, local, remote, n, n ? *data : '-');
}

static const char *payload(char mark, size_t n)
{
	static char text[LARGEST];

	memset(text, mark, n);
	return text;
}

/* One vector of datagrams with different sizes and, where `to` is given, different peers. */
static void datagrams_send(int fd, unsigned local, const struct sockaddr_storage *to,
			   unsigned peers, unsigned connected, unsigned count)
{
	static const size_t sizes[] = { 1, 0, 1400, 77, 9000, 3 };

	for (unsigned i = 0; i < count; i++) {
		size_t n = sizes[i % 6];
		char mark = (char)('A' + i % 26);

		memset(room[i], mark, n);
		memset(&out.msg[i], 0, sizeof(out.msg[i]));
		out.iov[i][0] = (struct iovec){ room[i], n / 2 };
		out.iov[i][1] = (struct iovec){ room[i] + n / 2, n - n / 2 };
		if (i % 2)
			out.iov[i][0].iov_len = n;
		out.msg[i].msg_hdr.msg_iov = out.iov[i];
		out.msg[i].msg_hdr.msg_iovlen = i % 2 ? 1 : 2;
		if (to) {
			out.msg[i].msg_hdr.msg_name = (void *)(uintptr_t)&to[i % peers];
			out.msg[i].msg_hdr.msg_namelen = to[0].ss_family == AF_INET
								 ? sizeof(struct sockaddr_in)
								 : sizeof(struct sockaddr_in6);
		}
		tell("out", local, to ? port(&to[i % peers]) : connected, room[i], n);
	}
	if (sendmmsg(fd, out.msg, count, 0) != (int)count)
		die("sendmmsg of datagrams");
}

static void datagrams_take(int fd, unsigned local, unsigned vlen, int flags,
			   struct timespec *timeout)
{
	int count;

	do {
		vector_room(&in, vlen, 10000, true);
		count = recvmmsg(fd, in.msg, vlen, flags, timeout);
		for (int i = 0; i < count; i++)
			tell("in", local, port(&in.name[i]), room[i], in.msg[i].msg_len);
	} while (count > 0);
	if (errno != EAGAIN)
		die("recvmmsg of datagrams");
}

static void datagrams(void)
{
	struct sockaddr_storage a_name, b_name, c_name, from, both[2];
	int a = bound(AF_INET, SOCK_DGRAM, &a_name), b = bound(AF_INET, SOCK_DGRAM, &b_name),
	    c = bound(AF_INET6, SOCK_DGRAM, &c_name), off = 0;
	struct sockaddr_in6 *mapped = (struct sockaddr_in6 *)(void *)both;
	struct iovec iov[3];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };
	static const size_t sizes[] = { 1, 0, 1400, 9000, 30000 };
	socklen_t len;
	ssize_t n;

	setsockopt(c, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	/* c sees a and b as ::ffff:127.0.0.1 */
	for (int i = 0; i < 2; i++) {
		memset(&both[i], 0, sizeof(both[i]));
		mapped = (struct sockaddr_in6 *)(void *)&both[i];
		mapped->sin6_family = AF_INET6;
		mapped->sin6_port = htons((uint16_t)port(i ? &b_name : &a_name));
		memcpy(&mapped->sin6_addr, "\0\0\0\0\0\0\0\0\0\0\377\377\177\0\0\1", 16);
	}

	/* Single calls: named, and then connected; received with a name, as a message, and without. */
	for (unsigned i = 0; i < 5; i++) {
		const char *text = payload((char)('a' + i), sizes[i]);

		sendto(b, text, sizes[i], 0, (struct sockaddr *)&a_name,
		       sizeof(struct sockaddr_in));
		tell("out", port(&b_name), port(&a_name), text, sizes[i]);
		len = sizeof(from);
		n = recvfrom(a, room[0], LARGEST, 0, (struct sockaddr *)&from, &len);
		tell("in", port(&a_name), port(&from), room[0], (size_t)n);

		sendto(c, text, sizes[i], 0, (struct sockaddr *)&both[0],
		       sizeof(struct sockaddr_in6));
		tell("out", port(&c_name), port(&a_name), text, sizes[i]);
		iov[0] = (struct iovec){ room[0], 100 };
		iov[1] = (struct iovec){ NULL, 0 };
		iov[2] = (struct iovec){ room[0] + 100, LARGEST - 100 };
		m.msg_name = &from;
		m.msg_namelen = sizeof(from);
		n = recvmsg(a, &m, 0);
		tell("in", port(&a_name), port(&from), room[0], (size_t)n);

		/* and back, to the IPv6 socket */
		mapped = (struct sockaddr_in6 *)(void *)&c_name;
		sendto(a, text, sizes[i], 0,
		       (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET,
								 .sin_port = mapped->sin6_port,
								 .sin_addr.s_addr =
									 htonl(INADDR_LOOPBACK) },
		       sizeof(struct sockaddr_in));
		tell("out", port(&a_name), port(&c_name), text, sizes[i]);
		len = sizeof(from);
		n = recvfrom(c, room[0], LARGEST, 0, (struct sockaddr *)&from, &len);
		tell("in", port(&c_name), port(&from), room[0], (size_t)n);
	}
	if (connect(b, (struct sockaddr *)&a_name, sizeof(struct sockaddr_in)) < 0)
		die("connect");
	for (unsigned i = 0; i < 5; i++) {
		const char *text = payload((char)('k' + i), sizes[i]);

		n = i % 2 ? write(b, text, sizes[i]) : send(b, text, sizes[i], 0);
		tell("out", port(&b_name), port(&a_name), text, sizes[i]);
		n = recv(a, room[0], LARGEST, 0); /* nobody is told who sent it */
		tell("in", port(&a_name), 0, room[0], (size_t)n);
		sendto(a, text, sizes[i], 0, (struct sockaddr *)&b_name,
		       sizeof(struct sockaddr_in));
		tell("out", port(&a_name), port(&b_name), text, sizes[i]);
		n = recv(b, room[0], LARGEST, 0);
		tell("in", port(&b_name), port(&a_name), room[0], (size_t)n);
	}

	/* Vectors. */
	for (unsigned i = 0; i < 4; i++) {
		struct timespec late = { 5, 0 };

		datagrams_send(b, port(&b_name), NULL, 0, port(&a_name), 5 + 3 * i);
		datagrams_take(a, port(&a_name), 8, MSG_DONTWAIT, NULL);
		datagrams_send(c, port(&c_name), both, 1, 0, 20);
		datagrams_take(a, port(&a_name), 20, MSG_DONTWAIT, i == 1 ? &late : NULL);
	}
	datagrams_send(c, port(&c_name), both, 1, 0, MESSAGES);
	datagrams_take(a, port(&a_name), MESSAGES, MSG_DONTWAIT, NULL);
	close(a);
	close(b);
	close(c);
}

int main(void)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	int listener = bound(AF_INET, SOCK_STREAM, &name), client = socket(AF_INET, SOCK_STREAM, 0),
	    pair[2];
	char line[16];

	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	if (listen(listener, 1) < 0 || connect(client, (struct sockaddr *)&name, len) < 0)
		die("connect");
	streams("tcp", client, accept(listener, NULL, NULL));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	streams("unix", pair[0], pair[1]);
	datagrams();
	printf("done\n");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) ? 0 : 1;
}
