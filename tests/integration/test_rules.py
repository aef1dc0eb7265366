# SPDX-License-Identifier: Apache-2.0
"""The town's rules: what the import refuses of their files, what they become, and the standard rows of sql/0007."""
import os
import re

import psycopg2
import pytest

from harness import ROOT, pb
from town_folder import BASE, RULES, TABLES, Town

FILES = {
    "kinds": "kind,name,heartbeat_s,missed,mains\n"
             "heat_cable,感温电缆,600,2,yes\nsmoke_alarm,独立式感烟,43200,,\nmanual_call_point,手动火灾报警按钮,86400,3,no\n",
    "thresholds": "quantity,kind,category,risk,site,device,class,side,raise,clear,delay_s,window_s,reason\n"
                  "temperature_celsius,heat_cable,,,,,electrical,above,85,75.5,10,,cable above 85\n"
                  "temperature_celsius,electrical_monitor,,high,,,electrical,above,,,,,switched off here\n"
                  "level_m,water_sensor,small_shop,,home,child,supervisory,below,-0.5,-0.25,60,,below the sill\n"
                  "co_ppm,,,,,,pre_alarm,above,10,5,,300,rises\n",
    "classification": "condition,component_type,system_type,kind,category,model,class,severity,reason\n"
                      "FAULT,84,,,,,supervisory,warning,a module's fault\n"
                      "FAULT,84,12,,,,fault,minor,of a sprinkler\n"
                      "TRIPPED,,,residual_current_breaker,small_shop,DZ47,fire,critical,burns\n",
    "levels": "level,timeout_percent,pre_alarm_as_alarm,extra_role\n"
              "elevated,75,no,village_head\nnormal,100,no,\n",
    "protection": "division,level,starts_at,ends_at,reason\n"
                  "330106001,elevated,2027-02-05T00:00:00+08:00,2027-02-20T00:00:00+08:00,春节\n"
                  "330106001,highest,2027-02-05T16:00:00Z,2027-02-06T16:00:00Z,除夕\n",
    "hazards": "class,kind,category,limit_s,grade,deadline_s,role\n"
               "fault,,,172800,general,604800,grid_member\n"
               "disabled,smoke_alarm,elderly_household,3600,major,86400,village_head\n",
}
TOWN = {**BASE, **FILES}


@pytest.fixture(scope="module")
def shared_town(shared_stack, tmp_path_factory):
    """For files that are refused, and for the standard rows: it stays as it is."""
    made = Town(shared_stack, tmp_path_factory.mktemp("town"))
    yield made
    made.close()


# ---------------------------------------------------------------- faults

def threshold(**changes):
    row = {"quantity": "co_ppm", "kind": "", "category": "", "risk": "", "site": "", "device": "", "class": "gas",
           "side": "above", "raise": "9", "clear": "4", "delay_s": "", "window_s": "", "reason": "x", **changes}
    return ",".join(row.values())


