/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of an answer, value by value, and as text. */
#include "redis/message.h"

/* The line at w->pos, without its type and line break. */
static bool walk_line(struct redis_walk *w, struct px_bytes *line)
{
	size_t nl = px_bytes_find(w->in, w->pos, '\n');

	if (w->pos >= w->in.len)
		return false;
	*line = px_bytes_sub(w->in, w->pos + 1, nl - w->pos - 1);
	if (nl < w->in.len && line->len > 0)
		line->len--;
	w->pos = nl < w->in.len ? nl + 1 : nl;
	return true;
}

bool redis_walk(struct redis_walk *w, struct redis_value *v)
{
	int64_t n;

	if (w->pos >= w->in.len)
		return false;
	*v = (struct redis_value){ .type = w->in.ptr[w->pos] };
	if (!strchr("$=!;*~%>|", v->type)) {
		size_t begin = w->pos;

		if (!walk_line(w, &v->text))
			return false;
		v->is_cut = w->in.ptr[w->pos - 1] != '\n' || w->pos - begin < 3;
		v->is_null = v->type == '_';
		if (v->type == ':' && v->text.len > 0 && v->text.ptr[0] == '+')
			v->text = px_bytes_sub(v->text, 1, SIZE_MAX);
		if (!v->text.ptr)
			v->text = PX_BYTES("");
		return true;
	}
	if (w->in.len - w->pos > 1 && w->in.ptr[w->pos + 1] == '?') {
		if (!px_bytes_starts(px_bytes_sub(w->in, w->pos + 1, SIZE_MAX), REDIS_STREAMED))
			return false;
		w->pos += 1 + REDIS_STREAMED.len;
		v->count = -1;
		return true;
	}
	{
		int len = redis_number(w->in.ptr + w->pos + 1, w->in.ptr + w->in.len, &n);

		if (len <= 0)
			return false;
		w->pos += (size_t)len + 1;
	}
	v->is_null = n < 0;
	v->count = n < 0 ? 0 : n;
	if (n < 0 || !strchr("$=!;", v->type))
		return true;
	v->text = px_bytes_sub(w->in, w->pos, (size_t)n);
	v->is_cut = v->text.len < (size_t)n;
	if (!v->text.ptr)
		v->text = PX_BYTES("");
	w->pos += v->text.len;
	if (v->type == ';' && n == 0)
		return true;
	w->pos += w->in.len - w->pos < 2 ? w->in.len - w->pos : 2;
	return true;
}

bool redis_element(struct redis_walk w, size_t n, struct redis_value *v)
{
	if (!redis_walk(&w, v) || !strchr("*~%>", v->type))
		return false;
	for (;; n--) {
		if (!redis_walk(&w, v) || strchr("*~%>|.;", v->type))
			return false;
		if (n == 0)
			return true;
	}
}

/* --- as text --- */

struct render {
	char *p, *end;
	bool is_cut;
	unsigned int mute; /* levels that are not shown */
};

static void render_put(struct render *r, const char *s, size_t n)
{
	if (r->mute)
		return;
	if (n > (size_t)(r->end - r->p)) {
		r->is_cut = true;
		r->p = r->end = r->p; /* nothing shorter may follow */
		return;
	}
	memcpy(r->p, s, n);
	r->p += n;
}

