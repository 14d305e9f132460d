/* SPDX-License-Identifier: Apache-2.0 */
/* From the two sides of a handshake to fields. */
#include "tls/message.h"

#include "tls/tls.h"

enum tls_field {
	TLS_F_SNI,
	TLS_F_ALPN,
	TLS_F_ALPN_OFFERED,
	TLS_F_VERSION,
	TLS_F_VERSIONS_OFFERED,
	TLS_F_CIPHER,
	TLS_F_RESUMED,
	TLS_F_ALERT,
	TLS_F_ALERT_FROM,
	TLS_F_JA4,
	TLS_F_NOTE,
	TLS_F_COUNT,
};

#define ROW(index, name, type, help) [index] = { name, type, PX_SIDE_COMMON, NULL, help }

/* clang-format off */
const struct px_field tls_fields[] = {
	ROW(TLS_F_SNI, "sni", PX_TYPE_STR, "host that the client asks for, null if it names none"),
	ROW(TLS_F_ALPN, "alpn", PX_TYPE_STR, "protocol that the server chose, null if none; absent with TLS 1.3, which hides it"),
	ROW(TLS_F_ALPN_OFFERED, "alpn_offered", PX_TYPE_LIST, "protocols that the client offers, the best first"),
	ROW(TLS_F_VERSION, "tls_version", PX_TYPE_STR, "version that the server chose"),
	ROW(TLS_F_VERSIONS_OFFERED, "versions_offered", PX_TYPE_LIST,
	    "versions that the client offers, the best first; of clients before TLS 1.3 only the best"),
	ROW(TLS_F_CIPHER, "cipher", PX_TYPE_STR, "cipher suite that the server chose, its registered name"),
	ROW(TLS_F_RESUMED, "resumed", PX_TYPE_BOOL, "true where an earlier session goes on"),
	ROW(TLS_F_ALERT, "alert", PX_TYPE_STR, "the last alert that was sent in clear, null if none"),
	ROW(TLS_F_ALERT_FROM, "alert_from", PX_TYPE_STR, "local or remote, with alert or a hidden one that ended the handshake"),
	ROW(TLS_F_JA4, "ja4", PX_TYPE_STR, "JA4 fingerprint of the client"),
	ROW(TLS_F_NOTE, "note", PX_TYPE_STR, "why the inside of the connection is not seen, and what helps"),
	{ 0 },
};
/* clang-format on */

#define TLS_LIST_MAX 32		/* of what is offered, so many are shown */

/* What is being described. */
struct tls_facts {
	struct px_record *rec;
	const struct tls_msg *client, *server;
	struct tls_hello asked, chosen;
	bool has_asked, has_chosen;
	uint16_t version;
};

static const struct tls_msg *tls_msg_of(const struct px_frame *f)
{
	return f ? f->msg : NULL;
}

/* A registered name, or the number. */
static struct px_bytes tls_name(struct px_arena *arena, const char *name, unsigned int number)
{
	return name ? px_bytes_str(name) : px_arena_printf(arena, "0x%04x", number);
}

static void tls_put_list(struct px_record *rec, enum tls_field f, const struct px_bytes *items,
			 size_t count)
{
	struct px_bytes *copy = px_arena_alloc(rec->arena, (count + 1) * sizeof(*copy));

	if (!copy)
		return;
	if (count)
		memcpy(copy, items, count * sizeof(*copy));
	px_record_put(rec, f, (struct px_value){ .list = { copy, count } });
}

static void tls_put_text(struct px_record *rec, enum tls_field f, struct px_bytes text)
{
	if (text.len)
		px_record_put_str(rec, f, text);
	else
		px_record_place(rec, f)->is_null = true;
}

static void tls_describe_versions(const struct tls_facts *t)
{
	struct px_bytes items[TLS_LIST_MAX], data;
	struct px_arena *arena = t->rec->arena;
	size_t count = 0;

	if (tls_find(&t->asked, TLS_EXT_SUPPORTED_VERSIONS, &data)) {
		struct px_cur c = tls_numbers(data, 1);

		while (px_cur_left(&c) >= 2 && count < TLS_LIST_MAX) {
			uint16_t v = px_cur_be16(&c);

			if (!tls_is_grease(v))
				items[count++] = tls_name(arena, tls_version_name(v), v);
		}
	} else {
		items[count++] = tls_name(arena, tls_version_name(t->asked.version),
					  t->asked.version);
	}
	tls_put_list(t->rec, TLS_F_VERSIONS_OFFERED, items, count);
}

