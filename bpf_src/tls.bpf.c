/* SPDX-License-Identifier: Apache-2.0 */
/* The part that sees the plaintext of TLS connections. */
#include "tls_call.bpf.h"
#include "tls_hook.bpf.h"
