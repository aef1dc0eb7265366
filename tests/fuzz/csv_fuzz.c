/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a CSV file: read whole and read in two pieces they are the same records, and what
 * comes out holds the limits that csv.h promises.
 */
#include "fuzz.h"

#include <assert.h>
#include <string.h>

#include "cli/csv.h"

/* What was read, as one number. */
struct digest {
	uint64_t hash;
	int64_t line;
};

static void
add(struct digest *d, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		d->hash = (d->hash ^ at[i]) * UINT64_C(1099511628211); /* FNV-1a */
}

static void
add_record(struct digest *d, const struct fw_csv *c)
{
	assert(c->count > 0 && c->count <= FW_CSV_FIELDS_MAX);
	assert(c->line > d->line);
	assert(!c->fault || c->fault_field <= FW_CSV_FIELDS_MAX);
	d->line = c->line;
	add(d, &c->line, sizeof(c->line));
	for (size_t i = 0; i < c->count; i++) {
		assert(c->fields[i].bytes <= FW_CSV_FIELD_BYTES_MAX);
		assert(c->fields[i].text[c->fields[i].bytes] == '\0');
		add(d, c->fields[i].text, c->fields[i].bytes + 1);
	}
	if (c->fault)
		add(d, c->fault, strlen(c->fault));
}

static void
feed(struct fw_csv *c, struct digest *d, const uint8_t *data, size_t n)
{
	while (n > 0) {
		size_t used = 0;

		if (fw_csv_feed(c, (const char *)data, n, &used) == FW_OK)
			add_record(d, c);
		else
			assert(used == n);
		assert(used > 0 && used <= n);
		data += used;
		n -= used;
	}
}

static uint64_t
read_cut_at(const uint8_t *data, size_t size, size_t cut)
{
	struct digest d = {UINT64_C(14695981039346656037), 0};
	struct fw_csv c;

	fw_csv_init(&c);
	feed(&c, &d, data, cut);
	feed(&c, &d, data + cut, size - cut);
	if (fw_csv_end(&c) == FW_OK)
		add_record(&d, &c);
	assert(fw_csv_end(&c) == FW_ENOTFOUND);
	fw_csv_fini(&c);
	return d.hash;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t whole = read_cut_at(data, size, 0);

	for (size_t cut = 1; cut < size; cut += 1 + size / 8) {
		uint64_t pieces = read_cut_at(data, size, cut);

		assert(pieces == whole);
	}
	return 0;
}

size_t
fuzz_seed_input(size_t n, uint8_t *out)
{
	static const char *const inputs[] = {
	    "\xef\xbb\xbf"
	    "division,parent,name,level\r\n330106,,西湖区,district\r\n",
	    "site,name,address\ns1,\"say \"\"fire\"\"\",\"云溪镇\n颐享路 18 号\"\n\ns2,,\"\"",
	    "a,b\"c\n\"d\"e,f\rg\n,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n\"never closed",
	};

	if (n >= sizeof(inputs) / sizeof(inputs[0]))
		return 0;
	memcpy(out, inputs[n], strlen(inputs[n]));
	return strlen(inputs[n]);
}
