/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of Redis 7 and of its successors up to 8: where the first key is, and what else is
 * to be known of them. From the server's own COMMAND, and from the documentation where that leaves
 * it to a function.
 */
#include "redis/message.h"

/* In alphabetical order. */
/* clang-format off */
static const struct redis_command commands[] = {
	{ "ACL", .has_sub = true, .is_word = true, .what = REDIS_ACL },
	{ "APPEND", REDIS_KEY_AT, 1, .is_word = true },
	{ "ASKING", .is_word = true },
	{ "AUTH", .is_word = true, .what = REDIS_AUTH },
	{ "BGREWRITEAOF" },
	{ "BGSAVE" },
	{ "BITCOUNT", REDIS_KEY_AT, 1 },
	{ "BITFIELD", REDIS_KEY_AT, 1 },
	{ "BITFIELD_RO", REDIS_KEY_AT, 1 },
	{ "BITOP", REDIS_KEY_AT, 2 },
	{ "BITPOS", REDIS_KEY_AT, 1 },
	{ "BLMOVE", REDIS_KEY_AT, 1 },
	{ "BLMPOP", REDIS_KEY_COUNT, 2 },
	{ "BLPOP", REDIS_KEY_AT, 1 },
	{ "BRPOP", REDIS_KEY_AT, 1 },
	{ "BRPOPLPUSH", REDIS_KEY_AT, 1 },
	{ "BZMPOP", REDIS_KEY_COUNT, 2 },
	{ "BZPOPMAX", REDIS_KEY_AT, 1 },
	{ "BZPOPMIN", REDIS_KEY_AT, 1 },
	{ "CLIENT", .has_sub = true, .is_word = true, .what = REDIS_CLIENT },
	{ "CLUSTER", .has_sub = true, .is_word = true },
	{ "COMMAND", .has_sub = true, .is_word = true },
	{ "CONFIG", .has_sub = true, .is_word = true, .what = REDIS_CONFIG },
	{ "COPY", REDIS_KEY_AT, 1, .is_word = true },
	{ "DBSIZE" },
	{ "DEBUG", REDIS_KEY_OBJECT, 2, .has_sub = true, .is_word = true },
	{ "DECR", REDIS_KEY_AT, 1, .is_word = true },
	{ "DECRBY", REDIS_KEY_AT, 1 },
	{ "DEL", REDIS_KEY_AT, 1, .is_word = true },
	{ "DISCARD", .is_word = true, .what = REDIS_DISCARD },
	{ "DUMP", REDIS_KEY_AT, 1, .is_word = true },
	{ "ECHO", .is_word = true },
	{ "EVAL", REDIS_KEY_COUNT, 2, .is_word = true },
	{ "EVALSHA", REDIS_KEY_COUNT, 2 },
	{ "EVALSHA_RO", REDIS_KEY_COUNT, 2 },
	{ "EVAL_RO", REDIS_KEY_COUNT, 2 },
	{ "EXEC", .is_word = true, .what = REDIS_EXEC },
	{ "EXISTS", REDIS_KEY_AT, 1, .is_word = true },
	{ "EXPIRE", REDIS_KEY_AT, 1, .is_word = true },
	{ "EXPIREAT", REDIS_KEY_AT, 1 },
	{ "EXPIRETIME", REDIS_KEY_AT, 1 },
	{ "FAILOVER", .is_word = true },
	{ "FCALL", REDIS_KEY_COUNT, 2 },
	{ "FCALL_RO", REDIS_KEY_COUNT, 2 },
	{ "FLUSHALL" },
	{ "FLUSHDB" },
	{ "FUNCTION", .has_sub = true, .is_word = true },
	{ "GEOADD", REDIS_KEY_AT, 1 },
	{ "GEODIST", REDIS_KEY_AT, 1 },
	{ "GEOHASH", REDIS_KEY_AT, 1 },
	{ "GEOPOS", REDIS_KEY_AT, 1 },
	{ "GEORADIUS", REDIS_KEY_AT, 1 },
	{ "GEORADIUSBYMEMBER", REDIS_KEY_AT, 1 },
	{ "GEORADIUSBYMEMBER_RO", REDIS_KEY_AT, 1 },
	{ "GEORADIUS_RO", REDIS_KEY_AT, 1 },
	{ "GEOSEARCH", REDIS_KEY_AT, 1 },
	{ "GEOSEARCHSTORE", REDIS_KEY_AT, 1 },
	{ "GET", REDIS_KEY_AT, 1, .is_word = true },
	{ "GETBIT", REDIS_KEY_AT, 1 },
	{ "GETDEL", REDIS_KEY_AT, 1 },
	{ "GETEX", REDIS_KEY_AT, 1 },
	{ "GETRANGE", REDIS_KEY_AT, 1 },
	{ "GETSET", REDIS_KEY_AT, 1 },
	{ "HDEL", REDIS_KEY_AT, 1 },
	{ "HELLO", .is_word = true, .what = REDIS_HELLO },
	{ "HEXISTS", REDIS_KEY_AT, 1 },
	{ "HEXPIRE", REDIS_KEY_AT, 1 },
	{ "HEXPIREAT", REDIS_KEY_AT, 1 },
	{ "HEXPIRETIME", REDIS_KEY_AT, 1 },
	{ "HGET", REDIS_KEY_AT, 1 },
	{ "HGETALL", REDIS_KEY_AT, 1 },
	{ "HGETDEL", REDIS_KEY_AT, 1 },
	{ "HGETEX", REDIS_KEY_AT, 1 },
	{ "HINCRBY", REDIS_KEY_AT, 1 },
	{ "HINCRBYFLOAT", REDIS_KEY_AT, 1 },
	{ "HKEYS", REDIS_KEY_AT, 1 },
	{ "HLEN", REDIS_KEY_AT, 1 },
	{ "HMGET", REDIS_KEY_AT, 1 },
	{ "HMSET", REDIS_KEY_AT, 1 },
	{ "HPERSIST", REDIS_KEY_AT, 1 },
	{ "HPEXPIRE", REDIS_KEY_AT, 1 },
	{ "HPEXPIREAT", REDIS_KEY_AT, 1 },
	{ "HPEXPIRETIME", REDIS_KEY_AT, 1 },
	{ "HPTTL", REDIS_KEY_AT, 1 },
	{ "HRANDFIELD", REDIS_KEY_AT, 1 },
	{ "HSCAN", REDIS_KEY_AT, 1 },
	{ "HSET", REDIS_KEY_AT, 1 },
	{ "HSETEX", REDIS_KEY_AT, 1 },
	{ "HSETNX", REDIS_KEY_AT, 1 },
	{ "HSTRLEN", REDIS_KEY_AT, 1 },
	{ "HTTL", REDIS_KEY_AT, 1 },
	{ "HVALS", REDIS_KEY_AT, 1 },
	{ "INCR", REDIS_KEY_AT, 1, .is_word = true },
	{ "INCRBY", REDIS_KEY_AT, 1 },
	{ "INCRBYFLOAT", REDIS_KEY_AT, 1 },
	{ "INFO", .is_word = true },
	{ "KEYS", .is_word = true },
	{ "LASTSAVE" },
	{ "LATENCY", .has_sub = true, .is_word = true },
	{ "LCS", REDIS_KEY_AT, 1 },
	{ "LINDEX", REDIS_KEY_AT, 1 },
	{ "LINSERT", REDIS_KEY_AT, 1 },
	{ "LLEN", REDIS_KEY_AT, 1 },
	{ "LMOVE", REDIS_KEY_AT, 1 },
	{ "LMPOP", REDIS_KEY_COUNT, 1 },
	{ "LOLWUT" },
	{ "LPOP", REDIS_KEY_AT, 1 },
	{ "LPOS", REDIS_KEY_AT, 1 },
	{ "LPUSH", REDIS_KEY_AT, 1 },
	{ "LPUSHX", REDIS_KEY_AT, 1 },
	{ "LRANGE", REDIS_KEY_AT, 1 },
	{ "LREM", REDIS_KEY_AT, 1 },
	{ "LSET", REDIS_KEY_AT, 1 },
	{ "LTRIM", REDIS_KEY_AT, 1 },
	{ "MEMORY", REDIS_KEY_USAGE, 2, .has_sub = true, .is_word = true },
	{ "MGET", REDIS_KEY_AT, 1 },
	{ "MIGRATE", REDIS_KEY_MIGRATE, 3, .is_word = true, .what = REDIS_MIGRATE },
	{ "MODULE", .has_sub = true, .is_word = true },
	{ "MONITOR", .is_word = true, .what = REDIS_MONITOR },
	{ "MOVE", REDIS_KEY_AT, 1, .is_word = true },
	{ "MSET", REDIS_KEY_AT, 1 },
	{ "MSETNX", REDIS_KEY_AT, 1 },
	{ "MULTI", .is_word = true, .what = REDIS_MULTI },
	{ "OBJECT", REDIS_KEY_AT, 2, .has_sub = true, .is_word = true },
	{ "PERSIST", REDIS_KEY_AT, 1, .is_word = true },
	{ "PEXPIRE", REDIS_KEY_AT, 1 },
	{ "PEXPIREAT", REDIS_KEY_AT, 1 },
	{ "PEXPIRETIME", REDIS_KEY_AT, 1 },
	{ "PFADD", REDIS_KEY_AT, 1 },
	{ "PFCOUNT", REDIS_KEY_AT, 1 },
	{ "PFDEBUG", REDIS_KEY_AT, 2 },
	{ "PFMERGE", REDIS_KEY_AT, 1 },
	{ "PFSELFTEST" },
	{ "PING", .is_word = true },
	{ "PSETEX", REDIS_KEY_AT, 1 },
	{ "PSUBSCRIBE", REDIS_KEY_CHANNEL, 1, .what = REDIS_PSUBSCRIBE },
	{ "PSYNC", .what = REDIS_PSYNC },
	{ "PTTL", REDIS_KEY_AT, 1 },
	{ "PUBLISH", REDIS_KEY_CHANNEL, 1, .is_word = true },
	{ "PUBSUB", .has_sub = true },
	{ "PUNSUBSCRIBE", REDIS_KEY_CHANNEL, 1, .what = REDIS_PUNSUBSCRIBE },
	{ "QUIT", .is_word = true },
	{ "RANDOMKEY" },
	{ "READONLY", .is_word = true },
	{ "READWRITE", .is_word = true },
	{ "RENAME", REDIS_KEY_AT, 1, .is_word = true },
	{ "RENAMENX", REDIS_KEY_AT, 1 },
	{ "REPLCONF", .what = REDIS_REPLCONF },
	{ "REPLICAOF" },
	{ "RESET", .is_word = true, .what = REDIS_RESET },
	{ "RESTORE", REDIS_KEY_AT, 1, .is_word = true },
	{ "RESTORE-ASKING", REDIS_KEY_AT, 1 },
	{ "ROLE", .is_word = true },
	{ "RPOP", REDIS_KEY_AT, 1 },
	{ "RPOPLPUSH", REDIS_KEY_AT, 1 },
	{ "RPUSH", REDIS_KEY_AT, 1 },
	{ "RPUSHX", REDIS_KEY_AT, 1 },
	{ "SADD", REDIS_KEY_AT, 1 },
	{ "SAVE", .is_word = true },
	{ "SCAN", .is_word = true },
	{ "SCARD", REDIS_KEY_AT, 1 },
	{ "SCRIPT", .has_sub = true, .is_word = true },
	{ "SDIFF", REDIS_KEY_AT, 1 },
	{ "SDIFFSTORE", REDIS_KEY_AT, 1 },
	{ "SELECT", .is_word = true, .what = REDIS_SELECT },
	{ "SENTINEL", .has_sub = true, .is_word = true, .what = REDIS_SENTINEL },
	{ "SET", REDIS_KEY_AT, 1, .is_word = true },
	{ "SETBIT", REDIS_KEY_AT, 1 },
	{ "SETEX", REDIS_KEY_AT, 1 },
	{ "SETNX", REDIS_KEY_AT, 1 },
	{ "SETRANGE", REDIS_KEY_AT, 1 },
	{ "SHUTDOWN", .is_word = true },
	{ "SINTER", REDIS_KEY_AT, 1 },
	{ "SINTERCARD", REDIS_KEY_COUNT, 1 },
	{ "SINTERSTORE", REDIS_KEY_AT, 1 },
	{ "SISMEMBER", REDIS_KEY_AT, 1 },
	{ "SLAVEOF" },
	{ "SLOWLOG", .has_sub = true, .is_word = true },
	{ "SMEMBERS", REDIS_KEY_AT, 1 },
	{ "SMISMEMBER", REDIS_KEY_AT, 1 },
	{ "SMOVE", REDIS_KEY_AT, 1 },
	{ "SORT", REDIS_KEY_AT, 1, .is_word = true },
	{ "SORT_RO", REDIS_KEY_AT, 1 },
	{ "SPOP", REDIS_KEY_AT, 1 },
	{ "SPUBLISH", REDIS_KEY_CHANNEL, 1 },
	{ "SRANDMEMBER", REDIS_KEY_AT, 1 },
	{ "SREM", REDIS_KEY_AT, 1 },
	{ "SSCAN", REDIS_KEY_AT, 1 },
	{ "SSUBSCRIBE", REDIS_KEY_CHANNEL, 1, .what = REDIS_SSUBSCRIBE },
	{ "STRLEN", REDIS_KEY_AT, 1 },
	{ "SUBSCRIBE", REDIS_KEY_CHANNEL, 1, .is_word = true, .what = REDIS_SUBSCRIBE },
	{ "SUBSTR", REDIS_KEY_AT, 1, .is_word = true },
	{ "SUNION", REDIS_KEY_AT, 1 },
	{ "SUNIONSTORE", REDIS_KEY_AT, 1 },
	{ "SUNSUBSCRIBE", REDIS_KEY_CHANNEL, 1, .what = REDIS_SUNSUBSCRIBE },
	{ "SWAPDB" },
	{ "SYNC", .is_word = true, .what = REDIS_SYNC },
	{ "TIME", .is_word = true },
	{ "TOUCH", REDIS_KEY_AT, 1, .is_word = true },
	{ "TTL", REDIS_KEY_AT, 1, .is_word = true },
	{ "TYPE", REDIS_KEY_AT, 1, .is_word = true },
	{ "UNLINK", REDIS_KEY_AT, 1, .is_word = true },
	{ "UNSUBSCRIBE", REDIS_KEY_CHANNEL, 1, .is_word = true, .what = REDIS_UNSUBSCRIBE },
	{ "UNWATCH", .is_word = true },
	{ "VADD", REDIS_KEY_AT, 1 },
	{ "VCARD", REDIS_KEY_AT, 1 },
	{ "VDIM", REDIS_KEY_AT, 1 },
	{ "VEMB", REDIS_KEY_AT, 1 },
	{ "VGETATTR", REDIS_KEY_AT, 1 },
	{ "VINFO", REDIS_KEY_AT, 1 },
	{ "VISMEMBER", REDIS_KEY_AT, 1 },
	{ "VLINKS", REDIS_KEY_AT, 1 },
	{ "VRANDMEMBER", REDIS_KEY_AT, 1 },
	{ "VREM", REDIS_KEY_AT, 1 },
	{ "VSETATTR", REDIS_KEY_AT, 1 },
	{ "VSIM", REDIS_KEY_AT, 1 },
	{ "WAIT", .is_word = true },
	{ "WAITAOF" },
	{ "WATCH", REDIS_KEY_AT, 1, .is_word = true },
	{ "XACK", REDIS_KEY_AT, 1 },
	{ "XADD", REDIS_KEY_AT, 1 },
	{ "XAUTOCLAIM", REDIS_KEY_AT, 1 },
	{ "XCLAIM", REDIS_KEY_AT, 1 },
	{ "XDEL", REDIS_KEY_AT, 1 },
	{ "XGROUP", REDIS_KEY_AT, 2, .has_sub = true },
	{ "XINFO", REDIS_KEY_AT, 2, .has_sub = true },
	{ "XLEN", REDIS_KEY_AT, 1 },
	{ "XPENDING", REDIS_KEY_AT, 1 },
	{ "XRANGE", REDIS_KEY_AT, 1 },
	{ "XREAD", REDIS_KEY_STREAMS, 1 },
	{ "XREADGROUP", REDIS_KEY_STREAMS, 4 },
	{ "XREVRANGE", REDIS_KEY_AT, 1 },
	{ "XSETID", REDIS_KEY_AT, 1 },
	{ "XTRIM", REDIS_KEY_AT, 1 },
	{ "ZADD", REDIS_KEY_AT, 1 },
	{ "ZCARD", REDIS_KEY_AT, 1 },
	{ "ZCOUNT", REDIS_KEY_AT, 1 },
	{ "ZDIFF", REDIS_KEY_COUNT, 1 },
	{ "ZDIFFSTORE", REDIS_KEY_AT, 1 },
	{ "ZINCRBY", REDIS_KEY_AT, 1 },
	{ "ZINTER", REDIS_KEY_COUNT, 1 },
	{ "ZINTERCARD", REDIS_KEY_COUNT, 1 },
	{ "ZINTERSTORE", REDIS_KEY_AT, 1 },
	{ "ZLEXCOUNT", REDIS_KEY_AT, 1 },
	{ "ZMPOP", REDIS_KEY_COUNT, 1 },
	{ "ZMSCORE", REDIS_KEY_AT, 1 },
	{ "ZPOPMAX", REDIS_KEY_AT, 1 },
	{ "ZPOPMIN", REDIS_KEY_AT, 1 },
	{ "ZRANDMEMBER", REDIS_KEY_AT, 1 },
	{ "ZRANGE", REDIS_KEY_AT, 1 },
	{ "ZRANGEBYLEX", REDIS_KEY_AT, 1 },
	{ "ZRANGEBYSCORE", REDIS_KEY_AT, 1 },
	{ "ZRANGESTORE", REDIS_KEY_AT, 1 },
	{ "ZRANK", REDIS_KEY_AT, 1 },
	{ "ZREM", REDIS_KEY_AT, 1 },
	{ "ZREMRANGEBYLEX", REDIS_KEY_AT, 1 },
	{ "ZREMRANGEBYRANK", REDIS_KEY_AT, 1 },
	{ "ZREMRANGEBYSCORE", REDIS_KEY_AT, 1 },
	{ "ZREVRANGE", REDIS_KEY_AT, 1 },
	{ "ZREVRANGEBYLEX", REDIS_KEY_AT, 1 },
	{ "ZREVRANGEBYSCORE", REDIS_KEY_AT, 1 },
	{ "ZREVRANK", REDIS_KEY_AT, 1 },
	{ "ZSCAN", REDIS_KEY_AT, 1 },
	{ "ZSCORE", REDIS_KEY_AT, 1 },
	{ "ZUNION", REDIS_KEY_COUNT, 1 },
	{ "ZUNIONSTORE", REDIS_KEY_AT, 1 },
};
/* clang-format on */

