/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's scenarios: what a sound one says, and each fault with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "scenario/scenario.h"

#define DEVICES                               \
	"device gw-1 division 330482103003\n" \
	"device room-{08..12} division 330482103003 gateway gw-1 boot 7 sequence 18446744073709551615 clock -8h\n"

static void
read_well(struct sim_scenario *s, const char *text)
{
	int rc = sim_scenario_read(s, text, strlen(text));

	if (s->fault_count)
		fail_msg("line %u: %s", s->faults[0].line, s->faults[0].what);
	assert_int_equal(rc, FW_OK);
}

static void
devices_and_ranges(void **context)
{
	struct sim_scenario s;

	(void)context;
	read_well(&s, DEVICES "at 1s room-{09..10} restore GAS\n");
	assert_int_equal(s.device_count, 6);
	assert_string_equal(s.devices[1].name, "room-08");
	assert_string_equal(s.devices[5].name, "room-12");
	assert_int_equal(s.devices[0].gateway, SIM_NONE);
	assert_int_equal(s.devices[0].boot, -1);
	assert_int_equal(s.devices[5].gateway, 0);
	assert_int_equal(s.devices[5].boot, 7);
	assert_true(s.devices[5].sequence == UINT64_MAX);
	assert_int_equal(s.devices[5].clock.us, -8 * 60 * FW_MIN);
	assert_int_equal(s.actions[0].device_count, 2);
	assert_string_equal(s.devices[s.actions[0].devices[1]].name, "room-10");
	sim_scenario_free(&s);
}

static void
a_report_of_many_parts(void **context)
{
	struct sim_scenario s;
	const struct sim_action *a;

	(void)context;
	read_well(&s, DEVICES
	    "at 0.5s gw-1 raise FIRE point 65539 component 42 text \"厨房 # 1\\xff\" and reading CO_PPM nan "
	    "and health battery 87 signal -95 mains off firmware \"1.2.3\" "
	    "repeat 3 every 2s duplicate 4 backfill 5 every 1min mode test topic telemetry as \"\" # why not\n");
	a = &s.actions[0];
	assert_int_equal(a->at_us, 500 * FW_MS);
	assert_int_equal(a->part_count, 3);
	assert_int_equal(a->parts[0].number, 1);
	assert_int_equal(a->parts[0].point, 65539);
	assert_int_equal(a->parts[0].system, -1);
	assert_string_equal(a->parts[0].text, "厨房 # 1\xff");
	assert_true(a->parts[1].value != a->parts[1].value);
	assert_int_equal(a->parts[2].signal, -95);
	assert_int_equal(a->parts[2].mains, 0);
	assert_int_equal(a->repeat.count, 3);
	assert_int_equal(a->backfill.every_us, FW_MIN);
	assert_int_equal(a->duplicate, 4);
	assert_int_equal(a->mode, 1);
	assert_int_equal(a->lane, SIM_TELEMETRY);
	assert_string_equal(a->as, "");
	assert_int_equal(s.end_us, 6500 * FW_MS);
	sim_scenario_free(&s);
}

static void
other_actions(void **context)
{
	struct sim_scenario s;

	(void)context;
	read_well(&s, DEVICES
	    "at 0 gw-1 boot\nat 0s gw-1 sequence 0\nat 0s gw-1 lose 7\nat 0s gw-1 clock 1970\n"
	    "at 0s gw-1 garbage 2 huge 300KiB topic telemetry\nat 0s raw a/b 0aFF\nat 0s raw a/b \"\"\n"
	    "at 0s flood room-{08..12} count 50000 kind fire rate 500/s pack 10\nend 1h\n");
	assert_int_equal(s.action_count, 8);
	assert_int_equal(s.actions[0].number, -1);
	assert_int_equal(s.actions[1].verb, SIM_SEQUENCE);
	assert_int_equal(s.actions[2].number, 7);
	assert_int_equal(s.actions[3].clock.kind, SIM_CLOCK_SINCE);
	assert_int_equal(s.actions[4].bytes, 300 * 1024);
	assert_int_equal(s.actions[5].payload_len, 2);
	assert_int_equal(s.actions[5].payload[1], 0xff);
	assert_int_equal(s.actions[6].payload_len, 0);
	assert_int_equal(s.actions[7].lane, SIM_ALARM);
	assert_int_equal(s.actions[7].rate, 500);
	assert_int_equal(s.end_us, 60 * FW_MIN);
	sim_scenario_free(&s);
}

