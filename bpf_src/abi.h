/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel side and user space say to each other: events, control words, counters. */
#ifndef PX_ABI_H
#define PX_ABI_H

#include <linux/types.h>

enum px_abi_kind {
	PX_ABI_DATA = 1,	/* a call moved len bytes; len 0 with dir IN is end of stream */
	PX_ABI_OPEN = 2,	/* connect or accept returned; result 0 or -errno; payload: none or px_abi_open */
	PX_ABI_CLOSE = 3,	/* the socket is gone, or the last close of it was seen */
	PX_ABI_NAMES = 4,	/* the payload is a struct px_abi_names: paths of a UNIX socket */
	PX_ABI_PROC = 5,	/* a traced process forked, changed its program or ended */
	PX_ABI_TIE = 6,		/* this socket is the one that a TLS library uses for a context; payload: px_abi_tie */
};

/* Directions as the traced process sees them. */
#define PX_ABI_IN 0
#define PX_ABI_OUT 1

/* Stands for the direction in a program that is loaded once for each: the loader replaces it. */
#define PX_ABI_PATCH_DIR 0x7078d1

/* flags of struct px_abi_event */
#define PX_ABI_F_SEQ 0x0001	/* pos and peer_pos are TCP sequence numbers: 32 bits that wrap */
#define PX_ABI_F_PEER_POS 0x0002 /* peer_pos is known */
#define PX_ABI_F_FIN 0x0004	/* IN, CLOSE: the peer's FIN has been consumed; OUT: our FIN is out */
#define PX_ABI_F_NO_BYTES 0x0008 /* there was nothing to copy from (io_uring, pages out of reach) */
#define PX_ABI_F_MORE 0x0010	/* another event of the same call follows with the next bytes */
#define PX_ABI_F_ACCEPT 0x0020	/* OPEN: by accept, so this side is the server; else by connect */
#define PX_ABI_F_DGRAM 0x0040	/* one datagram, remote is its peer */
#define PX_ABI_F_TLS 0x0080	/* plaintext from a TLS library */
#define PX_ABI_F_RESET 0x0100	/* CLOSE: by reset, not by FIN; pid 0: by the other side's, maybe of no target's socket */
#define PX_ABI_F_NEWPOS 0x0200	/* first time the kernel side counted this socket; pos began at 0 here */
#define PX_ABI_F_PACKET 0x0400	/* from a packet capture: no process is known */
#define PX_ABI_F_START 0x0800	/* nothing had gone either way on this connection before this call */
#define PX_ABI_F_LOST 0x1000	/* DATA: bytes never to be seen; from sources that order by themselves */
#define PX_ABI_F_URGENT 0x4000	/* an urgent byte has a place, but is none of the stream: IN before pos, OUT behind len */
#define PX_ABI_F_FILE 0x2000	/* DATA: the bytes were taken from a file when the call was over */

/* family: the kernel's AF_ numbers */
#define PX_ABI_AF_UNIX 1
#define PX_ABI_AF_INET 2
#define PX_ABI_AF_INET6 10

/*
 * One event. data[copied] follows in the same record; the record may be longer than that.
 *
 * ts_ns      CLOCK_MONOTONIC nanoseconds when the call returned (captures: nanoseconds since 1970)
 * sock_id    socket inode: the identity of the connection, as in /proc/PID/fd and ss -e
 * sock_gen   tells two sockets apart that had the same inode number one after the other (struct sock's address)
 * pos        offset of data[0] in this direction; see PX_ABI_F_SEQ
 *            OPEN: of the first outgoing byte to come, and peer_pos that of the first incoming one
 *            CLOSE: behind the last byte written, and peer_pos behind the last one read; known unless
 *            a call failed (result < 0) or the kernel side had to count and never met the socket
 * peer_pos   offset reached in the other direction when this call returned; see PX_ABI_F_PEER_POS
 * len        bytes that this event stands for; copied <= len of them are here
 * result     DATA: the call's return value; OPEN: 0 or -errno
 *            PX_ABI_F_FILE: how long before ts_ns the file had changed last, ms: during the call, perhaps
 * syscall_nr of plaintext (PX_ABI_F_TLS): enum px_abi_tls_lib
 * addresses  network byte order; IPv4 in the first four bytes; ports in host byte order
 */
