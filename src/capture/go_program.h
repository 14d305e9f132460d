/* SPDX-License-Identifier: Apache-2.0 */
/* Programs written in Go: which version made them, and where their crypto/tls is. */
#ifndef PX_CAPTURE_GO_PROGRAM_H
#define PX_CAPTURE_GO_PROGRAM_H

#include "capture/elf.h"

/* What is of interest in crypto/tls, all methods of *Conn. */
enum px_go_tls {
	PX_GO_READ,
	PX_GO_WRITE,
	PX_GO_CLIENT_HANDSHAKE,
	PX_GO_SERVER_HANDSHAKE,
	PX_GO_FUNCTIONS,
};

enum px_go_result {
	PX_GO_NO,	/* not written in Go, or without crypto/tls */
	PX_GO_YES,
	PX_GO_OLD,	/* passes arguments on the stack: Go before 1.17, on arm64 before 1.18 */
	PX_GO_LOST,	/* the functions are there, but their addresses cannot be told */
};

/* The code of a function. */
struct px_go_code {
	uint64_t offset;	/* in the file */
	struct px_bytes bytes;	/* of the heap; empty: there is no such function */
};

struct px_go_program {
	char version[24];	/* "1.26.1"; empty where it is not told */
	struct px_go_code functions[PX_GO_FUNCTIONS];
};

/* With PX_GO_YES Read and Write are there. To be freed in any case. */
PX_MUST_USE enum px_go_result px_go_program_read(struct px_go_program *p, const struct px_elf *e);
void px_go_program_free(struct px_go_program *p);

#endif