/* It goes on until the last report of a flood is due. */
static void
a_flood_with_a_rate_lasts(void **context)
{
	struct sim_scenario s;

	(void)context;
	read_well(&s, DEVICES "at 5s flood gw-1 count 1000 rate 3/s\n");
	assert_int_equal(s.end_us, 5 * FW_S + 333333334);
	sim_scenario_free(&s);
	read_well(&s, DEVICES "at 5s gw-1 raise FIRE repeat 2 every 50000d\n");
	assert_int_equal(s.end_us, 5 * FW_S + 100000 * FW_DAY);
	sim_scenario_free(&s);
}

static void
acts_are_no_devices_doing(void **context)
{
	struct sim_scenario s;

	(void)context;
	read_well(&s,
	    DEVICES "at 1s acknowledge home\nat 2s verify device:x real_fire\nat 3s close home\n"
		    "at 4s sent fail\nat 5s database back\nat 6s broker down\nat 7s gw-1 boot\n");
	assert_int_equal(s.actions[0].verb, SIM_ACKNOWLEDGE);
	assert_string_equal(s.actions[0].site, "home");
	assert_int_equal(s.actions[1].verb, SIM_VERIFY);
	assert_string_equal(s.actions[1].site, "device:x");
	assert_string_equal(s.actions[1].verdict, "real_fire");
	assert_int_equal(s.actions[2].verb, SIM_CLOSE);
	assert_int_equal(s.actions[3].verb, SIM_SENT);
	assert_false(s.actions[3].good);
	assert_int_equal(s.actions[4].verb, SIM_DATABASE);
	assert_true(s.actions[4].good);
	assert_int_equal(s.actions[5].verb, SIM_BROKER);
	assert_false(s.actions[5].good);
	for (size_t i = 0; i < 6; i++)
		assert_true(sim_action_is_act(&s.actions[i]));
	assert_false(sim_action_is_act(&s.actions[6]));
	sim_scenario_free(&s);
}

static void
windows_are_declared_and_ended(void **context)
{
	struct sim_scenario s;

	(void)context;
	read_well(&s, DEVICES "at 1s window home test for 30min\n"
			      "at 2s window home zone \"2 E\" device gw-9 maintenance for 7d\n"
			      "at 3s end-window home\n");
	assert_int_equal(s.actions[0].verb, SIM_WINDOW);
	assert_string_equal(s.actions[0].site, "home");
	assert_null(s.actions[0].zone);
	assert_null(s.actions[0].device);
	assert_false(s.actions[0].maintenance);
	assert_int_equal(s.actions[0].for_us, 30 * FW_MIN);
	assert_string_equal(s.actions[1].zone, "2 E");
	assert_string_equal(s.actions[1].device, "gw-9");
	assert_true(s.actions[1].maintenance);
	assert_int_equal(s.actions[1].for_us, 7 * FW_DAY);
	assert_int_equal(s.actions[2].verb, SIM_END_WINDOW);
	assert_string_equal(s.actions[2].site, "home");
	assert_int_equal(s.end_us, 3 * FW_S);
	for (size_t i = 0; i < 3; i++)
		assert_true(sim_action_is_act(&s.actions[i]));
	sim_scenario_free(&s);
}

