/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct arg_unit {
	const char *name;
	uint64_t factor;
};

#define KIB UINT64_C(1024)
#define KB UINT64_C(1000)

/* clang-format off: it takes the products for pointers */
/* The first of several names for one factor is the one that is written. */
static const struct arg_unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "k", KIB },
	{ "K", KIB },
	{ "KiB", KIB },
	{ "kB", KB },
	{ "KB", KB },
	{ "M", KIB *KIB },
	{ "MiB", KIB *KIB },
	{ "MB", KB *KB },
	{ "G", KIB *KIB *KIB },
	{ "GiB", KIB *KIB *KIB },
	{ "GB", KB *KB *KB },
	{ "T", KIB *KIB *KIB *KIB },
	{ "TiB", KIB *KIB *KIB *KIB },
	{ "TB", KB *KB *KB *KB },
};

static const struct arg_unit time_units[] = {
	{ "ns", 1 },
	{ "us", KB },
	{ "ms", KB *KB },
	{ "s", KB *KB *KB },
	{ "m", 60 * KB *KB *KB },
	{ "h", 3600 * KB *KB *KB },
};
/* clang-format on */

static bool arg_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at *pos, which moves behind them. strtoull would also take blanks, signs and "0x". */
static int arg_digits(const char **pos, uint64_t *out)
{
	uint64_t value = 0;
	bool too_large = false;

	if (!arg_is_digit(**pos))
		return -EINVAL;
	for (; arg_is_digit(**pos); ++*pos) {
		too_large |= __builtin_mul_overflow(value, UINT64_C(10), &value);
		too_large |= __builtin_add_overflow(value, (uint64_t)(**pos - '0'), &value);
	}
	if (too_large)
		return -ERANGE;
	*out = value;
	return 0;
}

int px_arg_number(const char *text, uint64_t *out)
{
	uint64_t value;
	int err = arg_digits(&text, &value);

	if (*text != '\0')
		return -EINVAL;
	if (err)
		return err;
	*out = value;
	return 0;
}

static const struct arg_unit *arg_unit_find(const struct arg_unit *units, size_t count,
					    const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

int px_arg_size(const char *text, uint64_t *out)
{
	const struct arg_unit *unit;
	uint64_t value;
	int err = arg_digits(&text, &value);

	if (err == -EINVAL)
		return err;
	unit = arg_unit_find(size_units, PX_COUNT(size_units), text);
	if (!unit)
		return -EINVAL;
	if (err || __builtin_mul_overflow(value, unit->factor, &value))
		return -ERANGE;
	*out = value;
	return 0;
}

int px_arg_duration(const char *text, uint64_t *out)
{
	const struct arg_unit *unit;
	const char *fraction = NULL;
	uint64_t value, part = 0, weight;
	int err = arg_digits(&text, &value);

	if (err == -EINVAL)
		return err;
	if (*text == '.') {
		fraction = ++text;
		if (!arg_is_digit(*text))
			return -EINVAL;
		while (arg_is_digit(*text))
			text++;
	}
	unit = arg_unit_find(time_units, PX_COUNT(time_units), text);
	if (!unit)
		return -EINVAL;
	if (err || __builtin_mul_overflow(value, unit->factor, &value))
		return -ERANGE;
	/* Each digit counts a tenth of the one before it; what is below a nanosecond is dropped. */
	weight = unit->factor;
	for (; fraction && arg_is_digit(*fraction); fraction++) {
		part += weight * (uint64_t)(*fraction - '0') / 10;
		weight /= 10;
	}
	if (__builtin_add_overflow(value, part, &value))
		return -ERANGE;
	*out = value;
	return 0;
}

static bool arg_is_separator(char c)
{
	return c == ',' || c == ' ' || c == '\t' || c == '\n';
}

static bool arg_pids_have(const struct px_pids *pids, uint32_t pid)
{
	for (size_t i = 0; i < pids->count; i++)
		if (pids->pid[i] == pid)
			return true;
	return false;
}

int px_arg_pids(const char *text, struct px_pids *pids)
{
	size_t count_before = pids->count;
	int err = -EINVAL; /* nothing but separators is no list */
	uint64_t pid;

	for (;;) {
		while (arg_is_separator(*text))
			text++;
		if (*text == '\0')
			break;
		err = arg_digits(&text, &pid);
		if (!err && *text != '\0' && !arg_is_separator(*text))
			err = -EINVAL;
		else if (!err && (pid == 0 || pid > INT32_MAX))
			err = -ERANGE;
		if (err)
			break;
		if (arg_pids_have(pids, (uint32_t)pid))
			continue;
		if (pids->count == PX_PIDS_MAX) {
			err = -ENOBUFS;
			break;
		}
		pids->pid[pids->count++] = (uint32_t)pid;
	}
	if (err)
		pids->count = count_before;
	return err;
}

int px_arg_ports(const char *text, struct px_ends *ends)
{
	size_t count_before = ends->port_count;
	int err = -EINVAL;
	uint64_t port;

	for (;;) {
		while (arg_is_separator(*text))
			text++;
		if (*text == '\0')
			break;
		err = arg_digits(&text, &port);
		if (!err && *text != '\0' && !arg_is_separator(*text))
			err = -EINVAL;
		else if (!err && (port == 0 || port > UINT16_MAX))
			err = -ERANGE;
		else if (!err && ends->port_count == PX_PORTS_MAX)
			err = -ENOBUFS;
		if (err)
			break;
		ends->ports[ends->port_count++] = (uint16_t)port;
	}
	if (err)
		ends->port_count = count_before;
	return err;
}

int px_arg_net(const char *text, struct px_ends *ends)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct px_net net = { 0 };
	const char *slash = strchr(text, '/');
	char addr[64];
	uint64_t bits;
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	bool in_brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (ends->net_count == PX_NETS_MAX)
		return -ENOBUFS;
	if (len >= sizeof(addr))
		return -EINVAL;
	snprintf(addr, sizeof(addr), "%.*s", (int)len - 2 * in_brackets, text + in_brackets);
	net.is_v6 = inet_pton(AF_INET6, addr, net.addr) == 1;
	if (!net.is_v6 && inet_pton(AF_INET, addr, net.addr) != 1)
		return -EINVAL;
	bits = net.is_v6 ? 128 : 32;
	if (slash) {
		uint64_t most = bits;
		int err = px_arg_number(slash + 1, &bits);

		if (err)
			return err;
		if (bits > most)
			return -ERANGE;
	}
	/* Mapped addresses are shown, and looked for, as the IPv4 addresses that they are. */
	if (net.is_v6 && bits >= 96 && memcmp(net.addr, mapped, sizeof(mapped)) == 0) {
		memmove(net.addr, net.addr + 12, 4);
		memset(net.addr + 4, 0, 12);
		net.is_v6 = false;
		bits -= 96;
	}
	net.bits = (uint8_t)bits;
	for (size_t i = 0; i < sizeof(net.addr); i++)
		net.addr[i] &= (uint8_t)(bits >= 8 * (i + 1) ? 0xff
					 : bits <= 8 * i     ? 0
							     : 0xff00 >> (bits - 8 * i));
	ends->nets[ends->net_count++] = net;
	return 0;
}

