/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside -> reports; see decode.h.  Every length is checked before it is used. */
#include "core/decode.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define PREFIX "fire/v1/"
#define TAG_REPORTS ((1 << 3) | 2)   /* Uplink.reports, length-delimited */
#define TAG_DEVICE_ID ((1 << 3) | 2) /* Report.device_id, likewise */

static const char *
next_level(const char **at, const char *end, size_t *n)
{
	const char *start = *at;
	const char *slash = start <= end ? memchr(start, '/', (size_t)(end - start)) : NULL;

	if (!slash)
		slash = end;
	*n = (size_t)(slash - start);
	*at = slash < end ? slash + 1 : end;
	return start;
}

int
fw_decode_topic(const char *topic, size_t n, struct fw_topic *out)
{
	const char *at = topic + sizeof(PREFIX) - 1, *end = topic + n;
	const char *division, *device;
	size_t division_len, device_len, left;

	if (n < sizeof(PREFIX) - 1 || memcmp(topic, PREFIX, sizeof(PREFIX) - 1) != 0)
		return FW_EFORMAT;
	division = next_level(&at, end, &division_len);
	device = next_level(&at, end, &device_len);
	left = (size_t)(end - at);
	if (!fw_text_is_division(division, division_len) || !fw_text_is_device(device, device_len))
		return FW_EFORMAT;
	if (left == 5 && memcmp(at, "alarm", 5) == 0)
		out->lane = FW_LANE_ALARM;
	else if (left == 9 && memcmp(at, "telemetry", 9) == 0)
		out->lane = FW_LANE_TELEMETRY;
	else
		return FW_EFORMAT;
	memcpy(out->division, division, division_len);
	out->division[division_len] = '\0';
	memcpy(out->device, device, device_len);
	out->device[device_len] = '\0';
	return FW_OK;
}

static int
read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;

		if (*at == end)
			return FW_EFORMAT;
		byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return FW_OK;
		}
	}
	return FW_EFORMAT;
}

/* The bytes of a field that is not of interest. */
static int
skip_field(const uint8_t **at, const uint8_t *end, unsigned wire_type)
{
	uint64_t n;

	switch (wire_type) {
	case 0:
		return read_varint(at, end, &n);
	case 1:
		n = 8;
		break;
	case 2:
		if (read_varint(at, end, &n) != FW_OK)
			return FW_EFORMAT;
		break;
	case 5:
		n = 4;
		break;
	default:
		return FW_EFORMAT;
	}
	if (n > (uint64_t)(end - *at))
		return FW_EFORMAT;
	*at += n;
	return FW_OK;
}

int
fw_decode_next(const uint8_t **at, const uint8_t *end, struct fw_slice *out)
{
	uint64_t tag, n;

	while (*at < end) {
		if (read_varint(at, end, &tag) != FW_OK || tag >> 3 == 0 || tag > UINT32_MAX)
			return FW_EFORMAT;
		if (tag != TAG_REPORTS) {
			/* Field 1 of another wire type is a fault, not an unknown field. */
			if (tag >> 3 == TAG_REPORTS >> 3 || skip_field(at, end, tag & 7) != FW_OK)
				return FW_EFORMAT;
			continue;
		}
		if (read_varint(at, end, &n) != FW_OK || n > (uint64_t)(end - *at))
			return FW_EFORMAT;
		*out = (struct fw_slice){.bytes = *at, .len = (size_t)n};
		*at += n;
		return FW_OK;
	}
	return FW_EAGAIN;
}

const char *
fw_decode_peek(struct fw_slice body, size_t *n)
{
	if (body.len < 2 || body.bytes[0] != TAG_DEVICE_ID || body.bytes[1] > FW_DEVICE_MAX ||
	    body.bytes[1] > body.len - 2)
		return NULL;
	*n = body.bytes[1];
	return (const char *)body.bytes + 2;
}

struct fw_slice
fw_encode_single(struct fw_arena *arena, struct fw_slice body)
{
	uint8_t *bytes = fw_arena_alloc(arena, body.len + 11);
	size_t n = 0;
	uint64_t left = body.len;

	bytes[n++] = TAG_REPORTS;
	for (; left >= 0x80; left >>= 7)
		bytes[n++] = (uint8_t)(left | 0x80);
	bytes[n++] = (uint8_t)left;
	memcpy(bytes + n, body.bytes, body.len);
	return (struct fw_slice){.bytes = bytes, .len = n + body.len};
}

static void *
arena_alloc(void *context, size_t n)
{
	return fw_arena_alloc(context, n);
}

static void
arena_free(void *context, void *pointer)
{
	(void)context;
	(void)pointer;
}

/* Keeps the first fault that was found. */
struct fault {
	struct fw_arena *arena;
	enum fw_reason reason;
	const char *detail;
};

