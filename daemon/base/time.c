/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3339 and the proleptic Gregorian calendar by arithmetic; see time.h. */
#include "base/time.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

/* Years begin in March, so that the leap day is a year's last. */
static int64_t
days_from_civil(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void
civil_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + DAYS_TO_1970;
	int64_t era = (z >= 0 ? z : z - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t day_of_era = z - era * DAYS_PER_ERA;
	int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t m = (5 * day_of_year + 2) / 153;

	*day = day_of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

static int64_t
days_in_month(int64_t year, int64_t month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Exactly `digits` digits, a value from low to high. */
static bool
take_number(const char **at, int digits, int64_t low, int64_t high, int64_t *out)
{
	int64_t value = 0;

	for (; digits > 0; digits--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	*out = value;
	return value >= low && value <= high;
}

static bool
take(const char **at, const char *any_of)
{
	if (**at == '\0' || !strchr(any_of, **at))
		return false;
	(*at)++;
	return true;
}

static bool
take_date(const char **at, int64_t *days)
{
	int64_t year, month, day;

	if (!take_number(at, 4, 0, 9999, &year) || !take(at, "-"))
		return false;
	if (!take_number(at, 2, 1, 12, &month) || !take(at, "-"))
		return false;
	if (!take_number(at, 2, 1, days_in_month(year, month), &day))
		return false;
	*days = days_from_civil(year, month, day);
	return true;
}

/* What is finer than a microsecond is cut off. */
static bool
take_fraction(const char **at, int64_t *us)
{
	int64_t digit, weight = FW_S / 10;
	int digits = 0;

	*us = 0;
	if (!take(at, "."))
		return true;
	for (; take_number(at, 1, 0, 9, &digit); digits++, weight /= 10)
		*us += digit * weight;
	return digits >= 1 && digits <= 9;
}

/* A leap second (:60) is the first of the next minute. */
static bool
take_clock(const char **at, int64_t *us)
{
	int64_t hour, minute, second, fraction;

	if (!take_number(at, 2, 0, 23, &hour) || !take(at, ":"))
		return false;
	if (!take_number(at, 2, 0, 59, &minute) || !take(at, ":"))
		return false;
	if (!take_number(at, 2, 0, minute == 59 ? 60 : 59, &second) ||
	    !take_fraction(at, &fraction))
		return false;
	*us = ((hour * 60 + minute) * 60 + second) * FW_S + fraction;
	return true;
}

static bool
take_offset(const char **at, int64_t *us)
{
	int64_t hours, minutes;
	bool west = **at == '-';

	*us = 0;
	if (take(at, "Zz"))
		return true;
	if (!take(at, "+-") || !take_number(at, 2, 0, 23, &hours) || !take(at, ":"))
		return false;
	if (!take_number(at, 2, 0, 59, &minutes))
		return false;
	*us = (hours * 60 + minutes) * FW_MIN * (west ? -1 : 1);
	return true;
}

int
fw_time_parse(const char *text, int64_t *out_us)
{
	const char *at = text;
	int64_t days, clock_us = 0, offset_us = 0;

	if (!take_date(&at, &days))
		return FW_EFORMAT;
	if (*at && (!take(&at, "Tt ") || !take_clock(&at, &clock_us) ||
		       !take_offset(&at, &offset_us) || *at))
		return FW_EFORMAT;
	*out_us = days * FW_DAY + clock_us - offset_us;
	return FW_OK;
}

char *
fw_time_text(int64_t t_us, char out[FW_TIME_TEXT_MAX])
{
	int64_t days = t_us / FW_DAY - (t_us % FW_DAY < 0);
	int64_t ms = (t_us % FW_DAY + (t_us % FW_DAY < 0 ? FW_DAY : 0)) / FW_MS;
	int64_t year, month, day;

	if (t_us == 0)
		return strcpy(out, "-");
	if (t_us == FW_NEVER)
		return strcpy(out, "never");
	civil_from_days(days, &year, &month, &day);
	snprintf(out, FW_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year,
	    (int)month, (int)day, (int)(ms / 3600000), (int)(ms / 60000 % 60),
	    (int)(ms / 1000 % 60), (int)(ms % 1000));
	return out;
}