# Each is one record behind the files above: what is told of it.
FAULTY_RECORDS = [
    ("kinds", "heat_cable,x,60,,", ["kind: heat_cable is on line 2 already"]),
    ("kinds", ",x,60,,", ["kind: not given"]),
    ("kinds", "k,,60,,", ["name: not given"]),
    ("kinds", "k,x,,,", ["heartbeat_s: not given"]),
    ("kinds", "k,x,-1,,", ["heartbeat_s: not a whole number from 0 to 31536000: -1"]),
    ("kinds", "k,x,60,0,", ["missed: not a whole number from 1 to 100: 0"]),
    ("kinds", "k,x,60,101,", ["missed: not a whole number from 1 to 100: 101"]),
    ("kinds", "k,x,60,,true", ["mains: not one of yes no: true"]),
    ("thresholds", threshold(quantity="smell"), ["quantity: no such quantity: smell"]),
    ("thresholds", threshold(quantity="unspecified"), ["quantity: no such quantity: unspecified"]),
    ("thresholds", threshold(kind="toaster"), ["kind: no kind toaster"]),
    ("thresholds", threshold(category="castle"), ["category: no category castle"]),
    ("thresholds", threshold(risk="low"), ["risk: not one of normal high: low"]),
    ("thresholds", threshold(site="nowhere"), ["site: no site nowhere"]),
    ("thresholds", threshold(device="nothing"), ["device: no device nothing"]),
    ("thresholds", threshold(**{"class": "blaze"}), ["class: no such class: blaze"]),
    ("thresholds", threshold(side="over"), ["side: not one of above below: over"]),
    ("thresholds", threshold(**{"raise": "nan"}), ["raise: not a number from -1000000000 to 1000000000: nan"]),
    ("thresholds", threshold(**{"raise": "inf"}), ["raise: not a number from -1000000000 to 1000000000: inf"]),
    ("thresholds", threshold(**{"raise": "1e3"}), ["raise: not a number from -1000000000 to 1000000000: 1e3"]),
    ("thresholds", threshold(clear="4,5"), ["has 14 fields, the header has 13"]),
    ("thresholds", threshold(clear="9"), ["clear: not below raise"]),
    ("thresholds", threshold(clear="9.5"), ["clear: not below raise"]),
    ("thresholds", threshold(side="below", clear="9"), ["clear: not above raise"]),
    ("thresholds", threshold(side="below", **{"raise": "-4", "clear": "-4.5"}), ["clear: not above raise"]),
    ("thresholds", threshold(clear=""), ["clear: not given, but raise is"]),
    ("thresholds", threshold(**{"raise": ""}), ["clear: given, but raise is not"]),
    ("thresholds", threshold(**{"raise": "0", "clear": "-1", "window_s": "60"}), ["raise: not above 0, no change"]),
    ("thresholds", threshold(side="below", **{"raise": "5", "clear": "6", "window_s": "60"}),
     ["raise: not below 0, no change"]),
    ("thresholds", threshold(delay_s="604801"), ["delay_s: not a whole number from 0 to 604800: 604801"]),
    ("thresholds", threshold(window_s="1.5"), ["window_s: not a whole number from 0 to 604800: 1.5"]),
    ("thresholds", threshold(reason=""), ["reason: not given"]),
    ("thresholds", threshold(**{"class": "pre_alarm", "window_s": "600"}),
     ["quantity: the same threshold is on line 5 already"]),
    ("classification", "SMELL,,,,,,fault,minor,x", ["condition: no such condition: SMELL"]),
    ("classification", "fault,,,,,,fault,minor,x", ["condition: no such condition: fault"]),
    ("classification", "UNSPECIFIED,,,,,,fault,minor,x", ["condition: no such condition: UNSPECIFIED"]),
    ("classification", "RESET,,,,,,fault,minor,x", ["condition: raises no alarm: RESET"]),
    ("classification", "FAULT,-1,x,,,,fault,minor,x",
     ["component_type: not a whole number from 0 to 2147483647: -1",
      "system_type: not a whole number from 0 to 2147483647: x"]),
    ("classification", "FAULT,,,toaster,,,fault,minor,x", ["kind: no kind toaster"]),
    ("classification", "FAULT,,,,castle,,fault,minor,x", ["category: no category castle"]),
    ("classification", "FAULT,,,,,,blaze,minor,x", ["class: no such class: blaze"]),
    ("classification", "FAULT,,,,,,fault,grave,x",
     ["severity: not one of critical major minor warning indeterminate: grave"]),
    ("classification", "FAULT,,,,,,fault,minor,", ["reason: not given"]),
    ("classification", "FIRE,,,,,,test,minor,x", ["class: FIRE is always of class fire"]),
    ("classification", "FIRE,40,,,,,gas,critical,x", ["class: FIRE is always of class fire"]),
    ("classification", "MANUAL_CALL,,,,,,supervisory,minor,x", ["class: MANUAL_CALL is always of class fire"]),
    ("classification", "WATER_FLOW,,,,,,supervisory,minor,x", ["class: WATER_FLOW is always of class fire"]),
    ("classification", "GAS,,,,,,pre_alarm,minor,x", ["class: GAS is always of class gas"]),
    ("classification", "FAULT,084,,,,,test,minor,x", ["condition: the same classification is on line 2 already"]),
    ("levels", "higher,50,yes,", ["level: not one of normal elevated highest: higher"]),
    ("levels", "highest,0,yes,", ["timeout_percent: not a whole number from 1 to 100: 0"]),
    ("levels", "highest,101,yes,", ["timeout_percent: not a whole number from 1 to 100: 101"]),
    ("levels", "highest,50,,", ["pre_alarm_as_alarm: not given"]),
    ("levels", "highest,50,maybe,", ["pre_alarm_as_alarm: not one of yes no: maybe"]),
    ("levels", "elevated,50,yes,", ["level: elevated is on line 2 already"]),
    ("protection", "330999,elevated,2027-01-01T00:00:00Z,2027-01-02T00:00:00Z,x", ["division: no division 330999"]),
    ("protection", "330106,normal,2027-01-01T00:00:00Z,2027-01-02T00:00:00Z,x",
     ["level: not one of elevated highest: normal"]),
    ("protection", "330106,elevated,2027-01-01T00:00:00Z,,x", ["ends_at: not given"]),
    ("protection", "330106,elevated,2027-01-01T08:00:00+08:00,2027-01-01T00:00:00Z,x",
     ["ends_at: not after starts_at"]),
    ("protection", "330106,elevated,2027-01-01T00:00:00Z,2027-01-02T00:00:00Z,", ["reason: not given"]),
    ("protection", "330106001,elevated,2027-02-04T16:00:00Z,2027-03-01T00:00:00Z,x",
     ["division: the same protection is on line 2 already"]),
    ("hazards", "blaze,,,60,general,60,r", ["class: no such class: blaze"]),
    ("hazards", "power,toaster,castle,60,general,60,r", ["kind: no kind toaster", "category: no category castle"]),
    ("hazards", "power,,,0,general,60,r", ["limit_s: not a whole number from 1 to 31536000: 0"]),
    ("hazards", "power,,,60,huge,60,r", ["grade: not one of general major: huge"]),
    ("hazards", "power,,,60,general,,r", ["deadline_s: not given"]),
    ("hazards", "power,,,60,general,60,", ["role: not given"]),
    ("hazards", "fault,,,60,general,60,r", ["class: the same limit is on line 2 already"]),
]


