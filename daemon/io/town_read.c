/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the town from PostgreSQL, row by row in one snapshot; see town_read.h. */
#include "io/town_read.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "io/pg_columns.h"
#include "io/store_sql.h"

enum { DIVISIONS = 1, SITES, DEVICES, PEOPLE, DUTY, POLICIES, STEP_COUNT }; /* behind BEGIN */

struct town_read {
	struct fw_town *town;
	size_t dangling;
	struct fw_pg_step steps[STEP_COUNT + 1];
	struct fw_pg_request request;
	void (*done)(struct fw_town *town, const char *error, void *context);
	void *context;
};

static void
add_policy(struct fw_town *t, const PGresult *rows, int row)
{
	enum fw_class class = fw_class_of(fw_get_text(rows, row, 0));

	if (class < FW_CLASSES)
		fw_town_add_policy(t, class, fw_get_text(rows, row, 1), fw_get_text(rows, row, 2),
		    (int)fw_get_int(rows, row, 3), fw_get_int(rows, row, 4) * FW_S,
		    fw_get_text(rows, row, 5), fw_get_text(rows, row, 6));
}

static int
add_row(struct fw_town *t, size_t step, const PGresult *rows, int row)
{
	const char *f[7];

	for (int i = 0; i < 7; i++)
		f[i] = i < PQnfields(rows) ? fw_get_text(rows, row, i) : "";
	switch (step) {
	case DIVISIONS:
		fw_town_add_division(t, f[0], f[1], f[2], f[3]);
		break;
	case SITES:
		return fw_town_add_site(t, f[0], f[1], f[2], f[3], f[4], f[5], f[6]);
	case DEVICES:
		fw_town_add_device(
		    t, f[0], f[1], f[2], f[3], f[4], f[5], (int32_t)fw_get_int(rows, row, 6));
		break;
	case PEOPLE:
		fw_town_add_person(t, f[0], f[1], f[2], f[3], f[4]);
		break;
	case DUTY:
		return fw_town_add_duty(t, f[0], f[1], f[2], f[3], fw_get_time(rows, row, 4),
		    fw_get_time(rows, row, 5));
	case POLICIES:
		add_policy(t, rows, row);
		break;
	default:
		break;
	}
	return FW_OK;
}

static void
on_rows(size_t step, const PGresult *rows, void *context)
{
	struct town_read *r = context;

	for (int i = 0; i < PQntuples(rows); i++)
		if (add_row(r->town, step, rows, i) != FW_OK)
			r->dangling++;
}

static void
on_done(const struct fw_pg_error *error, void *context)
{
	struct town_read *r = context;

	if (error) {
		fw_town_free(r->town);
		r->done(NULL, error->message, r->context);
	} else {
		if (r->dangling)
			fw_warning("town: %zu rows refer to what is not there and are left out",
			    r->dangling);
		fw_town_finish(r->town);
		r->done(r->town, NULL, r->context);
	}
	free(r);
}

static void
on_dropped(void *context)
{
	struct town_read *r = context;

	fw_town_free(r->town);
	free(r);
}

void
fw_read_town(struct fw_pg *pg, uint64_t hash_seed,
    void (*done)(struct fw_town *town, const char *error, void *context), void *context)
{
	static const enum fw_sql statements[STEP_COUNT + 1] = {FW_SQL_BEGIN_SNAPSHOT,
	    FW_SQL_READ_DIVISIONS, FW_SQL_READ_SITES, FW_SQL_READ_DEVICES, FW_SQL_READ_PEOPLE,
	    FW_SQL_READ_DUTY, FW_SQL_READ_POLICIES, FW_SQL_COMMIT};
	struct town_read *r = fw_calloc(1, sizeof(*r));

	r->town = fw_town_new(hash_seed);
	r->done = done;
	r->context = context;
	for (size_t i = 0; i <= STEP_COUNT; i++)
		r->steps[i] = (struct fw_pg_step){.statement = statements[i]};
	r->request = (struct fw_pg_request){.steps = r->steps,
	    .step_count = STEP_COUNT + 1,
	    .row_by_row = true,
	    .rows = on_rows,
	    .done = on_done,
	    .dropped = on_dropped,
	    .context = r};
	fw_pg_send(pg, &r->request);
}
