/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings and what is done with it; see settings.h.  A setting is one line here and
 * one field there. */
#include "model/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define KEY(s, n) .section = #s, .name = #n, .offset = offsetof(struct fw_settings, s.n)
#define TEXT(low, high) .type = FW_SETTING_TEXT, .unit = "", .least = (low), .most = (high)
#define SECRET(low, high) .type = FW_SETTING_SECRET, .unit = "", .least = (low), .most = (high)
#define NAME(low, high) .type = FW_SETTING_NAME, .unit = "", .least = (low), .most = (high)
#define DIVISIONS(low, high) \
	.type = FW_SETTING_DIVISIONS, .unit = "", .least = (low), .most = (high)
#define CHOICE(words) .type = FW_SETTING_CHOICE, .unit = "", .choices = (words)
#define INTEGER(of, low, high) \
	.type = FW_SETTING_INTEGER, .unit = (of), .least = (low), .most = (high)
#define BOOLEAN .type = FW_SETTING_BOOLEAN, .unit = ""
#define RELOAD .reloadable = true

#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define DAY_S ((int64_t)86400)

#define PATH_LONGEST 1023
#define SOCKET_LONGEST 107 /* sockaddr_un */
#define EXPIRY_MOST_S 0x7fffffff

/* clang-format off */
const struct fw_setting fw_setting_table[] = {
	{KEY(control, socket), TEXT(1, SOCKET_LONGEST), .standard = "/run/firewatch/control",
	    .help = "Path of the control socket, which firewatchctl status asks."},
	{KEY(database, batch_reports), INTEGER("", 1, 100000), .standard = "10000", RELOAD,
	    .help = "Most reports in one transaction; after PostgreSQL was away there may be more."},
	{KEY(database, dsn), TEXT(1, 2000), .standard = "host=/run/postgresql dbname=firewatch",
	    .help = "Connection string of libpq; a password belongs into a passfile, which it may name."},
	{KEY(database, retention_days), INTEGER("days", 1, 36500), .standard = "400d", RELOAD,
	    .help = "Reports and readings older than this are dropped; alarms and their timelines stay."},
	{KEY(database, retry_max_ms), INTEGER("ms", 100, 3600000), .standard = "15s",
	    .help = "Longest pause between attempts to connect."},
	{KEY(instance, divisions), DIVISIONS(1, 1000), .standard = "*",
	    .help = "Divisions that this instance serves: * for all, or codes of 6 to 15 digits with commas between."},
	{KEY(instance, name), NAME(1, 32), .standard = "firewatch",
	    .help = "Name of the instance; its MQTT sessions and its checkpoints carry it."},
	{KEY(journal, alarm_quota_bytes), INTEGER("bytes", MIB, 1024 * GIB), .standard = "1GiB",
	    .help = "Most disk space of the alarm lane's journal; what the other lane holds does not count."},
	{KEY(journal, directory), TEXT(1, PATH_LONGEST), .standard = "/var/lib/firewatch/journal",
	    .help = "Where the journals are kept; a folder for each lane is made in it."},
	{KEY(journal, keep_s), INTEGER("s", 0, 30 * DAY_S), .standard = "1h",
	    .help = "A journal segment stays this long after its last record was committed, unless the quota needs the room."},
	{KEY(journal, segment_bytes), INTEGER("bytes", 256 * KIB, GIB), .standard = "64MiB",
	    .help = "Size of a journal file; it is allocated whole, before it is used."},
	{KEY(journal, sync_interval_ms), INTEGER("ms", 1, 1000), .standard = "5ms",
	    .help = "Telemetry is on disk at most this long after it came; alarms are before they are acknowledged."},
	{KEY(journal, telemetry_quota_bytes), INTEGER("bytes", MIB, 16384 * GIB), .standard = "8GiB",
	    .help = "Disk space of the telemetry lane's journal; when it is full, the lane leaves messages with the broker."},
	{KEY(log, level), CHOICE("error warning notice info debug"), .standard = "info", RELOAD,
	    .help = "The least important lines that are logged."},
	{KEY(mqtt, ca_file), TEXT(0, PATH_LONGEST), .standard = "",
	    .help = "Certificates that the broker's is checked against, PEM; turns TLS on."},
	{KEY(mqtt, cert_file), TEXT(0, PATH_LONGEST), .standard = "",
	    .help = "Certificate that the daemon shows to the broker, PEM."},
	{KEY(mqtt, host), TEXT(1, 253), .standard = "127.0.0.1",
	    .help = "Name or address of the MQTT broker."},
	{KEY(mqtt, keepalive_s), INTEGER("s", 5, 3600), .standard = "30s",
	    .help = "A connection on which nothing was heard so long is probed, then given up."},
	{KEY(mqtt, key_file), TEXT(0, PATH_LONGEST), .standard = "",
	    .help = "Private key of mqtt.cert_file, PEM."},
	{KEY(mqtt, max_payload_bytes), INTEGER("bytes", KIB, 16 * MIB), .standard = "256KiB",
	    .help = "A larger payload is cut and quarantined."},
	{KEY(mqtt, password), SECRET(0, 255), .standard = "",
	    .help = "Password at the broker."},
	{KEY(mqtt, port), INTEGER("", 1, 65535), .standard = "1883",
	    .help = "Port of the MQTT broker; 8883 is usual with TLS."},
	{KEY(mqtt, receive_maximum), INTEGER("", 1, 65535), .standard = "1000",
	    .help = "Unacknowledged messages that the broker may have under way on each lane."},
	{KEY(mqtt, retry_max_ms), INTEGER("ms", 100, 3600000), .standard = "30s",
	    .help = "Longest pause between attempts to connect."},
	{KEY(mqtt, session_expiry_s), INTEGER("s", 60, EXPIRY_MOST_S), .standard = "7d",
	    .help = "The broker keeps messages this long for a daemon that is away."},
	{KEY(mqtt, username), TEXT(0, 255), .standard = "",
	    .help = "User name at the broker; empty: none."},
	{KEY(notify, allow_insecure), BOOLEAN, .standard = "no", RELOAD,
	    .help = "Allow http, loopback and private targets; for private networks and tests."},
	{KEY(notify, attempts), INTEGER("", 1, 100), .standard = "8", RELOAD,
	    .help = "Most attempts to deliver one page."},
	{KEY(notify, retry_max_ms), INTEGER("ms", 10, 3600000), .standard = "1min", RELOAD,
	    .help = "Longest pause between attempts."},
	{KEY(notify, retry_ms), INTEGER("ms", 10, 3600000), .standard = "2s", RELOAD,
	    .help = "Pause before the second attempt; it doubles from then on, with jitter."},
	{KEY(notify, timeout_ms), INTEGER("ms", 100, 300000), .standard = "10s", RELOAD,
	    .help = "An attempt that takes longer has failed."},
	{KEY(notify, uncommitted_ms), INTEGER("ms", 100, 60000), .standard = "3s", RELOAD,
	    .help = "A fire's page that is not committed by then is sent all the same."},
	{KEY(rules, area_devices), INTEGER("", 2, 1000000), .standard = "10", RELOAD,
	    .help = "So many devices of a division without mains within a minute are one incident of the area."},
	{KEY(rules, area_share_percent), INTEGER("", 1, 100), .standard = "50", RELOAD,
	    .help = "So is this share, in percent, of the division's mains devices; at least 3."},
	{KEY(rules, clock_ahead_s), INTEGER("s", 0, DAY_S), .standard = "5min", RELOAD,
	    .help = "A device time further ahead of receipt than this is not believed."},
	{KEY(rules, clock_behind_s), INTEGER("s", 60, 3650 * DAY_S), .standard = "7d", RELOAD,
	    .help = "A device time further behind receipt than this is not believed."},
	{KEY(rules, confirm_within_s), INTEGER("s", 1, DAY_S), .standard = "5min", RELOAD,
	    .help = "Two detectors of a zone that alarm within this time confirm a fire."},
	{KEY(rules, realarm_after_s), INTEGER("s", 1, 30 * DAY_S), .standard = "10min", RELOAD,
	    .help = "An alarm that is still repeated so long after its incident was closed opens a new one."},
};
/* clang-format on */
const size_t fw_setting_count = sizeof(fw_setting_table) / sizeof(fw_setting_table[0]);

