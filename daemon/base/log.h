/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per outcome on standard error, the subject first, then key=value.  Under
 * systemd each line carries its priority in the form of sd-daemon(3); elsewhere it begins with the
 * time.  Any thread may log.
 */
#ifndef FW_BASE_LOG_H
#define FW_BASE_LOG_H

#include "base/error.h"

enum fw_log_level { /* the numbers of syslog(3) */
	FW_LOG_ERROR = 3,
	FW_LOG_WARNING = 4,
	FW_LOG_NOTICE = 5,
	FW_LOG_INFO = 6,
	FW_LOG_DEBUG = 7,
};

/* Call once before other threads start.  journald: prefix "<n>" instead of the time. */
void fw_log_init(enum fw_log_level most, int journald);
void fw_log_set_level(enum fw_log_level most);

/* Text from outside may be passed as an argument: control characters in the finished line are
   written as '?'. errno is kept. */
void fw_log(enum fw_log_level level, const char *format, ...) FW_PRINTF(2, 3);

#define fw_error(...) fw_log(FW_LOG_ERROR, __VA_ARGS__)
#define fw_warning(...) fw_log(FW_LOG_WARNING, __VA_ARGS__)
#define fw_notice(...) fw_log(FW_LOG_NOTICE, __VA_ARGS__)
#define fw_info(...) fw_log(FW_LOG_INFO, __VA_ARGS__)
#define fw_debug(...) fw_log(FW_LOG_DEBUG, __VA_ARGS__)

#endif