static void tls_describe_client(const struct tls_facts *t)
{
	struct px_bytes items[TLS_LIST_MAX], data;
	size_t count = 0;
	char *ja4;

	tls_put_text(t->rec, TLS_F_SNI, tls_server_name(&t->asked));
	if (tls_find(&t->asked, TLS_EXT_ALPN, &data)) {
		struct px_cur c = tls_alpn_names(data);

		while (count < TLS_LIST_MAX && tls_alpn_next(&c, &items[count])) {
			count++;
		}
	}
	tls_put_list(t->rec, TLS_F_ALPN_OFFERED, items, count);
	tls_describe_versions(t);
	ja4 = px_arena_alloc(t->rec->arena, TLS_JA4_LEN);
	if (ja4 && !t->asked.is_broken) {
		tls_ja4(&t->asked, ja4);
		px_record_put_str(t->rec, TLS_F_JA4, px_bytes_of(ja4, TLS_JA4_LEN));
	}
}

static void tls_describe_server(const struct tls_facts *t)
{
	struct px_cur c = px_cur_of(t->chosen.suites);
	struct px_bytes data, name = { NULL, 0 };
	uint16_t suite = px_cur_be16(&c);

	px_record_put_str(t->rec, TLS_F_VERSION,
			  tls_name(t->rec->arena, tls_version_name(t->version), t->version));
	px_record_put_str(t->rec, TLS_F_CIPHER,
			  tls_name(t->rec->arena, tls_suite_name(suite), suite));
	if (t->version >= TLS_1_3) {
		if (!tls_is_retry(&t->chosen))
			px_record_put_bool(t->rec, TLS_F_RESUMED,
					   tls_find(&t->chosen, TLS_EXT_PRE_SHARED_KEY, &data));
		return;
	}
	if (tls_find(&t->chosen, TLS_EXT_ALPN, &data)) {
		c = tls_alpn_names(data);
		if (!tls_alpn_next(&c, &name))
			name = (struct px_bytes){ NULL, 0 };
	}
	tls_put_text(t->rec, TLS_F_ALPN, name);
	if (t->server->is_full || t->server->is_resumed)
		px_record_put_bool(t->rec, TLS_F_RESUMED, t->server->is_resumed);
}

/* The alert that ended it, or the last one that did not. */
static const struct tls_msg *tls_describe_alert(const struct tls_facts *t,
						const struct px_exchange *ex)
{
	const struct tls_msg *m = t->server && t->server->has_alert ? t->server : t->client;
	const char *name;
	bool is_local;

	if (t->client && t->client->alert_is_end)
		m = t->client;
	if (!m || !m->has_alert) {
		if (t->has_asked && t->has_chosen)
			px_record_place(t->rec, TLS_F_ALERT)->is_null = true;
		return NULL;
	}
	is_local = (m == t->server) == (ex->role == PX_ROLE_SERVER);
	if (!m->alert_is_hidden) {
		name = tls_alert_name(m->alert);
		px_record_put_str(t->rec, TLS_F_ALERT,
				  name ? px_bytes_str(name)
				       : px_arena_printf(t->rec->arena, "alert_%u", m->alert));
	}
	if (ex->role != PX_ROLE_UNKNOWN)
		px_record_put_str(t->rec, TLS_F_ALERT_FROM,
				  is_local ? PX_BYTES("local") : PX_BYTES("remote"));
	return m;
}

static void tls_describe_status(const struct tls_facts *t, const struct tls_msg *alert,
				unsigned int flags)
{
	struct px_bytes status = PX_BYTES("OK");
	bool ok = true;

	if (alert && alert->alert_is_end) {
		status = alert->alert_is_hidden ? PX_BYTES("encrypted_alert")
						: t->rec->proto[TLS_F_ALERT].s;
		ok = false;
	} else if (flags & PX_FLAG_GAP) {
		status = PX_BYTES("-");
	} else if (t->has_asked && !t->server) {
		status = PX_BYTES("NOREPLY");
		ok = false;
	} else if (flags & PX_FLAG_ABORTED) {
		status = PX_BYTES("ABORTED");
		ok = false;
	} else if (!t->has_chosen) {
		status = PX_BYTES("-"); /* it was over before anybody looked */
	}
	px_record_str(t->rec, PX_F_STATUS, status);
	px_record_bool(t->rec, PX_F_OK, ok);
}

