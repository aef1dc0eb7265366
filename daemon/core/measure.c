/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, and by which threshold it was judged, in words. */
#include <inttypes.h>
#include <math.h>

#include "base/time.h"
#include "core/watched.h"

static const struct {
	const char *name, *unit;
} words[FW_QUANTITIES] = {
    [FW_QUANTITY_UNSPECIFIED] = {"a value", ""},
    [FW_QUANTITY_TEMPERATURE_CELSIUS] = {"temperature", " °C"},
    [FW_QUANTITY_SMOKE_DB_PER_M] = {"smoke", " dB/m"},
    [FW_QUANTITY_RESIDUAL_CURRENT_MA] = {"residual current", " mA"},
    [FW_QUANTITY_PRESSURE_KPA] = {"pressure", " kPa"},
    [FW_QUANTITY_LEVEL_M] = {"level", " m"},
    [FW_QUANTITY_GAS_PERCENT_LEL] = {"gas", " %LEL"},
    [FW_QUANTITY_VOLTAGE_V] = {"voltage", " V"},
    [FW_QUANTITY_CURRENT_A] = {"current", " A"},
    [FW_QUANTITY_FLOW_L_PER_S] = {"flow", " l/s"},
    [FW_QUANTITY_HUMIDITY_PERCENT] = {"humidity", " %"},
    [FW_QUANTITY_CONTAMINATION_PERCENT] = {"contamination", " %"},
    [FW_QUANTITY_COUNT] = {"count", ""},
    [FW_QUANTITY_CO_PPM] = {"carbon monoxide", " ppm"},
    [FW_QUANTITY_BATTERY_PERCENT] = {"battery", " %"},
    [FW_QUANTITY_SIGNAL_DBM] = {"signal", " dBm"},
};

static const char *
seconds(struct fw_arena *arena, const char *before, int64_t us)
{
	return us ? fw_arena_printf(arena, "%s%.6g s", before, (double)us / (double)FW_S) : "";
}

const char *
fw_measure_over(struct fw_arena *arena, const struct fw_threshold *t, double value, double change)
{
	const char *name = words[t->quantity].name, *unit = words[t->quantity].unit;
	const char *lasting = seconds(arena, " for ", t->delay_us);

	if (!t->window_us)
		return fw_arena_printf(arena, "%s %.6g%s, at %s %.6g%s%s", name, value, unit,
		    t->below ? "most" : "least", t->raise, unit, lasting);
	return fw_arena_printf(arena, "%s %s by %.6g%s to %.6g%s%s, at least %.6g%s%s", name,
	    t->below ? "fell" : "rose", fabs(change), unit, value, unit,
	    seconds(arena, " within ", t->window_us), fabs(t->raise), unit, lasting);
}

const char *
fw_measure_back(struct fw_arena *arena, const struct fw_threshold *t, double value, double change)
{
	const char *name = words[t->quantity].name, *unit = words[t->quantity].unit;

	if (!t->window_us)
		return fw_arena_printf(arena, "%s %.6g%s, back at %.6g%s or %s", name, value, unit,
		    t->clear, unit, t->below ? "over" : "under");
	return fw_arena_printf(arena, "%s %.6g%s, changed by %.6g%s%s", name, value, unit, change,
	    unit, seconds(arena, " within ", t->window_us));
}

static const char *
add(struct fw_arena *arena, const char *text, const char *what, const char *value)
{
	return *value ? fw_arena_printf(arena, "%s%s%s %s", text, *text ? ", " : "", what, value)
		      : text;
}

const char *
fw_measure_rule(struct fw_arena *arena, const struct fw_threshold *t)
{
	const char *who = add(arena, "", "kind", t->who.kind);

	who = add(arena, who, "category", t->who.category);
	who = add(arena, who, "risk", t->who.risk);
	who = add(arena, who, "site", t->who.site);
	who = add(arena, who, "device", t->who.device);
	return fw_arena_printf(arena, "threshold %s%s%s%s%s", fw_quantity_name(t->quantity),
	    t->who.town ? " of the town" : "",
	    !*who         ? ""
	    : t->who.town ? " for "
			  : " of ",
	    who, *who || t->who.town ? "" : " of any device");
}
