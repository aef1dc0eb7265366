/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket; see control.h.  A client is on the list from accept until it has its answer,
 * broke a rule or took too long. */
#include "io/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"

#define CLIENTS_MOST 16
#define LINE_MAX_BYTES 64
#define CLIENT_US (5 * FW_S)

struct client {
	struct fw_control *owner;
	struct client *next;
	int fd;
	struct fw_watch *watch;
	struct fw_timer *limit;
	char line[LINE_MAX_BYTES + 1];
	size_t line_len;
	char *answer; /* NULL until the line is whole */
	size_t answer_len, sent;
};

struct fw_control {
	struct fw_loop *loop;
	fw_control_answer answer;
	void *context;
	char *path;
	dev_t device;
	ino_t inode; /* of the socket at path: a successor's is not ours to remove */
	int fd;
	struct fw_watch *watch;
	struct client *clients;
	size_t client_count;
};

static void
hang_up(void *context)
{
	struct client *c = context;
	struct client **at = &c->owner->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->owner->client_count-- == CLIENTS_MOST)
		fw_watch_set(c->owner->watch, FW_READ);
	fw_watch_free(c->watch);
	fw_timer_free(c->limit);
	close(c->fd);
	free(c->answer);
	free(c);
}

static void
send_answer(struct client *c)
{
	while (c->sent < c->answer_len) {
		ssize_t n = send(c->fd, c->answer + c->sent, c->answer_len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		c->sent += (size_t)n;
	}
	hang_up(c);
}

static void
make_answer(struct client *c)
{
	if (c->line_len > 0 && c->line[c->line_len - 1] == '\r')
		c->line_len--;
	c->line[c->line_len] = '\0';
	c->answer = c->owner->answer(c->line, c->owner->context);
	if (!c->answer)
		c->answer = fw_strdup("{\"error\":\"unknown command\"}\n");
	c->answer_len = strlen(c->answer);
	fw_watch_set(c->watch, FW_WRITE);
}

static void
read_line(struct client *c)
{
	ssize_t n = recv(c->fd, c->line + c->line_len, LINE_MAX_BYTES - c->line_len, 0);
	char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(c);
		return;
	}
	c->line_len += (size_t)n;
	end = memchr(c->line, '\n', c->line_len);
	if (end) {
		c->line_len = (size_t)(end - c->line);
		make_answer(c);
	} else if (c->line_len == LINE_MAX_BYTES) {
		hang_up(c);
	}
}

static void
client_ready(int what, void *context)
{
	struct client *c = context;

	(void)what;
	if (c->answer)
		send_answer(c);
	else
		read_line(c);
}

static void
client_came(int what, void *context)
{
	struct fw_control *control = context;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	(void)what;
	if (fd < 0)
		return;
	c = fw_calloc(1, sizeof(*c));
	c->owner = control;
	c->fd = fd;
	c->watch = fw_watch_new(control->loop, fd, FW_READ, client_ready, c);
	c->limit = fw_timer_new(control->loop, hang_up, c);
	fw_timer_set(c->limit, CLIENT_US);
	c->next = control->clients;
	control->clients = c;
	if (++control->client_count == CLIENTS_MOST)
		fw_watch_set(control->watch, 0);
}

/* Leaves a socket alone that somebody listens on; one that nobody does is what a killed daemon
 * left. */
static int
clear_path(const struct sockaddr_un *address, char *why, size_t why_size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	int e = FW_OK;

	if (lstat(address->sun_path, &st) != 0) {
		e = errno == ENOENT ? FW_OK : FW_EIO;
		if (e)
			snprintf(why, why_size, "%s: %s", address->sun_path, strerror(errno));
	} else if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, why_size, "%s: is not a socket", address->sun_path);
		e = FW_EIO;
	} else if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		   errno != ECONNREFUSED) {
		snprintf(why, why_size, "%s: a daemon listens there", address->sun_path);
		e = FW_EEXIST;
	} else if (unlink(address->sun_path) != 0) {
		snprintf(why, why_size, "%s: %s", address->sun_path, strerror(errno));
		e = FW_EIO;
	}
	if (fd >= 0)
		close(fd);
	return e;
}

static int
listen_at(struct fw_control *c, const struct sockaddr_un *address, char *why, size_t why_size)
{
	struct stat st;

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    chmod(c->path, 0660) != 0 || stat(c->path, &st) != 0 ||
	    listen(c->fd, CLIENTS_MOST) != 0) {
		snprintf(why, why_size, "%s: %s", c->path, strerror(errno));
		return FW_EIO;
	}
	c->device = st.st_dev;
	c->inode = st.st_ino;
	return FW_OK;
}

int
fw_control_new(struct fw_control **out, struct fw_loop *loop, const char *path,
    fw_control_answer answer, void *context, char *why, size_t why_size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fw_control *c;
	int e;

	if (strlen(path) >= sizeof(address.sun_path)) {
		snprintf(why, why_size, "%s: too long for a socket", path);
		return FW_EIO;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	e = clear_path(&address, why, why_size);
	if (e)
		return e;
	c = fw_calloc(1, sizeof(*c));
	c->loop = loop;
	c->answer = answer;
	c->context = context;
	c->path = fw_strdup(path);
	e = listen_at(c, &address, why, why_size);
	if (e) {
		fw_control_free(c);
		return e;
	}
	c->watch = fw_watch_new(loop, c->fd, FW_READ, client_came, c);
	*out = c;
	return FW_OK;
}

void
fw_control_free(struct fw_control *c)
{
	struct stat st;

	if (!c)
		return;
	while (c->clients)
		hang_up(c->clients);
	fw_watch_free(c->watch);
	if (c->fd >= 0)
		close(c->fd);
	if (c->inode && stat(c->path, &st) == 0 && st.st_dev == c->device && st.st_ino == c->inode)
		unlink(c->path);
	free(c->path);
	free(c);
}