struct px_abi_event {
	__u64 ts_ns;
	__u64 sock_id;
	__u64 sock_gen;
	__u32 pos;
	__u32 peer_pos;
	__u32 len;
	__u32 copied;
	__s32 result;
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 netns;		/* tells network namespaces apart; no meaning of its own */
	__u32 scope_id;		/* interface index of a link-local IPv6 address, or 0 */
	__u8 kind;
	__u8 dir;
	__u8 family;
	__u8 type;		/* SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
	__u16 flags;
	__u16 protocol;		/* IPPROTO_ number: 6 TCP, 17 UDP, 262 MPTCP, 0 UNIX */
	__u16 local_port;
	__u16 remote_port;
	__u16 syscall_nr;	/* which call, 0xffff if unknown */
	__u16 state;		/* TCP state number, 0 if none */
	__u8 local_addr[16];
	__u8 remote_addr[16];
	char comm[16];		/* the process's (thread group leader's) name */
	char data[];
};
_Static_assert(sizeof(struct px_abi_event) == 128, "px_abi_event is shared with user space");

/* Payload of PX_ABI_OPEN, where it is known. */
struct px_abi_open {
	__u64 connect_ns;	/* from the first SYN to the outcome */
};
_Static_assert(sizeof(struct px_abi_open) == 8, "px_abi_open is shared with user space");

/*
 * Payload of PX_ABI_TIE. From here on the socket's own bytes are ciphertext, and events with
 * PX_ABI_F_TLS tell of what is inside. pos and peer_pos of the event: where the count of plaintext
 * bytes stands, outgoing and incoming. dir: of the socket's call that showed it, whose event comes
 * before or behind. PX_ABI_F_START: it was a handshake, so nothing came before.
 * result: 1 where the kernel encrypts and decrypts, so that the socket's own bytes are plaintext, too,
 * which is told again; else 0.
 */
struct px_abi_tie {
	__u64 untied_id;	/* sock_id of what was told of this context before; see PX_ABI_UNTIED */
};
_Static_assert(sizeof(struct px_abi_tie) == 8, "px_abi_tie is shared with user space");

/* PX_ABI_PROC: what has happened, in state. Others than these only wake the reader. */
#define PX_ABI_PROC_EXEC 1
#define PX_ABI_PROC_EXIT 2

/* Payload of these two. */
struct px_abi_proc {
	__u64 age_ns;		/* since the process began */
	__s32 status;		/* PX_ABI_PROC_EXIT: as wait() tells it */
	__u32 pad;
	char path[240];		/* PX_ABI_PROC_EXEC: the program, as it was named; ended by a 0, cut */
};
_Static_assert(sizeof(struct px_abi_proc) == 256, "px_abi_proc is shared with user space");

/* In sock_id: no socket, but a TLS context whose socket is not known. */
#define PX_ABI_UNTIED (1ull << 63)

enum px_abi_tls_lib {
	PX_TLS_UNKNOWN,
	PX_TLS_OPENSSL,
	PX_TLS_BORINGSSL,
	PX_TLS_GNUTLS,
	PX_TLS_NSS,
	PX_TLS_GO,
	PX_TLS_WOLFSSL,
	PX_TLS_MBEDTLS,
	PX_TLS_LIBS,
};

/*
 * What a function of a TLS library does; comes with each hit of its probe. The library's number is
 * above it. Functions take (context, buffer, length) and return how many bytes moved.
 */
