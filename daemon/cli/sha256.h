/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4) of what is exported, by OpenSSL. */
#ifndef FW_CLI_SHA256_H
#define FW_CLI_SHA256_H

#include <stddef.h>

#define FW_SHA256_HEX 65 /* with the NUL */

struct fw_sha256 {
	void *context; /* OpenSSL's */
};

void fw_sha256_init(struct fw_sha256 *s);
void fw_sha256_add(struct fw_sha256 *s, const void *bytes, size_t n);
/* Ends it and frees what it holds. */
void fw_sha256_end(struct fw_sha256 *s, char hex[FW_SHA256_HEX]);

#endif