/* Of a unit, the largest factor first. */
static const struct suffix {
	const char *unit, *text;
	int64_t factor;
} suffixes[] = {
    {"ms", "h", 3600000},
    {"ms", "min", 60000},
    {"ms", "s", 1000},
    {"ms", "ms", 1},
    {"s", "d", 86400},
    {"s", "h", 3600},
    {"s", "min", 60},
    {"s", "s", 1},
    {"days", "d", 1},
    {"bytes", "GiB", GIB},
    {"bytes", "MiB", MIB},
    {"bytes", "KiB", KIB},
    {"bytes", "B", 1},
};
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

static char **
text_of(const struct fw_settings *s, const struct fw_setting *setting)
{
	return (char **)((uintptr_t)s + setting->offset);
}

static int64_t *
integer_of(const struct fw_settings *s, const struct fw_setting *setting)
{
	return (int64_t *)((uintptr_t)s + setting->offset);
}

static bool *
boolean_of(const struct fw_settings *s, const struct fw_setting *setting)
{
	return (bool *)((uintptr_t)s + setting->offset);
}

static void
print_integer(const struct fw_setting *setting, int64_t value, char *text, size_t size)
{
	for (size_t i = 0; i < SUFFIXES; i++) {
		const struct suffix *x = &suffixes[i];

		if (strcmp(x->unit, setting->unit) != 0 || value % x->factor != 0 ||
		    (value == 0 && x->factor != 1))
			continue;
		snprintf(text, size, "%" PRId64 "%s", value / x->factor, x->text);
		return;
	}
	snprintf(text, size, "%" PRId64, value);
}