@pytest.mark.parametrize("file, record, faults", FAULTY_RECORDS)
def test_faulty_record(shared_town, file, record, faults):
    line = TOWN[file].count("\n") + 1
    shared_town.write(**{**TOWN, file: TOWN[file] + record})
    assert shared_town.refused() == [f"{file}.csv:{line}: {fault}" for fault in faults]


def test_faults_of_all_files_in_order(shared_town):
    shared_town.write(**{file: text + {"kinds": "k,x,60,0,\n", "levels": "higher,1,yes,\n", "policies": "blaze\n"}.get(file, "")
                         for file, text in TOWN.items()})
    assert shared_town.refused() == [
        "policies.csv:4: has 1 fields, the header has 7", "kinds.csv:5: missed: not a whole number from 1 to 100: 0",
        "levels.csv:4: level: not one of normal elevated highest: higher"]


def test_rules_may_refer_to_the_database_and_to_what_comes_with_them(town):
    town.write(**BASE)
    town.imports()
    town.heard()
    town.remove(*BASE)
    town.write(**{**FILES, "kinds": FILES["kinds"].replace("heat_cable", "heat_wire")})
    assert town.refused() == ["thresholds.csv:2: kind: no kind heat_cable"]
    town.write(kinds=FILES["kinds"])
    assert "thresholds 4 (4 new, 0 changed)" in town.imports()


