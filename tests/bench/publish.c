/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher that costs next to nothing: MQTT 3.1.1, QoS 1, over a bare socket, many messages a
 * write.
 *
 *	publish PORT DIVISION PREFIX DEVICES PACK REPORTS BOOT FIRST [text]
 *
 * REPORTS reports go round DEVICES devices PREFIX0000000…, sequences from FIRST within BOOT.  PACK
 * 1: each on its device's own topic.  Otherwise device n is a child of gateway PREFIXgw(n / PACK)
 * and an uplink carries PACK reports.  text: "time:value" on DEVICE/telemetry/gauge, collectd's own
 * form, each device's later by 1 ms than its last: it drops what is not newer.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 20000 /* messages without PUBACK */
#define OUT_BYTES 65536
#define MESSAGE_MOST 16384
#define CONNACK_BYTES 4
#define PUBACK_BYTES 4

struct run {
	const char *division, *prefix;
	uint64_t devices, pack, reports, boot, first;
	int text, fd;
	uint64_t started_ms, messages, sent, acknowledged;
	uint8_t out[OUT_BYTES + MESSAGE_MOST];
	size_t out_len, half; /* half: bytes of a PUBACK that has come in part */
};

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static size_t
put_varint(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

static uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* An Uplink's field 1; a Report with one reading, as firewatch.proto has them. */
static size_t
put_report(const struct run *r, uint8_t *out, uint64_t index)
{
	uint64_t device = index % r->devices;
	double value = 20.0 + (double)(index % 100) / 10;
	uint8_t body[256];
	size_t n = 0, head;

	if (r->pack > 1) {
		int len = snprintf((char *)body + 2, 200, "%s%07" PRIu64, r->prefix, device);

		body[n++] = 0x0a;
		body[n++] = (uint8_t)len;
		n += (size_t)len;
	}
	body[n++] = 0x10;
	n += put_varint(body + n, r->boot);
	body[n++] = 0x18;
	n += put_varint(body + n, r->first + index / r->devices);
	body[n++] = 0x20;
	n += put_varint(body + n, now_ms());
	body[n++] = 0x42; /* readings: temperature */
	body[n++] = 11;
	body[n++] = 0x10;
	body[n++] = 1;
	body[n++] = 0x19;
	memcpy(body + n, &value, sizeof(value));
	n += sizeof(value);
	out[0] = 0x0a;
	head = 1 + put_varint(out + 1, n);
	memcpy(out + head, body, n);
	return head + n;
}

static void
put_message(struct run *r, uint64_t message)
{
	uint8_t payload[MESSAGE_MOST - 512], *out = r->out + r->out_len;
	uint64_t first = message * r->pack;
	char topic[256];
	size_t len = 0, n = 0;
	int topic_len;

	if (r->text)
		len = (size_t)snprintf((char *)payload, sizeof(payload), "%.3f:%.1f",
		    (double)(r->started_ms + message / r->devices) / 1000,
		    20.0 + (double)(message % 100) / 10);
	else
		for (uint64_t i = 0; i < r->pack && first + i < r->reports; i++)
			len += put_report(r, payload + len, first + i);
	if (r->text)
		topic_len = snprintf(topic, sizeof(topic), "%s%07" PRIu64 "/telemetry/gauge",
		    r->prefix, first % r->devices);
	else if (r->pack == 1)
		topic_len = snprintf(topic, sizeof(topic), "fire/v1/%s/%s%07" PRIu64 "/telemetry",
		    r->division, r->prefix, first % r->devices);
	else
		topic_len = snprintf(topic, sizeof(topic), "fire/v1/%s/%sgw%07" PRIu64 "/telemetry",
		    r->division, r->prefix, first % r->devices / r->pack);
	out[n++] = 0x32;
	n += put_varint(out + n, 2 + (size_t)topic_len + 2 + len);
	out[n++] = (uint8_t)(topic_len >> 8);
	out[n++] = (uint8_t)topic_len;
	memcpy(out + n, topic, (size_t)topic_len);
	n += (size_t)topic_len;
	out[n++] = (uint8_t)((message % 65535 + 1) >> 8);
	out[n++] = (uint8_t)(message % 65535 + 1);
	memcpy(out + n, payload, len);
	r->out_len += n + len;
}

static void
take_acknowledgements(struct run *r)
{
	uint8_t in[65536];
	ssize_t n = recv(r->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n == 0) {
		fprintf(stderr, "publish: the broker hung up\n");
		exit(1);
	}
	if (n < 0)
		return;
	r->half += (size_t)n;
	r->acknowledged += r->half / PUBACK_BYTES;
	r->half %= PUBACK_BYTES;
}

static void
wait_for(struct run *r, short what)
{
	struct pollfd p = {.fd = r->fd, .events = what};

	if (poll(&p, 1, 30000) <= 0)
		fail("publish: the broker does not go on");
	if (p.revents & POLLIN)
		take_acknowledgements(r);
}

static void
flush(struct run *r)
{
	for (size_t done = 0; done < r->out_len;) {
		ssize_t n =
		    send(r->fd, r->out + done, r->out_len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			done += (size_t)n;
		else
			wait_for(r, POLLIN | POLLOUT);
	}
	r->out_len = 0;
}

static void
connect_broker(struct run *r, int port)
{
	static const uint8_t hello[] = {0x10, 19, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 7, 'p',
	    'u', 'b', 'l', 'i', 's', 'h'};
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	uint8_t answer[CONNACK_BYTES];
	int one = 1;

	r->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (r->fd < 0 || connect(r->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		fail("publish: connect");
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (send(r->fd, hello, sizeof(hello), 0) != (ssize_t)sizeof(hello) ||
	    recv(r->fd, answer, sizeof(answer), MSG_WAITALL) != CONNACK_BYTES || answer[3] != 0)
		fail("publish: refused");
}

int
main(int argc, char **argv)
{
	static const uint8_t bye[] = {0xe0, 0};
	static struct run r;

	if (argc < 9)
		return 2;
	r.division = argv[2];
	r.prefix = argv[3];
	r.devices = strtoull(argv[4], NULL, 10);
	r.pack = strtoull(argv[5], NULL, 10);
	r.reports = strtoull(argv[6], NULL, 10);
	r.boot = strtoull(argv[7], NULL, 10);
	r.first = strtoull(argv[8], NULL, 10);
	r.text = argc > 9;
	r.messages = (r.reports + r.pack - 1) / r.pack;
	r.started_ms = now_ms();
	connect_broker(&r, atoi(argv[1]));
	while (r.acknowledged < r.messages) {
		while (r.sent < r.messages && r.sent - r.acknowledged < WINDOW &&
		       r.out_len < OUT_BYTES)
			put_message(&r, r.sent++);
		if (r.out_len)
			flush(&r);
		else
			wait_for(&r, POLLIN);
	}
	send(r.fd, bye, sizeof(bye), MSG_NOSIGNAL);
	close(r.fd);
	return 0;
}
