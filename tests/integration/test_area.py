# SPDX-License-Identifier: Apache-2.0
"""A power cut: hundreds of devices of a grid are one incident, and a fire in the middle of them stands out.  What chatters
is one alarm, and a flood is measured."""
import csv
import io
import os

import psycopg2
import pytest

from harness import Device, pb, wait_equal, wait_until

FIRE, MAINS_LOST, TAMPER = pb.CONDITION_FIRE, pb.CONDITION_MAINS_LOST, pb.CONDITION_TAMPER
GRID = "330106001201002"
DEVICES = 300


@pytest.fixture
def stack(own_stack):
    made = own_stack(sites=4)
    town = os.path.join(made.directory, "town")
    add(town, "divisions", [(GRID, "330106001201", "东村第二网格", "grid")])
    add(town, "sites", [(f"cut-{n:03d}", f"停电户 {n}", GRID, "household", "normal", "", "", "", "")
                        for n in range(DEVICES)])
    add(town, "devices", [(f"meter-{n:03d}", "", f"cut-{n:03d}", "", "electrical_monitor", "", "", "", "")
                          for n in range(DEVICES)]
        + [("smoke-cut", "", "cut-007", "", "smoke_alarm", "", "", "", "")])
    add(town, "policies", [("power", "", "", 1, 3600, "grid_member", "webhook")])
    made.ctl("import", town)
    wait_until(lambda: made.ask()["town_devices"] > DEVICES)
    return made