static void
fault_set(struct fault *f, enum fw_reason reason, const char *field, size_t index, const char *what)
{
	if (f->reason != FW_REASON_NONE)
		return;
	f->reason = reason;
	f->detail = index == SIZE_MAX
			? fw_arena_printf(f->arena, "%s: %s", field, what)
			: fw_arena_printf(f->arena, "%s[%zu]: %s", field, index, what);
}

static const struct fw_event *
copy_events(struct fw_arena *arena, const Firewatch__V1__Report *m, struct fault *f)
{
	struct fw_event *events = fw_arena_alloc(arena, m->n_events * sizeof(*events));

	for (size_t i = 0; i < m->n_events; i++) {
		const Firewatch__V1__Event *e = m->events[i];
		size_t n = strlen(e->text);
		bool valid = fw_text_valid(e->text, n);

		if (!valid)
			fault_set(f, FW_REASON_TEXT, "events", i, "text is not valid UTF-8");
		else if (n > FW_EVENT_TEXT_MAX)
			fault_set(
			    f, FW_REASON_OVERSIZE, "events", i, "text is longer than 128 bytes");
		if (e->condition <= 0 || e->condition >= (int)FW_CONDITIONS)
			fault_set(f, FW_REASON_CONDITION, "events", i,
			    fw_arena_printf(arena, "unknown condition %d", (int)e->condition));
		events[i] = (struct fw_event){
		    .point = e->point,
		    .system_type = e->system_type,
		    .component_type = e->component_type,
		    .condition = (uint32_t)e->condition,
		    .active = e->active,
		    .text = valid ? fw_arena_text(
					arena, e->text, fw_text_cut(e->text, n, FW_EVENT_TEXT_MAX))
				  : "",
		};
	}
	return events;
}

static const struct fw_reading *
copy_readings(struct fw_arena *arena, const Firewatch__V1__Report *m, struct fault *f)
{
	struct fw_reading *readings = fw_arena_alloc(arena, m->n_readings * sizeof(*readings));

	for (size_t i = 0; i < m->n_readings; i++) {
		const Firewatch__V1__Reading *r = m->readings[i];

		if (!isfinite(r->value))
			fault_set(
			    f, FW_REASON_VALUE, "readings", i, "value is not a finite number");
		readings[i] = (struct fw_reading){
		    .point = r->point, .quantity = (int32_t)r->quantity, .value = r->value};
	}
	return readings;
}

static const struct fw_health *
copy_health(struct fw_arena *arena, const Firewatch__V1__Health *m, struct fault *f)
{
	struct fw_health *health = fw_arena_alloc(arena, sizeof(*health));

	if (m->battery_percent > 100)
		fault_set(f, FW_REASON_VALUE, "health.battery_percent", SIZE_MAX, "over 100");
	if (!fw_text_valid(m->firmware, strlen(m->firmware)))
		fault_set(f, FW_REASON_TEXT, "health.firmware", SIZE_MAX, "not valid UTF-8");
	*health = (struct fw_health){
	    .battery_percent = m->battery_percent,
	    .signal_dbm = m->signal_dbm,
	    .mains_ok = m->mains_ok,
	    .firmware = m->firmware,
	};
	return health;
}

static int64_t
to_us(int64_t ms)
{
	if (ms > INT64_MAX / FW_MS || ms < INT64_MIN / FW_MS)
		return ms > 0 ? INT64_MAX : INT64_MIN;
	return ms * FW_MS;
}

enum fw_reason
fw_decode_report(
    struct fw_arena *arena, struct fw_slice body, struct fw_report *out, const char **detail)
{
	ProtobufCAllocator allocator = {
	    .alloc = arena_alloc, .free = arena_free, .allocator_data = arena};
	Firewatch__V1__Report *m = firewatch__v1__report__unpack(&allocator, body.len, body.bytes);
	struct fault f = {.arena = arena};

	*out = (struct fw_report){.body = body.bytes, .body_len = body.len, .device_id = ""};
	*detail = "the report is not protobuf";
	if (!m)
		return FW_REASON_NOT_PROTOBUF;
	if (*m->device_id && !fw_text_is_device(m->device_id, strlen(m->device_id)))
		fault_set(&f, FW_REASON_IDENTITY, "device_id", SIZE_MAX, "not a device's name");
	else
		out->device_id = m->device_id;
	if (m->sequence == 0)
		fault_set(&f, FW_REASON_SEQUENCE, "sequence", SIZE_MAX, "must be at least 1");
	out->boot_id = m->boot_id;
	out->sequence = m->sequence;
	out->device_time_us = to_us(m->observed_at_ms);
	out->backfill = m->backfill;
	out->mode = (uint32_t)m->mode;
	out->events = copy_events(arena, m, &f);
	out->event_count = m->n_events;
	out->readings = copy_readings(arena, m, &f);
	out->reading_count = m->n_readings;
	out->health = m->health ? copy_health(arena, m->health, &f) : NULL;
	*detail = f.detail;
	return f.reason;
}