/* 0 when the suffix does not belong to the unit. */
static int64_t
factor_of(const char *unit, const char *suffix)
{
	if (!*suffix)
		return 1;
	for (size_t i = 0; i < SUFFIXES; i++)
		if (strcmp(suffixes[i].unit, unit) == 0 && strcmp(suffixes[i].text, suffix) == 0)
			return suffixes[i].factor;
	return 0;
}

static void
explain_suffixes(const char *unit, char *why, size_t size)
{
	int n = snprintf(why, size, "must be a whole number");

	for (size_t i = SUFFIXES; *unit && i-- > 0;)
		if (strcmp(suffixes[i].unit, unit) == 0 && n >= 0 && (size_t)n < size)
			n += snprintf(why + n, size - (size_t)n, "%s%s",
			    strchr(why, ',') ? " " : ", with one of ", suffixes[i].text);
}

static int
parse_integer(
    const struct fw_setting *setting, const char *value, int64_t *out, char *why, size_t size)
{
	char least[32], most[32];
	const char *at = value;
	int64_t n = 0, factor;
	bool too_big = false;

	for (; *at >= '0' && *at <= '9'; at++)
		too_big = too_big || __builtin_mul_overflow(n, 10, &n) ||
			  __builtin_add_overflow(n, *at - '0', &n);
	factor = factor_of(setting->unit, at);
	if (at == value || factor == 0) {
		explain_suffixes(setting->unit, why, size);
		return FW_EINVAL;
	}
	if (too_big || __builtin_mul_overflow(n, factor, &n) || n < setting->least ||
	    n > setting->most) {
		print_integer(setting, setting->least, least, sizeof(least));
		print_integer(setting, setting->most, most, sizeof(most));
		snprintf(why, size, "must be from %s to %s", least, most);
		return FW_EINVAL;
	}
	*out = n;
	return FW_OK;
}

