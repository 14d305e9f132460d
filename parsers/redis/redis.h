/* SPDX-License-Identifier: Apache-2.0 */
/* Redis and what speaks its protocol: Valkey, KeyDB, Dragonfly. */
#ifndef PX_PARSERS_REDIS_REDIS_H
#define PX_PARSERS_REDIS_REDIS_H

#include "parser.h"

extern const struct px_parser px_parser_redis;

#endif
