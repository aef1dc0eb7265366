/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook channel on libcurl's multi interface; see webhook.h.  libcurl says which sockets and
 * which time it waits for, the loop waits.  No redirect is followed, no proxy is asked, and an
 * answer's body is read only for the text of an error.
 */
#include "io/webhook.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/time.h"
#include "io/address.h"

#define PER_HOST_MOST 8
#define IDLE_MOST 64
#define UNDER_WAY_MOST 4096
#define BODY_KEPT_BYTES 200
#define BODY_READ_BYTES (64 * 1024)
#define ERROR_BYTES 320
#define HEADER_BYTES 2048

struct request {
	struct fw_webhook *owner;
	struct request *next, *previous;
	char *id;
	char *json;
	CURL *easy; /* NULL: refused before it began; `error` tells */
	struct curl_slist *headers;
	bool public_only; /* refuse what is not on the public internet … */
	bool inside;      /* … and this was not */
	size_t body_read;
	size_t body_kept;
	char body[BODY_KEPT_BYTES];
	char curl_error[CURL_ERROR_SIZE];
	char error[ERROR_BYTES];
};

struct fw_webhook {
	struct fw_loop *loop;
	struct fw_timer *timeout; /* libcurl's */
	struct fw_timer *refusal; /* tells of refused requests, in the next turn of the loop */
	CURLM *multi;
	int64_t timeout_ms;
	bool allow_insecure;
	bool fresh_only; /* insecure connections may still be open for reuse */
	char *user_agent;
	fw_webhook_done done;
	void *context;
	struct request *requests; /* doubly linked */
	size_t count;
};

static void
link_request(struct fw_webhook *w, struct request *r)
{
	r->next = w->requests;
	if (r->next)
		r->next->previous = r;
	w->requests = r;
	w->count++;
}

static void
free_request(struct request *r)
{
	struct fw_webhook *w = r->owner;

	if (r->previous)
		r->previous->next = r->next;
	else
		w->requests = r->next;
	if (r->next)
		r->next->previous = r->previous;
	w->count--;
	if (r->easy) {
		curl_multi_remove_handle(w->multi, r->easy);
		curl_easy_cleanup(r->easy);
	}
	curl_slist_free_all(r->headers);
	free(r->id);
	free(r->json);
	free(r);
}

static void
finish(struct request *r, const char *error)
{
	struct fw_webhook *w = r->owner;

	w->done(r->id, error, w->context);
	free_request(r);
}

/* What a stranger wrote becomes one line of text. */
static void
clean(char *text, size_t n)
{
	bool valid = fw_text_valid(text, n);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !valid))
			text[i] = c == '\n' || c == '\r' || c == '\t' ? ' ' : '?';
	}
}

static void
explain_status(struct request *r, long status)
{
	size_t n = fw_text_cut(r->body, r->body_kept, BODY_KEPT_BYTES - 3);

	clean(r->body, n);
	if (n)
		snprintf(r->error, sizeof(r->error), "HTTP %ld: %.*s", status, (int)n, r->body);
	else
		snprintf(r->error, sizeof(r->error), "HTTP %ld", status);
}

static void
complete(struct request *r, CURLcode result)
{
	bool enough = result == CURLE_WRITE_ERROR && r->body_read > BODY_READ_BYTES;
	long status = 0;

	curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r->inside)
		snprintf(r->error, sizeof(r->error),
		    "refused: the target is not on the public internet");
	else if (result != CURLE_OK && !enough)
		snprintf(r->error, sizeof(r->error), "%s",
		    *r->curl_error ? r->curl_error : curl_easy_strerror(result));
	else if (status < 200 || status > 299)
		explain_status(r, status);
	clean(r->error, strlen(r->error));
	finish(r, *r->error ? r->error : NULL);
}

static void
complete_all(struct fw_webhook *w)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(w->multi, &left))) {
		CURLcode result = m->data.result;
		char *private = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		assert(private);
		complete((struct request *)(void *)private, result);
	}
}

static void
act(struct fw_webhook *w, curl_socket_t fd, int what)
{
	int running;

	if (curl_multi_socket_action(w->multi, fd, what, &running) != CURLM_OK)
		abort();
	complete_all(w);
}

/* ---------------------------------------------------------------- between libcurl and the loop */

struct socket_watch {
	struct fw_webhook *owner;
	struct fw_watch *watch;
	curl_socket_t fd;
};

static void
socket_ready(int what, void *context)
{
	struct socket_watch *s = context;

	act(s->owner, s->fd,
	    (what & FW_READ ? CURL_CSELECT_IN : 0) | (what & FW_WRITE ? CURL_CSELECT_OUT : 0));
}

static int
socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct fw_webhook *w = context;
	struct socket_watch *s = socket_context;
	int mask = (what & CURL_POLL_IN ? FW_READ : 0) | (what & CURL_POLL_OUT ? FW_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			fw_watch_free(s->watch);
		free(s);
		curl_multi_assign(w->multi, fd, NULL);
		return 0;
	}
	if (s) {
		fw_watch_set(s->watch, mask);
		return 0;
	}
	s = fw_calloc(1, sizeof(*s));
	s->owner = w;
	s->fd = fd;
	s->watch = fw_watch_new(w->loop, fd, mask, socket_ready, s);
	curl_multi_assign(w->multi, fd, s);
	return 0;
}

static int
timeout_wanted(CURLM *multi, long timeout_ms, void *context)
{
	struct fw_webhook *w = context;

	(void)multi;
	if (timeout_ms < 0)
		fw_timer_cancel(w->timeout);
	else
		fw_timer_set(w->timeout, timeout_ms * FW_MS);
	return 0;
}

