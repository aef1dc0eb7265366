/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core costs: bytes a device, and nanoseconds a report by the size of the town.
 *
 *	core_bench [REPORTS [DEVICES ...]]
 *
 * Half of the town's devices stand alone, the others are 20 children to a gateway.  Each reports
 * once, which is what the bytes are measured behind; then REPORTS reports come in random order of
 * devices, first one to a message, then packed by gateway.  What is timed is the core alone: from
 * message to actions, flush, commit with its receipts, ledger.  All devices are supervised, with a
 * heartbeat a day; at last time passes until each deadline has come due once, for devices that have
 * spoken meanwhile: what that costs is told a device.  A line of JSON each; then a table.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/time.h"
#include "core/core.h"
#include "firewatch/v1/firewatch.pb-c.h"

#define CHILDREN 20
#define SITE_DEVICES 20
#define DIVISIONS 100
#define BATCH_REPORTS 2000
#define LEDGER_EACH 20000 /* device rows written behind, at most, with each transaction */
#define REPORT_BYTES_MAX 200
#define NOON (INT64_C(1790000000) * FW_S)

struct figures {
	unsigned devices;
	double site_bytes, town_bytes, device_bytes, rss_bytes;
	double single_ns, packed_ns, silence_ns;
};

struct message {
	char topic[96];
	uint8_t *payload; /* one behind the other, as in a journal */
	size_t len;
};

struct bench {
	unsigned devices, singles, gateways;
	bool spoke; /* a tick has raised an alarm */
	struct fw_core *core;
	uint64_t *sequences;
	uint64_t random;
	int64_t now_us;
	struct message *messages; /* of a batch */
	size_t message_count, report_count;
	uint8_t *bytes;
	size_t bytes_used;
	struct fw_receipt_item *items;
	size_t item_count;
};

static uint64_t
random_next(struct bench *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return (double)(m.uordblks + m.hblkhd);
}