def add(town, name, rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    with open(os.path.join(town, name + ".csv"), "a", newline="", encoding="utf-8") as f:
        f.write(text.getvalue())


def lose(stack, numbers):
    devices = [Device(stack, f"meter-{n:03d}", division=GRID) for n in numbers]
    for device in devices:
        device.raises(MAINS_LOST)
    return devices


def area(stack):
    rows = stack.rows("SELECT * FROM incident_history WHERE incident_id LIKE 'area~%%'")
    assert len(rows) <= 1
    return rows[0] if rows else None


def counts(stack):
    """Alarms of the area's incident, and of others; site incidents that are open."""
    return tuple(stack.rows("""SELECT count(*) FILTER (WHERE incident_id LIKE 'area~%%'),
        count(*) FILTER (WHERE incident_id NOT LIKE 'area~%%'),
        (SELECT count(*) FROM incident_history WHERE site <> '' AND state <> 'closed')
        FROM alarm_history WHERE class = 'power'""")[0])


def test_a_power_cut_is_one_incident_and_a_fire_in_it_another(stack):
    devices = lose(stack, range(150))
    smoke = Device(stack, "smoke-cut", division=GRID)
    fire = smoke.id(smoke.raises(FIRE))
    devices += lose(stack, range(150, DEVICES))
    stack.receiver.wait("grid", fire)
    wait_equal(lambda: counts(stack), (DEVICES, 0, 1))

    row = area(stack)
    assert (row["division"], row["class"], row["state"], row["site"]) == (GRID, "power", "open", "")
    assert (row["alarm_count"], row["trigger_count"]) == (DEVICES, 1)
    assert stack.value("SELECT count(DISTINCT site) FROM alarm_history WHERE incident_id = %s", row["incident_id"]) == DEVICES
    assert stack.value("SELECT count(*) FROM incident_timeline WHERE incident_id = %s", row["incident_id"]) < 50
    merged = stack.rows("SELECT * FROM incident_history WHERE merged_into IS NOT NULL")
    assert 2 <= len(merged) <= 9
    assert {(m["merged_into"], m["state"], m["closed_at"] is not None) for m in merged} == {(row["incident_id"], "closed", True)}
    assert stack.value("""SELECT bool_and(state = 'cancelled') FROM page_step s JOIN incident i USING (incident_id)
        WHERE i.merged_into IS NOT NULL""")
    for function in ("acknowledge(%s, 'x')", "verify(%s, 'test', 'x')", "close_incident(%s, 'x')"):
        with pytest.raises(psycopg2.Error) as refused:
            stack.value(f"SELECT {function}", merged[0]["incident_id"])
        assert refused.value.pgcode == "FW001"
    assert stack.value("SELECT kind FROM incident_timeline WHERE incident_id = %s ORDER BY entry DESC LIMIT 1",
                       merged[0]["incident_id"]) == "merged"

    for device in devices:
        device.restores(MAINS_LOST)
    last = "SELECT detail FROM incident_timeline WHERE incident_id = %s ORDER BY entry DESC LIMIT 1"
    wait_equal(lambda: stack.value(last, row["incident_id"]), f"all {DEVICES} alarms are restored")
    assert area(stack)["state"] == "open"
    assert stack.value("SELECT verify(%s, 'unknown', 'x') AND close_incident(%s, 'x')", row["incident_id"], row["incident_id"])
    wait_equal(lambda: stack.ask()["incidents_open"], 1)
    assert stack.receiver.pages(incident=row["incident_id"]) == []


def test_a_death_in_the_middle_changes_nothing(stack):
    lose(stack, range(7))
    wait_equal(lambda: counts(stack), (0, 7, 7))
    stack.kill()
    lose(stack, range(7, 30))
    wait_equal(lambda: counts(stack), (30, 0, 0))
    stack.kill()
    lose(stack, range(30, 60))
    wait_equal(lambda: counts(stack), (60, 0, 0))
    row = area(stack)
    assert (row["alarm_count"], row["trigger_count"]) == (60, 1)
    assert stack.value("SELECT count(*) FROM incident WHERE merged_into = %s", row["incident_id"]) == 9


def test_what_people_have_answered_stays_theirs(stack):
    devices = lose(stack, range(5))
    wait_equal(lambda: counts(stack), (0, 5, 5))
    mine = devices[0].name + "~1~1"
    assert stack.value("SELECT acknowledge(%s, 'x')", mine)
    stack.kill()    # so that it has surely been heard of
    lose(stack, range(5, 20))
    wait_equal(lambda: counts(stack), (19, 1, 1))
    assert stack.row("SELECT * FROM incident_history WHERE incident_id = %s", mine)["state"] == "acknowledged"


def test_what_chatters_is_one_alarm_also_behind_a_new_start(stack):
    device = Device(stack, stack.site().a)
    for _ in range(5):
        device.raises(TAMPER)
        last = device.restores(TAMPER)
    device.recorded(last)
    rows = lambda: [tuple(r) for r in stack.rows("""SELECT class, state, report_count, data FROM alarm_history
        WHERE device = %s ORDER BY received_at, alarm_id""", device.name)]
    wanted = lambda times: [("tamper", "restored", 1, "")] * 2 + [
        ("tamper", "active", times - 2, ""), ("fault", "active", 1, f"tamper {times} times in 60 s ({times} in all)")]
    wait_equal(lambda: sorted(rows()), sorted(wanted(5)))
    stack.kill()
    device.raises(TAMPER)
    device.recorded(device.restores(TAMPER))
    wait_equal(lambda: [r[:3] for r in sorted(rows())], [r[:3] for r in sorted(wanted(6))])
    assert stack.value("SELECT data FROM alarm WHERE device = %s AND class = 'fault'", device.name).endswith("(6 in all)")


def test_a_flood_is_measured(stack):
    panel = Device(stack, stack.site().gateway)
    for point in range(1, 11):
        last = panel.raises(TAMPER, point=point)
    panel.recorded(last)
    assert stack.ctl("flood", "list", check=False).returncode == 1
    panel.recorded(panel.raises(TAMPER, point=11))
    flood = stack.row("SELECT * FROM flood_history")
    assert (flood["division"], flood["state"], flood["peak_10min"], flood["alarms"]) == (panel.division, "active", 11, 11)
    stack.kill()
    panel.recorded(panel.raises(TAMPER, point=12))
    wait_equal(lambda: stack.value("SELECT alarms FROM flood"), 12)
    assert stack.ask()["floods"] == 1
    assert panel.division in stack.ctl("flood", "list", "--state", "active").stdout
