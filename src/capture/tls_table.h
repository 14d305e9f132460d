/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS libraries that are known: which functions to look at, and how they take their bytes. */
#ifndef PX_CAPTURE_TLS_TABLE_H
#define PX_CAPTURE_TLS_TABLE_H

#include "abi.h"
#include "base/bytes.h"

#define PX_TLS_FUNCTIONS_MAX 20

enum px_tls_place {
	PX_TLS_CALL,	/* takes a context, as bpf_src/abi.h says */
	PX_TLS_FREE,	/* gives its first argument, a context, back */
	PX_TLS_BIO_OUT,	/* what the library calls with ciphertext, */
	PX_TLS_BIO_IN,	/* and for it: (something, buffer, length) */
	PX_TLS_FILTER,	/* as a call, but of little use unless a program has TLS as a layer among others */
};

struct px_tls_function {
	const char *name;
	unsigned what;	/* PX_ABI_TLS_OUT and the others of bpf_src/abi.h */
	enum px_tls_place place;
};

struct px_tls_library {
	enum px_abi_tls_lib lib;
	const char *name;	/* for people */
	const char *soname;	/* how its file begins, to find it before anybody uses it; NULL: no library of its own */
	bool by_text;	/* its functions are found by what their messages of errors name: px_elf_by_text() */
	const char *mark;	/* only this library has a function of that name; NULL: the first of functions tells */
	struct px_tls_function functions[PX_TLS_FUNCTIONS_MAX];	/* ended by one without a name */
};

/* Ended by one without a name. Of two that a file may be, the one with a mark comes first. */
extern const struct px_tls_library px_tls_libraries[];

/*
 * Functions that make a layer of TLS among others: who uses one of them makes it worth while to look
 * at PX_TLS_FILTER. Ended by NULL.
 */
extern const char *const px_tls_filter_names[];

/* "openssl" for PX_TLS_OPENSSL; the words of the record's tls_lib. NULL: unknown. */
const char *px_tls_lib_name(unsigned lib);

#endif
