/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/survey.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/tls_scan.h"

#define SURVEY_NETS 32
#define SURVEY_LISTEN 10	/* TCP_LISTEN in /proc/net/tcp */

/* A row of /proc/PID/net/tcp, udp or unix. */
struct survey_socket {
	uint64_t inode;
	enum { SURVEY_TCP, SURVEY_UDP, SURVEY_UNIX } kind;
	bool listens;
	uint16_t local_port, remote_port;
};

struct px_survey_net {
	uint64_t ns;
	struct survey_socket *sockets;	/* by inode */
	size_t count, room;
};

void px_survey_nets_fini(struct px_survey_nets *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->nets[i].sockets);
	free(n->nets);
	*n = (struct px_survey_nets){ NULL, 0 };
}

static void survey_add(struct px_survey_net *net, struct survey_socket s)
{
	if (net->count == net->room) {
		size_t room = net->room ? 2 * net->room : 256;
		struct survey_socket *more = realloc(net->sockets, room * sizeof(*more));

		if (!more)
			return;
		net->sockets = more;
		net->room = room;
	}
	net->sockets[net->count++] = s;
}

/* "sl local_address rem_address st ... inode", addresses as hex digits, a colon and a hex port. */
static void survey_read_inet(struct px_survey_net *net, const char *path, bool is_tcp)
{
	FILE *f = fopen(path, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		unsigned int local, remote, state;
		unsigned long long inode;

		if (sscanf(line,
			   "%*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%x %x %*s %*s %*s %*d %*d %llu",
			   &local, &remote, &state, &inode) == 4)
			survey_add(net,
				   (struct survey_socket){
					   .inode = inode,
					   .kind = is_tcp ? SURVEY_TCP : SURVEY_UDP,
					   .listens = is_tcp ? state == SURVEY_LISTEN : remote == 0,
					   .local_port = (uint16_t)local,
					   .remote_port = (uint16_t)remote,
				   });
	}
	if (f)
		fclose(f);
}

static void survey_read_unix(struct px_survey_net *net, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long inode;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x: %*x %*x %*x %*x %*x %llu", &inode) == 1)
			survey_add(net,
				   (struct survey_socket){ .inode = inode, .kind = SURVEY_UNIX });
	if (f)
		fclose(f);
}

static int survey_compare(const void *one, const void *other)
{
	const struct survey_socket *a = one, *b = other;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

/* The sockets of the network namespace that a process is in, or NULL. */
static struct px_survey_net *survey_net(struct px_survey_nets *n, uint32_t pid)
{
	static const struct {
		const char *name;
		bool is_tcp;
	} tables[] = { { "tcp", true }, { "tcp6", true }, { "udp", false }, { "udp6", false } };
	struct px_survey_net *net;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	if (stat(path, &st) != 0)
		return NULL;
	for (size_t i = 0; i < n->count; i++)
		if (n->nets[i].ns == st.st_ino)
			return &n->nets[i];
	if (!n->nets)
		n->nets = calloc(SURVEY_NETS, sizeof(*n->nets));
	if (!n->nets || n->count == SURVEY_NETS)
		return NULL;
	net = &n->nets[n->count++];
	net->ns = st.st_ino;
	for (size_t i = 0; i < PX_COUNT(tables); i++) {
		snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, tables[i].name);
		survey_read_inet(net, path, tables[i].is_tcp);
	}
	snprintf(path, sizeof(path), "/proc/%u/net/unix", pid);
	survey_read_unix(net, path);
	if (net->count)
		qsort(net->sockets, net->count, sizeof(net->sockets[0]), survey_compare);
	return net;
}

static void survey_port(struct px_survey_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->port[i] == port)
			return;
	if (ports->count == PX_SURVEY_PORTS)
		ports->has_more = true;
	else
		ports->port[ports->count++] = port;
}

static void survey_socket(const struct px_survey_net *net, uint64_t inode, struct px_survey *out)
{
	const struct survey_socket key = { .inode = inode }, *s = NULL;

	if (net->count)
		s = bsearch(&key, net->sockets, net->count, sizeof(key), survey_compare);
	if (!s)
		return;
	out->tcp += s->kind == SURVEY_TCP;
	out->udp += s->kind == SURVEY_UDP;
	out->unix_sockets += s->kind == SURVEY_UNIX;
	if (s->kind == SURVEY_UNIX)
		return;
	if (s->listens)
		survey_port(&out->listening, s->local_port);
	else if (s->remote_port)
		survey_port(&out->peers, s->remote_port);
}

static void survey_sockets(struct px_survey_nets *nets, struct px_survey *out)
{
	const struct px_survey_net *net = survey_net(nets, out->pid);
	char path[320], link[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", out->pid);
	dir = opendir(path);
	out->is_hidden = !dir;
	while (dir && net && (entry = readdir(dir))) {
		unsigned long long inode;
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%u/fd/%s", out->pid, entry->d_name);
		len = readlink(path, link, sizeof(link) - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (sscanf(link, "socket:[%llu]", &inode) == 1)
			survey_socket(net, inode, out);
	}
	if (dir)
		closedir(dir);
}

/* The first line of a file of /proc without its end, or "". */
static void survey_line(uint32_t pid, const char *name, char *out, size_t size)
{
	char path[64];
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	f = fopen(path, "re");
	if (f && !fgets(out, (int)size, f))
		out[0] = '\0';
	if (f)
		fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static void survey_tls(void *ctx, const struct px_tls_object *o)
{
	struct px_survey *s = ctx;
	const char *name = px_tls_lib_name(o->go ? PX_TLS_GO : o->library->lib);
	size_t used = strlen(s->tls);

	if (o->go && o->why[0])
		return;
	if (name && !strstr(s->tls, name))
		snprintf(s->tls + used, sizeof(s->tls) - used, "%s%s", used ? "," : "", name);
}

bool px_survey_process(struct px_survey_nets *nets, uint32_t pid, struct px_survey *out)
{
	struct px_tls_scan scan;
	char group[512];
	const char *last;

	*out = (struct px_survey){ .pid = pid };
	survey_line(pid, "comm", out->comm, sizeof(out->comm));
	if (!out->comm[0])
		return false;
	survey_line(pid, "cgroup", group, sizeof(group));
	last = strrchr(group, '/');
	snprintf(out->group, sizeof(out->group), "%.63s", last ? last + 1 : "");
	survey_sockets(nets, out);
	px_tls_scan_init(&scan, survey_tls, out);
	px_tls_scan_process(&scan, pid);
	px_tls_scan_fini(&scan);
	return true;
}
