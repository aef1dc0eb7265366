/* SPDX-License-Identifier: Apache-2.0 */
/* Is an address one of the public internet?  Asked of what a name resolved to, so that DNS cannot
 * lead inside. */
#ifndef FW_IO_ADDRESS_H
#define FW_IO_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* False for loopback, private, link-local, shared, multicast, reserved and unspecified addresses,
   for IPv6 forms that carry such an IPv4 address, and for families other than IPv4 and IPv6. */
bool fw_address_is_public(const struct sockaddr *address);

#endif
