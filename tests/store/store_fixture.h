/* SPDX-License-Identifier: Apache-2.0 */
/* A store on a real PostgreSQL, a second session beside it, and rows made by hand. */
#ifndef FW_TESTS_STORE_FIXTURE_H
#define FW_TESTS_STORE_FIXTURE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "io/loop.h"
#include "io/store.h"

#define FIXTURE_IDS_MAX 64

struct fixture {
	struct fw_loop *loop;
	struct fw_store *store;
	PGconn *admin;
	uint64_t committed; /* the last serial told */
	size_t items;
	char claimed[FIXTURE_IDS_MAX][FW_ID_MAX], refused[FIXTURE_IDS_MAX][FW_ID_MAX];
	size_t claimed_count, refused_count;
	size_t rejected;     /* of the items */
	uint64_t known_rows; /* refused by the key, as told with commits */
	char known[128];     /* device~boot~sequence, the last one told */
	char taken_back[128];
	bool fenced;
	char notified[4][128]; /* channel:payload */
	size_t notified_count;
	bool up;
	char why[512];
};

void fixture_open(struct fixture *f, const char *dsn, enum fw_lane lane);
void fixture_close(struct fixture *f);

/* Runs the loop until it holds; fails the test after 20 s. */
void fixture_wait(struct fixture *f, bool (*holds)(struct fixture *f));
bool fixture_is_up(struct fixture *f);
bool fixture_is_committed(struct fixture *f); /* all that was sent */

/* Sends what is gathered and waits for its commit. */
void fixture_commit(struct fixture *f);

/* The second session: superuser; runs, or reads one value as text. */
void fixture_sql(struct fixture *f, const char *sql);
const char *fixture_value(struct fixture *f, const char *sql);

struct fw_device *fixture_device(
    const char *id); /* of division 330100, not in the town; freed by fixture_close */
struct fw_device *fixture_device_at(size_t n); /* the n-th made */
void fixture_add_report(struct fixture *f, struct fw_device *d, uint64_t sequence,
    uint64_t position, enum fw_action_type type);

/* A row; `what` is what the action's union points to. */
void fixture_add(struct fixture *f, enum fw_action_type type, const void *what);

/* Made whole, and of text that outlives the test. */
extern char fixture_channel[], fixture_role[], fixture_person[];
struct fw_incident fixture_incident(struct fw_device *d, char *id);
struct fw_alarm fixture_alarm(struct fw_device *d, struct fw_incident *i, char *id);
struct fw_page fixture_page(struct fw_incident *i, char *id);

bool fixture_is_notified(struct fixture *f);

/* For cmocka: a fixture that is connected; all tables are emptied at the end. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

#endif
