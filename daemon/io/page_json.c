/* SPDX-License-Identifier: Apache-2.0 */
/* A page as JSON; see page_json.h.  All text in it has been checked to be UTF-8 where it came in.
 */
#include "io/page_json.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define TITLE_MAX 512

static void
set_text(json_t *object, const char *key, const char *value)
{
	json_t *text = json_string(value);

	assert(text);
	json_object_set_new(object, key, text);
}

static void
set_time(json_t *object, const char *key, int64_t t_us)
{
	char text[FW_TIME_TEXT_MAX];

	set_text(object, key, fw_time_text(t_us, text));
}

static void
write_title(char *title, size_t size, const struct fw_page *page, const char *where)
{
	const struct fw_incident *i = page->incident;

	snprintf(title, size, "%s%s%s%s %s%s%s%s%s", page->site_only ? "[测试时段] " : "",
	    i->cause_test ? "[测试模式] " : "", i->confirmed_at_us ? "[已确认] " : "",
	    fw_class_name_zh(fw_page_class(page)), where, *i->cause_zone ? " " : "", i->cause_zone,
	    *i->cause_text ? ": " : "", i->cause_text);
}

static void
add_place(json_t *o, const struct fw_page *page, const struct fw_town *town)
{
	const struct fw_incident *i = page->incident;
	const struct fw_site *site = fw_town_site(town, i->site);
	const struct fw_division *division = fw_town_division_near(town, i->division);
	char title[TITLE_MAX + 1];
	const char *where = site                  ? site->name
			    : i->area && division ? division->name
						  : i->cause_device;

	set_text(o, "division", i->division);
	set_text(o, "division_name", division ? division->name : "");
	set_text(o, "site", i->site);
	set_text(o, "site_name", site ? site->name : "");
	set_text(o, "address", site ? site->address : "");
	set_text(o, "contact", site ? site->contact : "");
	write_title(title, sizeof(title), page, where);
	title[fw_text_cut(title, strlen(title), TITLE_MAX - 1)] = '\0';
	set_text(o, "title", title);
}

char *
fw_page_json(const struct fw_page *page, const struct fw_town *town)
{
	const struct fw_incident *i = page->incident;
	json_t *o = json_object();
	char *text;

	set_text(o, "type", "page");
	set_text(o, "notification_id", page->id);
	set_text(o, "incident_id", i->id);
	json_object_set_new(o, "trigger", json_integer(page->trigger));
	json_object_set_new(o, "step", json_integer(page->step));
	json_object_set_new(o, "attempt", json_integer(page->attempts));
	set_text(o, "role", page->role);
	set_text(o, "person", page->person);
	set_text(o, "person_name", page->person_name);
	set_text(o, "class", fw_class_name(fw_page_class(page)));
	set_text(o, "class_name", fw_class_name_zh(fw_page_class(page)));
	set_text(o, "severity", fw_severity_name(i->severity));
	json_object_set_new(o, "confirmed", json_boolean(i->confirmed_at_us != 0));
	json_object_set_new(o, "test", json_boolean(i->cause_test));
	json_object_set_new(o, "test_window", json_boolean(page->site_only));
	json_object_set_new(o, "backfill", json_boolean(i->cause_backfill));
	add_place(o, page, town);
	set_text(o, "device", i->cause_device);
	set_text(o, "zone", i->cause_zone);
	set_text(o, "text", i->cause_text);
	set_time(o, "observed_at", i->cause_observed_us);
	set_time(o, "received_at", i->cause_received_us);
	json_object_set_new(o, "alarm_count", json_integer(i->alarm_count));
	text = json_dumps(o, JSON_COMPACT);
	assert(text);
	json_decref(o);
	return text;
}
