/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/go_attach.h"

#include <errno.h>
#include <unistd.h>

#include "abi.h"
#include "capture/attach_uprobe.h"

#define GO_COOKIE(what) ((what) | (unsigned)PX_TLS_GO << PX_ABI_TLS_LIB_SHIFT)

static const uint64_t go_cookies[PX_GO_FUNCTIONS] = {
	[PX_GO_READ] = GO_COOKIE(0),
	[PX_GO_WRITE] = GO_COOKIE(PX_ABI_TLS_OUT),
	[PX_GO_CLIENT_HANDSHAKE] = GO_COOKIE(PX_ABI_TLS_SILENT),
	[PX_GO_SERVER_HANDSHAKE] = GO_COOKIE(PX_ABI_TLS_SILENT),
};

int px_go_places_find(struct px_go_places *g, const struct px_elf *e, struct px_error *err)
{
	struct px_go_program p;
	enum px_go_result found = px_go_program_read(&p, e);
	int result = -1;

	memset(err, 0, sizeof(*err));
	*g = (struct px_go_places){ .version = "" };
	memcpy(g->version, p.version, sizeof(g->version));
	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++)
		g->offsets[i] = p.functions[i].bytes.len ? p.functions[i].offset : 0;
	switch (found) {
	case PX_GO_NO:
		break;
	case PX_GO_OLD:
		px_error_set(err, PX_EXIT_HOST, "build it with Go 1.17 or later",
			     "it passes arguments on the stack");
		break;
	case PX_GO_LOST:
		px_error_set(err, PX_EXIT_HOST, NULL, "the code of its crypto/tls is not found");
		break;
	case PX_GO_YES:
		result = px_go_returns_find(&p, g->returns, err);
		break;
	}
	px_go_program_free(&p);
	return result;
}

/* Links that are made one after the other, and taken off together where one of them fails. */
struct go_links {
	int *fds;
	size_t count, room, probes;
};

static int go_hang(struct go_links *to, struct px_uprobes *u)
{
	int n;

	if (!u->count)
		return 0;
	if (to->room - to->count < PX_UPROBES_MAX)
		return -ENOSPC;
	n = px_uprobes_attach(u, to->fds + to->count);
	if (n < 0)
		return n;
	to->count += (size_t)n;
	to->probes += u->count;
	u->count = 0;
	return 0;
}

static int go_add(struct go_links *to, struct px_uprobes *u, uint64_t offset, uint64_t cookie)
{
	u->offsets[u->count] = offset;
	u->cookies[u->count++] = cookie;
	return u->count == PX_UPROBES_MAX ? go_hang(to, u) : 0;
}

/* First the end of calls, then their beginning. */
static int go_hang_all(struct go_links *to, const struct px_go_places *g, const struct px_go_hooks *h)
{
	struct px_uprobes u = {
		.program = h->leave, .is_multi = h->is_multi, .path = h->path, .pid = h->pid
	};
	int err = 0;

	for (size_t i = 0; i < PX_GO_FUNCTIONS; i++) {
		bool is_kept = i == PX_GO_READ && g->returns[i].keeps_args;
		uint64_t cookie = go_cookies[i] | (is_kept ? PX_ABI_TLS_KEEPS_ARGS : 0);

		for (uint32_t r = 0; r < g->returns[i].count && !err; r++)
			err = go_add(to, &u, g->offsets[i] + g->returns[i].at[r], cookie);
	}
	if (!err)
		err = go_hang(to, &u);
	u.program = h->enter;
	for (size_t i = 0; i < PX_GO_FUNCTIONS && !err; i++)
		if (g->offsets[i])
			err = go_add(to, &u, g->offsets[i], go_cookies[i]);
	return err ? err : go_hang(to, &u);
}

int px_go_attach(const struct px_go_places *g, const struct px_go_hooks *h, int *links, size_t room,
		 size_t *probes)
{
	struct go_links to = { .fds = links, .room = room };
	int err = go_hang_all(&to, g, h);

	for (size_t i = 0; err && i < to.count; i++)
		close(links[i]);
	if (err)
		return err;
	*probes = to.probes;
	return (int)to.count;
}
