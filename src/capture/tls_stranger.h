/* SPDX-License-Identifier: Apache-2.0 */
/* TLS libraries whose plaintext is not had, known by sight, so that silence can be explained. */
#ifndef PX_CAPTURE_TLS_STRANGER_H
#define PX_CAPTURE_TLS_STRANGER_H

#include "base/bytes.h"

/*
 * What process pid encrypts with, if that is one of them, and what helps: "BearSSL
 * (/usr/lib/libbearssl.so.0); trace its peers or a proxy". By the names of the libraries that it has mapped, else by texts in its program. False, with an empty
 * text: none that is known.
 */
bool px_tls_stranger(uint32_t pid, char *text, size_t size);

#endif
