/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of itself by its control socket (io/control.h): a word to it, and one JSON
 * document until it hangs up. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/run.h"
#include "cli/say.h"

#define ANSWER_MOST (1u << 20)
#define PATIENCE_S 10
#define QUESTION "status\n"

/* ---------------------------------------------------------------- the socket */

static int
connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Everything until the daemon hangs up, in the heap; NULL: errno tells. */
static char *
read_answer(int fd)
{
	char *text = fw_calloc(ANSWER_MOST + 1, 1);
	size_t used = 0;
	ssize_t n;

	while ((n = recv(fd, text + used, ANSWER_MOST - used, 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return NULL;
		}
		used += (size_t)n;
	}
	return text;
}

static char *
ask_daemon(const char *path)
{
	int fd = connect_to(path);
	char *answer = NULL;

	if (fd >= 0 &&
	    send(fd, QUESTION, strlen(QUESTION), MSG_NOSIGNAL) == (ssize_t)strlen(QUESTION))
		answer = read_answer(fd);
	if (!answer)
		fw_say("cannot reach the daemon at %s: %m", path);
	if (fd >= 0)
		close(fd);
	return answer;
}

/* ---------------------------------------------------------------- for a person */

#define NAME_COLUMNS 40
#define PATH_MAX_BYTES 128

static void
put_value(const json_t *value)
{
	char *text = json_is_string(value) ? fw_strdup(json_string_value(value))
					   : json_dumps(value, JSON_ENCODE_ANY);

	fw_say_text(stdout, text ? text : "?", 0);
	putchar('\n');
	free(text);
}

static long long
number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* What was received of a lane and where it is (core/core.h). */
static void
put_identity(const json_t *o)
{
	printf("%s: %lld received = %lld committed + %lld duplicates + %lld quarantined + "
	       "%lld in flight + %lld journalled\n",
	    json_is_true(json_object_get(o, "holds")) ? "holds" : "DOES NOT HOLD",
	    number(o, "received"), number(o, "committed"), number(o, "duplicates"),
	    number(o, "quarantined"), number(o, "in_flight"), number(o, "journalled"));
}

static void
put_name(const char *name)
{
	size_t columns = fw_say_text(stdout, name, 0);

	printf("%*s", columns < NAME_COLUMNS ? (int)(NAME_COLUMNS - columns) : 1, "");
}

/* A line for each value, named by where it stands: "lanes.alarm.mqtt.up". */
static void
put_values(json_t *object, const char *path)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		char name[PATH_MAX_BYTES];
		bool identity = strcmp(key, "identity") == 0 && json_is_object(value);

		snprintf(name, sizeof(name), "%s%s%s", path, *path ? "." : "", key);
		if (json_is_object(value) && !identity) {
			put_values(value, name);
			continue;
		}
		put_name(name);
		if (identity)
			put_identity(value);
		else
			put_value(value);
	}
}

/* ---------------------------------------------------------------- the command */

enum fw_exit
fw_run_status(const struct fw_request *r)
{
	bool json = strcmp(r->options[FW_OPTION_OUTPUT], "json") == 0;
	char *answer;
	json_t *status;

	if (!json && strcmp(r->options[FW_OPTION_OUTPUT], "text") != 0) {
		fw_say("status has --output text or json, not %s", r->options[FW_OPTION_OUTPUT]);
		return FW_EXIT_USAGE;
	}
	answer = ask_daemon(r->options[FW_OPTION_SOCKET]);
	if (!answer)
		return FW_EXIT_UNREACHABLE;
	status = json_loads(answer, 0, NULL);
	if (!status)
		fw_say("the daemon's answer is not JSON");
	else if (json)
		puts(answer);
	else
		put_values(status, "");
	free(answer);
	json_decref(status);
	return status ? FW_EXIT_DONE : FW_EXIT_UNREACHABLE;
}
