/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secure PORT PEM MODE: an HTTP/1.1 server on 127.0.0.1 over the library that it was compiled for
 * (-DUSE_WOLFSSL, -DUSE_MBEDTLS, else OpenSSL or BoringSSL). /bytes/N is answered by N bytes,
 * anything else by the size of the request's body. PEM has a key and its certificate. MODE:
 *	threads	a thread for each connection
 *	handed	one thread accepts, another does the handshake, and a third one serves: all connections
 *	forked	three processes, which accept from the same socket
 *	bio	as threads, by OpenSSL's filter BIO: BIO_read() and BIO_write() on top of it
 *	again	as threads; OpenSSL shakes hands again before each answer, by TLS 1.2
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 40000	/* of one write: more than a record has room for */

struct peer;

/* What a library does. A peer is its context; calls return how many bytes moved, or less than 1. */
static void secure_init(const char *pem);
static struct peer *secure_accept(int fd);
static int secure_read(struct peer *p, char *buf, int size);
static int secure_write(struct peer *p, const char *buf, int size);
static void secure_end(struct peer *p);

static bool uses_bio, shakes_again;
static void (*before_answer)(struct peer *p);

static void die(const char *what)
{
	fprintf(stderr, "secure: %s\n", what);
	exit(1);
}

#if defined(USE_WOLFSSL)

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

static WOLFSSL_CTX *all;

static void secure_init(const char *pem)
{
	wolfSSL_Init();
	all = wolfSSL_CTX_new(wolfSSLv23_server_method());
	if (!all || wolfSSL_CTX_use_certificate_chain_file(all, pem) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_use_PrivateKey_file(all, pem, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
		die("certificate");
}

static struct peer *secure_accept(int fd)
{
	WOLFSSL *ssl = wolfSSL_new(all);

	wolfSSL_set_fd(ssl, fd);
	if (wolfSSL_accept(ssl) == WOLFSSL_SUCCESS)
		return (struct peer *)ssl;
	wolfSSL_free(ssl);
	return NULL;
}

static int secure_read(struct peer *p, char *buf, int size)
{
	return wolfSSL_read((WOLFSSL *)p, buf, size);
}

static int secure_write(struct peer *p, const char *buf, int size)
{
	return wolfSSL_write((WOLFSSL *)p, buf, size);
}

static void secure_end(struct peer *p)
{
	wolfSSL_shutdown((WOLFSSL *)p);
	wolfSSL_free((WOLFSSL *)p);
}

#elif defined(USE_MBEDTLS)

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

static mbedtls_ssl_config config;
static mbedtls_ctr_drbg_context random_bytes;
static mbedtls_entropy_context entropy;
static mbedtls_x509_crt certificate;
static mbedtls_pk_context key;
static pthread_mutex_t random_lock = PTHREAD_MUTEX_INITIALIZER;

struct peer {
	mbedtls_ssl_context ssl;
	mbedtls_net_context net;
};

/* Debian's library is built without threads of its own. */
static int locked_random(void *ctx, unsigned char *out, size_t size)
{
	int result;

	pthread_mutex_lock(&random_lock);
	result = mbedtls_ctr_drbg_random(ctx, out, size);
	pthread_mutex_unlock(&random_lock);
	return result;
}

static void secure_init(const char *pem)
{
	mbedtls_ssl_config_init(&config);
	mbedtls_ctr_drbg_init(&random_bytes);
	mbedtls_entropy_init(&entropy);
	mbedtls_x509_crt_init(&certificate);
	mbedtls_pk_init(&key);
	if (mbedtls_ctr_drbg_seed(&random_bytes, mbedtls_entropy_func, &entropy, NULL, 0) ||
	    mbedtls_x509_crt_parse_file(&certificate, pem) ||
	    mbedtls_pk_parse_keyfile(&key, pem, NULL) ||
	    mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER,
					MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT) ||
	    mbedtls_ssl_conf_own_cert(&config, &certificate, &key))
		die("certificate");
	mbedtls_ssl_conf_rng(&config, locked_random, &random_bytes);
}

static struct peer *secure_accept(int fd)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->net.fd = fd;
	mbedtls_ssl_init(&p->ssl);
	mbedtls_ssl_setup(&p->ssl, &config);
	mbedtls_ssl_set_bio(&p->ssl, &p->net, mbedtls_net_send, mbedtls_net_recv, NULL);
	if (mbedtls_ssl_handshake(&p->ssl) == 0)
		return p;
	mbedtls_ssl_free(&p->ssl);
	free(p);
	return NULL;
}