int px_arg_word(const char *text, const char *const *words, unsigned int *out)
{
	for (unsigned int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0) {
			*out = i;
			return 0;
		}
	return -EINVAL;
}

const char *px_arg_words_text(const char *const *words, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (const char *const *word = words; *word && used < size; word++) {
		const char *before = word[1] ? ", " : " or ";

		if (word == words)
			before = "";
		used += (size_t)snprintf(out + used, size - used, "%s%s", before, *word);
	}
	return out;
}

static const char *arg_unit_text(uint64_t value, const struct arg_unit *units, size_t count,
				 char out[PX_ARG_TEXT])
{
	const struct arg_unit *best = &units[0];

	for (size_t i = 1; i < count; i++)
		if (value != 0 && value % units[i].factor == 0 && units[i].factor > best->factor)
			best = &units[i];
	snprintf(out, PX_ARG_TEXT, "%" PRIu64 "%s", value / best->factor, best->name);
	return out;
}

const char *px_arg_number_text(uint64_t number, char out[PX_ARG_TEXT])
{
	snprintf(out, PX_ARG_TEXT, "%" PRIu64, number);
	return out;
}

const char *px_arg_size_text(uint64_t bytes, char out[PX_ARG_TEXT])
{
	return arg_unit_text(bytes, size_units, PX_COUNT(size_units), out);
}

const char *px_arg_duration_text(uint64_t ns, char out[PX_ARG_TEXT])
{
	return arg_unit_text(ns, time_units, PX_COUNT(time_units), out);
}

#define DISTANCE_MAX 32	/* letters of a word that are looked at; no option's name is longer */

static unsigned int arg_min(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: the edit distance of Damerau and Levenshtein, no letter moved twice. */
unsigned int px_arg_distance(const char *a, const char *b)
{
	unsigned int cost[DISTANCE_MAX + 1][DISTANCE_MAX + 1];
	size_t a_len = strnlen(a, DISTANCE_MAX), b_len = strnlen(b, DISTANCE_MAX);

	for (size_t i = 0; i <= a_len; i++)
		cost[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= b_len; j++)
		cost[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			unsigned int change = a[i - 1] != b[j - 1];
			unsigned int best = arg_min(cost[i - 1][j], cost[i][j - 1]) + 1;

			best = arg_min(best, cost[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = arg_min(best, cost[i - 2][j - 2] + 1);
			cost[i][j] = best;
		}
	}
	return cost[a_len][b_len];
}
