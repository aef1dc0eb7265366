/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and cuts the socket below a session; see mqtt_socket.h. */
#include "io/mqtt_socket.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DESCRIPTORS_MOST 65536 /* the lowest are given out first */

static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct fw_mqtt_socket *sessions;

void
fw_mqtt_socket_add(struct fw_mqtt_socket *s, int port)
{
	*s = (struct fw_mqtt_socket){.port = port};
	pthread_mutex_lock(&sessions_lock);
	s->next = sessions;
	sessions = s;
	pthread_mutex_unlock(&sessions_lock);
}

void
fw_mqtt_socket_remove(struct fw_mqtt_socket *s)
{
	pthread_mutex_lock(&sessions_lock);
	for (struct fw_mqtt_socket **at = &sessions; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	pthread_mutex_unlock(&sessions_lock);
}

static bool
leads_to(int fd, int port)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof(peer);
	in_port_t found;

	if (getpeername(fd, (struct sockaddr *)&peer, &n) != 0)
		return false;
	if (peer.ss_family == AF_INET)
		found = ((struct sockaddr_in *)&peer)->sin_port;
	else if (peer.ss_family == AF_INET6)
		found = ((struct sockaddr_in6 *)&peer)->sin6_port;
	else
		return false;
	return ntohs(found) == port;
}

/* 0: it is closed. */
static uint64_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* A session whose CONNACK has not been read has read nothing at all, but for TLS. */
static bool
was_read(int fd)
{
	struct tcp_info info = {0};
	socklen_t n = sizeof(info);
	int unread;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 ||
	    n < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received) ||
	    ioctl(fd, FIONREAD, &unread) != 0)
		return true; /* it cannot be excluded */
	return info.tcpi_bytes_received > (uint64_t)unread;
}

/* With sessions_lock. */
static bool
is_anothers(const struct fw_mqtt_socket *s, uint64_t inode)
{
	for (const struct fw_mqtt_socket *other = sessions; other; other = other->next)
		if (other != s && other->count == 1 && other->candidates[0].inode == inode)
			return true;
	return false;
}

/* With sessions_lock. */
static void
search(struct fw_mqtt_socket *s)
{
	struct rlimit limit;
	int most = DESCRIPTORS_MOST;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MOST)
		most = (int)limit.rlim_cur;
	s->count = 0;
	for (int fd = 0; fd < most && s->count < FW_MQTT_SOCKETS_MOST; fd++) {
		uint64_t inode;

		if (!leads_to(fd, s->port) || !was_read(fd))
			continue;
		inode = inode_of(fd);
		if (!is_anothers(s, inode))
			s->candidates[s->count++] = (struct fw_mqtt_candidate){fd, inode};
	}
}

void
fw_mqtt_socket_find(struct fw_mqtt_socket *s)
{
	pthread_mutex_lock(&sessions_lock);
	search(s);
	pthread_mutex_unlock(&sessions_lock);
}

unsigned
fw_mqtt_socket_cut(struct fw_mqtt_socket *s)
{
	unsigned cut = 0;

	pthread_mutex_lock(&sessions_lock);
	if (s->count == 0)
		search(s);
	for (unsigned i = 0; i < s->count; i++) {
		const struct fw_mqtt_candidate *c = &s->candidates[i];

		if (inode_of(c->fd) == c->inode && !is_anothers(s, c->inode) &&
		    shutdown(c->fd, SHUT_RDWR) == 0)
			cut++;
	}
	pthread_mutex_unlock(&sessions_lock);
	return cut;
}