static int secure_read(struct peer *p, char *buf, int size)
{
	return mbedtls_ssl_read(&p->ssl, (unsigned char *)buf, (size_t)size);
}

static int secure_write(struct peer *p, const char *buf, int size)
{
	return mbedtls_ssl_write(&p->ssl, (const unsigned char *)buf, (size_t)size);
}

static void secure_end(struct peer *p)
{
	mbedtls_ssl_close_notify(&p->ssl);
	mbedtls_ssl_free(&p->ssl);
	free(p);
}

#else

#include <openssl/bio.h>
#include <openssl/ssl.h>

static SSL_CTX *all;

struct peer {
	SSL *ssl;
	BIO *bio;
};

#ifndef OPENSSL_IS_BORINGSSL
/*
 * Ask for a handshake and wait for its end; what is read meanwhile is no plaintext, for the peer
 * waits as well.
 */
static void shake_again(struct peer *p)
{
	long count = SSL_num_renegotiations(p->ssl);
	char none;

	SSL_clear_mode(p->ssl, SSL_MODE_AUTO_RETRY);	/* else the read goes on until there is plaintext */
	SSL_renegotiate(p->ssl);
	SSL_do_handshake(p->ssl);
	while (SSL_num_renegotiations(p->ssl) == count || SSL_in_init(p->ssl))
		if (SSL_get_error(p->ssl, SSL_peek(p->ssl, &none, 1)) != SSL_ERROR_WANT_READ)
			die("no second handshake");
	SSL_set_mode(p->ssl, SSL_MODE_AUTO_RETRY);
}
#endif

static void secure_init(const char *pem)
{
	all = SSL_CTX_new(TLS_server_method());
	if (!all || SSL_CTX_use_certificate_chain_file(all, pem) != 1 ||
	    SSL_CTX_use_PrivateKey_file(all, pem, SSL_FILETYPE_PEM) != 1)
		die("certificate");
#ifndef OPENSSL_IS_BORINGSSL
	if (shakes_again) {
		SSL_CTX_set_max_proto_version(all, TLS1_2_VERSION);
		before_answer = shake_again;
	}
#endif
}

static struct peer *secure_accept(int fd)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ssl = SSL_new(all);
	SSL_set_fd(p->ssl, fd);
#ifndef OPENSSL_IS_BORINGSSL
	if (uses_bio) {
		SSL_set_accept_state(p->ssl);
		p->bio = BIO_new(BIO_f_ssl());
		BIO_set_ssl(p->bio, p->ssl, BIO_CLOSE);
		return p;	/* the first read does the handshake */
	}
#endif
	if (SSL_accept(p->ssl) == 1)
		return p;
	SSL_free(p->ssl);
	free(p);
	return NULL;
}

static int secure_read(struct peer *p, char *buf, int size)
{
	return p->bio ? BIO_read(p->bio, buf, size) : SSL_read(p->ssl, buf, size);
}

static int secure_write(struct peer *p, const char *buf, int size)
{
	return p->bio ? BIO_write(p->bio, buf, size) : SSL_write(p->ssl, buf, size);
}

static void secure_end(struct peer *p)
{
	SSL_shutdown(p->ssl);
	if (p->bio)
		BIO_free_all(p->bio);
	else
		SSL_free(p->ssl);
	free(p);
}

#endif

