/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which a program can move bytes through a stream socket. */
#define _GNU_SOURCE
#include "generator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

struct gen_counts gen_counts;

/*
 * The n bytes at base in at most max pieces of very different sizes, some of them empty; the last
 * takes what is left. Returns their number.
 */
static int pieces(struct iovec *iov, int max, void *base, size_t n)
{
	static const size_t sizes[] = { 0, 1, 2, 3, 50, 700, 0, 9000 };
	char *buf = base;
	size_t at = 0;
	int i;

	for (i = 0; i < max - 1 && at < n; i++) {
		size_t size = sizes[(size_t)i % GEN_COUNT(sizes)];

		if (size > n - at)
			size = n - at;
		iov[i] = (struct iovec){ buf + at, size };
		at += size;
	}
	iov[i] = (struct iovec){ buf + at, n - at };
	return i + 1;
}

/* 1024 pieces, whatever the size; those that are too many are empty. */
static int most_pieces(struct iovec *iov, void *base, size_t n)
{
	char *buf = base;
	size_t at = 0, each = n / (GEN_IOV_MAX / 2);

	for (int i = 0; i < GEN_IOV_MAX; i++) {
		size_t size = i % 3 == 0 ? 0 : i == GEN_IOV_MAX - 1 ? n - at : each + 1;

		if (size > n - at)
			size = n - at;
		iov[i] = (struct iovec){ buf + at, size };
		at += size;
	}
	iov[GEN_IOV_MAX - 1].iov_len += n - at;
	return GEN_IOV_MAX;
}

static struct msghdr message(struct iovec *iov, int count)
{
	return (struct msghdr){ .msg_iov = iov, .msg_iovlen = (size_t)count };
}

static ssize_t out_write(struct gen_end *e, char *buf, size_t n)
{
	return write(e->fd, buf, n);
}

static ssize_t out_writev(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[300];

	return writev(e->fd, iov, pieces(iov, GEN_COUNT(iov), buf, n));
}

static ssize_t out_writev_most(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[GEN_IOV_MAX];

	return writev(e->fd, iov, most_pieces(iov, buf, n));
}

static ssize_t out_pwritev2(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[40];

	return pwritev2(e->fd, iov, pieces(iov, GEN_COUNT(iov), buf, n), -1, 0);
}

/* An empty send() moves nothing, and ends nothing. */
static ssize_t out_send(struct gen_end *e, char *buf, size_t n)
{
	if (send(e->fd, buf, 0, 0) != 0)
		gen_die("empty send");
	return send(e->fd, buf, n, MSG_NOSIGNAL);
}

static ssize_t out_send_more(struct gen_end *e, char *buf, size_t n)
{
	return send(e->fd, buf, n > 1000 ? 1000 : n, n > 1000 ? MSG_MORE : 0);
}

static ssize_t out_sendto(struct gen_end *e, char *buf, size_t n)
{
	return sendto(e->fd, buf, n, MSG_NOSIGNAL, NULL, 0);
}

static ssize_t out_sendmsg(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[20];
	struct msghdr m = message(iov, pieces(iov, GEN_COUNT(iov), buf, n));

	return sendmsg(e->fd, &m, MSG_NOSIGNAL);
}

static ssize_t out_sendmsg_most(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[GEN_IOV_MAX];
	struct msghdr m = message(iov, most_pieces(iov, buf, n));

	return sendmsg(e->fd, &m, 0);
}

static ssize_t sum(const struct mmsghdr *m, int count)
{
	ssize_t all = 0;

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++)
		all += m[i].msg_len;
	return all;
}

/* Messages of one piece, of many and of none. */
static ssize_t out_sendmmsg(struct gen_end *e, char *buf, size_t n)
{
	struct iovec whole = { buf, n / 3 }, iov[20], rest = { buf + n / 3 + n / 2, 0 };
	struct mmsghdr m[4] = { 0 };

	rest.iov_len = n - n / 3 - n / 2;
	m[0].msg_hdr = message(&whole, 1);
	m[1].msg_hdr = message(iov, pieces(iov, GEN_COUNT(iov), buf + n / 3, n / 2));
	m[2].msg_hdr = message(NULL, 0);
	m[3].msg_hdr = message(&rest, 1);
	return sum(m, sendmmsg(e->fd, m, GEN_COUNT(m), 0));
}

#define FILE_BEGIN 4096

/*
 * A file that holds the bytes from its second page on. It has been there for a while, more than
 * a tick of any kernel, before the message is sent: of one that was written in the same moment
 * nobody can tell afterwards what it held.
 */
