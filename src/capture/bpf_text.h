/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text out of the sources in bpf_src/: bcc rewrites map accesses in the main file only, not in
 * what it includes.
 */
#ifndef PX_CAPTURE_BPF_TEXT_H
#define PX_CAPTURE_BPF_TEXT_H

#include "base/buf.h"

/*
 * Append the embedded file `path` to out, each #include "FILE" of another embedded file replaced by
 * that file, once. #line directives keep the compiler's messages in terms of bpf_src/. Other
 * #include lines stay as they are. Returns 0; -ENOENT where there is no such file; -ENOMEM or
 * -ENOBUFS.
 */
PX_MUST_USE int px_bpf_text(struct px_buf *out, const char *path);

#endif
