/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo_id: an HTTP server and client whose answers name their request, so that a wrong pair can be
 * told from a right one.
 *
 *   echo_id server PORT                 a thread per connection; GET /id/N is answered by N
 *   echo_id uring PORT                  the same, one connection after the other, its bytes moved by io_uring
 *   echo_id compat PORT                 or by system calls of 32-bit programs; status 77 where there are none
 *   echo_id client PORT THREADS COUNT   each thread asks COUNT times; prints the bytes of all requests and answers
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sockaddr_in address = { .sin_family = AF_INET };
static long asked, sent_bytes, got_bytes;

static void die(const char *what)
{
	fprintf(stderr, "echo_id: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One ring with one entry: enough to move bytes without a system call that names them. */
static struct ring {
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
} ring = { .fd = -1 };

static void ring_open(void)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	ring.fd = (int)syscall(SYS_io_uring_setup, 1, &p);
	if (ring.fd < 0)
		die("io_uring_setup");
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
		  MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		  PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_CQ_RING);
	ring.sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			 MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring.sqes == MAP_FAILED)
		die("mmap");
	ring.sq_tail = (unsigned *)(sq + p.sq_off.tail);
	ring.sq_mask = (unsigned *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (unsigned *)(sq + p.sq_off.array);
	ring.cq_head = (unsigned *)(cq + p.cq_off.head);
	ring.cq_tail = (unsigned *)(cq + p.cq_off.tail);
	ring.cq_mask = (unsigned *)(cq + p.cq_off.ring_mask);
	ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

#define LOW_SIZE 4096

static char *low;	/* memory that a 32-bit program could have */

/* read or write as 32-bit programs do it on x86: other numbers, another way in. */
static ssize_t move_compat(int fd, int is_send, void *buf, size_t len)
{
	ssize_t n = -1;

	if (len > LOW_SIZE)
		len = LOW_SIZE;
	if (is_send)
		memcpy(low, buf, len);
#ifdef __x86_64__
	__asm__ volatile("int $0x80"
			 : "=a"(n)
			 : "0"((long)(is_send ? 4 : 3)), "b"((long)fd), "c"(low), "d"(len)
			 : "memory", "r8", "r9", "r10", "r11");
#else
	(void)fd;
#endif
	if (n > 0 && !is_send)
		memcpy(buf, low, (size_t)n);
	return n;
}

static void no_compat(int sig)
{
	(void)sig;
	_exit(77);
}

/* A read of nothing shows whether the kernel has such calls; where it has none, this is a fault. */
static void compat_open(void)
{
#ifdef __x86_64__
	low = mmap(NULL, LOW_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		   -1, 0);
	if (low == MAP_FAILED)
		die("mmap");
	signal(SIGSEGV, no_compat);
	if (move_compat(STDIN_FILENO, 0, low, 0) != 0)
		no_compat(0);
#else
	no_compat(0);
#endif
}

static ssize_t move(int fd, int is_send, void *buf, size_t len)
{
	unsigned tail, head;
	struct io_uring_sqe *e;
	int result;

	if (low)
		return move_compat(fd, is_send, buf, len);
	if (ring.fd < 0)
		return is_send ? send(fd, buf, len, 0) : recv(fd, buf, len, 0);
	tail = *ring.sq_tail;
	e = &ring.sqes[tail & *ring.sq_mask];
	memset(e, 0, sizeof(*e));
	e->opcode = is_send ? IORING_OP_SEND : IORING_OP_RECV;
	e->fd = fd;
	e->addr = (unsigned long)buf;
	e->len = (unsigned)len;
	ring.sq_array[tail & *ring.sq_mask] = tail & *ring.sq_mask;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
	head = *ring.cq_head;
	if (head == __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE))
		die("no completion");
	result = ring.cqes[head & *ring.cq_mask].res;
	__atomic_store_n(ring.cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg, one = 1;
	char buf[4096], out[256];
	ssize_t n;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while ((n = move(fd, 0, buf, sizeof(buf) - 1)) > 0) {
		long id;
		int len;

		buf[n] = '\0';
		if (sscanf(buf, "GET /id/%ld ", &id) != 1)
			break;
		len = snprintf(
			out, sizeof(out),
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%ld",
			snprintf(NULL, 0, "%ld", id), id);
		if (move(fd, 1, out, (size_t)len) != len)
			break;
	}
	close(fd);
	return NULL;
}

static void serve_all(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 64) < 0)
		die("listen");
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			continue;
		if (ring.fd >= 0 || low)
			serve((void *)(long)fd);
		else if (pthread_create(&thread, NULL, serve, (void *)(long)fd) == 0)
			pthread_detach(thread);
	}
}

static void *ask(void *arg)
{
	long count = *(long *)arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	char out[256], in[4096];

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	for (long i = 0; i < count; i++) {
		long id = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED), got;
		int len = snprintf(out, sizeof(out), "GET /id/%ld HTTP/1.1\r\nHost: echo\r\n\r\n",
				   id);
		ssize_t n;

		if (send(fd, out, (size_t)len, 0) != len ||
		    (n = recv(fd, in, sizeof(in) - 1, 0)) <= 0)
			die("exchange");
		in[n] = '\0';
		if (sscanf(strstr(in, "\r\n\r\n") + 4, "%ld", &got) != 1 || got != id)
			die("the server mixed them up");
		__atomic_add_fetch(&sent_bytes, len, __ATOMIC_RELAXED);
		__atomic_add_fetch(&got_bytes, n, __ATOMIC_RELAXED);
	}
	close(fd);
	return NULL;
}

static int ask_all(int threads, long count)
{
	pthread_t thread[64];

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, ask, &count) != 0)
			die("pthread_create");
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	printf("%ld %ld\n", sent_bytes, got_bytes);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 3)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[2]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (strcmp(argv[1], "uring") == 0)
		ring_open();
	if (strcmp(argv[1], "compat") == 0)
		compat_open();
	if (strcmp(argv[1], "client") != 0)
		serve_all();
	return argc == 5 && atoi(argv[3]) <= 64 ? ask_all(atoi(argv[3]), atol(argv[4])) : 2;
}