static void file_open(struct gen_end *e, const char *buf, size_t n)
{
	e->file = memfd_create("generator", MFD_CLOEXEC);
	if (e->file < 0 || pwrite(e->file, buf, n, FILE_BEGIN) != (ssize_t)n)
		gen_die("memfd");
	if (n)
		gen_sleep_ms(13);
}

/* NOLINTBEGIN(readability-non-const-parameter): the type is that of all ways */
static ssize_t out_sendfile(struct gen_end *e, char *buf, size_t n)
{
	off_t at = FILE_BEGIN + (off_t)e->moved;

	(void)buf;
	return sendfile(e->fd, e->file, &at, n > 1 << 20 ? 1 << 20 : n);
}

/* Without an offset of its own the call moves the file's. */
static ssize_t out_sendfile_at(struct gen_end *e, char *buf, size_t n)
{
	(void)buf;
	lseek(e->file, FILE_BEGIN + (off_t)e->moved, SEEK_SET);
	return sendfile(e->fd, e->file, NULL, n);
}
/* NOLINTEND(readability-non-const-parameter) */

static ssize_t out_splice(struct gen_end *e, char *buf, size_t n)
{
	ssize_t in, out, moved = 0;
	int ends[2];

	if (pipe(ends) < 0)
		gen_die("pipe");
	in = write(ends[1], buf, n > 65536 ? 65536 : n);
	while (moved < in) {
		out = splice(ends[0], NULL, e->fd, NULL, (size_t)(in - moved), SPLICE_F_MOVE);
		if (out <= 0)
			gen_die("splice to a socket");
		moved += out;
	}
	close(ends[0]);
	close(ends[1]);
	return moved;
}

/* What comes back over the error queue are the bytes that were sent, but nobody sends them here. */
static void drain_errors(struct gen_end *e, int patience_ms)
{
	struct pollfd p = { .fd = e->fd };
	char control[512], back[4096];
	struct iovec iov = { back, sizeof(back) };

	while (poll(&p, 1, patience_ms) > 0 && p.revents & POLLERR) {
		struct msghdr m = message(&iov, 1);

		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		if (recvmsg(e->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		patience_ms = 0;
	}
}

static ssize_t out_stamped(struct gen_end *e, char *buf, size_t n)
{
	int on = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED |
		 SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_CMSG,
	    off = 0;
	ssize_t got;

	setsockopt(e->fd, SOL_SOCKET, SO_TIMESTAMPING, &on, sizeof(on));
	got = send(e->fd, buf, n, 0);
	drain_errors(e, 20);
	setsockopt(e->fd, SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof(off));
	return got;
}

static ssize_t out_zerocopy(struct gen_end *e, char *buf, size_t n)
{
	int on = 1;
	ssize_t got;

	setsockopt(e->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on));
	got = send(e->fd, buf, n, MSG_ZEROCOPY);
	drain_errors(e, 20);
	return got;
}

/* An urgent byte that belongs to no message, in the middle of one. */
static ssize_t out_urgent(struct gen_end *e, char *buf, size_t n)
{
	size_t half = n / 2;

	if (send(e->fd, buf, half, 0) != (ssize_t)half)
		gen_die("half a message");
	if (send(e->fd, "!", 1, MSG_OOB) != 1 && errno != EOPNOTSUPP)	/* UNIX, before 5.15 */
		gen_die("urgent byte");
	return send(e->fd, buf + half, n - half, 0) == (ssize_t)(n - half) ? (ssize_t)n : -1;
}

static ssize_t out_dontwait(struct gen_end *e, char *buf, size_t n)
{
	return send(e->fd, buf, n, MSG_DONTWAIT);
}

static ssize_t in_read(struct gen_end *e, char *buf, size_t n)
{
	return read(e->fd, buf, n);
}

static ssize_t in_readv(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[300];

	return readv(e->fd, iov, pieces(iov, GEN_COUNT(iov), buf, n));
}

static ssize_t in_readv_most(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[GEN_IOV_MAX];

	return readv(e->fd, iov, most_pieces(iov, buf, n));
}

static ssize_t in_preadv2(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[40];

	return preadv2(e->fd, iov, pieces(iov, GEN_COUNT(iov), buf, n), -1, 0);
}

/* A recv() of no bytes gives 0, and that is not the end. */
static ssize_t in_recv(struct gen_end *e, char *buf, size_t n)
{
	if (recv(e->fd, buf, 0, MSG_DONTWAIT) > 0)
		gen_die("empty recv");
	return recv(e->fd, buf, n, 0);
}

static ssize_t in_recvfrom(struct gen_end *e, char *buf, size_t n)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);

	return recvfrom(e->fd, buf, n, 0, (struct sockaddr *)&from, &len);
}

