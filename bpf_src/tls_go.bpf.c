/* SPDX-License-Identifier: Apache-2.0 */
/* The part that sees the plaintext of Go's crypto/tls. */
#include "tls_go.bpf.h"
