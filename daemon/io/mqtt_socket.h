/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP socket below a session, so that it can be cut.  Paho acknowledges a message when the
 * callback returns, whatever it returns, and tells nobody its socket; but what is written to a
 * socket that was shut down goes nowhere, and the broker brings the message again.
 *
 * The socket is found among those of the process by the broker's port.  Where another session's
 * cannot be told from it (TLS, and both connecting at one moment), both are cut.
 */
#ifndef FW_IO_MQTT_SOCKET_H
#define FW_IO_MQTT_SOCKET_H

#include <stdint.h>

#define FW_MQTT_SOCKETS_MOST 8

struct fw_mqtt_socket { /* of one session; to the others a field is theirs */
	int port;       /* the broker's */
	unsigned count; /* 1: it is known */
	struct fw_mqtt_candidate {
		int fd;
		uint64_t inode; /* a descriptor is soon another's, this is not */
	} candidates[FW_MQTT_SOCKETS_MOST];
	struct fw_mqtt_socket *next;
};

/* At its address until it is removed.  Any thread. */
void fw_mqtt_socket_add(struct fw_mqtt_socket *s, int port);
void fw_mqtt_socket_remove(struct fw_mqtt_socket *s);

/* The session's CONNACK has just been read; on the thread that reads. */
void fw_mqtt_socket_find(struct fw_mqtt_socket *s);

/* How many connections were cut: nothing written from now on leaves them.  On the thread that
 * reads. */
unsigned fw_mqtt_socket_cut(struct fw_mqtt_socket *s);

#endif
