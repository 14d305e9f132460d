/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and HTTP/1.1 (RFC 9110, RFC 9112). */
#ifndef PX_PARSERS_HTTP_HTTP_H
#define PX_PARSERS_HTTP_HTTP_H

#include "parser.h"

extern const struct px_parser px_parser_http;

#endif
