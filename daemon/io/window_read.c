/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the test windows on the event loop; see window_read.h. */
#include "io/window_read.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/store_sql.h"
#include "io/window_rows.h"

struct window_read {
	struct fw_windows *windows;
	struct fw_pg_step step;
	struct fw_pg_request request;
	void (*done)(struct fw_windows *windows, const char *error, void *context);
	void *context;
};

static void
on_rows(size_t step, const PGresult *rows, void *context)
{
	struct window_read *r = context;

	(void)step;
	fw_window_rows(r->windows, rows);
}

static void
on_dropped(void *context)
{
	struct window_read *r = context;

	fw_windows_free(r->windows);
	free(r);
}

static void
on_done(const struct fw_pg_error *error, void *context)
{
	struct window_read *r = context;
	struct fw_windows *windows = r->windows;

	if (error) {
		fw_windows_free(windows);
		windows = NULL;
	}
	r->done(windows, error ? error->message : NULL, r->context);
	free(r);
}

void
fw_read_windows(struct fw_pg *pg,
    void (*done)(struct fw_windows *windows, const char *error, void *context), void *context)
{
	struct window_read *r = fw_calloc(1, sizeof(*r));

	r->windows = fw_windows_new();
	r->done = done;
	r->context = context;
	r->step.statement = FW_SQL_READ_WINDOWS;
	r->request = (struct fw_pg_request){.steps = &r->step,
	    .step_count = 1,
	    .rows = on_rows,
	    .done = on_done,
	    .dropped = on_dropped,
	    .context = r};
	fw_pg_send(pg, &r->request);
}
