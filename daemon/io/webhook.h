/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `webhook` channel: posts JSON over libcurl's multi interface on the event loop.  A 2xx answer
 * is a delivery, anything else a failure with a reason.  A target never waits for another one.
 */
#ifndef FW_IO_WEBHOOK_H
#define FW_IO_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/loop.h"

struct fw_webhook;

struct fw_webhook_options {
	int64_t timeout_ms;  /* of one whole request */
	bool allow_insecure; /* http:// and loopback or private targets: for private stacks and
				tests */
	const char *user_agent;
};

/* error NULL: delivered; else a sentence: "HTTP 503", "could not connect …". */
typedef void (*fw_webhook_done)(const char *id, const char *error, void *context);

struct fw_webhook *fw_webhook_new(struct fw_loop *loop, const struct fw_webhook_options *options,
    fw_webhook_done done, void *context);
void fw_webhook_free(
    struct fw_webhook *w); /* requests under way are dropped without `done`; NULL is allowed */
void fw_webhook_set_options(
    struct fw_webhook *w, const struct fw_webhook_options *options); /* for later requests */

/* Posts `json` to `url`, header "Webhook-Id: id", bytes that are not printable ASCII as %XX (the
   receiver's key against doubles).  `done` is called once, never from within this call.  All text
   is copied. */
void fw_webhook_post(struct fw_webhook *w, const char *id, const char *url, const char *json);

size_t fw_webhook_under_way(const struct fw_webhook *w);

#endif