static int put(struct peer *p, const char *text, long size)
{
	while (size > 0) {
		int n = secure_write(p, text, (int)(size < PIECE ? size : PIECE));

		if (n <= 0)
			return -1;
		text += n;
		size -= n;
	}
	return 0;
}

/* One exchange; 0: there may be another. */
static int exchange(struct peer *p, char *buf, int size)
{
	static char fill[PIECE];
	char head[256], body[32], *end = NULL, *at;
	int have = 0, n, method, len;
	long left, total, answer = -1;

	while (!end) {
		n = secure_read(p, buf + have, size - 1 - have);
		if (n <= 0)
			return -1;
		have += n;
		buf[have] = '\0';
		end = strstr(buf, "\r\n\r\n");
	}
	at = strstr(buf, "Content-Length: ");
	total = at && at < end ? atol(at + 16) : 0;
	left = total - (have - (long)(end + 4 - buf));
	if (sscanf(buf, "%*s /bytes/%ld", &answer) != 1)
		answer = -1;
	method = (unsigned char)buf[0];
	while (left > 0) {
		n = secure_read(p, buf, left < size ? (int)left : size);
		if (n <= 0)
			return -1;
		left -= n;
	}
	if (before_answer)
		before_answer(p);
	len = answer < 0 ? snprintf(body, sizeof(body), "%ld", total) : 0;
	n = snprintf(head, sizeof(head), "HTTP/1.1 200 Fine\r\nContent-Length: %ld\r\n\r\n%s",
		     answer < 0 ? (long)len : answer, answer < 0 && method != 'H' ? body : "");
	if (put(p, head, n) < 0)
		return -1;
	for (left = method == 'H' ? 0 : answer; left > 0; left -= PIECE)
		if (put(p, fill, left < PIECE ? left : PIECE) < 0)
			return -1;
	return 0;
}

static void *serve(void *arg)
{
	char *buf = malloc(PIECE);
	struct peer *p = arg;

	while (buf && exchange(p, buf, PIECE) == 0)
		;
	free(buf);
	secure_end(p);
	return NULL;
}

static void *serve_socket(void *arg)
{
	int fd = (int)(long)arg;
	struct peer *p = secure_accept(fd);

	if (p)
		serve(p);
	close(fd);
	return NULL;
}

static void start(void *(*fn)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, fn, arg) == 0)
		pthread_detach(thread);
}

/* What goes from thread to thread: a socket, or a context. */
static int sockets[2], contexts[2];

static void *shake(void *arg)
{
	int fd;

	(void)arg;
	while (read(sockets[0], &fd, sizeof(fd)) == sizeof(fd)) {
		struct peer *p = secure_accept(fd);

		if (p && write(contexts[1], &p, sizeof(p)) != sizeof(p))
			break;
	}
	return NULL;
}

static void *serve_all(void *arg)
{
	struct peer *p;

	(void)arg;
	while (read(contexts[0], &p, sizeof(p)) == sizeof(p))
		serve(p);
	return NULL;
}

int main(int argc, char **argv)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;
	bool is_handed;
	struct sockaddr_in at = { .sin_family = AF_INET };

	if (argc < 4)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	uses_bio = strcmp(argv[3], "bio") == 0;
	shakes_again = strcmp(argv[3], "again") == 0;
	is_handed = strcmp(argv[3], "handed") == 0;
	secure_init(argv[2]);
	at.sin_port = htons((unsigned short)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 64) < 0)
		die("no such port");
	if (strcmp(argv[3], "forked") == 0)
		for (int i = 0; i < 2 && fork(); i++)
			continue;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (is_handed) {
		if (pipe(sockets) < 0 || pipe(contexts) < 0)
			die("no pipe");
		start(shake, NULL);
		start(serve_all, NULL);
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* a head goes out before its body */
		if (is_handed && write(sockets[1], &fd, sizeof(fd)) == sizeof(fd))
			continue;
		start(serve_socket, (void *)(long)fd);
	}
	return 0;
}
