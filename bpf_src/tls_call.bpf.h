/* SPDX-License-Identifier: Apache-2.0 */
/* Uprobes on the functions of TLS libraries: plaintext that has moved becomes an event. */
#ifndef PX_TLS_CALL_BPF_H
#define PX_TLS_CALL_BPF_H

#include "tls_push.bpf.h"

#define PX_PR_DESC_LAYERED 4	/* enum PRDescType */
#define PX_PR_MSG_PEEK 2
#define PX_BIO_TYPE_SSL 0x207
#define PX_BIO_METHODS 2	/* places where a BIO may have its method */
#define PX_BIO_PTR 56		/* bytes from there to what it works on */

/*
 * NSPR serves files, pipes and plain sockets by the same functions: what NSS encrypts has a layer
 * above its socket. struct PRFileDesc { const PRIOMethods *methods; .. } and struct PRIOMethods {
 * PRDescType file_type; .. }, nspr/prio.h.
 */
px_inline int px_tls_is_layered(u64 descriptor)
{
	u64 methods = 0;
	u32 type = 0;

	return !px_probe_user(&methods, sizeof(methods), (void *)descriptor) &&
	       !px_probe_user(&type, sizeof(type), (void *)methods) && type == PX_PR_DESC_LAYERED;
}

/*
 * A BIO may be a layer of TLS above another one: its SSL *, else 0. openssl/bio/bio_local.h: struct
 * bio_st { OSSL_LIB_CTX *libctx (since 3.0); const BIO_METHOD *method; .. void *ptr; .. }, BIO_METHOD
 * { int type; .. }, and ssl/bio_ssl.c: ptr leads to { SSL *ssl; .. }.
 */
px_inline u64 px_tls_filtered(u64 bio)
{
	u64 methods[PX_BIO_METHODS] = {}, ptr = 0, ssl = 0;
	u32 type;

	if (px_probe_user(methods, sizeof(methods), (void *)bio))
		return 0;
	for (u32 i = 0; i < PX_BIO_METHODS; i++) {
		type = 0;
		if (!methods[i] || px_probe_user(&type, sizeof(type), (void *)methods[i]) ||
		    type != PX_BIO_TYPE_SSL)
			continue;
		if (px_probe_user(&ptr, sizeof(ptr), (void *)(bio + i * sizeof(u64) + PX_BIO_PTR)) ||
		    px_probe_user(&ssl, sizeof(ssl), (void *)ptr))
			return 0;
		return ssl;
	}
	return 0;
}

/*
 * The functions call one another, and a call may never return (longjmp, an end of the thread): what
 * lies deeper on the stack than the call that is remembered is part of it, anything else comes after
 * it.
 */
int px_tls_enter(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), regs = px_ptr(ctx);
	struct px_tls_call *outer, c = {};

	if (!px_is_target(px_current_id() >> 32))
		return 0;
	c.sp = PX_FN_SP(regs);
	outer = tls_calls.lookup(&id);
	if (outer && c.sp < outer->sp)
		return 0;
	c.what = px_attach_cookie(ctx);
	c.context = PX_FN_ARG(regs, 0);
	c.buf = PX_FN_ARG(regs, 1);
	c.count_at = PX_FN_ARG(regs, 3);
	if (c.what & PX_ABI_TLS_LAYERED && !px_tls_is_layered(c.context))
		return 0;
	if (c.what & PX_ABI_TLS_FILTER) {
		c.context = px_tls_filtered(c.context);
		if (!c.context)
			return 0;
	}
	if (c.what & PX_ABI_TLS_FLAGS && c.count_at & PX_PR_MSG_PEEK)
		c.what |= PX_ABI_TLS_SILENT;
	tls_calls.update(&id, &c);
	px_tls_note_begin();
	return 0;
}

/*
 * sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm): a target runs
 * another program, which may have a library built in that nobody has seen yet.
 */
