/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop on libevent; see loop.h. */
#include "io/loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"

struct fw_loop {
	struct event_base *base;
};

struct fw_watch {
	struct event_base *base;
	struct event *event; /* NULL: none for now */
	int fd, what;
	void (*ready)(int what, void *context);
	void *context;
};

struct fw_timer {
	struct event *event;
	void (*due)(void *context);
	void *context;
};

struct fw_signal {
	struct event *event;
	void (*came)(int number, void *context);
	void *context;
};

struct fw_loop *
fw_loop_new(void)
{
	struct fw_loop *loop = fw_calloc(1, sizeof(*loop));
	struct event_config *config = event_config_new();

	if (!config || event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) != 0)
		abort();
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!loop->base)
		abort();
	return loop;
}

void
fw_loop_free(struct fw_loop *loop)
{
	if (!loop)
		return;
	event_base_free(loop->base);
	free(loop);
}

void
fw_loop_run(struct fw_loop *loop)
{
	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void
fw_loop_stop(struct fw_loop *loop)
{
	event_base_loopbreak(loop->base);
}

int64_t
fw_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * FW_S + ts.tv_nsec / 1000;
}

int64_t
fw_loop_now_us(const struct fw_loop *loop)
{
	struct timespec now;

	(void)loop;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * FW_S + now.tv_nsec / 1000;
}

static void
on_ready(evutil_socket_t fd, short events, void *arg)
{
	struct fw_watch *w = arg;
	int what = ((events & EV_READ) ? FW_READ : 0) | ((events & EV_WRITE) ? FW_WRITE : 0);

	(void)fd;
	w->ready(what, w->context);
}

struct fw_watch *
fw_watch_new(
    struct fw_loop *loop, int fd, int what, void (*ready)(int what, void *context), void *context)
{
	struct fw_watch *w = fw_calloc(1, sizeof(*w));

	w->base = loop->base;
	w->fd = fd;
	w->ready = ready;
	w->context = context;
	fw_watch_set(w, what);
	return w;
}

void
fw_watch_set(struct fw_watch *w, int what)
{
	short events = EV_PERSIST;

	if (what == w->what)
		return;
	if (w->event)
		event_free(w->event);
	w->event = NULL;
	w->what = what;
	if (!what)
		return;
	if (what & FW_READ)
		events |= EV_READ;
	if (what & FW_WRITE)
		events |= EV_WRITE;
	w->event = event_new(w->base, w->fd, events, on_ready, w);
	if (!w->event || event_add(w->event, NULL) != 0)
		abort();
}

void
fw_watch_free(struct fw_watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	free(w);
}

static void
on_due(evutil_socket_t fd, short events, void *arg)
{
	struct fw_timer *t = arg;

	(void)fd;
	(void)events;
	t->due(t->context);
}

struct fw_timer *
fw_timer_new(struct fw_loop *loop, void (*due)(void *context), void *context)
{
	struct fw_timer *t = fw_calloc(1, sizeof(*t));

	t->due = due;
	t->context = context;
	t->event = evtimer_new(loop->base, on_due, t);
	if (!t->event)
		abort();
	return t;
}

void
fw_timer_set(struct fw_timer *t, int64_t delay_us)
{
	struct timeval delay = {0, 0};

	if (delay_us > 0) {
		delay.tv_sec = (time_t)(delay_us / FW_S);
		delay.tv_usec = (suseconds_t)(delay_us % FW_S);
	}
	/* libevent adds the delay to its clock: keep the sum in range */
	if (delay.tv_sec > 366 * 86400)
		delay.tv_sec = 366 * 86400;
	if (evtimer_add(t->event, &delay) != 0)
		abort();
}

void
fw_timer_cancel(struct fw_timer *t)
{
	evtimer_del(t->event);
}

bool
fw_timer_is_set(const struct fw_timer *t)
{
	return evtimer_pending(t->event, NULL) != 0;
}

void
fw_timer_free(struct fw_timer *t)
{
	if (!t)
		return;
	event_free(t->event);
	free(t);
}

static void
on_signal(evutil_socket_t number, short events, void *arg)
{
	struct fw_signal *s = arg;

	(void)events;
	s->came((int)number, s->context);
}

struct fw_signal *
fw_signal_new(
    struct fw_loop *loop, int number, void (*came)(int number, void *context), void *context)
{
	struct fw_signal *s = fw_calloc(1, sizeof(*s));

	s->came = came;
	s->context = context;
	s->event = evsignal_new(loop->base, number, on_signal, s);
	if (!s->event || evsignal_add(s->event, NULL) != 0)
		abort();
	return s;
}

void
fw_signal_free(struct fw_signal *s)
{
	if (!s)
		return;
	event_free(s->event);
	free(s);
}
