/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parse() keeps of a handshake, and what can be read from that. TLS 1.0 to 1.2: RFC 5246; 1.3:
 * RFC 8446. A record is
 *
 *     type (20 change_cipher_spec, 21 alert, 22 handshake, 23 application_data, 24 heartbeat)
 *     version, two bytes   length, two bytes   so many bytes
 *
 * and handshake messages, each a type, a length of three bytes and a body, are cut into records as the
 * sender likes.
 */
#ifndef PX_PARSERS_TLS_MESSAGE_H
#define PX_PARSERS_TLS_MESSAGE_H

#include "base/cursor.h"
#include "parser.h"

#define TLS_HEADER 5
#define TLS_RECORD_MAX (16384 + 2048)	/* RFC 5246 section 6.2.3; 1.3 has less */
#define TLS_HELLO_MAX 65536		/* of a hello that is kept; those of real programs have up to 2 kB */

enum tls_type {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT,
	TLS_HANDSHAKE,
	TLS_APPLICATION_DATA,
	TLS_HEARTBEAT,
};

enum tls_handshake_type {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_NEW_SESSION_TICKET = 4,
};

#define TLS_1_2 0x0303
#define TLS_1_3 0x0304

struct tls_header {
	uint8_t type;
	uint16_t version, len;
};

/* Of a direction: a frame's message. */
struct tls_msg {
	struct px_bytes hello;		/* the body of its hello: a client's first, a server's last */
	uint8_t head[4];		/* of the handshake message that is being read */
	uint8_t head_len;
	uint32_t want, have;		/* bytes of its body */
	char *body;			/* NULL: not kept */
	bool is_cut;			/* its hello is too long, or there was no memory for it */
	bool retried;			/* server: it asked for another ClientHello */
	bool is_full, is_resumed;	/* server, up to 1.2: what followed its hello */
	bool has_alert, alert_is_hidden, alert_is_end;
	uint8_t alert;
};

/* A hello, as views into its bytes; what is malformed in it is left out. */
struct tls_hello {
	uint16_t version;	/* of its body; up to 1.2 it is the real one */
	struct px_bytes random, session_id;
	struct px_bytes suites;	/* two bytes each; a server's has one */
	struct px_bytes extensions;
	bool has_extensions;
	bool is_broken;		/* it is shorter than its lengths say */
};

#define TLS_EXT_SERVER_NAME 0
#define TLS_EXT_SIGNATURE_ALGORITHMS 13
#define TLS_EXT_ALPN 16
#define TLS_EXT_PRE_SHARED_KEY 41
#define TLS_EXT_EARLY_DATA 42
#define TLS_EXT_SUPPORTED_VERSIONS 43

void tls_client_hello(struct px_bytes body, struct tls_hello *out);
void tls_server_hello(struct px_bytes body, struct tls_hello *out);

/* Is it a HelloRetryRequest (RFC 8446 section 4.1.3)? */
bool tls_is_retry(const struct tls_hello *server);

/* The next extension of c; false: there is none. */
bool tls_extension(struct px_cur *c, uint16_t *type, struct px_bytes *data);

/* The first extension of that type. */
bool tls_find(const struct tls_hello *h, uint16_t type, struct px_bytes *data);

/* The version that a server has chosen. */
uint16_t tls_chosen_version(const struct tls_hello *server);

/* The host that a client asks for; { NULL, 0 } where it names none. */
struct px_bytes tls_server_name(const struct tls_hello *client);

/* Steps through the protocol names of an ALPN extension, but for those to be ignored. */
struct px_cur tls_alpn_names(struct px_bytes data);
bool tls_alpn_next(struct px_cur *c, struct px_bytes *name);

/* Steps through numbers of two bytes behind a length of that many bytes. */
struct px_cur tls_numbers(struct px_bytes data, size_t length_bytes);

/* Values that mean nothing and are there to be ignored (RFC 8701). */
static inline bool tls_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* Names as they are registered; NULL where there is none. */
const char *tls_suite_name(uint16_t number);
const char *tls_alert_name(uint8_t number);
const char *tls_version_name(uint16_t number);

#define TLS_JA4_LEN 36

/* JA4 of a client: TLS_JA4_LEN bytes. */
void tls_ja4(const struct tls_hello *client, char out[TLS_JA4_LEN]);

extern const struct px_field tls_fields[];
void tls_describe(const struct px_exchange *ex, struct px_record *rec);

#endif
