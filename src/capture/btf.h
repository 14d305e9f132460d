/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the running kernel's BTF says: where fields are, which helpers, tracepoints and functions
 * exist.
 */
#ifndef PX_CAPTURE_BTF_H
#define PX_CAPTURE_BTF_H

#include "base/bytes.h"
#include "base/error.h"

struct px_btf;

/*
 * Read /sys/kernel/btf/vmlinux. It is 5 MB of types: done in the loader child, so that the tracer
 * stays small. Returns 0; -1 with err filled where the kernel has no BTF or it cannot be read.
 */
PX_MUST_USE int px_btf_open(struct px_btf **out, struct px_error *err);
void px_btf_close(struct px_btf *b);

/*
 * The PX_OFF_struct_member constants that bpf_src/ asks for, as "-D..." strings for the compiler;
 * they live as long as b. Returns how many were written to flags (at most max); -1 with err filled
 * when a field is not there.
 */
PX_MUST_USE int px_btf_defines(struct px_btf *b, const char **flags, size_t max,
			       struct px_error *err);

/*
 * What px_btf_defines() found, in bytes: the offset of a field of its list, the size of a struct
 * whose size it tells. -1 where this kernel has no such thing.
 */
int64_t px_btf_offset(const struct px_btf *b, const char *type, const char *member);
int64_t px_btf_size(const struct px_btf *b, const char *type);

/* BTF id of the type of raw tracepoint NAME (for attaching), 0 where the kernel has none. */
int px_btf_tracepoint(const struct px_btf *b, const char *name);

/* BTF id of kernel function NAME, 0 where there is none. */
int px_btf_function(const struct px_btf *b, const char *name);

/* BTF id of what function id takes and returns, 0 where id is no function. */
int px_btf_takes(const struct px_btf *b, int id);

/* The value of a name of an enum, if it is positive or 0; -1 where there is no such thing. */
int px_btf_number(const struct px_btf *b, const char *type, const char *name);

/* Whether this kernel's struct has that field: of any struct. */
bool px_btf_has_field(const struct px_btf *b, const char *type, const char *member);

/* Whether this kernel has BPF helper NAME, as "task_pt_regs". */
bool px_btf_has_helper(const struct px_btf *b, const char *name);

#endif
