/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codes of GB/T 26875.3-2011 in words: types of systems and of their components.  The standard
 * names some of 0 to 127, reserves the rest of these, and leaves 128 to 255 to makers; the wire has
 * room for more, which mean nothing.
 */
#ifndef FW_MODEL_STANDARD_H
#define FW_MODEL_STANDARD_H

#include <stdbool.h>
#include <stdint.h>

#define FW_STANDARD_CODES 256

/* What the standard does with a code. */
enum fw_code {
	FW_CODE_NAMED,
	FW_CODE_RESERVED,
	FW_CODE_USER,   /* its meaning is the maker's */
	FW_CODE_BEYOND, /* no code of the standard */
	FW_CODES,
};

enum fw_code fw_component_code(uint32_t type);
enum fw_code fw_system_code(uint32_t type);

/* Static words, also for codes that the standard does not name: "reserved", "user defined", "not of
 * the standard". */
const char *fw_component_name(uint32_t type);
const char *fw_component_name_zh(uint32_t type);
const char *fw_system_name(uint32_t type);

#endif