#define PX_ABI_TLS_OUT 0x1	/* bytes go out */
#define PX_ABI_TLS_COUNT_AT 0x2	/* returns 1, and the number of bytes where a fourth argument points */
#define PX_ABI_TLS_SILENT 0x4	/* moves none: a handshake, or a look at bytes to come */
#define PX_ABI_TLS_BEGINS 0x8	/* is called before any bytes have moved */
#define PX_ABI_TLS_LAYERED 0x10	/* takes NSPR's descriptors, of files, too: only those with a layer above the socket */
#define PX_ABI_TLS_FLAGS 0x20	/* has flags as its fourth argument, PR_MSG_PEEK among them */
#define PX_ABI_TLS_KEEPS_ARGS 0x40 /* Go: until it returns its arguments lie behind the return address */
#define PX_ABI_TLS_FILTER 0x80	/* takes OpenSSL's BIOs of any kind: only those that are a layer of TLS */
#define PX_ABI_TLS_FILE 0x100	/* takes a descriptor for a buffer: what moves are bytes of a file */
#define PX_ABI_TLS_LIB_SHIFT 16

/*
 * Payload of PX_ABI_NAMES: sun_path as the kernel keeps it; abstract names begin with a 0 byte; len
 * 0 is unnamed.
 */
struct px_abi_names {
	__u16 local_len;
	__u16 remote_len;
	__u32 peer_pid;		/* of the other end as SO_PEERCRED tells it, 0 if unknown */
	__u64 peer_sock_id;	/* inode of the other end, 0 if unknown */
	char local[108];
	char remote[108];
};
_Static_assert(sizeof(struct px_abi_names) == 232, "px_abi_names is shared with user space");

/* Index of a counter in the per-CPU counter array. */
enum px_abi_count {
	PX_COUNT_EVENTS,	/* events handed over */
	PX_COUNT_RING_FULL,	/* events lost: no room in the ring */
	PX_COUNT_RING_FULL_BYTES,	/* their bytes (len) */
	PX_COUNT_COPY_FAULT,	/* user memory that could not be read */
	PX_COUNT_UNCOPIED_BYTES,	/* bytes beyond the copy limit: announced, not copied */
	PX_COUNT_POOL_FULL,	/* a bounded map was full */
	PX_COUNT_FOREIGN,	/* moves by ways that no call describes (io_uring, asynchronous I/O, 32-bit) */
	PX_COUNT_MAX,
};

/* Shared page: one entry, mapped by user space. */
struct px_abi_shared {
	__u32 reader_asleep;	/* user space sets 1 before it sleeps long; the next event clears it and wakes */
	__u32 targets;		/* processes in the table of targets that have not ended */
	__u32 ended;		/* how many of them ended so far; theirs is to take out of the table */
	__u32 uses_messages;	/* a traced process has called recvmmsg or sendmmsg */
	__s64 wall_offset_ns;	/* user space keeps it: CLOCK_REALTIME minus CLOCK_MONOTONIC */
	__u32 dropped;		/* sockets with PX_CTL_DROP: while there is none, nobody looks for one */
	__u32 tls_seeks;	/* a TLS context was met whose socket is not used inside its library */
	__u32 has_stopped;	/* nothing more is wanted of what cannot be taken off at once */
	__u32 tls_begun;	/* a target has called a function of a TLS library: until then nobody looks for one */
	__u32 has_chosen;	/* where all are targets until one is added: one was */
	__u32 unused[5];
};
_Static_assert(sizeof(struct px_abi_shared) == 64, "px_abi_shared is shared with user space");

/*
 * What a system call does, for the kernel side: a table by call number that user space fills
 * (src/capture/calls.c).
 */
enum px_abi_what {
	PX_WHAT_NOTHING,	/* not looked at */
	PX_WHAT_DATA,
	PX_WHAT_ACCEPT,		/* the result is the new descriptor */
	PX_WHAT_CONNECT,
	PX_WHAT_MESSAGES,	/* recvmmsg, sendmmsg: the result is how many */
	PX_WHAT_FOREIGN,	/* may move bytes of sockets that it does not name */
};
enum px_abi_shape {
	PX_SHAPE_NONE,		/* not known */
	PX_SHAPE_BUF,		/* (fd, buf, len) */
	PX_SHAPE_VEC,		/* (fd, iov, n) */
	PX_SHAPE_MSG,		/* (fd, msghdr) */
	PX_SHAPE_PAGES,		/* no user buffer, but pages of a file or a pipe: sendfile, splice */
};
struct px_abi_call {
	__u8 what;
	__u8 dir;
	__u8 shape;
	__u8 fd_arg;		/* which argument is the socket: 0, 1, 2.. */
	__u8 flags_arg;		/* which argument has MSG_ flags; 0: none */
	__u8 reserved[3];
};
_Static_assert(sizeof(struct px_abi_call) == 8, "px_abi_call is shared with user space");
#define PX_ABI_CALLS 512	/* numbers above are of no interest */

