/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told (sd_notify(3)); without one, nothing happens. */
#ifndef FW_IO_SERVICE_H
#define FW_IO_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

void fw_service_ready(void);
void fw_service_reloading(void); /* follow with fw_service_ready */
void fw_service_stopping(void);
void fw_service_status(const char *format, ...) FW_PRINTF(1, 2);
void fw_service_alive(void); /* WATCHDOG=1 */

/* Standard error is the journal: lines are to carry their priority. */
bool fw_service_has_journal(void);

#endif
