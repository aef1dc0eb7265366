/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of firewatchd: one struct, and one alphabetical table that drives parsing, checking,
 * --dump-config, the man page and the README's table.  A setting is added by a field here and a
 * line in settings.c.
 *
 * Values are plain data; strings are owned by the struct.  No I/O: io/config_file.c reads the file.
 */
#ifndef FW_MODEL_SETTINGS_H
#define FW_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fw_settings {
	struct {
		char *socket; /* path of the control socket */
	} control;
	struct {
		char *dsn; /* libpq connection string; its password belongs into a passfile */
		int64_t batch_reports;  /* most reports in one transaction */
		int64_t retry_max_ms;   /* longest pause between attempts to connect */
		int64_t retention_days; /* partitions of reports older than this are dropped */
	} database;
	struct {
		char *divisions; /* comma-separated codes; "*" all */
		char *name;      /* of the instance: MQTT client ids and checkpoints carry it */
	} instance;
	struct {
		char *directory;
		int64_t alarm_quota_bytes;
		int64_t keep_s; /* a segment stays this long after its last record was committed */
		int64_t segment_bytes;
		/* telemetry lane: longest time until its data is synced */
		int64_t sync_interval_ms;
		int64_t telemetry_quota_bytes;
	} journal;
	struct {
		char *level; /* error, warning, notice, info, debug */
	} log;
	struct {
		char *ca_file; /* empty: no TLS */
		char *cert_file;
		char *host;
		int64_t keepalive_s;
		char *key_file;
		int64_t max_payload_bytes;
		char *password;
		int64_t port;
		int64_t receive_maximum; /* unacknowledged messages the broker may have under way,
					    per lane */
		int64_t retry_max_ms;
		int64_t session_expiry_s;
		char *username;
	} mqtt;
	struct {
		bool allow_insecure; /* http and loopback targets */
		int64_t attempts;    /* most attempts of one page */
		int64_t retry_ms;    /* pause before the second attempt; doubles, with jitter */
		int64_t retry_max_ms;
		int64_t timeout_ms;
		int64_t uncommitted_ms; /* a fire page that is not committed by then is sent all the
					   same */
	} notify;
	struct {
		int64_t area_devices;       /* of a division: so many are an area's incident, */
		int64_t area_share_percent; /* or such a share of them */
		int64_t clock_ahead_s;  /* a device time further ahead of receipt is not believed */
		int64_t clock_behind_s; /* likewise behind */
		/* two detectors of a zone within this time confirm a fire */
		int64_t confirm_within_s;
		int64_t realarm_after_s; /* an alarm still repeated so long after its incident was
					    closed opens a new one */
	} rules;
};

enum fw_setting_type {
	FW_SETTING_TEXT,
	FW_SETTING_SECRET,    /* text that is not shown */
	FW_SETTING_NAME,      /* A-Z a-z 0-9 _ . : - */
	FW_SETTING_DIVISIONS, /* "*", or division codes with commas between */
	FW_SETTING_CHOICE,
	FW_SETTING_INTEGER, /* int64_t; all before it are char * */
	FW_SETTING_BOOLEAN, /* bool */
};

struct fw_setting {
	const char *section;
	const char *name;
	enum fw_setting_type type;
	const char *unit;     /* of integers: "ms", "s", "days", "bytes"; "" where none */
	const char *standard; /* default, as text */
	int64_t least, most;  /* of integers, in the unit; of texts, secrets, names and lists the
				 length in bytes */
	const char *choices;  /* of FW_SETTING_CHOICE: "a b c" */
	bool reloadable;      /* SIGHUP takes it over; else it needs a restart */
	const char *help;     /* one sentence */
	size_t offset;        /* of the field in struct fw_settings */
};

#define FW_SETTING_TEXT_MAX 2048 /* bytes that hold any value as text, with its NUL */

/* The table, sorted by section and name. */
extern const struct fw_setting fw_setting_table[];
extern const size_t fw_setting_count;

/* All defaults.  Freed with fw_settings_fini. */
void fw_settings_init(struct fw_settings *s);
void fw_settings_fini(struct fw_settings *s);

/* NULL when there is none. */
const struct fw_setting *fw_setting_find(const char *section, const char *name);

/*
 * Sets one value from text.  Integers take a suffix that fits the unit (ms: "500ms" "3s" "5min"
 * "1h"; s: "30s" "5min" "2h" "7d"; days: "400d"; bytes: "64KiB" "16MiB" "1GiB"); without one they
 * are in the unit.  Booleans: yes, no, true, false, on, off. On an error `why` holds a sentence
 * without the key, and nothing is changed. FW_ENOTFOUND: unknown key.  FW_EINVAL: bad value.
 */
FW_MUST_CHECK int fw_settings_set(struct fw_settings *s, const char *section, const char *name,
    const char *value, char *why, size_t why_size);

/* What holds between settings (key without certificate, keepalive against expiry …).  FW_EINVAL:
 * `why` holds "section.key: sentence". */
FW_MUST_CHECK int fw_settings_check(const struct fw_settings *s, char *why, size_t why_size);

/* The value as text, in the form that fw_settings_set takes; a secret as "***" unless `secrets`. */
void fw_settings_show(const struct fw_settings *s, const struct fw_setting *setting, bool secrets,
    char *text, size_t size);

/* Takes over the reloadable settings of `wanted`. */
void fw_settings_reload(struct fw_settings *s, const struct fw_settings *wanted);

/* The first setting that differs and is not reloadable, or NULL. */
const struct fw_setting *fw_settings_restart_needed(
    const struct fw_settings *old, const struct fw_settings *wanted);

#endif