static ssize_t in_recvmsg(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[20];
	struct msghdr m = message(iov, pieces(iov, GEN_COUNT(iov), buf, n));
	struct sockaddr_storage from;
	char control[256];

	m.msg_name = &from;
	m.msg_namelen = sizeof(from);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	return recvmsg(e->fd, &m, MSG_CMSG_CLOEXEC);
}

static ssize_t in_recvmsg_most(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov[GEN_IOV_MAX];
	struct msghdr m = message(iov, most_pieces(iov, buf, n));

	return recvmsg(e->fd, &m, 0);
}

/*
 * On a stream a later message goes on where an earlier one stopped; one that is not filled is the
 * last.
 */
static ssize_t in_recvmmsg(struct gen_end *e, char *buf, size_t n)
{
	struct iovec whole = { buf, n / 3 + 1 }, iov[20], rest = { 0 };
	struct mmsghdr m[3] = { 0 };
	size_t at = n / 3 + 1, middle = (n - at) / 2;
	int messages = 1, got;
	ssize_t all;

	m[0].msg_hdr = message(&whole, 1);
	m[1].msg_hdr = message(iov, pieces(iov, GEN_COUNT(iov), buf + at, middle));
	rest = (struct iovec){ buf + at + middle, n - at - middle };
	m[2].msg_hdr = message(&rest, 1);
	if (middle && rest.iov_len)
		messages = 3;
	got = recvmmsg(e->fd, m, (unsigned int)messages, MSG_WAITFORONE, NULL);
	all = sum(m, got);
	/* Close the holes behind messages that were not filled. */
	if (got > 1)
		memmove(buf + m[0].msg_len, buf + at, m[1].msg_len);
	if (got > 2)
		memmove(buf + m[0].msg_len + m[1].msg_len, buf + at + middle, m[2].msg_len);
	return all;
}

static ssize_t in_waitall(struct gen_end *e, char *buf, size_t n)
{
	return recv(e->fd, buf, n, MSG_WAITALL);
}

/* A look moves nothing. */
static ssize_t in_peek(struct gen_end *e, char *buf, size_t n)
{
	struct iovec iov = { buf, n };
	struct msghdr m = message(&iov, 1);
	struct mmsghdr mm = { .msg_hdr = m };

	if (recv(e->fd, buf, n, MSG_PEEK) < 0 || recvmsg(e->fd, &m, MSG_PEEK) < 0 ||
	    recvmmsg(e->fd, &mm, 1, MSG_PEEK, NULL) < 0)
		return -1;
	return recv(e->fd, buf, n, 0);
}

/* On TCP the bytes are taken and thrown away; UNIX sockets hand them over all the same. */
static ssize_t in_trunc(struct gen_end *e, char *buf, size_t n)
{
	return recv(e->fd, buf, n, MSG_TRUNC);
}

static ssize_t in_splice(struct gen_end *e, char *buf, size_t n)
{
	ssize_t got, moved = 0, part;
	int ends[2];

	if (pipe(ends) < 0)
		gen_die("pipe");
	got = splice(e->fd, NULL, ends[1], NULL, n > 65536 ? 65536 : n, SPLICE_F_MOVE);
	while (moved < got) {
		part = read(ends[0], buf + moved, (size_t)(got - moved));
		if (part <= 0)
			gen_die("read of a pipe");
		moved += part;
	}
	close(ends[0]);
	close(ends[1]);
	return got;
}

static ssize_t in_urgent(struct gen_end *e, char *buf, size_t n)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN | POLLPRI };
	char urgent;

	if (poll(&p, 1, -1) > 0 && p.revents & POLLPRI && recv(e->fd, &urgent, 1, MSG_OOB) == 1 &&
	    urgent == '!')
		e->urgent_seen++;
	return recv(e->fd, buf, n, 0);
}

static ssize_t in_dontwait(struct gen_end *e, char *buf, size_t n)
{
	return recv(e->fd, buf, n, MSG_DONTWAIT);
}

/* As a program that reads a line at a time from a small buffer. */
static ssize_t in_little(struct gen_end *e, char *buf, size_t n)
{
	size_t little = 1 + n % 1447;

	return read(e->fd, buf, little < n ? little : n);
}

