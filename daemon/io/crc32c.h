/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where it has one. */
#ifndef FW_IO_CRC32C_H
#define FW_IO_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of `n` bytes, continuing from `crc` (0 to begin). */
uint32_t fw_crc32c(uint32_t crc, const void *bytes, size_t n);

/* The same without the instruction: what a processor that lacks it is given. */
uint32_t fw_crc32c_portable(uint32_t crc, const void *bytes, size_t n);

#endif
