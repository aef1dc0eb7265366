/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C; see crc32c.h.  The table goes by half bytes: it is for processors that nobody has bought
 * since 2009. */
#include "io/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

static const uint32_t table[16] = {
    0x00000000,
    0x105ec76f,
    0x20bd8ede,
    0x30e349b1,
    0x417b1dbc,
    0x5125dad3,
    0x61c69362,
    0x7198540d,
    0x82f63b78,
    0x92a8fc17,
    0xa24bb5a6,
    0xb21572c9,
    0xc38d26c4,
    0xd3d3e1ab,
    0xe330a81a,
    0xf36e6f75,
};

uint32_t
fw_crc32c_portable(uint32_t crc, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	crc = ~crc;
	for (; n > 0; n--) {
		crc ^= *at++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t
crc32c_by_instruction(uint32_t crc, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;
	uint64_t wide = (uint32_t)~crc, word;
	uint32_t narrow;

	for (; n >= sizeof(word); at += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		wide = _mm_crc32_u64(wide, word);
	}
	narrow = (uint32_t)wide;
	for (; n > 0; n--)
		narrow = _mm_crc32_u8(narrow, *at++);
	return ~narrow;
}

uint32_t
fw_crc32c(uint32_t crc, const void *bytes, size_t n)
{
	return __builtin_cpu_supports("sse4.2") ? crc32c_by_instruction(crc, bytes, n)
						: fw_crc32c_portable(crc, bytes, n);
}

#else

uint32_t
fw_crc32c(uint32_t crc, const void *bytes, size_t n)
{
	return fw_crc32c_portable(crc, bytes, n);
}

#endif