static int
parse_boolean(const char *value, bool *out, char *why, size_t size)
{
	static const char *const words[] = {"no", "yes", "off", "on", "false", "true"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(value, words[i]) == 0) {
			*out = i % 2 == 1;
			return FW_OK;
		}
	snprintf(why, size, "must be yes or no");
	return FW_EINVAL;
}

static bool
is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *at = choices; n && at && !strchr(value, ' '); at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, value, n) == 0 && (at[n] == ' ' || at[n] == '\0'))
			return true;
	}
	return false;
}

static bool
is_division_list(const char *value)
{
	const char *at = value;

	if (strcmp(value, "*") == 0)
		return true;
	for (;;) {
		size_t n = strcspn(at, ",");

		if (!fw_text_is_division(at, n))
			return false;
		if (!at[n])
			return true;
		at += n + 1;
	}
}

static bool
has_control_character(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return true;
	return false;
}

static int
check_text(const struct fw_setting *setting, const char *value, char *why, size_t size)
{
	size_t n = strlen(value);

	if (!fw_text_valid(value, n) || has_control_character(value))
		snprintf(why, size, "must be UTF-8 without control characters");
	else if (setting->type == FW_SETTING_CHOICE && !is_choice(setting->choices, value))
		snprintf(why, size, "must be one of: %s", setting->choices);
	else if (setting->type != FW_SETTING_CHOICE && n < (uint64_t)setting->least)
		snprintf(why, size, "must not be empty");
	else if (setting->type != FW_SETTING_CHOICE && n > (uint64_t)setting->most)
		snprintf(why, size, "must be at most %" PRId64 " bytes long", setting->most);
	else if (setting->type == FW_SETTING_NAME && !fw_text_is_device(value, n))
		snprintf(why, size, "may hold A-Z a-z 0-9 _ . : - only");
	else if (setting->type == FW_SETTING_DIVISIONS && !is_division_list(value))
		snprintf(why, size, "must be *, or codes of 6 to 15 digits with commas between");
	else
		return FW_OK;
	return FW_EINVAL;
}

static int
set_value(struct fw_settings *s, const struct fw_setting *setting, const char *value, char *why,
    size_t size)
{
	char **text = text_of(s, setting);

	switch (setting->type) {
	case FW_SETTING_INTEGER:
		return parse_integer(setting, value, integer_of(s, setting), why, size);
	case FW_SETTING_BOOLEAN:
		return parse_boolean(value, boolean_of(s, setting), why, size);
	case FW_SETTING_TEXT:
	case FW_SETTING_SECRET:
	case FW_SETTING_NAME:
	case FW_SETTING_DIVISIONS:
	case FW_SETTING_CHOICE:
		break;
	}
	if (check_text(setting, value, why, size) != FW_OK)
		return FW_EINVAL;
	free(*text);
	*text = fw_strdup(value);
	return FW_OK;
}

const struct fw_setting *
fw_setting_find(const char *section, const char *name)
{
	for (size_t i = 0; i < fw_setting_count; i++)
		if (strcmp(fw_setting_table[i].section, section) == 0 &&
		    strcmp(fw_setting_table[i].name, name) == 0)
			return &fw_setting_table[i];
	return NULL;
}

int
fw_settings_set(struct fw_settings *s, const char *section, const char *name, const char *value,
    char *why, size_t why_size)
{
	const struct fw_setting *setting = fw_setting_find(section, name);

	if (!setting) {
		snprintf(why, why_size, "no such setting");
		return FW_ENOTFOUND;
	}
	return set_value(s, setting, value, why, why_size);
}

void
fw_settings_init(struct fw_settings *s)
{
	char why[200];

	*s = (struct fw_settings){0};
	for (size_t i = 0; i < fw_setting_count; i++)
		if (set_value(s, &fw_setting_table[i], fw_setting_table[i].standard, why,
			sizeof(why)) != FW_OK)
			abort();
}

