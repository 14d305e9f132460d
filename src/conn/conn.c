/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/conn.h"
#include "conn/table.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct px_bytes conn_addr_text(const struct px_conn *c, const uint8_t *addr, char *text)
{
	if (text[0] == '\0') {
		if (c->family == PX_ABI_AF_INET6 &&
		    memcmp(addr, mapped_prefix, sizeof(mapped_prefix)) == 0)
			inet_ntop(AF_INET, addr + sizeof(mapped_prefix), text, PX_CONN_ADDR_TEXT);
		else
			inet_ntop(c->family == PX_ABI_AF_INET ? AF_INET : AF_INET6, addr, text,
				  PX_CONN_ADDR_TEXT);
		if (c->family == PX_ABI_AF_INET6 && c->scope_id && addr[0] == 0xfe &&
		    (addr[1] & 0xc0) == 0x80) {
			char name[IF_NAMESIZE];
			size_t used = strlen(text);

			if (c->netns && c->netns == c->table->opt.own_netns &&
			    if_indextoname(c->scope_id, name))
				snprintf(text + used, PX_CONN_ADDR_TEXT - used, "%%%s", name);
			else
				snprintf(text + used, PX_CONN_ADDR_TEXT - used, "%%%u",
					 c->scope_id);
		}
	}
	return px_bytes_str(text);
}

static struct px_bytes conn_path(char *path, size_t max, uint16_t len)
{
	if (len > max)
		len = (uint16_t)max;
	if (len == 0)
		return px_bytes_str("");
	if (path[0] == '\0') { /* abstract: shown with an @ in front, inner 0 bytes are escaped by the outputs */
		path[0] = '@';
		return px_bytes_of(path, len);
	}
	return px_bytes_of(path, path[0] == '@' ? len : strnlen(path, len));
}

struct px_bytes px_conn_local(struct px_conn *c)
{
	if (c->family != PX_ABI_AF_UNIX)
		return conn_addr_text(c, c->local_addr, c->local_text);
	return c->names ? conn_path(c->names->local, sizeof(c->names->local), c->names->local_len)
			: PX_BYTES("");
}

struct px_bytes px_conn_remote(struct px_conn *c)
{
	if (c->family != PX_ABI_AF_UNIX)
		return conn_addr_text(c, c->remote_addr, c->remote_text);
	return c->names
		       ? conn_path(c->names->remote, sizeof(c->names->remote), c->names->remote_len)
		       : PX_BYTES("");
}
