/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least a QoS 1 subscriber on Paho's MQTTAsync can do: free the message, return 1.
 *
 *	noop PORT CLIENT FILTER RECEIVE_MAXIMUM COUNT
 *
 * Prints "subscribed", and "received" after COUNT messages; then stays until its input ends, and
 *leaves the session.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <MQTTAsync.h>

static _Atomic long received;
static long wanted;
static char *filter;
static MQTTAsync client;

static void
say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static int
on_message(void *context, char *topic, int topic_len, MQTTAsync_message *message)
{
	(void)context;
	(void)topic_len;
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	if (atomic_fetch_add(&received, 1) + 1 == wanted)
		say("received");
	return 1;
}

static void
on_failed(void *context, MQTTAsync_failureData5 *failure)
{
	(void)context;
	fprintf(stderr, "noop: refused: %d\n", failure ? failure->code : 0);
	exit(1);
}

static void
on_subscribed(void *context, MQTTAsync_successData5 *response)
{
	(void)context;
	(void)response;
	say("subscribed");
}

static void
on_connected(void *context, MQTTAsync_successData5 *response)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

	(void)context;
	(void)response;
	options.onSuccess5 = on_subscribed;
	options.onFailure5 = on_failed;
	if (MQTTAsync_subscribe(client, filter, 1, &options) != MQTTASYNC_SUCCESS)
		exit(1);
}

static void
start(int receive_maximum)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
	MQTTProperties properties = MQTTProperties_initializer;
	MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL};
	MQTTProperty maximum = {.identifier = MQTTPROPERTY_CODE_RECEIVE_MAXIMUM};

	expiry.value.integer4 = 86400;
	maximum.value.integer2 = (unsigned short)receive_maximum;
	MQTTProperties_add(&properties, &expiry);
	MQTTProperties_add(&properties, &maximum);
	options.cleanstart = 0;
	options.connectProperties = &properties;
	options.keepAliveInterval = 30;
	options.onSuccess5 = on_connected;
	options.onFailure5 = on_failed;
	if (MQTTAsync_connect(client, &options) != MQTTASYNC_SUCCESS)
		exit(1);
	MQTTProperties_free(&properties);
}

int
main(int argc, char **argv)
{
	MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
	char uri[64], c;

	if (argc != 6)
		return 2;
	filter = argv[3];
	wanted = atol(argv[5]);
	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%s", argv[1]);
	MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
	if (MQTTAsync_createWithOptions(&client, uri, argv[2], MQTTCLIENT_PERSISTENCE_NONE, NULL,
		&create) != MQTTASYNC_SUCCESS ||
	    MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL) != MQTTASYNC_SUCCESS)
		return 1;
	start(atoi(argv[4]));
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