/* --- the line's free text --- */

#define TLS_SUMMARY_MAX 1024

struct tls_text {
	char *p, *end;
};

static void tls_say(struct tls_text *to, struct px_bytes s)
{
	size_t n = s.len < (size_t)(to->end - to->p) ? s.len : (size_t)(to->end - to->p);

	if (n)
		memcpy(to->p, s.ptr, n);
	to->p += n;
}

static bool tls_has(const struct px_record *rec, enum tls_field f)
{
	return (rec->has_proto >> f & 1) && !rec->proto[f].is_null;
}

static void tls_say_list(struct tls_text *to, struct px_bytes before, const struct px_value *v)
{
	for (size_t i = 0; i < v->list.count; i++) {
		tls_say(to, i ? PX_BYTES(",") : before);
		tls_say(to, v->list.items[i]);
	}
}

/* pay.example TLSv1.3 TLS_AES_128_GCM_SHA256 alpn=h2 */
static void tls_summary(struct px_record *rec, const char *note)
{
	char *text = px_arena_alloc(rec->arena, TLS_SUMMARY_MAX);
	struct tls_text to = { text, text ? text + TLS_SUMMARY_MAX : NULL };

	if (!text)
		return;
	tls_say(&to, tls_has(rec, TLS_F_SNI) ? rec->proto[TLS_F_SNI].s : PX_BYTES("-"));
	if (tls_has(rec, TLS_F_VERSION)) {
		tls_say(&to, PX_BYTES(" "));
		tls_say(&to, rec->proto[TLS_F_VERSION].s);
		tls_say(&to, PX_BYTES(" "));
		tls_say(&to, rec->proto[TLS_F_CIPHER].s);
	} else if (tls_has(rec, TLS_F_VERSIONS_OFFERED)) {
		tls_say_list(&to, PX_BYTES(" versions_offered="),
			     &rec->proto[TLS_F_VERSIONS_OFFERED]);
	}
	if (tls_has(rec, TLS_F_ALPN)) {
		tls_say(&to, PX_BYTES(" alpn="));
		tls_say(&to, rec->proto[TLS_F_ALPN].s);
	} else if (tls_has(rec, TLS_F_ALPN_OFFERED) && !(rec->has_proto >> TLS_F_ALPN & 1)) {
		tls_say_list(&to, PX_BYTES(" alpn_offered="), &rec->proto[TLS_F_ALPN_OFFERED]);
	}
	if (tls_has(rec, TLS_F_RESUMED) && rec->proto[TLS_F_RESUMED].b)
		tls_say(&to, PX_BYTES(" resumed"));
	if (tls_has(rec, TLS_F_ALERT_FROM)) {
		tls_say(&to, PX_BYTES(" alert_from="));
		tls_say(&to, rec->proto[TLS_F_ALERT_FROM].s);
	}
	if (note) {
		tls_say(&to, PX_BYTES(" note=\""));
		tls_say(&to, px_bytes_str(note));
		tls_say(&to, PX_BYTES("\""));
	}
	rec->summary = px_bytes_of(text, (size_t)(to.p - text));
}

void tls_describe(const struct px_exchange *ex, struct px_record *rec)
{
	struct tls_facts t = { .rec = rec,
			       .client = tls_msg_of(ex->request),
			       .server = tls_msg_of(ex->response) };
	const struct tls_msg *alert;

	t.has_asked = t.client && t.client->hello.ptr;
	t.has_chosen = t.server && t.server->hello.ptr;
	if (t.has_asked)
		tls_client_hello(t.client->hello, &t.asked);
	if (t.has_chosen)
		tls_server_hello(t.server->hello, &t.chosen);
	t.has_chosen = t.has_chosen && !t.chosen.is_broken;
	if (t.has_chosen)
		t.version = tls_chosen_version(&t.chosen);
	if (t.has_asked)
		tls_describe_client(&t);
	else
		px_record_flags(rec, PX_FLAG_MID_STREAM);
	if (t.has_chosen)
		tls_describe_server(&t);
	alert = tls_describe_alert(&t, ex);
	tls_describe_status(&t, alert, ex->flags);
	if (ex->note)
		px_record_put_str(rec, TLS_F_NOTE, px_bytes_str(ex->note));
	if (rec->want_summary)
		tls_summary(rec, ex->note);
}