static const struct {
	const char *line, *what; /* what: a part of the fault */
} faults[] = {
    {"dance", "begins with"},
    {"device", "a name is missing"},
    {"device a/b division 330482103001", "not a device's name"},
    {"device a", "has no division"},
    {"device a division 33048", "not a division"},
    {"device gw-1 division 330482103001", "declared twice"},
    {"device a-{3..1} division 330482103001", "range"},
    {"device a-{1..} division 330482103001", "range"},
    {"device a-{1..2}{1..2} division 330482103001", "range"},
    {"device a division 330482103001 gateway nobody", "not declared"},
    {"device a division 330482103001 gateway room-08", "behind a gateway"},
    {"device a division 330482103001 boot 4294967296", "not between"},
    {"device a division 330482103001 sequence 18446744073709551616", "64-bit"},
    {"device a division 330482103001 sequence -1", "64-bit"},
    {"device a division 330482103001 clock soon", "not a clock"},
    {"device a division 330482103001 heartbeat 5", "not a duration"},
    {"device a division 330482103001 mode sleepy", "a mode"},
    {"device a division 330482103001 colour red", "not known of a device"},
    {"at", "a duration is missing"},
    {"at -1s gw-1 boot", "not a duration"},
    {"at 1s", "a device is missing"},
    {"at 1s nobody boot", "nobody is not declared"},
    {"at 1s room-{08..13} boot", "room-13 is not declared"},
    {"at 1s gw-1", "what happens is missing"},
    {"at 1s gw-1 sing", "not an action"},
    {"at 1s gw-1 raise", "a condition is missing"},
    {"at 1s gw-1 raise SMOKE", "not a condition"},
    {"at 1s gw-1 raise FIRE point -1", "not between"},
    {"at 1s gw-1 raise FIRE text \"open", "not closed"},
    {"at 1s gw-1 raise FIRE text \"\\x00\"", "not 00"},
    {"at 1s gw-1 raise FIRE text \"\\n\"", "after a backslash"},
    {"at 1s gw-1 raise FIRE and", "what happens is missing"},
    {"at 1s gw-1 raise FIRE repeat 3", "every"},
    {"at 1s gw-1 raise FIRE repeat 0 every 1s", "not between"},
    {"at 1s gw-1 raise FIRE repeat 2 every 50001d", "at most 100000d"},
    {"at 1s gw-1 raise FIRE backfill 1000000 every 99999d", "at most 100000d"},
    {"at 1s gw-1 raise FIRE loudly", "not known here"},
    {"at 1s gw-1 raise FIRE pack 2 spread 1s", "do not go together"},
    {"at 1s gw-1 raise FIRE topic receipt", "alarm or telemetry"},
    {"at 1s gw-1 reading CO_PPM much", "not a number"},
    {"at 1s gw-1 health mains maybe", "on or off"},
    {"at 1s gw-1 garbage 1 huge 17MiB", "not a size"},
    {"at 1s gw-1 boot 1 2", "not known here"},
    {"at 1s raw a/# 00", "not a topic"},
    {"at 1s raw a/b 0", "hexadecimal"},
    {"at 1s flood gw-1", "needs a count"},
    {"at 1s flood gw-1 count 5 rate 5", "not a rate"},
    {"at 1s flood gw-1 count 5 kind smoke", "reading or fire"},
    {"at 1s acknowledge", "a site is missing"},
    {"at 1s acknowledge home now", "not known here"},
    {"at 1s verify home", "a verdict is missing"},
    {"at 1s verify home false", "a verdict is"},
    {"at 1s window", "a site is missing"},
    {"at 1s window home", "test or for maintenance"},
    {"at 1s window home zone", "a zone is missing"},
    {"at 1s window home test", "needs an end"},
    {"at 1s window home test for", "a duration is missing"},
    {"at 1s window home test for 0s", "more than 0s"},
    {"at 1s window home test for 169h", "at most 7d"},
    {"at 1s window home test for 1h zone a", "not known here"},
    {"at 1s end-window", "a site is missing"},
    {"at 1s end-window home zone a", "not known here"},
    {"at 1s sent", "ok or fail"},
    {"at 1s database gone", "back or away"},
    {"at 1s broker away", "up or down"},
    {"end", "a duration is missing"},
    {"end 1s 2s", "nothing comes after"},
};

static void
each_fault_with_its_line(void **context)
{
	(void)context;
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
		struct sim_scenario s;
		char text[1024];

		snprintf(text, sizeof(text), DEVICES "# a comment\n\n%s\nat 2s gw-1 boot\n",
		    faults[i].line);
		assert_int_equal(sim_scenario_read(&s, text, strlen(text)), FW_EFORMAT);
		assert_int_equal(s.fault_count, 1);
		assert_int_equal(s.faults[0].line, 5);
		if (!strstr(s.faults[0].what, faults[i].what))
			fail_msg("%s: %s", faults[i].line, s.faults[0].what);
		sim_scenario_free(&s);
	}
}

static void
all_faults_are_told(void **context)
{
	static const char text[] = "dance\ndevice a division 330482103001\nsing\nat 1s b boot";
	struct sim_scenario s;

	(void)context;
	assert_int_equal(sim_scenario_read(&s, text, sizeof(text) - 1), FW_EFORMAT);
	assert_int_equal(s.fault_count, 3);
	assert_int_equal(s.faults[2].line, 4);
	sim_scenario_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(devices_and_ranges),
	    cmocka_unit_test(a_report_of_many_parts),
	    cmocka_unit_test(other_actions),
	    cmocka_unit_test(a_flood_with_a_rate_lasts),
	    cmocka_unit_test(acts_are_no_devices_doing),
	    cmocka_unit_test(windows_are_declared_and_ended),
	    cmocka_unit_test(each_fault_with_its_line),
	    cmocka_unit_test(all_faults_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
