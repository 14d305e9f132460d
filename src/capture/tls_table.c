/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/tls_table.h"

#define IN(name) { name, 0, PX_TLS_CALL }
#define OUT(name) { name, PX_ABI_TLS_OUT, PX_TLS_CALL }
#define IN_AT(name) { name, PX_ABI_TLS_COUNT_AT, PX_TLS_CALL }
#define OUT_AT(name) { name, PX_ABI_TLS_OUT | PX_ABI_TLS_COUNT_AT, PX_TLS_CALL }
#define OUT_FILE(name) { name, PX_ABI_TLS_OUT | PX_ABI_TLS_FILE, PX_TLS_CALL }
#define SILENT(name) { name, PX_ABI_TLS_SILENT, PX_TLS_CALL }
#define BEGINS(name) { name, PX_ABI_TLS_SILENT | PX_ABI_TLS_BEGINS, PX_TLS_CALL }
#define FREE(name) { name, 0, PX_TLS_FREE }
#define BIO_OUT(name) { name, 0, PX_TLS_BIO_OUT }
#define BIO_IN(name) { name, 0, PX_TLS_BIO_IN }
#define FILTER(name, what) { name, PX_ABI_TLS_FILTER | (what), PX_TLS_FILTER }

/* clang-format off */
#define OPENSSL_BIO                                                                                \
	BIO_OUT("BIO_write"), BIO_IN("BIO_read"), FILTER("BIO_read", 0),                           \
	FILTER("BIO_write", PX_ABI_TLS_OUT), FILTER("BIO_read_ex", PX_ABI_TLS_COUNT_AT),           \
	FILTER("BIO_write_ex", PX_ABI_TLS_OUT | PX_ABI_TLS_COUNT_AT)
#define OPENSSL_FUNCTIONS                                                                          \
	IN("SSL_read"), OUT("SSL_write"), IN_AT("SSL_read_ex"), OUT_AT("SSL_write_ex"),            \
	OUT_AT("SSL_write_ex2"), IN_AT("SSL_read_early_data"), OUT_AT("SSL_write_early_data"),     \
	SILENT("SSL_peek"), SILENT("SSL_peek_ex"), BEGINS("SSL_do_handshake"), FREE("SSL_free"),   \
	OUT_FILE("SSL_sendfile"), OPENSSL_BIO

const struct px_tls_library px_tls_libraries[] = {
	{ PX_TLS_BORINGSSL, "BoringSSL", NULL, false, "SSL_early_data_accepted", { OPENSSL_FUNCTIONS } },
	{ PX_TLS_OPENSSL, "OpenSSL", "libssl.so", false, NULL, { OPENSSL_FUNCTIONS } },
	{ PX_TLS_OPENSSL, "libcrypto", "libcrypto.so", false, NULL, { OPENSSL_BIO } },
	{ PX_TLS_GNUTLS, "GnuTLS", "libgnutls.so", false, NULL, {
		IN("gnutls_record_recv"), OUT("gnutls_record_send"), IN("gnutls_record_recv_seq"),
		OUT("gnutls_record_send2"), OUT("gnutls_record_send_range"),
		IN("gnutls_record_recv_early_data"), OUT("gnutls_record_send_early_data"),
		BEGINS("gnutls_handshake"), SILENT("gnutls_record_uncork"), FREE("gnutls_deinit") } },
	{ PX_TLS_NSS, "NSS", "libnspr4.so", false, NULL, {
		{ "PR_Read", PX_ABI_TLS_LAYERED, PX_TLS_CALL },
		{ "PR_Write", PX_ABI_TLS_LAYERED | PX_ABI_TLS_OUT, PX_TLS_CALL },
		{ "PR_Recv", PX_ABI_TLS_LAYERED | PX_ABI_TLS_FLAGS, PX_TLS_CALL },
		{ "PR_Send", PX_ABI_TLS_LAYERED | PX_ABI_TLS_OUT, PX_TLS_CALL }, FREE("PR_Close") } },
	{ PX_TLS_NSS, "NSS", "libssl3.so", false, NULL, {
		{ "SSL_ForceHandshake", PX_ABI_TLS_LAYERED | PX_ABI_TLS_SILENT, PX_TLS_CALL } } },
	{ PX_TLS_WOLFSSL, "wolfSSL", "libwolfssl.so", false, NULL, {
		IN("wolfSSL_read"), OUT("wolfSSL_write"), SILENT("wolfSSL_peek"), BEGINS("wolfSSL_connect"),
		BEGINS("wolfSSL_accept"), BEGINS("wolfSSL_negotiate"), FREE("wolfSSL_free") } },
	{ PX_TLS_MBEDTLS, "Mbed TLS", "libmbedtls.so", false, NULL, {
		IN("mbedtls_ssl_read"), OUT("mbedtls_ssl_write"), BEGINS("mbedtls_ssl_handshake"),
		BEGINS("mbedtls_ssl_handshake_step"), FREE("mbedtls_ssl_free"),
		FREE("mbedtls_ssl_session_reset") } },
	/* Without symbols: what SSL_read() and the others call is known to its own messages. */
	{ PX_TLS_OPENSSL, "OpenSSL without symbols", NULL, true, NULL, {
		IN_AT("ssl_read_internal"), OUT_AT("ssl_write_internal"), SILENT("SSL_peek"),
		OUT_FILE("SSL_sendfile"), BEGINS("SSL_do_handshake") } },
	/* The same functions in 1.1.1, which has numbers for them: SSL_F_SSL_READ_INTERNAL and so on. */
	{ PX_TLS_OPENSSL, "OpenSSL 1.1 without symbols", NULL, true, NULL, {
		IN_AT("ssl/ssl_lib.c:523"), OUT_AT("ssl/ssl_lib.c:524"), SILENT("ssl/ssl_lib.c:522"),
		BEGINS("ssl/ssl_lib.c:180") } },
	{ 0 },
};
/* clang-format on */

static const char *const tls_names[PX_TLS_LIBS] = {
	[PX_TLS_OPENSSL] = "openssl", [PX_TLS_BORINGSSL] = "boringssl", [PX_TLS_GNUTLS] = "gnutls",
	[PX_TLS_NSS] = "nss",	      [PX_TLS_GO] = "go",		[PX_TLS_WOLFSSL] = "wolfssl",
	[PX_TLS_MBEDTLS] = "mbedtls",
};

const char *const px_tls_filter_names[] = { "BIO_f_ssl", "BIO_new_ssl", "BIO_new_ssl_connect",
					     "BIO_new_buffer_ssl_connect", NULL };

const char *px_tls_lib_name(unsigned lib)
{
	return lib < PX_TLS_LIBS ? tls_names[lib] : NULL;
}
