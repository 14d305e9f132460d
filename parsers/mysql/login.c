/* SPDX-License-Identifier: Apache-2.0 */
/* Greeting, login and change of user: versions, capabilities, who and where to; no secret is kept. */
#include "mysql/message.h"

/*
 * Handshake V10: 0a version NUL id(4) data(8) 00 capabilities(2) charset(1) status(2)
 * capabilities(2) length of data(1) 10 bytes of 0, of which MariaDB's last 4 are more capabilities
 * where the lowest bit (LONG_PASSWORD, here CLIENT_MYSQL) is not set, more data, name of the method
 */
bool mysql_greeting(struct mysql_state *st, struct px_bytes payload)
{
	struct px_cur c = px_cur_of(payload);
	struct px_bytes version;
	uint64_t caps, id;

	if (px_cur_u8(&c) != 10)
		return false;
	version = mysql_nul_str(&c);
	/* MariaDB from 10 on says so, for replicas that could not read two digits. */
	if (px_bytes_starts(version, PX_BYTES("5.5.5-")))
		version = px_bytes_sub(version, 6, SIZE_MAX);
	id = px_cur_le32(&c);
	px_cur_skip(&c, 9);
	caps = px_cur_le16(&c);
	if (c.ran_short)
		return false;
	st->connection_id = (uint32_t)id;
	st->has_connection_id = true;
	st->version_len =
		(uint8_t)(version.len < sizeof(st->version) ? version.len : sizeof(st->version));
	if (st->version_len)
		memcpy(st->version, version.ptr, st->version_len);
	px_cur_skip(&c, 3);
	caps |= (uint64_t)px_cur_le16(&c) << 16;
	px_cur_skip(&c, 1 + 6);
	if (!(caps & MYSQL_CAP_LONG_PASSWORD))
		caps |= (uint64_t)px_cur_le32(&c) << 32;
	if (c.ran_short) /* very old: what the client says has to do */
		return true;
	st->caps = caps;
	st->has_caps = true;
	return true;
}

static uint32_t login_offset(const struct mysql_msg *m, struct px_bytes b)
{
	return b.len ? (uint32_t)(b.ptr - m->text) : 0;
}

/* What both have behind the secret: database, charset, method, attributes. */
static void login_secret(struct mysql_msg *m, struct px_bytes secret)
{
	m->req.secret = login_offset(m, secret);
	m->req.secret_len = (uint32_t)secret.len;
}

static void login_db(struct mysql_msg *m, struct px_cur *c)
{
	struct px_bytes db = mysql_nul_str(c);

	if (c->ran_short)
		return;
	m->req.db = login_offset(m, db);
	m->req.db_len = (uint32_t)db.len;
	m->req.has_db = db.len > 0;
}

static void login_tail(struct mysql_msg *m, struct px_cur *c)
{
	struct px_bytes plugin, attrs;

	if (m->caps & MYSQL_CAP_PLUGIN_AUTH) {
		/* MySQL leaves the NUL out where nothing follows. */
		plugin = px_bytes_of(c->pos, px_cur_left(c));
		plugin.len = px_bytes_find(plugin, 0, '\0');
		px_cur_skip(c, plugin.len < px_cur_left(c) ? plugin.len + 1 : plugin.len);
		m->req.plugin = login_offset(m, plugin);
		m->req.plugin_len = (uint32_t)plugin.len;
	}
	if (m->caps & MYSQL_CAP_CONNECT_ATTRS && px_cur_left(c) > 0) {
		attrs = mysql_lenenc_str(c);
		m->req.attrs = login_offset(m, attrs);
		m->req.attrs_len = (uint32_t)attrs.len;
	}
}

/*
 * HandshakeResponse41: capabilities(4) size(4) charset(1) 23 bytes, of which MariaDB's last 4 are
 * more capabilities, user NUL secret [database NUL] [method NUL] [attributes] [level of zstd(1)]
 */
bool mysql_login(struct mysql_msg *m)
{
	struct px_cur c = px_cur_of(
		px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER, SIZE_MAX));
	struct px_bytes user, secret;
	uint64_t more;

	m->caps = px_cur_le32(&c);
	px_cur_skip(&c, 4 + 1 + 19);
	more = px_cur_le32(&c);
	if (!(m->caps & MYSQL_CAP_LONG_PASSWORD))
		m->caps |= more << 32;
	user = mysql_nul_str(&c);
	if (c.ran_short)
		return false;
	m->req.user = login_offset(m, user);
	m->req.user_len = (uint32_t)user.len;
	if (m->caps & MYSQL_CAP_AUTH_LENENC)
		secret = mysql_lenenc_str(&c);
	else if (m->caps & MYSQL_CAP_SECURE_CONNECTION)
		secret = px_cur_take(&c, px_cur_u8(&c));
	else
		secret = mysql_nul_str(&c);
	if (c.ran_short) {
		/* Who knows where it ends. */
		secret = px_bytes_sub(px_bytes_of(m->text, m->len),
				      (size_t)(user.ptr - m->text) + user.len, SIZE_MAX);
		login_secret(m, secret);
		return user.ptr != NULL;
	}
	login_secret(m, secret);
	if (m->caps & MYSQL_CAP_CONNECT_WITH_DB)
		login_db(m, &c);
	login_tail(m, &c);
	return true;
}

/* 11 user NUL secret database NUL [charset(2)] [method NUL] [attributes] */
bool mysql_change_user(struct mysql_state *st, struct mysql_msg *m)
{
	struct px_cur c = px_cur_of(
		px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 1, SIZE_MAX));
	struct px_bytes user = mysql_nul_str(&c), secret;
	bool is_short_secret = !st->has_caps || st->caps & MYSQL_CAP_SECURE_CONNECTION;

	if (c.ran_short) {
		login_secret(m, px_bytes_sub(px_bytes_of(m->text, m->len), MYSQL_HEADER + 1,
					     SIZE_MAX));
		return false;
	}
	m->req.user = login_offset(m, user);
	m->req.user_len = (uint32_t)user.len;
	secret = is_short_secret ? px_cur_take(&c, px_cur_u8(&c)) : mysql_nul_str(&c);
	if (c.ran_short) {
		login_secret(m, px_bytes_sub(px_bytes_of(m->text, m->len),
					     MYSQL_HEADER + 1 + user.len, SIZE_MAX));
		return false;
	}
	login_secret(m, secret);
	login_db(m, &c);
	px_cur_skip(&c, 2);
	if (!c.ran_short && st->has_caps)
		login_tail(m, &c);
	return true;
}
