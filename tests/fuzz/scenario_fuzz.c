/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a scenario: it is sound, and then what it says holds the limits that scenario.h
 * promises, or its faults are told in the order of the lines.
 */
#include "fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "scenario/scenario.h"

static void
check_action(const struct sim_scenario *s, const struct sim_action *a, unsigned lines)
{
	assert(a->line >= 1 && a->line <= lines);
	assert(a->at_us >= 0 && a->at_us <= s->end_us);
	for (size_t i = 0; i < a->device_count; i++)
		assert(a->devices[i] < s->device_count);
	assert(a->verb != SIM_REPORT || a->part_count > 0);
	assert(a->verb != SIM_VERIFY || a->verdict);
	assert((a->verb >= SIM_ACKNOWLEDGE && a->verb <= SIM_END_WINDOW) == (a->site != NULL));
	assert((a->verb == SIM_WINDOW) == (a->for_us > 0) && a->for_us <= 7 * FW_DAY);
	if (sim_action_is_act(a))
		assert(a->device_count == 0);
}

static unsigned
count_lines(const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_scenario s;
	unsigned lines = count_lines(data, size);
	int rc = sim_scenario_read(&s, (const char *)data, size);

	assert((rc == FW_OK) == (s.fault_count == 0));
	for (size_t i = 0; i < s.fault_count; i++) {
		assert(s.faults[i].line >= 1 && s.faults[i].line <= lines);
		assert(i == 0 || s.faults[i].line > s.faults[i - 1].line);
		assert(s.faults[i].what[0]);
	}
	for (size_t i = 0; i < s.action_count; i++)
		check_action(&s, &s.actions[i], lines);
	for (size_t i = 0; i < s.device_count; i++)
		assert(s.devices[i].gateway == SIM_NONE || s.devices[i].gateway < i);
	sim_scenario_free(&s);
	return 0;
}

size_t
fuzz_seed_input(size_t n, uint8_t *out)
{
	static const char *const inputs[] = {
	    "device gw division 330106 boot 7 sequence 9 clock -8h # a comment\n"
	    "device room-{1..3} division 330106901001 gateway gw heartbeat 10s mode test component 42\n"
	    "at 1s room-{1..3} raise FIRE point 3 text \"\\xe5\\\"\" and reading CO_PPM nan repeat 2 every 2s spread 1s\n"
	    "at 2min gw health battery 8 signal -9 mains off firmware \"1\" backfill 3 every 1min pack 2 as \"\"\n",
	    "device a division 330106\nat 0s a boot\nat 1s a lose 3\nat 1s a garbage 2 huge 3KiB topic alarm\n"
	    "at 2s raw a/b 0aff\nat 3s flood a count 50 kind fire rate 5/s pack 2\nend 1h\n",
	    "at 1s acknowledge home\nat 2s verify device:x real_fire\nat 3s close home\nat 4s sent fail\n"
	    "at 5s database away\nat 6s broker up\n"
	    "at 7s window home zone \"2 E\" device d maintenance for 7d\nat 8s end-window home\n",
	};

	if (n >= sizeof(inputs) / sizeof(inputs[0]))
		return 0;
	memcpy(out, inputs[n], strlen(inputs[n]));
	return strlen(inputs[n]);
}
