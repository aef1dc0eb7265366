/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of a scenario as they live: boot, next sequence, clock, and the reports that they
 * keep until a receipt.  Kept reports are on two lists: their device's, in the order of sending,
 * and one of all devices, in the order in which they are to be sent again.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/strmap.h"
#include "scenario/message.h"
#include "scenario/scenario.h"

struct sim_device;

struct sim_kept {
	TAILQ_ENTRY(sim_kept) of_device, of_all;
	struct sim_report report;
	enum sim_lane lane;
	uint64_t message; /* in which it first went */
	unsigned resends;
	int64_t due_us; /* to be sent again */
	size_t frame_len;
	uint8_t frame[]; /* as it stands in an Uplink */
};

TAILQ_HEAD(sim_kept_list, sim_kept);

struct sim_device {
	const char *name, *division;
	struct sim_device *via; /* whose topics carry its reports: its gateway or itself */
	char *topic[2];         /* by lane */
	uint32_t boot;
	uint64_t sequence; /* the next one */
	struct sim_clock clock;
	uint32_t system, component;
	int32_t mode;
	struct sim_kept_list kept;
};

struct sim_devices {
	struct sim_device *device;
	size_t count;
	struct fw_strmap by_name;
	struct sim_kept_list kept; /* all that are still to be sent again, the first due first */
	size_t kept_count;         /* also those that are not to be sent again */
	int64_t began_us;
	uint64_t receipted, rejected;
};

void sim_devices_init(
    struct sim_devices *all, const struct sim_scenario *s, uint64_t *random, int64_t now_us);
void sim_devices_fini(struct sim_devices *all);

/* The next of a stream of random numbers. */
uint64_t sim_random(uint64_t *state);
double sim_random_part(uint64_t *state); /* in [0, 1) */

/* A new boot: number, or a random one when it is negative. */
void sim_device_boot(struct sim_device *d, int64_t number, uint64_t *random);

/* What its clock says, in the contract's milliseconds. */
int64_t sim_device_time_ms(
    const struct sim_devices *all, const struct sim_device *d, int64_t now_us, int64_t ago_us);

/* Keeps each report of a message until its receipt. */
void sim_kept_add(struct sim_devices *all, const struct sim_message *m, int64_t due_us);

/* It has been sent again and is due at due_us, or not any more (FW_NEVER). */
void sim_kept_resent(struct sim_devices *all, struct sim_kept *k, int64_t due_us);

/* A message on …/receipt.  Bytes that are no Receipt change nothing: false. */
bool sim_devices_receipt(
    struct sim_devices *all, const char *topic, const uint8_t *payload, size_t len);

#endif
