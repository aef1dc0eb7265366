/* SPDX-License-Identifier: Apache-2.0 */
/* See sha256.h. */
#include "cli/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

void
fw_sha256_init(struct fw_sha256 *s)
{
	s->context = EVP_MD_CTX_new();
	if (!s->context || !EVP_DigestInit_ex(s->context, EVP_sha256(), NULL))
		abort(); /* memory */
}

void
fw_sha256_add(struct fw_sha256 *s, const void *bytes, size_t n)
{
	if (!EVP_DigestUpdate(s->context, bytes, n))
		abort();
}

void
fw_sha256_end(struct fw_sha256 *s, char hex[FW_SHA256_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(s->context, sum, &n))
		abort();
	EVP_MD_CTX_free(s->context);
	s->context = NULL;
	for (unsigned i = 0; i < n && 2 * i + 2 < FW_SHA256_HEX; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", sum[i]);
}
