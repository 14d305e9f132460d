/* SPDX-License-Identifier: Apache-2.0 */
/* DNS over UDP and TCP. */
#ifndef PX_PARSERS_DNS_H
#define PX_PARSERS_DNS_H

#include "parser.h"

extern const struct px_parser px_parser_dns;

#endif
