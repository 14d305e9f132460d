/* SPDX-License-Identifier: Apache-2.0 */
/* The one list of protocols, a line each. */
#include "parser.h"

#include "dns/dns.h"
#include "http/http.h"
#include "pgsql/pgsql.h"
#include "redis/redis.h"
#include "mysql/mysql.h"
#include "tls/tls.h"

const struct px_parser px_parser_any = { .name = "any" };

const struct px_parser *const px_parsers[] = {
	&px_parser_http,
	&px_parser_tls,
	&px_parser_pgsql,
	&px_parser_dns,
	&px_parser_redis,
	&px_parser_mysql,
	NULL,
};