int px_tls_exec(u64 *ctx)
{
	struct px_abi_event h = {};

	h.pid = px_current_id() >> 32;
	if (!px_is_target(h.pid))
		return 0;
	h.kind = PX_ABI_PROC;
	h.flags = PX_ABI_F_TLS;
	h.ts_ns = bpf_ktime_get_ns();
	px_push_loud(ctx, &h);
	return 0;
}

/* The context is given back: whoever gets its address next is another one. */
int px_tls_free(struct pt_regs *ctx)
{
	struct px_tls_key key = { .tgid = bpf_get_current_pid_tgid() >> 32 };

	key.context = PX_FN_ARG(px_ptr(ctx), 0);
	tls_ties.delete(&key);
	return 0;
}

/* Bytes that the call has moved; -1: it was no call that moves any, or failed. */
px_inline s64 px_tls_moved(const struct px_tls_call *c, u64 regs)
{
	s64 result = (s32)PX_RESULT(regs);
	u64 n = 0;

	if (c->what & PX_ABI_TLS_SILENT)
		return -1;
	if (!(c->what & PX_ABI_TLS_COUNT_AT))
		return result;
	/* 0 says nothing here: it may just have to be tried again. */
	if (result != 1 || px_probe_user(&n, sizeof(n), (void *)c->count_at) || n > 0x7fffffff)
		return -1;
	return (s64)n;
}

/*
 * A context that no socket was seen of. User space is told at once, so that it can have the probes
 * hung that find one.
 */
px_inline struct px_tls_tie *px_tls_untied(void *ctx, const struct px_tls_key *key, u64 what)
{
	u32 *seeks = px_tls_seeks();
	struct px_tls_key k = *key;
	struct px_tls_tie *fresh = px_tls_meet(key, (what & PX_ABI_TLS_BEGINS) != 0);

	if (!fresh)
		return 0;
	if (seeks && !*seeks) {
		*seeks = 1;
		fresh->head.kind = PX_ABI_PROC;
		fresh->head.flags = PX_ABI_F_TLS;
		fresh->head.ts_ns = bpf_ktime_get_ns();
		px_push_loud(ctx, &fresh->head);
	}
	return tls_ties.lookup(&k);
}

int px_tls_return(struct pt_regs *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), regs = px_ptr(ctx);
	struct px_tls_call *at = tls_calls.lookup(&id), c;
	struct px_tls_moved moved = {};
	struct px_tls_key key = {};
	struct px_tls_tie *tie;
	u32 dir;
	s64 n;

	if (!at)
		return 0;
	c = *at;
	if (PX_FN_SP(regs) - PX_FN_RETURN_ADDRESS < c.sp)
		return 0;	/* one that it has called */
	tls_calls.delete(&id);
	if (PX_FN_SP(regs) - PX_FN_RETURN_ADDRESS != c.sp)
		return 0;
	n = px_tls_moved(&c, regs);
	dir = c.what & PX_ABI_TLS_OUT ? PX_ABI_OUT : PX_ABI_IN;
	key.tgid = id >> 32;
	key.context = c.context;
	tie = tls_ties.lookup(&key);
	/* A layer that no record came out of may be another than that of TLS. */
	if (!tie && !c.sk && !(c.what & PX_ABI_TLS_LAYERED))
		tie = px_tls_untied(ctx, &key, c.what);
	if (!tie || !tie->head.kind || n < 0 || (n == 0 && dir == PX_ABI_OUT))
		return 0;
	moved.ts_ns = bpf_ktime_get_ns();
	moved.pos = tie->moved[dir];
	moved.peer_pos = tie->moved[!dir];
	__sync_fetch_and_add(&tie->moved[dir], (u32)n);
	/* Where a socket is known its tie tells that; if none ever is, this is all that does. */
	if (tie->is_start && !moved.pos && !moved.peer_pos)
		moved.flags = PX_ABI_F_START;
	moved.what = c.what;
	moved.buf = c.buf;
	moved.len = (u32)n;
	px_tls_push(ctx, &tie->head, &moved);
	return 0;
}

#endif