static double
rss_bytes(void)
{
	unsigned long long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%llu %llu", &pages, &resident) != 2)
		abort();
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void
name_device(char out[24], unsigned i)
{
	snprintf(out, 24, "NB86%010u", i * 7);
}

static void
name_division(char out[16], unsigned i)
{
	snprintf(out, 16, "330106%06u", i % DIVISIONS);
}

/* Device `i` is a gateway or one of its children where it is not less than `singles`. */
static void
add_devices(const struct bench *b, struct fw_town *t)
{
	char id[24], gateway[24] = "", site[24];

	for (unsigned i = 0; i < b->devices; i++) {
		bool packed = i >= b->singles;
		bool is_gateway = packed && (i - b->singles) % (CHILDREN + 1) == 0;

		name_device(id, i);
		snprintf(site, sizeof(site), "site-%u", i / SITE_DEVICES);
		if (is_gateway)
			memcpy(gateway, id, sizeof(id));
		fw_town_add_device(t, id, packed && !is_gateway ? gateway : "",
		    packed && !is_gateway ? "" : site, "kitchen",
		    is_gateway ? "gateway" : "smoke_alarm", "", 0);
	}
}

static void
add_sites(const struct bench *b, struct fw_town *t)
{
	char id[24], code[16];

	for (unsigned i = 0; i < DIVISIONS; i++) {
		name_division(code, i);
		fw_town_add_division(t, code, "", "village", "village");
	}
	for (unsigned i = 0; i <= b->devices / SITE_DEVICES; i++) {
		snprintf(id, sizeof(id), "site-%u", i);
		name_division(code, i);
		if (fw_town_add_site(t, id, "a house", code, "household", "normal", "1", "") !=
		    FW_OK)
			abort();
	}
}

/* ---------------------------------------------------------------- messages */

static void
add_report(struct bench *b, Firewatch__V1__Report *r, unsigned device)
{
	r->boot_id = 7;
	r->sequence = ++b->sequences[device];
	r->observed_at_ms = b->now_us / FW_MS;
	r->mode = FIREWATCH__V1__MODE__MODE_NORMAL;
}

/* Of one device, or of a gateway's children. */
static void
add_message(struct bench *b, unsigned first, unsigned count)
{
	struct message *m = &b->messages[b->message_count++];
	Firewatch__V1__Uplink uplink = FIREWATCH__V1__UPLINK__INIT;
	Firewatch__V1__Report reports[CHILDREN], *list[CHILDREN];
	Firewatch__V1__Reading readings[2] = {FIREWATCH__V1__READING__INIT,
	    FIREWATCH__V1__READING__INIT},
			       *pointers[] = {&readings[0], &readings[1]};
	char ids[CHILDREN][24], sender[24], code[16];

	readings[0].quantity = 1;
	readings[0].value = 21.5;
	readings[1].quantity = 2;
	readings[1].value = 3.25;
	for (unsigned k = 0; k < count; k++) {
		firewatch__v1__report__init(&reports[k]);
		add_report(b, &reports[k], count > 1 ? first + 1 + k : first);
		reports[k].n_readings = 2;
		reports[k].readings = pointers;
		name_device(ids[k], first + 1 + k);
		if (count > 1)
			reports[k].device_id = ids[k];
		list[k] = &reports[k];
	}
	uplink.n_reports = count;
	uplink.reports = list;
	name_device(sender, first);
	name_division(code, first / SITE_DEVICES);
	snprintf(m->topic, sizeof(m->topic), "fire/v1/%s/%s/telemetry", code, sender);
	if (firewatch__v1__uplink__get_packed_size(&uplink) > count * REPORT_BYTES_MAX)
		abort();
	m->payload = b->bytes + b->bytes_used;
	m->len = firewatch__v1__uplink__pack(&uplink, m->payload);
	b->bytes_used += m->len;
	b->report_count += count;
}

/* ---------------------------------------------------------------- what is timed */

static void
tick(struct bench *b)
{
	struct fw_actions actions;

	fw_core_heard(b->core, b->now_us, b->now_us);
	do {
		actions = fw_core_tick(b->core, b->now_us);
		b->spoke |= actions.count > 0;
	} while (fw_core_next_tick_us(b->core) <= b->now_us);
}

static void
take(struct bench *b, struct fw_actions actions)
{
	for (size_t k = 0; k < actions.count; k++)
		if (actions.items[k].type == FW_ACT_REPORT)
			b->items[b->item_count++] = actions.items[k].item;
		else if (actions.items[k].type == FW_ACT_QUARANTINE ||
			 actions.items[k].type == FW_ACT_DUPLICATE)
			abort();
}

static double
run_batch(struct bench *b)
{
	double start = now_ns(), spent;

	for (size_t k = 0; k < b->message_count; k++) {
		const struct message *from = &b->messages[k];
		struct fw_message m = {.lane = FW_LANE_TELEMETRY,
		    .journal = 1,
		    .position = k,
		    .received_at_us = b->now_us,
		    .topic = from->topic,
		    .topic_len = strlen(from->topic),
		    .payload = from->payload,
		    .payload_len = from->len,
		    .original_len = from->len};

		take(b, fw_core_message(b->core, &m, b->now_us));
	}
	tick(b);
	fw_core_flush(b->core);
	fw_core_committed(b->core, b->items, b->item_count, b->now_us);
	fw_core_flush_devices(b->core, LEDGER_EACH);
	spent = now_ns() - start;
	if (b->item_count != b->report_count)
		abort();
	b->item_count = b->message_count = b->report_count = b->bytes_used = 0;
	b->now_us += FW_S;
	return spent;
}

static unsigned
gateway_of(const struct bench *b, unsigned number)
{
	return b->singles + number * (CHILDREN + 1);
}

static void
everyone_reports(struct bench *b)
{
	for (unsigned i = 0; i < b->singles; i++) {
		add_message(b, i, 1);
		if (b->report_count >= BATCH_REPORTS)
			run_batch(b);
	}
	for (unsigned i = 0; i < b->gateways; i++) {
		add_message(b, gateway_of(b, i), 1);
		add_message(b, gateway_of(b, i), CHILDREN);
		if (b->report_count >= BATCH_REPORTS)
			run_batch(b);
	}
	run_batch(b);
}

static int
compare(const void *left, const void *right)
{
	const double *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

/* Of all batches the lower quartile: what else the machine does is not the core's cost. */
static double
time_reports(struct bench *b, size_t reports, bool packed)
{
	size_t count = reports / BATCH_REPORTS + 1;
	double *spent = fw_calloc(count, sizeof(*spent)), quartile;

	for (size_t k = 0; k < count; k++) {
		while (b->report_count < BATCH_REPORTS)
			if (packed)
				add_message(b,
				    gateway_of(b, (unsigned)(random_next(b) % b->gateways)),
				    CHILDREN);
			else
				add_message(b, (unsigned)(random_next(b) % b->singles), 1);
		spent[k] = run_batch(b) / BATCH_REPORTS;
	}
	qsort(spent, count, sizeof(*spent), compare);
	quartile = spent[count / 4];
	free(spent);
	return quartile;
}

/* Each device has spoken when its deadline comes due. */
static double
time_silence(struct bench *b)
{
	double start;

	b->now_us += 2 * FW_DAY;
	everyone_reports(b);
	b->now_us += FW_DAY;
	start = now_ns();
	for (int k = 0; k < 24; k++) {
		b->now_us += FW_DAY / 24;
		tick(b);
	}
	if (b->spoke)
		abort();
	return (now_ns() - start) / b->devices;
}

static void
add_kinds(struct fw_rulebook *book)
{
	static const char *const names[] = {"smoke_alarm", "gateway"};

	for (size_t k = 0; k < 2; k++)
		fw_rulebook_add_kind(
		    book, &(struct fw_kind){.name = names[k], .heartbeat_s = 86400, .missed = 3});
}

static struct figures
measure(unsigned devices, size_t reports)
{
	const struct fw_rules rules = {.clock_ahead_us = FW_MIN,
	    .clock_behind_us = FW_DAY,
	    .confirm_within_us = FW_MIN,
	    .realarm_after_us = FW_MIN};
	struct bench b = {.devices = devices, .random = 88172645463325252u, .now_us = NOON};
	struct figures f = {.devices = devices};
	double before, rss;
	struct fw_town *town;

	b.gateways = devices / 2 / (CHILDREN + 1);
	b.singles = devices - b.gateways * (CHILDREN + 1);
	b.sequences = fw_calloc(devices, sizeof(*b.sequences));
	memset(b.sequences, 0, devices * sizeof(*b.sequences));
	b.messages = fw_calloc(BATCH_REPORTS + 1, sizeof(*b.messages));
	b.bytes = fw_calloc(2 * BATCH_REPORTS, REPORT_BYTES_MAX);
	memset(b.bytes, 1, 2 * BATCH_REPORTS * REPORT_BYTES_MAX);
	b.items = fw_calloc(2 * BATCH_REPORTS, sizeof(*b.items));
	memset(b.messages, 1, (BATCH_REPORTS + 1) * sizeof(*b.messages));
	for (unsigned i = 0; i < devices; i++)
		b.sequences[i] = 0;
	rss = rss_bytes() + (double)devices * 8; /* the sequences' pages come with their use */
	b.core = fw_core_new(&rules, 7);
	before = heap_bytes();
	town = fw_town_new(7);
	add_sites(&b, town);
	add_kinds(fw_town_rulebook(town));
	f.site_bytes = heap_bytes() - before;
	add_devices(&b, town);
	fw_town_finish(town);
	fw_core_set_town(b.core, town);
	fw_core_listening(b.core, true, NOON);
	f.town_bytes = heap_bytes() - before - f.site_bytes;
	before = heap_bytes();
	everyone_reports(&b);
	f.device_bytes = heap_bytes() - before;
	f.rss_bytes = rss_bytes() - rss;
	f.single_ns = time_reports(&b, reports, false);
	f.packed_ns = time_reports(&b, reports, true);
	f.silence_ns = time_silence(&b);
	fw_core_free(b.core);
	free(b.sequences);
	free(b.messages);
	free(b.bytes);
	free(b.items);
	return f;
}

/* In a process of its own, so that no size is measured in the memory that another left. */
static struct figures
measure_apart(unsigned devices, size_t reports)
{
	struct figures f;
	int pipe_ends[2], status;
	pid_t child;

	if (pipe(pipe_ends) != 0 || (child = fork()) < 0)
		abort();
	if (child == 0) {
		f = measure(devices, reports);
		_exit(write(pipe_ends[1], &f, sizeof(f)) == (ssize_t)sizeof(f) ? 0 : 1);
	}
	if (waitpid(child, &status, 0) != child || status != 0 ||
	    read(pipe_ends[0], &f, sizeof(f)) != (ssize_t)sizeof(f)) {
		fprintf(stderr, "core_bench: %u devices could not be measured\n", devices);
		exit(1);
	}
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return f;
}

int
main(int argc, char **argv)
{
	static const unsigned sizes[] = {1000, 100000, 1000000};
	size_t reports = argc > 1 ? strtoul(argv[1], NULL, 10) : 400000, count = 0;
	struct figures all[16];

	for (int i = 2; i < argc && count < 16; i++)
		all[count++].devices = (unsigned)strtoul(argv[i], NULL, 10);
	for (size_t i = 0; argc <= 2 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
		all[count++].devices = sizes[i];
	for (size_t i = 0; i < count; i++) {
		struct figures f = all[i] = measure_apart(all[i].devices, reports);

		printf(
		    "{\"bench\":\"core\",\"devices\":%u,\"town_bytes_a_device\":%.1f,"
		    "\"core_bytes_a_device\":%.1f,\"site_bytes\":%.0f,\"rss_bytes_a_device\":%.1f,"
		    "\"single_ns_a_report\":%.0f,\"packed_ns_a_report\":%.0f,"
		    "\"silence_ns_a_device\":%.0f}\n",
		    f.devices, f.town_bytes / f.devices, f.device_bytes / f.devices, f.site_bytes,
		    f.rss_bytes / f.devices, f.single_ns, f.packed_ns, f.silence_ns);
		fflush(stdout);
	}
	printf("%10s %14s %14s %12s %12s %12s %12s\n", "devices", "town B/device", "core B/device",
	    "RSS B/device", "single ns", "packed ns", "silence ns");
	for (size_t i = 0; i < count; i++)
		printf("%10u %14.1f %14.1f %12.1f %12.0f %12.0f %12.0f\n", all[i].devices,
		    all[i].town_bytes / all[i].devices, all[i].device_bytes / all[i].devices,
		    all[i].rss_bytes / all[i].devices, all[i].single_ns, all[i].packed_ns,
		    all[i].silence_ns);
	return 0;
}