# ---------------------------------------------------------------- what they become

def test_twice_changes_nothing(town):
    town.write(**TOWN)
    assert town.imports()[-6:] == [
        "kinds 3 (1 new, 1 changed)", "thresholds 4 (4 new, 0 changed)", "classification 3 (3 new, 0 changed)",
        "levels 2 (0 new, 1 changed)", "protection 2 (2 new, 0 changed)", "hazards 2 (1 new, 1 changed)"]
    assert town.heard() == {*TABLES.values(), *RULES.values()}
    before = town.content()
    again = town.imports()
    assert again[-1] == "nothing has changed" and all(re.search(r" \(0 new, 0 changed\)$", line) for line in again[:-1])
    assert town.content() == before
    assert not town.heard()


def test_only_a_rule_that_changed_is_told_of(town):
    town.write(**TOWN)
    town.imports()
    for file, old, new in (("kinds", "感温电缆,600", "感温电缆,900"), ("thresholds", "75.5", "75.25"),
                           ("classification", "warning", "minor"), ("levels", "75,no", "75,yes"),
                           ("protection", "除夕", "年三十"), ("hazards", "172800", "172801")):
        town.heard()
        town.write(**{file: TOWN[file].replace(old, new)})
        assert f"{file} {TOWN[file].count(chr(10)) - 1} (0 new, 1 changed)" in town.imports()
        assert town.heard() == {RULES[file]}


def test_kinds_levels_and_limits_are_added_to(town):
    """What the file does not name stays; a standard row that it changes becomes the town's, one that it repeats does not."""
    town.write(**TOWN)
    town.imports()
    town.remove(*TOWN)
    town.write(kinds="kind,name,heartbeat_s\nbeam,光束,60\n", levels="level,timeout_percent,pre_alarm_as_alarm\nhighest,10,yes\n",
               hazards="class,limit_s,grade,deadline_s,role\ntest,60,general,60,r\n")
    assert town.imports() == ["kinds 1 (1 new, 0 changed)", "levels 1 (0 new, 1 changed)", "hazards 1 (1 new, 0 changed)"]
    assert town.rows("SELECT kind, heartbeat_s, missed, mains, origin, source <> '' FROM device_kind WHERE kind IN "
                     "('beam', 'heat_cable', 'manual_call_point', 'smoke_alarm') ORDER BY kind") == [
        ["beam", 60, 3, False, "town", False], ["heat_cable", 600, 2, True, "town", False],
        ["manual_call_point", 86400, 3, False, "standard", True], ["smoke_alarm", 43200, 3, False, "town", False]]
    assert town.rows("SELECT level, timeout_percent, pre_alarm_as_alarm, extra_role, origin FROM protection_level "
                     "ORDER BY level") == [
        ["elevated", 75, False, "village_head", "town"], ["highest", 10, True, "", "town"],
        ["normal", 100, False, "", "standard"]]
    assert town.rows("SELECT class, kind, category, limit_s, grade, deadline_s, role FROM hazard_limit "
                     "WHERE origin = 'town' ORDER BY limit_s") == [
        ["test", "", "", 60, "general", 60, "r"],
        ["disabled", "smoke_alarm", "elderly_household", 3600, "major", 86400, "village_head"],
        ["fault", "", "", 172800, "general", 604800, "grid_member"]]