static void
timeout_due(void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

static void
refusal_due(void *context)
{
	struct fw_webhook *w = context;
	struct request *r = w->requests;

	while (r) {
		struct request *next = r->next;

		if (!r->easy)
			finish(r, r->error);
		r = next;
	}
}

/* ---------------------------------------------------------------- one request */

static size_t
take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct request *r = context;
	size_t n = size * count, room = BODY_KEPT_BYTES - r->body_kept;

	if (n < room)
		room = n;
	memcpy(r->body + r->body_kept, bytes, room);
	r->body_kept += room;
	r->body_read += n;
	return r->body_read > BODY_READ_BYTES ? 0 : n;
}

static curl_socket_t
open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct request *r = context;

	(void)purpose;
	if (r->public_only && !fw_address_is_public(&address->addr)) {
		r->inside = true;
		return CURL_SOCKET_BAD;
	}
	r->inside = false;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Fails only without memory: the text of a URL is looked at when the transfer begins. */
#define SET(option, value)                                                \
	do {                                                              \
		if (curl_easy_setopt(r->easy, option, value) != CURLE_OK) \
			abort();                                          \
	} while (0)

/* A header takes printable ASCII: any other byte of the id is written as %XX. */
static void
write_id_header(char *header, size_t size, const char *id)
{
	size_t n = (size_t)snprintf(header, size, "Webhook-Id: ");

	for (; *id && n + 4 < size; id++) {
		unsigned char c = (unsigned char)*id;

		n += (size_t)snprintf(
		    header + n, size - n, c > 0x20 && c < 0x7f ? "%c" : "%%%02X", c);
	}
}

static void
set_up(struct request *r, const struct fw_webhook *w, const char *url)
{
	char header[HEADER_BYTES];

	write_id_header(header, sizeof(header), r->id);
	r->headers = curl_slist_append(r->headers, "Content-Type: application/json");
	r->headers = curl_slist_append(r->headers, "Expect:");
	r->headers = curl_slist_append(r->headers, header);
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, w->allow_insecure ? "http,https" : "https");
	SET(CURLOPT_POSTFIELDS, r->json);
	SET(CURLOPT_HTTPHEADER, r->headers);
	SET(CURLOPT_USERAGENT, w->user_agent);
	SET(CURLOPT_TIMEOUT_MS, (long)w->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)w->timeout_ms);
	SET(CURLOPT_FRESH_CONNECT, (long)w->fresh_only);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT,
	    1L); /* else a timed-out request waits, in the loop, for its resolver */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, (void *)r);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, (void *)r);
	SET(CURLOPT_ERRORBUFFER, r->curl_error);
	SET(CURLOPT_PRIVATE, (void *)r);
}

static bool
is_plain(const char *text, size_t most)
{
	size_t n = 0;

	for (; text[n]; n++)
		if ((unsigned char)text[n] <= 0x20 || text[n] == 0x7f || n == most)
			return false;
	return n > 0;
}

static bool
has_scheme(const char *url, const char *scheme)
{
	return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

/* NULL when the request may begin. */
static const char *
refuse(const struct fw_webhook *w, const char *url)
{
	if (!has_scheme(url, "https://") && !has_scheme(url, "http://"))
		return "refused: the target is not an http or https address";
	if (!w->allow_insecure && !has_scheme(url, "https://"))
		return "refused: the target is not https";
	if (!is_plain(url, 2000))
		return "refused: the target is too long or holds characters that may not be there";
	if (w->count >= UNDER_WAY_MOST)
		return "refused: too many requests under way";
	return NULL;
}

void
fw_webhook_post(struct fw_webhook *w, const char *id, const char *url, const char *json)
{
	struct request *r = fw_calloc(1, sizeof(*r));
	const char *refused = refuse(w, url);

	r->owner = w;
	r->id = fw_strdup(id);
	link_request(w, r);
	if (refused) {
		snprintf(r->error, sizeof(r->error), "%s", refused);
		fw_timer_set(w->refusal, 0);
		return;
	}
	r->json = fw_strdup(json);
	r->public_only = !w->allow_insecure;
	r->easy = curl_easy_init();
	if (!r->easy)
		abort();
	set_up(r, w, url);
	if (curl_multi_add_handle(w->multi, r->easy) != CURLM_OK)
		abort();
}

struct fw_webhook *
fw_webhook_new(struct fw_loop *loop, const struct fw_webhook_options *options, fw_webhook_done done,
    void *context)
{
	struct fw_webhook *w = fw_calloc(1, sizeof(*w));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	w->loop = loop;
	w->done = done;
	w->context = context;
	w->timeout = fw_timer_new(loop, timeout_due, w);
	w->refusal = fw_timer_new(loop, refusal_due, w);
	fw_webhook_set_options(w, options);
	w->multi = curl_multi_init();
	if (!w->multi)
		abort();
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, timeout_wanted);
	curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
	curl_multi_setopt(w->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)PER_HOST_MOST);
	curl_multi_setopt(w->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_MOST);
	return w;
}

void
fw_webhook_free(struct fw_webhook *w)
{
	if (!w)
		return;
	while (w->requests)
		free_request(w->requests);
	curl_multi_cleanup(w->multi);
	fw_timer_free(w->timeout);
	fw_timer_free(w->refusal);
	free(w->user_agent);
	free(w);
	curl_global_cleanup();
}

void
fw_webhook_set_options(struct fw_webhook *w, const struct fw_webhook_options *options)
{
	char *user_agent = fw_strdup(options->user_agent);

	if (w->allow_insecure && !options->allow_insecure)
		w->fresh_only = true;
	w->allow_insecure = options->allow_insecure;
	w->timeout_ms = options->timeout_ms;
	free(w->user_agent);
	w->user_agent = user_agent;
}

size_t
fw_webhook_under_way(const struct fw_webhook *w)
{
	return w->count;
}
