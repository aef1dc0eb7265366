/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 text from outside: is it valid, how wide is it on a terminal, where may it be cut. */
#ifndef FW_BASE_TEXT_H
#define FW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What a number macro stands for, as text. */
#define FW_TEXT_OF(macro) FW_TEXT_OF_WORD(macro)
#define FW_TEXT_OF_WORD(word) #word

/* Valid as PostgreSQL and proto3 mean it (RFC 3629: no surrogates, no overlong forms, at most
 * U+10FFFF), and no NUL. */
bool fw_text_valid(const char *bytes, size_t n);

/* Terminal columns of valid UTF-8: 2 for East Asian wide and fullwidth (Unicode UAX #11) and emoji,
 * 0 for combining marks. */
size_t fw_text_width(const char *text);

/* The longest prefix of at most `most` bytes that does not split a character. */
size_t fw_text_cut(const char *text, size_t n, size_t most);

/* 1 to 64 of A-Z a-z 0-9 _ . : - (design: a device) */
bool fw_text_is_device(const char *bytes, size_t n);

/* 6 to 15 digits (design: a division) */
bool fw_text_is_division(const char *bytes, size_t n);

#endif