def test_thresholds_classification_and_protection_are_replaced(town):
    standard = town.rows("SELECT count(*) FROM threshold WHERE origin = 'standard'")
    town.write(**TOWN)
    town.imports()
    assert town.rows("SELECT quantity, raise_at, clear_at, delay_s, window_s FROM threshold WHERE origin = 'town' "
                     "ORDER BY reason") == [
        ["level_m", -0.5, -0.25, 60, 0], ["temperature_celsius", 85.0, 75.5, 10, 0], ["co_ppm", 10.0, 5.0, 0, 300],
        ["temperature_celsius", None, None, 0, 0]]
    assert town.rows("SELECT component_type, system_type, class FROM classification ORDER BY reason") == [
        [84, None, "supervisory"], [None, None, "fire"], [84, 12, "fault"]]
    town.remove(*TOWN)
    town.heard()
    town.write(thresholds="quantity,class,side,raise,clear,window_s,reason\nco_ppm,pre_alarm,above,10,5,600,rises slowly\n",
               classification="condition,component_type,class,severity,reason\nFAULT,84,supervisory,warning,a module's fault\n",
               protection="division,level,starts_at,ends_at,reason\n"
                          "330106001,elevated,2027-02-04T16:00:00Z,2027-02-21T00:00:00+08:00,春节\n")
    assert town.imports() == ["thresholds 1 (0 new, 1 changed, 3 removed)", "classification 1 (0 new, 0 changed, 2 removed)",
                              "protection 1 (0 new, 1 changed, 1 removed)"]
    assert town.heard() == {"threshold", "classification", "protection"}
    assert town.rows("SELECT window_s FROM threshold WHERE origin = 'town'") == [[600]]
    town.write(thresholds="quantity,class,side,reason\n", classification="condition,class,severity,reason\n",
               protection="division,level,starts_at,ends_at,reason\n")
    assert all(line.endswith(" (0 new, 0 changed, 1 removed)") for line in town.imports())
    assert town.rows("SELECT count(*) FROM threshold") == standard


def test_a_town_s_row_stands_beside_the_standard_one(town):
    """Both are kept, so that the standard is back when the town takes its own away."""
    town.write(**{**BASE, "thresholds": "quantity,kind,class,side,raise,clear,reason\ngas_percent_lel,gas_detector,gas,above,8,4,ours\n"})
    town.imports()
    assert town.rows("SELECT origin, raise_at FROM threshold WHERE quantity = 'gas_percent_lel' AND class = 'gas' "
                     "ORDER BY origin") == [["standard", 10.0], ["town", 8.0]]


def test_a_value_and_its_change_are_two_thresholds(town):
    town.write(**{**BASE, "thresholds": "quantity,class,side,raise,clear,window_s,reason\n"
                                        "co_ppm,gas,above,8,4,,value\nco_ppm,gas,above,8,4,60,change\n"})
    town.imports()
    assert town.rows("SELECT window_s FROM threshold WHERE origin = 'town' ORDER BY 1") == [[0], [60]]


def test_the_examples_of_the_readme(town):
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## The town's files\n")[1].split("\n## ")[0]
    blocks = [re.sub("^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", section, flags=re.M)]
    names = ["kinds", "devices", "thresholds", "protection", "classification"]
    assert [block.split(",")[0] for block in blocks] == ["kind", "device", "quantity", "division", "condition"]
    town.write(**{**BASE, **dict(zip(names, blocks))})
    town.write(divisions=BASE["divisions"] + "330106901,330106,云溪镇,town\n",
               sites=BASE["sites"] + "yixiang-nursing,颐享养老院,330106901,nursing_home\n")
    assert [line.split(" changed")[0] for line in town.imports()[-4:]] == [
        "kinds 1 (1 new, 0", "thresholds 3 (3 new, 0", "classification 1 (1 new, 0", "protection 1 (1 new, 0"]


