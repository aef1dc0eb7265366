/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside pg: pg.c serves requests, pg_connect.c makes and drops the connection.  Nobody else
 *includes this.
 *
 *	OFF         not started
 *	PAUSED      waiting to try again
 *	CONNECTING  in PQconnectPoll
 *	PREPARING   the session is being set up
 *	UP          serving requests
 */
#ifndef FW_IO_PG_STATE_H
#define FW_IO_PG_STATE_H

#include "base/time.h"
#include "io/pg.h"

#define FW_PG_RETRY_FIRST_US (100 * FW_MS)
#define FW_PG_ANSWER_WITHIN_US (120 * FW_S) /* a request */
#define FW_PG_READ_WITHIN_US (1800 * FW_S)  /* the state of a large town */
#define FW_PG_WHY_MAX 512

struct fw_pg_host {
	char *host, *address, *port; /* NULL: not given */
};

enum fw_pg_state { OFF, PAUSED, CONNECTING, PREPARING, UP };

struct fw_pg {
	struct fw_loop *loop;
	struct fw_pg_options options;
	struct fw_pg_handlers handlers;
	char *dsn, *application_name, *label;
	struct fw_pg_host *hosts; /* of the DSN; host_count 0: as libpq understands it */
	size_t host_count, host;  /* the one tried now */
	enum fw_pg_state state;
	PGconn *conn;
	struct fw_watch *watch;
	struct fw_timer *timer; /* PAUSED: try again; CONNECTING, PREPARING: it takes too long */
	struct fw_timer *turn;  /* begins or refuses what was sent, outside of the sender's call */
	int64_t pause_us;
	uint64_t connects;

	struct fw_pg_request *queue, **queue_end;
	struct fw_pg_request *active;
	struct fw_pg_request set_up, rollback; /* the connection's own */
	size_t step;                           /* of active, whose answer comes next */
	bool copying;                          /* that step is a COPY, and the pipeline is left */

	bool failed;        /* the active request has an error … */
	size_t failed_step; /* … of this step */
	char sqlstate[6];
	char why[FW_PG_WHY_MAX];
	char told[FW_PG_WHY_MAX]; /* the last reason that was logged and handed on */
};

/* pg_connect.c */
void fw_pg_connect_free(struct fw_pg *pg); /* the hosts */
void fw_pg_set_why(struct fw_pg *pg, const char *why);
void fw_pg_drop(
    struct fw_pg *pg); /* the connection is of no use any more: all requests are answered as lost */
void fw_pg_lose(struct fw_pg *pg); /* likewise, for the reason that libpq has */
void fw_pg_finish_set_up(struct fw_pg *pg);
void fw_pg_on_timer(void *context);

/* pg.c */
void fw_pg_answer(struct fw_pg *pg, struct fw_pg_request *request, bool lost);
void fw_pg_refuse_queue(struct fw_pg *pg);
bool fw_pg_flush(struct fw_pg *pg);
void fw_pg_begin_request(struct fw_pg *pg, struct fw_pg_request *request);
void fw_pg_on_session(int what, void *context);
void fw_pg_serve(struct fw_pg *pg);

#endif
