/* SPDX-License-Identifier: Apache-2.0 */
/* Public or not; see address.h.  The lists follow IANA's special-purpose address registries. */
#include "io/address.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const struct {
	uint32_t network;
	unsigned bits;
} special_v4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared, carrier-grade NAT */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, and the metadata services of clouds */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarking */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool
is_public_v4(uint32_t address)
{
	for (size_t i = 0; i < sizeof(special_v4) / sizeof(special_v4[0]); i++)
		if ((address ^ special_v4[i].network) >> (32 - special_v4[i].bits) == 0)
			return false;
	return true;
}

static uint32_t
embedded_v4(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool
is_public_v6(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
		return is_public_v4(embedded_v4(a + 12));
	if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
		return is_public_v4(embedded_v4(a + 2));
	if (a[0] == 0x20 && a[1] == 0x01 &&
	    a[2] <= 0x01) /* protocol assignments, Teredo among them */
		return false;
	if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) /* documentation */
		return false;
	return (a[0] & 0xe0) == 0x20; /* 2000::/3 is all that is given out */
}

bool
fw_address_is_public(const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof(v4));
		return is_public_v4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, address, sizeof(v6));
		return is_public_v6(v6.sin6_addr.s6_addr);
	default:
		return false;
	}
}