def test_the_readme_names_every_column(shared_town):
    """The header that firewatchctl asks for and refuses is the one that the table shows."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## The town's files\n")[1].split("\n## ")[0]
    shared_town.write(**TOWN)
    for name in TOWN:
        cell, = re.findall(rf"^\| `{name}\.csv` \| [a-z ]+ \| (.*) \|$", section, flags=re.M)
        columns = re.sub(r" \([^)]*\)", "", cell).split(";")[0].split(", ")
        required = [column.strip("`") for column in columns if column.startswith("`")]
        optional = [column.strip("*`") for column in columns if column.startswith("*`")]
        assert len(required) + len(optional) == len(columns)
        shared_town.write(**{name: ",".join(optional)})
        told = [re.sub(rf"^{name}\.csv:1: ", "", fault) for fault in shared_town.refused()]
        assert sorted(told) == sorted(f"{column}: the column is missing" for column in required), name
        shared_town.write(**{name: TOWN[name]})


# ---------------------------------------------------------------- the standard rows

@pytest.mark.parametrize("table", ["device_kind", "threshold", "protection_level", "hazard_limit"])
def test_every_standard_row_has_a_source(shared_town, table):
    rows = shared_town.rows(f"SELECT origin, source FROM {table}")
    assert rows and all(origin == "standard" and len(source) >= 10 for origin, source in rows)


def test_standard_thresholds_clear_on_the_right_side(shared_town):
    rows = shared_town.rows("SELECT side, raise_at, clear_at, window_s FROM threshold")
    assert rows
    for side, raise_at, clear_at, window_s in rows:
        assert (clear_at < raise_at) if side == "above" else (clear_at > raise_at)
        assert window_s == 0 or (raise_at > 0 if side == "above" else raise_at < 0)


def test_standard_rows_refer_to_what_there_is(shared_town):
    kinds = {kind for kind, in shared_town.rows("SELECT kind FROM device_kind")}
    categories = {category for category, in shared_town.rows("SELECT category FROM site_category")}
    for table in ("threshold", "hazard_limit"):
        for kind, category in shared_town.rows(f"SELECT kind, category FROM {table}"):
            assert kind in kinds | {""} and category in categories | {""}
    assert kinds == {"smoke_alarm", "simple_sprinkler", "electrical_monitor", "residual_current_breaker", "gas_detector",
                     "fire_panel_transmitter", "water_sensor", "manual_call_point", "gateway"}


def test_the_higher_class_takes_more(shared_town):
    """Of the same devices a pre-alarm comes before the alarm, an early fault before the supervisory one."""
    rows = shared_town.rows("""
        SELECT a.quantity, a.kind, a.side, a.raise_at, b.raise_at FROM threshold a JOIN class ca ON ca.class = a.class
        JOIN threshold b USING (quantity, kind, category, risk, site, device, side) JOIN class cb ON cb.class = b.class
        WHERE a.window_s = 0 AND b.window_s = 0 AND ca.rank < cb.rank AND a.quantity <> 'battery_percent'""")
    assert len(rows) >= 10
    for quantity, kind, side, higher, lower in rows:
        assert higher > lower if side == "above" else higher < lower, (quantity, kind)


def test_a_transmitter_is_missed_within_two_hours(shared_town):
    assert shared_town.rows("SELECT heartbeat_s * missed <= 7200, mains FROM device_kind "
                            "WHERE kind = 'fire_panel_transmitter'") == [[True, True]]


# kind, category, risk, quantity: what an ordinary day brings
ORDINARY = [
    ("electrical_monitor", "factory", "normal", "temperature_celsius", 41.5),
    ("electrical_monitor", "nursing_home", "high", "temperature_celsius", 45.0),
    ("electrical_monitor", "energy_storage", "high", "temperature_celsius", 35.0),
    ("electrical_monitor", "factory", "normal", "residual_current_ma", 142.0),
    ("residual_current_breaker", "small_shop", "high", "residual_current_ma", 200.0),
    ("fire_panel_transmitter", "nursing_home", "high", "temperature_celsius", 68.5),
    ("gateway", "nursing_home", "high", "temperature_celsius", 68.5),
    ("", "", "normal", "temperature_celsius", 68.5),
    ("smoke_alarm", "household", "normal", "temperature_celsius", 68.5),
    ("smoke_alarm", "household", "normal", "smoke_db_per_m", 0.05),
    ("smoke_alarm", "household", "normal", "battery_percent", 87.0),
    ("gas_detector", "household", "normal", "gas_percent_lel", 1.0),
    ("gas_detector", "household", "normal", "co_ppm", 9.0),
    ("water_sensor", "school", "high", "pressure_kpa", 310.0),
    ("water_sensor", "old_estate", "normal", "level_m", 2.0),
]


@pytest.mark.parametrize("kind, category, risk, quantity, value", ORDINARY)
def test_an_ordinary_day_raises_nothing(shared_town, kind, category, risk, quantity, value):
    assert shared_town.rows("""
        SELECT * FROM threshold WHERE kind IN ('', %s) AND category IN ('', %s) AND risk IN ('', %s) AND quantity = %s
        AND window_s = 0 AND CASE side WHEN 'above' THEN %s >= raise_at ELSE %s <= raise_at END""",
        kind, category, risk, quantity, value, value) == []


# ---------------------------------------------------------------- the tables themselves

def test_quantities_of_the_wire_may_have_thresholds(town):
    """The table takes each name of the wire contract and the two that a device says of itself."""
    names = [n.removeprefix("QUANTITY_").lower() for n in pb.Quantity.keys() if n != "QUANTITY_UNSPECIFIED"]
    names += ["battery_percent", "signal_dbm"]
    town.write(**BASE, thresholds="quantity,class,side,raise,clear,reason\n" + "".join(
        f"{name},fault,above,2,1,x\n" for name in names))
    assert f"thresholds {len(names)} ({len(names)} new, 0 changed)" in town.imports()


@pytest.mark.parametrize("statement", [
    "INSERT INTO threshold (quantity, class, side, raise_at, clear_at, reason) VALUES ('co_ppm', 'gas', 'above', 'NaN', 1, 'x')",
    "INSERT INTO threshold (quantity, class, side, raise_at, clear_at, reason) VALUES ('co_ppm', 'gas', 'above', 'inf', 1, 'x')",
    "INSERT INTO threshold (quantity, class, side, raise_at, clear_at, reason) VALUES ('co_ppm', 'gas', 'above', 1, 2, 'x')",
    "INSERT INTO threshold (quantity, class, side, raise_at, reason) VALUES ('co_ppm', 'gas', 'above', 1, 'x')",
    "INSERT INTO threshold (quantity, class, side, reason) VALUES ('smell', 'gas', 'above', 'x')",
    "INSERT INTO threshold (quantity, class, side, reason, origin) VALUES ('co_ppm', 'gas', 'above', 'x', 'standard')",
    "INSERT INTO classification (condition, class, severity, reason) VALUES ('FIRE', 'test', 'minor', 'x')",
    "INSERT INTO classification (condition, class, severity, reason) VALUES ('GAS', 'fault', 'minor', 'x')",
    "INSERT INTO device_kind (kind, name, heartbeat_s, missed) VALUES ('x', 'x', 60, 0)",
    "UPDATE protection_level SET timeout_percent = 0",
    "UPDATE hazard_limit SET source = ''",
    "INSERT INTO protection VALUES ('330106', 'elevated', now(), 'infinity', 'x')",
])
def test_what_no_hand_may_write(shared_town, statement):
    with pytest.raises(psycopg2.errors.CheckViolation):
        shared_town.rows(statement)


@pytest.mark.parametrize("role", ["firewatch_daemon", "firewatch_api", "firewatch_operator"])
@pytest.mark.parametrize("table", sorted(RULES.values()))
def test_who_may_read(shared_town, role, table):
    assert shared_town.rows("SELECT has_table_privilege(%s, %s, 'SELECT'), has_table_privilege(%s, %s, 'INSERT')",
                            role, table, role, table) == [[True, False]]


def test_the_demo_town_has_rules_of_its_own(town):
    town.imports(os.path.join(ROOT, "deploy", "demo", "town"))
    assert town.rows("SELECT device, raise_at FROM threshold WHERE origin = 'town' ORDER BY raise_at") == [
        ["school-hydrant", 150.0], ["school-hydrant", 180.0]]
    assert town.rows("SELECT DISTINCT level FROM protection ORDER BY level") == [["elevated"], ["highest"]]
