/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong: the smallest HTTP server and client, one connection, one request at a time, four system
 * calls per exchange.
 *
 *   pingpong server PORT BODY CPU   answers GET with BODY bytes
 *   pingpong client PORT BODY CPU   reads numbers from stdin; for each asks so often over a new connection and prints
 *                                   the nanoseconds per exchange (wall clock)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] =
	"GET /v1/users?id=7 HTTP/1.1\r\nHost: api.example\r\nUser-Agent: pingpong\r\n"
	"Accept: */*\r\n\r\n";
static char buf[1 << 20];

static void die(const char *what)
{
	fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int stream_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return fd;
}

static size_t make_answer(char *out, size_t size, size_t body)
{
	int head = snprintf(
		out, size,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body);

	memset(out + head, 'x', body);
	return (size_t)head + body;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			die("write");
		data += n;
		len -= (size_t)n;
	}
}

static void serve(uint16_t port, size_t body)
{
	struct sockaddr_in addr = loopback(port);
	size_t len = make_answer(buf, sizeof(buf), body);
	int fd = stream_socket();
	char in[4096];

	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		die("listen");
	for (;;) {
		int conn = accept(fd, NULL, NULL);
		int on = 1;

		if (conn < 0)
			continue;
		setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		while (read(conn, in, sizeof(in)) > 0)
			write_all(conn, buf, len);
		close(conn);
	}
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t ask(uint16_t port, size_t answer_len, unsigned long count)
{
	struct sockaddr_in addr = loopback(port);
	int fd = stream_socket();
	uint64_t start_ns;

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("connect");
	start_ns = now_ns();
	for (unsigned long i = 0; i < count; i++) {
		size_t got = 0;

		write_all(fd, request, sizeof(request) - 1);
		while (got < answer_len) {
			ssize_t n = read(fd, buf, sizeof(buf));

			if (n <= 0)
				die("read");
			got += (size_t)n;
		}
	}
	start_ns = now_ns() - start_ns;
	close(fd);
	return start_ns;
}

int main(int argc, char **argv)
{
	unsigned long count;
	uint16_t port;
	size_t body;

	if (argc != 5) {
		fprintf(stderr, "usage: pingpong server|client PORT BODY CPU\n");
		return 2;
	}
	port = (uint16_t)atoi(argv[2]);
	body = (size_t)atol(argv[3]);
	if (body > sizeof(buf) - 4096)
		return 2;
	pin(atoi(argv[4]));
	if (!strcmp(argv[1], "server"))
		serve(port, body);
	while (scanf("%lu", &count) == 1) {
		size_t answer_len = make_answer(buf, sizeof(buf), body);

		printf("%.1f\n", (double)ask(port, answer_len, count) / (double)count);
		fflush(stdout);
	}
	return 0;
}
