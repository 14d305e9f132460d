/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/bpf_text.h"

#include <errno.h>

#include "capture/embedded.h"

#define TEXT_FILES 64

struct text {
	struct px_buf *out;
	const struct px_embedded *done[TEXT_FILES];
	size_t count;
};

/* The FILE of a line that says #include "FILE", or nothing. */
static struct px_bytes text_included(struct px_bytes line)
{
	struct px_bytes key = PX_BYTES("#include \"");
	size_t end;

	if (!px_bytes_starts(line, key))
		return px_bytes_of(NULL, 0);
	end = px_bytes_find(line, key.len, '"');
	return px_bytes_sub(line, key.len, end - key.len);
}

static int text_add(struct text *t, struct px_bytes path)
{
	const struct px_embedded *e = px_embedded;
	struct px_bytes rest;
	int err, number = 1;

	while (e->path && !px_bytes_eq(px_bytes_str(e->path), path))
		e++;
	if (!e->path)
		return -ENOENT;
	for (size_t i = 0; i < t->count; i++)
		if (t->done[i] == e)
			return 0;
	if (t->count == TEXT_FILES)
		return -ENOBUFS;
	t->done[t->count++] = e;
	err = px_buf_printf(t->out, "#line 1 \"%s\"\n", e->path);
	for (rest = px_bytes_of(e->text, e->len); rest.len && !err; number++) {
		size_t end = px_bytes_find(rest, 0, '\n') + 1;
		struct px_bytes line = px_bytes_sub(rest, 0, end), file = text_included(line);

		rest = px_bytes_sub(rest, end, rest.len);
		if (!file.len) {
			err = px_buf_append(t->out, line);
			continue;
		}
		err = text_add(t, file);
		if (!err)
			err = px_buf_printf(t->out, "#line %d \"%s\"\n", number + 1, e->path);
	}
	return err;
}

int px_bpf_text(struct px_buf *out, const char *path)
{
	struct text t = { .out = out };

	return text_add(&t, px_bytes_str(path));
}
