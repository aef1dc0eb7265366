# SPDX-License-Identifier: Apache-2.0
"""firewatchctl classification list: whole, the same in all formats, and what the daemon goes by."""
import csv
import io
import json
import re

import pytest

from harness import Device, classification, pb, wait_equal

TYPES = 256
CONDITIONS = [n.removeprefix("CONDITION_") for n, _ in sorted(pb.Condition.items(), key=lambda c: c[1])][1:]


@pytest.fixture(scope="module")
def table():
    return json.loads(classification())


def types(row):
    first, _, last = row["component_type"].partition("-")
    return range(int(first), int(last or first) + 1)


def plain(table, condition):
    """Its lines for any system and level."""
    return [r for r in table if r["condition"] == condition and r["system_type"] is None and r["level"] is None]


def test_every_pair_of_condition_and_component_type_has_one_line(table):
    assert list(dict.fromkeys(r["condition"] for r in table)) == CONDITIONS     # in the order of their numbers
    for condition in CONDITIONS:
        rows = plain(table, condition)
        assert [t for r in rows for t in types(r)] == list(range(TYPES))
        for row in rows:
            assert len(types(row)) == 1 or row["component"] in ("reserved", "user defined")


def test_every_line_is_whole(table):
    keys = ("component", "component_zh", "class", "severity", "weight", "meaning", "reason", "source", "rule")
    for row in table:
        ordinary = row["system_type"] is None and row["level"] is None
        assert all(row[k] for k in keys if ordinary or not k.startswith("component")), row
        assert (row["component"] == "reserved") == ("reserved in the standard" in row["reason"]), row
        assert (row["meaning"] == "reset") == (row["condition"] == "RESET")


def test_a_fire_flag_is_a_fire_in_every_line(table):
    for row in table:
        if row["condition"] in ("FIRE", "MANUAL_CALL", "WATER_FLOW", "GAS"):
            wanted = "gas" if row["condition"] == "GAS" else "fire"
            assert (row["class"], row["severity"]) == (wanted, "critical"), row


def test_lines_of_systems_and_levels_say_what_is_otherwise(table):
    others = [r for r in table if r not in plain(table, r["condition"])]
    assert {r["condition"] for r in others if r["level"]} == {"PRE_ALARM"}
    assert {r["system_type"] for r in others if r["condition"] == "MAINS_LOST"} == {22, 23}
    for row in others:
        assert (row["level"] is None) != (row["system_type"] is None)
        for alone in plain(table, row["condition"]):
            if set(types(alone)) & set(types(row)):
                assert alone["reason"] != row["reason"]
    raised = sorted(t for r in others if r["level"] for t in types(r))
    assert raised == list(range(TYPES))


def test_csv_and_text_agree_with_json(table):
    text = lambda value: "" if value is None else str(value)
    rows = list(csv.DictReader(io.StringIO(classification("csv"), newline=""), strict=True))
    assert rows == [{k: text(v) for k, v in row.items()} for row in table]
    lines = classification("text").splitlines()
    assert len(lines) == len(table) + 1
    for line, row in zip(lines[1:], table):
        words = [row[k] for k in ("condition", "component_type", "component", "level", "class", "severity", "weight",
                                  "source", "reason")]
        assert re.sub(" +", " ", line).replace(f" {row['system_type']} ", " ", 1) == " ".join(w for w in words if w)


def test_the_daemon_goes_by_the_table(stack, table):
    """One component of each line of the table, at a point of its own."""
    device = Device(stack, "classification")
    wanted, events = {}, []
    rules = set()
    for condition in CONDITIONS:
        for row in plain(table, condition):
            if row["meaning"] == "alarm" and row["rule"] not in rules:
                rules.add(row["rule"])
                point = len(events) + 1
                events.append({"condition": pb.Condition.Value("CONDITION_" + condition), "active": True, "point": point,
                               "system_type": 1, "component_type": types(row)[0]})
                wanted[point] = (row["class"], row["reason"])
    device.recorded(device.send(device.report(events=events)))
    query = "SELECT point, class, reason FROM alarm_history WHERE device = %s"
    wait_equal(lambda: {r["point"]: (r["class"], r["reason"]) for r in stack.rows(query, device.name)}, wanted)
