/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: a UNIX stream socket, mode 0660.  A client writes one line (a word,
 * "status"), gets one JSON document and end of file.  At most 16 clients, 64 bytes a line, 5 s a
 * client: whatever exceeds that is hung up on.
 */
#ifndef FW_IO_CONTROL_H
#define FW_IO_CONTROL_H

#include <stddef.h>

#include "base/error.h"
#include "io/loop.h"

struct fw_control;

/* The answer to `line`, malloc'ed JSON text; NULL: unknown command. */
typedef char *(*fw_control_answer)(const char *line, void *context);

/* FW_EEXIST: a live daemon listens there (a stale socket is replaced).  FW_EIO: *why tells. */
FW_MUST_CHECK int fw_control_new(struct fw_control **out, struct fw_loop *loop, const char *path,
    fw_control_answer answer, void *context, char *why, size_t why_size);
void fw_control_free(struct fw_control *c); /* removes the socket; NULL is allowed */

#endif