/* Bytes of the UTF-8 character at s, 0 if there is none. */
static size_t render_character(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Within a JSON string; a byte that is no character becomes the text \xNN. */
static void render_escaped(struct render *r, struct px_bytes text)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text.ptr;

	for (size_t i = 0; i < text.len && !r->is_cut;) {
		size_t plain = i;
		unsigned char c;

		while (i < text.len && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
			i++;
		render_put(r, text.ptr + plain, i - plain);
		if (i == text.len)
			break;
		c = s[i];
		if (c == '"' || c == '\\') {
			char pair[2] = { '\\', (char)c };

			render_put(r, pair, 2);
		} else if (c == '\n' || c == '\r' || c == '\t') {
			render_put(r, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", 2);
		} else if (c < 0x80) {
			char code[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

			render_put(r, code, 6);
		} else {
			size_t n = render_character(s + i, text.len - i);

			if (n) {
				render_put(r, text.ptr + i, n);
				i += n - 1;
			} else {
				char code[5] = { '\\', '\\', 'x', hex[c >> 4], hex[c & 15] };

				render_put(r, code, 5);
			}
		}
		i++;
	}
}

#define RENDER_PUT(r, literal) render_put(r, "" literal, sizeof(literal) - 1)

static void render_string(struct render *r, struct px_bytes text)
{
	RENDER_PUT(r, "\"");
	render_escaped(r, text);
	RENDER_PUT(r, "\"");
}

/* is_key: of an object, so it has to be a string. */
static void render_scalar(struct render *r, const struct redis_value *v, bool is_key)
{
	struct px_bytes text = v->text;
	bool is_number = v->type == ':' || v->type == '(' ||
			 (v->type == ',' && text.len > 0 &&
			  !strchr("in", text.ptr[text.len > 1 && text.ptr[0] == '-']));

	if (v->type == '=' && text.len >= 4)
		text = px_bytes_sub(text, 4, SIZE_MAX); /* txt: or mkd: */
	if (v->is_null && !is_key)
		RENDER_PUT(r, "null");
	else if (v->type == '#' && !is_key)
		render_put(r, *text.ptr == 't' ? "true" : "false", *text.ptr == 't' ? 4 : 5);
	else if (is_number && !is_key)
		render_put(r, text.ptr, text.len);
	else if ((v->type == '-' || v->type == '!') && !is_key) {
		RENDER_PUT(r, "{\"error\":");
		render_string(r, text);
		RENDER_PUT(r, "}");
	} else
		render_string(r, text);
	r->is_cut |= v->is_cut;
}

struct render_level {
	int64_t left; /* elements; -1: up to an end mark */
	bool is_map, is_attribute, is_string, has_any, is_value;
};

static bool render_is_open(const struct render_level *l)
{
	return l->left != 0;
}

/* What stands in front of the next element. Returns whether that is a key. */
static bool render_before(struct render *r, struct render_level *l)
{
	bool is_key = l->is_map && !l->is_value;

	if (l->is_map && l->is_value)
		RENDER_PUT(r, ":");
	else if (l->has_any)
		RENDER_PUT(r, ",");
	l->has_any = true;
	l->is_value = !l->is_value;
	if (l->left > 0)
		l->left--;
	return is_key;
}

static void render_close(struct render *r, struct render_level *levels, size_t *depth)
{
	while (*depth > 0 && !render_is_open(&levels[*depth - 1])) {
		const struct render_level *l = &levels[--*depth];

		if (l->is_attribute)
			r->mute--;
		else if (l->is_map)
			RENDER_PUT(r, "}");
		else
			RENDER_PUT(r, "]");
	}
}

struct px_bytes redis_render(struct redis_walk w, size_t values, size_t max, bool hides,
			     struct px_arena *arena, bool *is_cut, bool *found)
{
	bool is_secret = false;
	struct render_level levels[REDIS_DEPTH_SHOWN + 1];
	size_t depth = 0, size = (w.in.len - w.pos) * 6 + 16;
	const struct redis_walk all = w;
	struct redis_value v;
	struct render r = { .p = NULL };
	char *begin;

	if (size > max)
		size = max;
	begin = px_arena_alloc(arena, size);
	r.p = begin;
	r.end = begin ? begin + size : begin;
	r.is_cut = !begin;
	if (values > 1) {
		RENDER_PUT(&r, "[");
		levels[depth++] = (struct render_level){ .left = (int64_t)values };
	}
	while (!r.is_cut) {
		bool is_key = false;

		if (!redis_walk(&w, &v)) {
			r.is_cut = depth > 0;
			break;
		}
		if (depth > 0 && v.type == '.') {
			levels[depth - 1].left = 0;
			render_close(&r, levels, &depth);
		} else if (depth > 0 && levels[depth - 1].is_string) {
			if (v.type == ';' && v.count > 0) {
				render_escaped(&r, v.text);
				r.is_cut |= v.is_cut;
				continue;
			}
			RENDER_PUT(&r, "\"");
			depth--;
			render_close(&r, levels, &depth);
		} else {
			if (depth > 0 && v.type != '|')
				is_key = render_before(&r, &levels[depth - 1]);
			if (depth > REDIS_DEPTH_SHOWN) {
				r.is_cut = true;
				break;
			}
			if (strchr("*~%>|", v.type) && !v.is_null) {
				bool is_map = v.type == '%' || v.type == '|';

				if (v.type == '|')
					r.mute++;
				else if (is_map)
					RENDER_PUT(&r, "{");
				else
					RENDER_PUT(&r, "[");
				levels[depth++] = (struct render_level){
					.left = is_map && v.count > 0 ? v.count * 2 : v.count,
					.is_map = is_map,
					.is_attribute = v.type == '|'
				};
			} else if (v.type == '$' && v.count < 0) {
				RENDER_PUT(&r, "\"");
				levels[depth++] =
					(struct render_level){ .left = -1, .is_string = true };
			} else if (is_secret && v.text.len > 0) {
				redis_overwrite(v.text);
				RENDER_PUT(&r, "\"***\"");
				*found = true;
				is_secret = false;
			} else {
				render_scalar(&r, &v, is_key);
				is_secret = hides && redis_is_secret_name(v.text);
			}
			render_close(&r, levels, &depth);
		}
		if (depth == 0 && v.type != '|')
			break;
	}
	if (r.is_cut && hides)
		*found |= redis_overwrite_named(all); /* what is not shown here is so as raw bytes */
	*is_cut |= r.is_cut;
	return begin ? px_bytes_of(begin, (size_t)(r.p - begin)) : PX_BYTES("");
}
