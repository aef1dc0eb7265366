/* SPDX-License-Identifier: Apache-2.0 */
/* What a page says: the JSON that the webhook channel posts. */
#ifndef FW_IO_PAGE_JSON_H
#define FW_IO_PAGE_JSON_H

#include "model/incident.h"
#include "model/town.h"

/*
 * Keys: type ("page"), notification_id, incident_id, trigger, step, attempt, role, person,
 * person_name, class, class_name, severity, confirmed, test, backfill, division, division_name,
 * site, site_name, address, contact, device, zone, text, observed_at, received_at (RFC 3339),
 * alarm_count, title (one line, Chinese).  malloc'ed.
 */
char *fw_page_json(const struct fw_page *page, const struct fw_town *town);

#endif
