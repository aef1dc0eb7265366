/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop.  This is the only module besides http that sees libevent.  One thread; every
 * callback runs in it. Callbacks get the `context` they were made with.
 */
#ifndef FW_IO_LOOP_H
#define FW_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct fw_loop;
struct fw_watch;
struct fw_timer;
struct fw_signal;

enum { FW_READ = 1, FW_WRITE = 2 };

struct fw_loop *fw_loop_new(void); /* aborts when the system has no event mechanism */
void fw_loop_free(
    struct fw_loop *loop); /* NULL is allowed; everything made on it must be freed before */

/* Runs until fw_loop_stop. */
void fw_loop_run(struct fw_loop *loop);
void fw_loop_stop(struct fw_loop *loop);

/* Wall clock, microseconds since 1970 UTC: what the core is given as now. */
int64_t fw_loop_now_us(const struct fw_loop *loop);

/* A clock that nobody sets, microseconds since some moment. */
int64_t fw_monotonic_us(void);

/* Persistent interest in a descriptor, FW_READ | FW_WRITE; `what` of the callback says which. */
struct fw_watch *fw_watch_new(
    struct fw_loop *loop, int fd, int what, void (*ready)(int what, void *context), void *context);
void fw_watch_set(struct fw_watch *w, int what); /* 0: none for now */
void fw_watch_free(struct fw_watch *w);          /* NULL is allowed; the descriptor stays open */

/* One shot; fw_timer_set again moves it.  Delays are monotonic; a delay <= 0 runs in the next turn
 * of the loop. */
struct fw_timer *fw_timer_new(struct fw_loop *loop, void (*due)(void *context), void *context);
void fw_timer_set(struct fw_timer *t, int64_t delay_us);
void fw_timer_cancel(struct fw_timer *t);
bool fw_timer_is_set(const struct fw_timer *t);
void fw_timer_free(struct fw_timer *t); /* NULL is allowed */

struct fw_signal *fw_signal_new(
    struct fw_loop *loop, int number, void (*came)(int number, void *context), void *context);
void fw_signal_free(struct fw_signal *s); /* NULL is allowed */

#endif
