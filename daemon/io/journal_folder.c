/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a folder; see journal_folder.h. */
#include "io/journal_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct listing {
	int directory;
	void (*tell)(uint64_t number, const char *why, void *context);
	void *context;
	uint64_t *numbers;          /* ascending */
	struct fw_segment **opened; /* NULL: not used */
	size_t count, cap;
};

static int
compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
list_numbers(struct listing *all, char *why, size_t why_size)
{
	int fd = openat(all->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	uint64_t number;

	if (!dir) {
		snprintf(why, why_size, "the folder cannot be read: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return FW_EIO;
	}
	while ((entry = readdir(dir))) {
		if (!fw_segment_parse_name(entry->d_name, &number))
			continue;
		all->numbers =
		    fw_grow(all->numbers, &all->cap, all->count + 1, sizeof(*all->numbers));
		all->numbers[all->count++] = number;
	}
	closedir(dir);
	if (all->count)
		qsort(all->numbers, all->count, sizeof(*all->numbers), compare_numbers);
	return FW_OK;
}

/* One that went in the meantime had been released. */
static int
open_all(struct listing *all, char *why, size_t why_size)
{
	all->opened = fw_calloc(all->count + 1, sizeof(*all->opened));
	for (size_t i = 0; i < all->count; i++) {
		int r = fw_segment_open(
		    &all->opened[i], all->directory, all->numbers[i], why, why_size);

		if (r == FW_ECORRUPT)
			all->tell(all->numbers[i], why, all->context);
		else if (r != FW_OK && r != FW_ENOTFOUND)
			return r;
	}
	return FW_OK;
}

static size_t
count_of(const struct listing *all, uint64_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++)
		n += all->opened[i] && all->opened[i]->place.journal_id == id;
	return n;
}

static uint64_t
choose_id(const struct listing *all)
{
	uint64_t chosen = 0, last = 0;
	size_t most = 0;

	for (size_t i = all->count; i-- > 0;) {
		uint64_t id = all->opened[i] ? all->opened[i]->place.journal_id : last;
		size_t n = id != last ? count_of(all, id) : 0;

		last = id;
		if (n > most) {
			most = n;
			chosen = id;
		}
	}
	return chosen;
}

static void
leave_out(struct listing *all, size_t i, const char *what)
{
	all->tell(all->numbers[i], what, all->context);
	fw_segment_free(all->opened[i]);
	all->opened[i] = NULL;
}

/* From the newest on: each must end before the one behind it begins. */
static void
link_up(struct listing *all, struct fw_folder *out)
{
	uint64_t id = choose_id(all);

	for (size_t i = all->count; i-- > 0;) {
		struct fw_segment *s = all->opened[i];

		if (s && s->place.journal_id != id)
			leave_out(all, i, "of another journal");
		else if (s && out->head && fw_segment_end(s) > out->head->place.first)
			leave_out(all, i, "its positions are those of another segment");
		s = all->opened[i];
		if (!s) {
			out->outside += !out->head;
			continue;
		}
		s->next = out->head;
		out->head = s;
		if (!out->tail)
			out->tail = s;
	}
	for (size_t i = 0; i < all->count && out->head && !all->opened[i]; i++)
		out->outside++;
}

int
fw_folder_read(struct fw_folder *out, int directory,
    void (*tell)(uint64_t number, const char *why, void *context), void *context, char *why,
    size_t why_size)
{
	struct listing all = {.directory = directory, .tell = tell, .context = context};
	int r = list_numbers(&all, why, why_size);

	*out = (struct fw_folder){0};
	if (r == FW_OK)
		r = open_all(&all, why, why_size);
	if (r == FW_OK && all.count) {
		link_up(&all, out);
		out->highest = all.numbers[all.count - 1];
	}
	for (size_t i = 0; r != FW_OK && all.opened && i < all.count; i++)
		fw_segment_free(all.opened[i]);
	free(all.opened);
	free(all.numbers);
	return r;
}

void
fw_folder_free(struct fw_segment *head)
{
	while (head) {
		struct fw_segment *next = head->next;

		fw_segment_free(head);
		head = next;
	}
}
