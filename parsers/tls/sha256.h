/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of short texts: what JA4 is made of. No secret passes through it. */
#ifndef PX_PARSERS_TLS_SHA256_H
#define PX_PARSERS_TLS_SHA256_H

#include "base/bytes.h"

#define TLS_SHA256_LEN 32

void tls_sha256(uint8_t out[TLS_SHA256_LEN], struct px_bytes text);

#endif
