/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in commands and answers: found by the commands and names that they come with. */
#include "redis/message.h"

bool redis_is_secret_name(struct px_bytes name)
{
	static const struct px_bytes names[] = {
		PX_BYTES("requirepass"),
		PX_BYTES("masterauth"),
		PX_BYTES("primaryauth"),
		PX_BYTES("auth-pass"),
		PX_BYTES("sentinel-pass"),
		PX_BYTES("tls-key-file-pass"),
		PX_BYTES("tls-client-key-file-pass"),
	};
	char last;

	if (name.len < 9 || name.len > 24)
		return false;
	last = px_ascii_lower(name.ptr[name.len - 1]);
	if (last != 's' && last != 'h')
		return false;
	for (size_t i = 0; i < PX_COUNT(names); i++)
		if (px_bytes_caseeq(name, names[i]))
			return true;
	return false;
}

/* Of an ACL's rules, > < # ! stand before passwords and their hashes. */
static bool redact_is_rule(struct px_bytes rule)
{
	return rule.len > 1 &&
	       (*rule.ptr == '>' || *rule.ptr == '<' || *rule.ptr == '#' || *rule.ptr == '!');
}

bool redis_is_secret(struct redis_secrets *s, size_t i)
{
	const struct redis_msg *m = s->m;
	struct px_bytes arg = redis_arg(m, i);
	bool is = s->next;

	s->next = s->second;
	s->second = false;
	switch (m->cmd ? m->cmd->what : REDIS_PLAIN) {
	case REDIS_AUTH:
		return m->argc > 3 || (int64_t)i == m->argc - 1;
	case REDIS_HELLO:
		s->second |= !is && px_bytes_caseeq(arg, PX_BYTES("AUTH"));
		return is;
	case REDIS_ACL:
		return i > 2 && redact_is_rule(arg) &&
		       px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("SETUSER"));
	case REDIS_MIGRATE:
		s->next |= !is && i > 5 && px_bytes_caseeq(arg, PX_BYTES("AUTH"));
		s->second |= !is && i > 5 && px_bytes_caseeq(arg, PX_BYTES("AUTH2"));
		return is;
	case REDIS_CONFIG:
	case REDIS_SENTINEL:
		s->next = !is && i > 1 && redis_is_secret_name(arg) &&
			  px_bytes_caseeq(redis_arg(m, 1), PX_BYTES("SET"));
		return is;
	default:
		return false;
	}
}

/* A word that was not kept may be any. */
static bool redact_has_sub(const struct redis_msg *m, struct px_bytes sub)
{
	return m->args_kept < 2 ? m->argc > 1 : px_bytes_caseeq(redis_arg(m, 1), sub);
}

bool redis_answer_is_secret(const struct redis_msg *request)
{
	if (request->args_kept == 0)
		return true;
	return request->cmd && request->cmd->what == REDIS_ACL &&
	       (redact_has_sub(request, PX_BYTES("GETUSER")) ||
		redact_has_sub(request, PX_BYTES("LIST")) ||
		redact_has_sub(request, PX_BYTES("GENPASS")));
}

bool redis_answer_has_secrets(const struct redis_msg *request)
{
	return redis_answer_is_secret(request) ||
	       (request->cmd && request->cmd->what == REDIS_CONFIG &&
		redact_has_sub(request, PX_BYTES("GET")));
}

void redis_overwrite(struct px_bytes secret)
{
	char *p = (char *)(uintptr_t)secret.ptr; /* in the frame's arena */

	for (size_t i = 0; i < secret.len; i++)
		if (p[i] != '\r' && p[i] != '\n')
			p[i] = 'X';
}

bool redis_overwrite_named(struct redis_walk w)
{
	struct redis_value v;
	bool is_secret = false, found = false;

	while (redis_walk(&w, &v)) {
		if (is_secret && v.text.len > 0) {
			redis_overwrite(v.text);
			found = true;
			is_secret = false;
		} else {
			is_secret = redis_is_secret_name(v.text);
		}
	}
	return found;
}
