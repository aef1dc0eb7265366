/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads CSV as RFC 4180 means it: bytes in, records out.  It owns no file.  Lines end with LF or
 * CRLF, a byte order mark at the beginning and empty lines are passed over.
 *
 * A record against the rules comes out too, with what is wrong with it, and reading goes on behind
 * it.  Memory is bounded: what is over the limits is counted and dropped.
 */
#ifndef FW_CLI_CSV_H
#define FW_CLI_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define FW_CSV_FIELDS_MAX 32
#define FW_CSV_FIELD_BYTES_MAX 4096

struct fw_csv_field {
	const char *text; /* any bytes; a NUL stands behind them */
	size_t bytes;
};

/* A record is valid until the next call. */
struct fw_csv {
	/* of the record that is complete */
	struct fw_csv_field fields[FW_CSV_FIELDS_MAX];
	size_t count;
	int64_t line;      /* on which it begins, from 1 */
	const char *fault; /* NULL, or the first rule it breaks, in words */
	size_t fault_field;

	/* inside */
	char *text; /* the fields, each with a NUL behind it */
	size_t text_bytes, text_cap, field_start, starts[FW_CSV_FIELDS_MAX];
	int64_t line_now;
	int state, bom;
	bool returned, blank;
};

void fw_csv_init(struct fw_csv *c);
void fw_csv_fini(struct fw_csv *c);

/* Takes bytes to the end of a record.  *used tells how many; FW_OK: a record is complete;
   FW_EAGAIN: all are taken, more are wanted. */
FW_MUST_CHECK int fw_csv_feed(struct fw_csv *c, const char *bytes, size_t n, size_t *used);

/* No more bytes will come.  FW_OK: this is the last record, it had no line end; FW_ENOTFOUND: none
 * is left. */
FW_MUST_CHECK int fw_csv_end(struct fw_csv *c);

#endif
