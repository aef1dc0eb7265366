/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for what is handed out as evidence. */
#ifndef FW_CLI_SHA256_H
#define FW_CLI_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct fw_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

void fw_sha256_init(struct fw_sha256 *s);
void fw_sha256_add(struct fw_sha256 *s, const void *bytes, size_t n);
void fw_sha256_end(struct fw_sha256 *s, char hex[65]);

#endif
