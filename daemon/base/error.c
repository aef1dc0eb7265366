/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences of error.h. */
#include "base/error.h"

const char *
fw_strerror(int error)
{
	switch ((enum fw_error)error) {
	case FW_OK:
		return "no error";
	case FW_EINVAL:
		return "invalid value";
	case FW_EFORMAT:
		return "malformed data";
	case FW_ETOOBIG:
		return "over the limit";
	case FW_ENOTFOUND:
		return "not found";
	case FW_EEXIST:
		return "exists already";
	case FW_EIO:
		return "the system refused";
	case FW_EFULL:
		return "no room left";
	case FW_ECORRUPT:
		return "checksum does not hold";
	case FW_EAGAIN:
		return "not possible now";
	case FW_ECLOSED:
		return "connection closed";
	case FW_EREFUSED:
		return "refused";
	case FW_EVERSION:
		return "made by a newer release";
	}
	return "unknown error";
}
