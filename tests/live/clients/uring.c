/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For each byte of standard input it asks for /small on descriptor 3 and takes an answer, both by
 * io_uring without a library. Ends with status 77 where the kernel does not let it.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct io_uring_params params;
static char *rings;
static struct io_uring_sqe *entries;
static int ring;

static void *place(unsigned int offset)
{
	return rings + offset;
}

/* One operation, and its result. */
static int run(int op, void *buf, unsigned int len)
{
	unsigned int *tail = place(params.sq_off.tail), *mask = place(params.sq_off.ring_mask);
	unsigned int *array = place(params.sq_off.array), at = *tail & *mask;
	unsigned int *head = place(params.cq_off.head), *done_mask = place(params.cq_off.ring_mask);
	struct io_uring_cqe *done = place(params.cq_off.cqes);
	int result;

	memset(&entries[at], 0, sizeof(entries[at]));
	entries[at].opcode = (unsigned char)op;
	entries[at].fd = 3;
	entries[at].addr = (unsigned long)buf;
	entries[at].len = len;
	array[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	result = done[*head & *done_mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

int main(void)
{
	static char ask[] = "GET /small HTTP/1.1\r\nHost: uring\r\n\r\n", answer[4096];
	size_t size;

	ring = (int)syscall(SYS_io_uring_setup, 4, &params);
	if (ring < 0 || !(params.features & IORING_FEAT_SINGLE_MMAP))
		return 77;
	size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	if (size < params.sq_off.array + params.sq_entries * sizeof(unsigned int))
		size = params.sq_off.array + params.sq_entries * sizeof(unsigned int);
	rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED, ring, IORING_OFF_SQES);
	if (rings == MAP_FAILED || entries == MAP_FAILED)
		return 77;
	while (read(0, answer, 1) == 1)
		if (run(IORING_OP_SEND, ask, sizeof(ask) - 1) != (int)sizeof(ask) - 1 ||
		    run(IORING_OP_RECV, answer, sizeof(answer)) <= 0)
			return 1;
	return 0;
}
