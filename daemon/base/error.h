/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors.  A function that can fail returns int: 0, or a negative FW_E… of this list; results leave
 * through out-parameters.  Running out of memory is not an error of this list: see mem.h.
 */
#ifndef FW_BASE_ERROR_H
#define FW_BASE_ERROR_H

#define FW_MUST_CHECK __attribute__((warn_unused_result))
#define FW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum fw_error {
	FW_OK = 0,
	FW_EINVAL = -1,    /* an argument or a value makes no sense */
	FW_EFORMAT = -2,   /* bytes from outside are not of the promised form */
	FW_ETOOBIG = -3,   /* over a stated limit */
	FW_ENOTFOUND = -4, /* no such thing */
	FW_EEXIST = -5,    /* it is there already */
	FW_EIO = -6,       /* the system refused; errno tells */
	FW_EFULL = -7,     /* no room left */
	FW_ECORRUPT = -8,  /* a checksum does not hold */
	FW_EAGAIN = -9,    /* not now */
	FW_ECLOSED = -10,  /* the other side is gone */
	FW_EREFUSED = -11, /* the other side said no */
	FW_EVERSION = -12, /* made by a newer release */
};

/* A sentence without a full stop; never NULL, also for a number that is not of the list. */
const char *fw_strerror(int error);

#endif