void
fw_settings_fini(struct fw_settings *s)
{
	for (size_t i = 0; i < fw_setting_count; i++)
		if (fw_setting_table[i].type < FW_SETTING_INTEGER)
			free(*text_of(s, &fw_setting_table[i]));
	*s = (struct fw_settings){0};
}

int
fw_settings_check(const struct fw_settings *s, char *why, size_t why_size)
{
	int64_t smallest_quota = s->journal.alarm_quota_bytes < s->journal.telemetry_quota_bytes
				     ? s->journal.alarm_quota_bytes
				     : s->journal.telemetry_quota_bytes;

	if (*s->mqtt.key_file && !*s->mqtt.cert_file)
		snprintf(why, why_size, "mqtt.key_file: needs mqtt.cert_file");
	else if (*s->mqtt.cert_file && !*s->mqtt.key_file)
		snprintf(why, why_size, "mqtt.cert_file: needs mqtt.key_file");
	else if (*s->mqtt.cert_file && !*s->mqtt.ca_file)
		snprintf(why, why_size, "mqtt.cert_file: needs mqtt.ca_file");
	else if (*s->mqtt.password && !*s->mqtt.username)
		snprintf(why, why_size, "mqtt.password: needs mqtt.username");
	else if (s->mqtt.session_expiry_s < 2 * s->mqtt.keepalive_s)
		snprintf(why, why_size,
		    "mqtt.session_expiry_s: must be at least twice mqtt.keepalive_s");
	else if (s->mqtt.max_payload_bytes > s->journal.segment_bytes / 2)
		snprintf(why, why_size,
		    "mqtt.max_payload_bytes: must be at most half of journal.segment_bytes");
	else if (s->journal.segment_bytes > smallest_quota / 4)
		snprintf(why, why_size,
		    "journal.segment_bytes: must be at most a quarter of each lane's quota");
	else if (s->notify.retry_ms > s->notify.retry_max_ms)
		snprintf(why, why_size, "notify.retry_ms: must be at most notify.retry_max_ms");
	else
		return FW_OK;
	return FW_EINVAL;
}

void
fw_settings_show(const struct fw_settings *s, const struct fw_setting *setting, bool secrets,
    char *text, size_t size)
{
	switch (setting->type) {
	case FW_SETTING_INTEGER:
		print_integer(setting, *integer_of(s, setting), text, size);
		return;
	case FW_SETTING_BOOLEAN:
		snprintf(text, size, "%s", *boolean_of(s, setting) ? "yes" : "no");
		return;
	case FW_SETTING_SECRET:
		snprintf(text, size, "%s",
		    secrets || !**text_of(s, setting) ? *text_of(s, setting) : "***");
		return;
	case FW_SETTING_TEXT:
	case FW_SETTING_NAME:
	case FW_SETTING_DIVISIONS:
	case FW_SETTING_CHOICE:
		snprintf(text, size, "%s", *text_of(s, setting));
		return;
	}
}

void
fw_settings_reload(struct fw_settings *s, const struct fw_settings *wanted)
{
	char value[FW_SETTING_TEXT_MAX], why[200];

	for (size_t i = 0; i < fw_setting_count; i++) {
		if (!fw_setting_table[i].reloadable)
			continue;
		fw_settings_show(wanted, &fw_setting_table[i], true, value, sizeof(value));
		if (set_value(s, &fw_setting_table[i], value, why, sizeof(why)) != FW_OK)
			abort(); /* it has been checked */
	}
}

const struct fw_setting *
fw_settings_restart_needed(const struct fw_settings *old, const struct fw_settings *wanted)
{
	char was[FW_SETTING_TEXT_MAX], will[FW_SETTING_TEXT_MAX];

	for (size_t i = 0; i < fw_setting_count; i++) {
		if (fw_setting_table[i].reloadable)
			continue;
		fw_settings_show(old, &fw_setting_table[i], true, was, sizeof(was));
		fw_settings_show(wanted, &fw_setting_table[i], true, will, sizeof(will));
		if (strcmp(was, will) != 0)
			return &fw_setting_table[i];
	}
	return NULL;
}
