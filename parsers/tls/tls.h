/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS from outside: what its handshake tells in clear. Its one exchange per connection is about that
 * connection, and is shown as a record of type tls.
 */
#ifndef PX_PARSERS_TLS_TLS_H
#define PX_PARSERS_TLS_TLS_H

#include "parser.h"

extern const struct px_parser px_parser_tls;

#endif