/*
 * Places in the map `turn`. The first two and the second two by direction; what comes behind them goes
 * on with what does not fit one event.
 */
enum px_abi_turn {
	PX_ABI_TURN_MOVED,	/* back end `sock`: a socket of a target has moved bytes, */
	PX_ABI_TURN_TLS = PX_ABI_TURN_MOVED + 2,	/* for a TLS library maybe */
	PX_ABI_TURN_REST = PX_ABI_TURN_TLS + 2,	/* the next event of a call */
	PX_ABI_TURN_PAGES,	/* the same of one that moves pages */
	PX_ABI_TURN_DATAGRAM,	/* UDP */
	PX_ABI_TURN_PEER,	/* who sent a datagram */
	PX_ABI_TURN_MESSAGES,	/* recvmmsg and sendmmsg, a message at a time */
	PX_ABI_TURN_SUM,	/* how much that is in all */
	PX_ABI_TURN_BATCH,	/* the next of the messages */
	PX_ABI_TURNS,
};

/* Why a process is, or may become, a target: flags of struct px_abi_target. */
#define PX_TARGET_ON 0x1	/* it is traced */
#define PX_TARGET_NAMED 0x2	/* by its number, or a child of such a one */
#define PX_TARGET_FOLLOWED 0x4	/* a child of one that is traced */
#define PX_TARGET_COMM 0x8	/* its name is one that was asked for */
#define PX_TARGET_EXE 0x10	/* its program is */
#define PX_TARGET_ADDED 0x20	/* added while the trace ran, or a child of such a one: nothing else has to hold */
#define PX_TARGET_OUT 0x40	/* taken out while the trace ran, whatever else holds */

/*
 * Entry of the table of targets, by process id. An ended process stays in it until its sockets are
 * closed too.
 */
struct px_abi_target {
	__u32 flags;
	__u32 is_named;		/* by its own number: user space's note */
	__u64 ended_ns;		/* CLOCK_MONOTONIC; 0: it lives */
};
_Static_assert(sizeof(struct px_abi_target) == 16, "px_abi_target is shared with user space");

#define PX_ABI_COMM_MAX 16	/* bytes of a process's name, with the 0 at its end */
#define PX_ABI_EXE_MAX 128	/* bytes of a path that is compared, with the 0 at its end */

/*
 * Control word per socket, and with PX_ABI_UNTIED in the key of the plaintext that moves on it (of
 * which only PX_CTL_SKIP_IN and OUT are looked at), written by user space but for `dropped`; looked up for large calls, and
 * for all while some socket is dropped.
 */
struct px_abi_control {
	__u64 sock_gen;		/* whom it is about; any other socket with this inode number is not meant */
	__u64 dropped[2];	/* by direction: bytes that moved with PX_CTL_DROP; the kernel side counts them */
	__u32 flags;		/* PX_CTL_* */
	__u32 copy_max[2];	/* by direction: bytes to copy of a call, with PX_CTL_COPY_MAX */
	__u32 skip_until[2];	/* by direction: copy nothing before this position, with PX_CTL_SKIP_IN/OUT */
	__u32 reserved;
};
#define PX_CTL_DROP 0x1		/* no events of calls that move bytes; those of its end come */
#define PX_CTL_COPY_MAX 0x2
#define PX_CTL_SKIP_IN 0x4
#define PX_CTL_SKIP_OUT 0x8
_Static_assert(sizeof(struct px_abi_control) == 48, "px_abi_control is shared with user space");

#endif
