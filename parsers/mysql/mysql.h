/* SPDX-License-Identifier: Apache-2.0 */
/* The client/server protocol of MySQL and MariaDB. */
#ifndef PX_PARSERS_MYSQL_MYSQL_H
#define PX_PARSERS_MYSQL_MYSQL_H

#include "parser.h"

extern const struct px_parser px_parser_mysql;

#endif
