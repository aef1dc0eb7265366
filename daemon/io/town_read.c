/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the town on the event loop, row by row in one snapshot; see town_read.h. */
#include "io/town_read.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/store_sql.h"
#include "io/town_rows.h"

enum { STEP_COUNT = FW_TOWN_STATEMENTS + 2 }; /* between BEGIN and COMMIT */

struct town_read {
	struct fw_town *town;
	size_t dangling;
	struct fw_pg_step steps[STEP_COUNT];
	struct fw_pg_request request;
	void (*done)(struct fw_town *town, const char *error, void *context);
	void *context;
};

static void
on_rows(size_t step, const PGresult *rows, void *context)
{
	struct town_read *r = context;

	if (step > 0 && step <= FW_TOWN_STATEMENTS)
		r->dangling += fw_town_rows_add(r->town, step - 1, rows);
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
	struct town_read *r = fw_calloc(1, sizeof(*r));

	r->town = fw_town_new(hash_seed);
	r->done = done;
	r->context = context;
	r->steps[0].statement = FW_SQL_BEGIN_SNAPSHOT;
	for (size_t i = 0; i < FW_TOWN_STATEMENTS; i++)
		r->steps[i + 1].statement = fw_town_statements[i];
	r->steps[STEP_COUNT - 1].statement = FW_SQL_COMMIT;
	r->request = (struct fw_pg_request){.steps = r->steps,
	    .step_count = STEP_COUNT,
	    .row_by_row = true,
	    .rows = on_rows,
	    .done = on_done,
	    .dropped = on_dropped,
	    .context = r};
	fw_pg_send(pg, &r->request);
}
