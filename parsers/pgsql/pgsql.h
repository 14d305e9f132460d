/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL frontend/backend protocol. */
#ifndef PX_PARSERS_PGSQL_PGSQL_H
#define PX_PARSERS_PGSQL_PGSQL_H

#include "parser.h"

extern const struct px_parser px_parser_pgsql;

#endif