/* A name of up to 24 bytes, upper case, as numbers that compare like texts. */
struct command_name {
	uint64_t part[3];
};

static struct command_name command_name(const char text[24])
{
	struct command_name n;

	for (size_t i = 0; i < PX_COUNT(n.part); i++) {
		memcpy(&n.part[i], text + 8 * i, 8);
		n.part[i] = __builtin_bswap64(n.part[i]);
	}
	return n;
}

static int command_compare(const struct command_name *a, const struct command_name *b)
{
	for (size_t i = 0; i < PX_COUNT(a->part); i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

/*
 * JSON.GET, BF.ADD and so on: modules whose commands begin with a key, but for a few that have
 * none.
 */
static const struct redis_command *command_of_module(struct px_bytes name)
{
	static const struct redis_command keyed = { "", REDIS_KEY_AT, 1 };
	static const struct px_bytes modules[] = {
		PX_BYTES("JSON."), PX_BYTES("BF."),	 PX_BYTES("CF."), PX_BYTES("CMS."),
		PX_BYTES("TOPK."), PX_BYTES("TDIGEST."), PX_BYTES("TS."),
	};
	static const struct px_bytes others[] = {
		PX_BYTES("JSON.DEBUG"), PX_BYTES("TS.MRANGE"),	   PX_BYTES("TS.MREVRANGE"),
		PX_BYTES("TS.MGET"),	PX_BYTES("TS.QUERYINDEX"),
	};

	for (size_t i = 0; i < PX_COUNT(others); i++)
		if (px_bytes_caseeq(name, others[i]))
			return NULL;
	for (size_t i = 0; i < PX_COUNT(modules); i++)
		if (px_bytes_caseeq(px_bytes_sub(name, 0, modules[i].len), modules[i]))
			return &keyed;
	return NULL;
}

const struct redis_command *redis_command_find(struct px_bytes name)
{
	char upper[24] = { 0 };
	struct command_name wanted;
	size_t low = 0, high = PX_COUNT(commands);

	if (name.len == 0 || name.len >= sizeof(upper))
		return NULL;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		upper[i] = c >= 'a' && c <= 'z' ? (char)(c ^ 0x20) : c;
	}
	wanted = command_name(upper);
	while (low < high) {
		size_t middle = (low + high) / 2;
		struct command_name here = command_name(commands[middle].name);
		int order = command_compare(&wanted, &here);

		if (order == 0)
			return &commands[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return memchr(name.ptr, '.', name.len) ? command_of_module(name) : NULL;
}

struct px_bytes redis_arg(const struct redis_msg *m, size_t i)
{
	if (i >= m->args_kept)
		return (struct px_bytes){ "", 0 };
	return px_bytes_of(m->raw + m->args[i].off, m->args[i].len);
}

/* Position of the argument that is this word, from `from` on; 0 if there is none. */
static size_t command_word(const struct redis_msg *m, size_t from, struct px_bytes word)
{
	for (size_t i = from; i < m->args_kept; i++)
		if (px_bytes_caseeq(redis_arg(m, i), word))
			return i;
	return 0;
}

size_t redis_first_key(const struct redis_msg *m)
{
	const struct redis_command *c = m->cmd;
	size_t at = c ? c->at : 0;
	struct px_bytes count;

	switch (c ? c->key : REDIS_KEY_NONE) {
	case REDIS_KEY_AT:
	case REDIS_KEY_CHANNEL:
		break;
	case REDIS_KEY_COUNT:
		count = redis_arg(m, at++);
		/* A number of keys is 1 or more: digits, and not 0 only. */
		if (count.len == 0 || count.ptr[0] < '1' || count.ptr[0] > '9')
			return 0;
		break;
	case REDIS_KEY_STREAMS:
		at = command_word(m, at, PX_BYTES("STREAMS"));
		at = at ? at + 1 : 0;
		break;
	case REDIS_KEY_MIGRATE:
		if (at < m->args_kept && m->args[at].full == 0) {
			at = command_word(m, at + 1, PX_BYTES("KEYS"));
			at = at ? at + 1 : 0;
		}
		break;
	case REDIS_KEY_USAGE:
		if (!px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("USAGE")))
			return 0;
		break;
	case REDIS_KEY_OBJECT:
		if (!px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("OBJECT")))
			return 0;
		break;
	default:
		return 0;
	}
	return at < m->args_kept ? at : 0;
}
