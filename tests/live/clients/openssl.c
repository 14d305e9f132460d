/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl PORT: waits for a line on stdin, then asks for the URLs on the following lines ("METHOD
 * PATH SIZE") on one connection to 127.0.0.1. Its socket does not block, so calls are made again
 * and again until they succeed; it looks at answers before it takes them, and takes them on another
 * thread than the one that asks.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fd;

#ifdef OPENSSL_IS_BORINGSSL
static int SSL_write_ex(SSL *ssl, const void *text, size_t size, size_t *done)
{
	int result = SSL_write(ssl, text, (int)size);

	*done = result > 0 ? (size_t)result : 0;
	return result > 0 ? 1 : result;
}
#endif

static void await(SSL *ssl, int result)
{
	int why = SSL_get_error(ssl, result);
	struct pollfd p = { .fd = fd, .events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	poll(&p, 1, 20000);
}

static void put(SSL *ssl, const char *text, size_t size)
{
	size_t done;
	int result;

	while (size && (result = SSL_write_ex(ssl, text, size, &done)) <= 0)
		await(ssl, result);
}

/* Reads an answer whose length is in its head. */
static void *answer(void *arg)
{
	static char text[65536];
	size_t have = 0, n;
	char *end = NULL, *length;
	long left = 0;
	SSL *ssl = arg;

	while (!end || left > 0) {
		int result = SSL_peek(ssl, text + have, 10);

		if (result > 0)
			result = SSL_read(ssl, text + have, (int)(sizeof(text) - 1 - have));
		if (result <= 0) {
			await(ssl, result);
			continue;
		}
		n = (size_t)result;
		if (end) {
			left -= (long)n;
			continue;
		}
		have += n;
		text[have] = '\0';
		end = strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		length = strstr(text, "Content-Length: ");
		left = (length ? atol(length + 16) : 0) - (long)(have - (size_t)(end + 4 - text));
		have = 0;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	char line[512], op[16], path[256], text[1024];
	struct sockaddr_in to = { .sin_family = AF_INET };
	SSL *ssl = SSL_new(SSL_CTX_new(TLS_client_method()));
	pthread_t reader;
	int size, result;

	if (argc < 2 || !ssl || !fgets(line, sizeof(line), stdin))
		return 1;
	to.sin_port = htons((unsigned short)atoi(argv[1]));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return 1;
	SSL_set_fd(ssl, fd);
	while ((result = SSL_connect(ssl)) <= 0)
		await(ssl, result);
	while (fgets(line, sizeof(line), stdin)) {
		char *body;

		if (sscanf(line, "%15s %255s %d", op, path, &size) != 3)
			break;
		snprintf(text, sizeof(text),
			 "%s %s HTTP/1.1\r\nHost: live.test\r\nContent-Length: %d\r\n\r\n", op,
			 path, size);
		body = malloc((size_t)size + 1);
		memset(body, 'o', (size_t)size + 1);
		put(ssl, text, strlen(text));
		put(ssl, body, (size_t)size);
		free(body);
		pthread_create(&reader, NULL, answer, ssl);
		pthread_join(reader, NULL);
	}
	SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	return 0;
}
