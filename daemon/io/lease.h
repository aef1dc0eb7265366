/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instance's lease in PostgreSQL: of several daemons of one instance one is active, the others
 * wait (sql/0004_lease.sql).  The lease has a connection of its own, so that no long batch delays a
 * renewal.
 *
 *	waiting  asks every second; takes the lease when it is free, its own from an earlier run, or
 *	         has not been renewed for FW_LEASE_PATIENCE_US of unbroken watching
 *	held     renews every second; while PostgreSQL is away it stays held
 *	lost     another has taken it: whoever held it must write nothing more and begin anew
 *
 * The fence counts how often the lease was taken.  It goes with every transaction (enter_batch),
 * which is what really keeps a daemon that woke up late from writing.  Everything runs in the loop.
 */
#ifndef FW_IO_LEASE_H
#define FW_IO_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "io/loop.h"
#include "io/pg.h"

#define FW_LEASE_RENEW_US FW_S
#define FW_LEASE_PATIENCE_US (5 * FW_S)

struct fw_lease;

struct fw_lease_options { /* strings are copied */
	const char *dsn;
	const char *instance;
	const char *mark; /* a file that is there while another daemon is known to be active */
	uint64_t holder; /* the alarm journal's id: whoever has it locked is the only such daemon */
	int64_t retry_max_ms;
};

struct fw_lease_handlers {
	void (*held)(uint64_t fence, void *context);
	/* Another daemon is active, `told` says where; once for each holder. */
	void (*waits)(const char *told, void *context);
	void (*lost)(void *context);
	/* Of the connection; `why` a sentence. */
	void (*up)(bool up, const char *why, void *context);
	void *context;
};

struct fw_lease *fw_lease_new(struct fw_loop *loop, const struct fw_lease_options *options,
    const struct fw_lease_handlers *handlers);
void fw_lease_free(struct fw_lease *l); /* NULL is allowed; not from its callbacks */
void fw_lease_start(struct fw_lease *l);

/* Gives a held lease back, so that the next one need not wait; `done` when that is answered,
 * however.
 */
void fw_lease_give(struct fw_lease *l, void (*done)(void *context), void *context);

/* How often it was renewed since it is held. */
uint64_t fw_lease_renewals(const struct fw_lease *l);

/* Another daemon was active when this one, or an earlier run with its journal, last heard of it. */
bool fw_lease_was_waiting(const struct fw_lease *l);

/* The connection, for what a waiting daemon writes. */
struct fw_pg *fw_lease_pg(struct fw_lease *l);

/* Name of the sessions of this process: firewatchd/{part}/{holder}/{process}. */
void fw_lease_session_name(uint64_t holder, const char *part, char *out, size_t out_size);

#endif
