/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nss PORT: waits for a line on stdin, then asks for the URLs on the following lines ("METHOD PATH SIZE") on one connection to
 * 127.0.0.1 by way of NSS, whose calls serve files and plain sockets, too: it reads one of each in between.
 */
#include <nspr.h>
#include <nss.h>
#include <ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SECStatus trust(void *arg, PRFileDesc *fd, PRBool check, PRBool is_server)
{
	(void)arg, (void)fd, (void)check, (void)is_server;
	return SECSuccess;
}

static void fail(const char *what)
{
	fprintf(stderr, "nss: %s: error %d\n", what, PR_GetError());
	exit(1);
}

/* Reads an answer whose length is in its head. */
static void answer(PRFileDesc *fd)
{
	char text[65536];
	int have = 0, n;
	char *end = NULL, *length;
	long left;

	while (!end) {
		n = PR_Read(fd, text + have, (PRInt32)sizeof(text) - 1 - have);
		if (n <= 0)
			fail("read");
		have += n;
		text[have] = '\0';
		end = strstr(text, "\r\n\r\n");
	}
	length = strstr(text, "Content-Length: ");
	left = (length ? atol(length + 16) : 0) - (have - (end + 4 - text));
	while (left > 0) {
		n = PR_Recv(fd, text, (PRInt32)sizeof(text), 0, PR_INTERVAL_NO_TIMEOUT);
		if (n <= 0)
			fail("recv");
		left -= n;
	}
}

int main(int argc, char **argv)
{
	char line[512], op[16], path[256], text[1024], other[64];
	PRFileDesc *fd, *file;
	PRNetAddr to;
	int size;

	if (argc < 2 || !fgets(line, sizeof(line), stdin))
		return 1;
	if (NSS_NoDB_Init(NULL) != SECSuccess)
		fail("init");
	PR_InitializeNetAddr(PR_IpAddrLoopback, (PRUint16)atoi(argv[1]), &to);
	fd = SSL_ImportFD(NULL, PR_OpenTCPSocket(PR_AF_INET));
	if (!fd || SSL_AuthCertificateHook(fd, trust, NULL) != SECSuccess ||
	    SSL_SetURL(fd, "localhost") != SECSuccess)
		fail("socket");
	if (PR_Connect(fd, &to, PR_INTERVAL_NO_TIMEOUT) != PR_SUCCESS)
		fail("connect");
	while (fgets(line, sizeof(line), stdin)) {
		char *body;

		if (sscanf(line, "%15s %255s %d", op, path, &size) != 3)
			break;
		file = PR_Open("/proc/self/status", PR_RDONLY, 0);
		if (!file || PR_Read(file, other, sizeof(other)) <= 0)
			fail("file");
		PR_Close(file);
		snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: live.test\r\nContent-Length: %d\r\n\r\n", op, path, size);
		body = calloc(1, (size_t)size + 1);
		memset(body, 'n', (size_t)size);
		if (PR_Write(fd, text, (PRInt32)strlen(text)) <= 0 ||
		    (size && PR_Send(fd, body, size, 0, PR_INTERVAL_NO_TIMEOUT) != size))
			fail("write");
		free(body);
		answer(fd);
	}
	PR_Close(fd);
	return 0;
}
