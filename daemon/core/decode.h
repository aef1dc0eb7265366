/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes from outside -> reports.  The Uplink is walked by hand, one report at a time, so that one
 * bad report condemns neither its neighbours in a gateway's pack nor is lost with them.  Everything
 * lives in the arena.
 */
#ifndef FW_CORE_DECODE_H
#define FW_CORE_DECODE_H

#include "base/arena.h"
#include "model/report.h"

struct fw_topic {
	char division[FW_DIVISION_MAX + 1];
	char device[FW_DEVICE_MAX + 1];
	enum fw_lane lane; /* what its last level says */
};

/* "fire/v1/{division}/{device}/alarm|telemetry"; FW_EFORMAT for anything else. */
FW_MUST_CHECK int fw_decode_topic(const char *topic, size_t n, struct fw_topic *out);

struct fw_slice {
	const uint8_t *bytes;
	size_t len;
};

/*
 * The next report of an Uplink, from *at on, which is moved behind it.  FW_EAGAIN: there are no
 * more.  FW_EFORMAT: from *at on it is no Uplink.  Unknown fields are passed over.
 */
FW_MUST_CHECK int fw_decode_next(const uint8_t **at, const uint8_t *end, struct fw_slice *out);

/* Whose the report says it is, in the body; NULL where that is not its first field, as encoders
 * write it. */
const char *fw_decode_peek(struct fw_slice body, size_t *n);

/*
 * Decodes one report.  FW_REASON_NONE, or why it cannot be believed, with *detail naming the field;
 * then `out` holds what could be read all the same (event_count 0 when nothing could).  Sets
 * neither device nor via nor the clock's judgement.
 */
enum fw_reason fw_decode_report(
    struct fw_arena *arena, struct fw_slice body, struct fw_report *out, const char **detail);

/* An Uplink that holds this one report; in the arena. */
struct fw_slice fw_encode_single(struct fw_arena *arena, struct fw_slice body);

#endif