const struct gen_move gen_out[] = {
	{ "write", 0, out_write },
	{ "writev", 0, out_writev },
	{ "writev1024", 0, out_writev_most },
	{ "pwritev2", 0, out_pwritev2 },
	{ "send", 0, out_send },
	{ "send-more", 0, out_send_more },
	{ "sendto", 0, out_sendto },
	{ "sendmsg", 0, out_sendmsg },
	{ "sendmsg1024", 0, out_sendmsg_most },
	{ "sendmmsg", 0, out_sendmmsg },
	{ "sendfile", GEN_HEAD_APART | GEN_FROM_FILE, out_sendfile },
	{ "sendfile-at", GEN_HEAD_APART | GEN_FROM_FILE, out_sendfile_at },
	{ "splice-to", GEN_HEAD_APART | GEN_NO_CONTENT, out_splice },
	{ "write-nonblocking", GEN_NONBLOCK, out_write },
	{ "writev-nonblocking", GEN_NONBLOCK, out_writev },
	{ "send-dontwait", 0, out_dontwait },
	{ "send-interrupted", GEN_TIMER, out_sendto },
	{ "write-restarted", GEN_TIMER | GEN_RESTART, out_write },
	{ "send-stamped", GEN_TCP_ONLY, out_stamped },
	{ "send-zerocopy", GEN_TCP_ONLY, out_zerocopy },
	{ "send-urgent", GEN_HEAD_APART, out_urgent },
	{ 0 },
};

const struct gen_move gen_in[] = {
	{ "read", 0, in_read },
	{ "readv", 0, in_readv },
	{ "readv1024", 0, in_readv_most },
	{ "preadv2", 0, in_preadv2 },
	{ "recv", 0, in_recv },
	{ "recvfrom", 0, in_recvfrom },
	{ "recvmsg", 0, in_recvmsg },
	{ "recvmsg1024", 0, in_recvmsg_most },
	{ "recvmmsg", 0, in_recvmmsg },
	{ "recv-waitall", 0, in_waitall },
	{ "recv-peek", 0, in_peek },
	{ "recv-trunc", GEN_HEAD_APART | GEN_NO_CONTENT, in_trunc },
	{ "splice-from", GEN_HEAD_APART | GEN_NO_CONTENT, in_splice },
	{ "read-nonblocking", GEN_NONBLOCK, in_read },
	{ "recv-dontwait", 0, in_dontwait },
	{ "recv-interrupted", GEN_TIMER, in_recv },
	{ "read-restarted", GEN_TIMER | GEN_RESTART, in_read },
	{ "read-little", 0, in_little },
	{ "recv-urgent", 0, in_urgent },
	{ 0 },
};

static void on_alarm(int sig)
{
	(void)sig;
}

static void prepare(struct gen_end *e, const struct gen_move *move, bool on)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { 0 };
	int flags = fcntl(e->fd, F_GETFL);

	if (move->flags & GEN_NONBLOCK)
		fcntl(e->fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
	if (move->flags & GEN_TIMER) {
		if (move->flags & GEN_RESTART)
			action.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &action, NULL);
		timer.it_value.tv_usec = timer.it_interval.tv_usec = on ? 2000 : 0;
		setitimer(ITIMER_REAL, &timer, NULL);
	}
}

/* True if the call that failed is to be made again. */
static bool again(struct gen_end *e, short event)
{
	struct pollfd p = { .fd = e->fd, .events = event };

	if (errno == EINTR) {
		gen_counts.interrupted++;
		return true;
	}
	if (errno != EAGAIN)
		return false;
	gen_counts.would_block++;
	return poll(&p, 1, 20000) == 1;
}

static void move_all(struct gen_end *e, const struct gen_move *move, char *buf, size_t n,
		     bool is_out)
{
	e->moved = 0;
	prepare(e, move, true);
	while (e->moved < n) {
		ssize_t got = move->some(e, buf + e->moved, n - e->moved);

		if (got > 0)
			e->moved += (size_t)got;
		else if (got == 0 || !again(e, is_out ? POLLOUT : POLLIN))
			gen_die(move->name);
	}
	prepare(e, move, false);
	*(is_out ? &e->sent : &e->received) += n;
}

static const struct gen_move plain_out = { "send", 0, out_sendto },
			     plain_in = { "recv", 0, in_waitall };

void gen_send(struct gen_end *e, const struct gen_move *move, char *buf, size_t head, size_t n)
{
	if (move->flags & GEN_FROM_FILE)
		file_open(e, buf + head, n - head);
	if (move->flags & GEN_HEAD_APART) {
		move_all(e, &plain_out, buf, head, true);
		move_all(e, move, buf + head, n - head, true);
	} else {
		move_all(e, move, buf, n, true);
	}
	if (move->flags & GEN_FROM_FILE)
		close(e->file);
}

void gen_receive(struct gen_end *e, const struct gen_move *move, char *buf, size_t head, size_t n)
{
	if (move->flags & GEN_HEAD_APART) {
		move_all(e, &plain_in, buf, head, false);
		move_all(e, move, buf + head, n - head, false);
	} else {
		move_all(e, move, buf, n, false);
	}
}
