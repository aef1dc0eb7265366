/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager, by libsystemd; see service.h. */
#include "io/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define STATUS_BYTES 256

void
fw_service_ready(void)
{
	sd_notify(0, "READY=1");
}

/* systemd pairs a reload with its READY by this time, where the unit is of Type=notify-reload. */
void
fw_service_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (int64_t)now.tv_sec * 1000000 + (int64_t)now.tv_nsec / 1000);
}

void
fw_service_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
fw_service_status(const char *format, ...)
{
	char status[STATUS_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(status, sizeof(status), format, args);
	va_end(args);
	for (char *c = status; *c; c++) /* a line break would begin another variable */
		if ((unsigned char)*c < 0x20)
			*c = ' ';
	sd_notifyf(0, "STATUS=%s", status);
}

void
fw_service_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

bool
fw_service_has_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	if (!stream || sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}
