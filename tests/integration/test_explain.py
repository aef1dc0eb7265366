# SPDX-License-Identifier: Apache-2.0
"""firewatchctl explain: from what was written down when it was decided."""
import datetime
import json

from harness import Device, pb, wait_equal, wait_until
from test_window import declare

SMOKE = 42      # a photoelectric smoke detector


def explained(stack, alarm):
    done = json.loads(stack.ctl("explain", "alarm", alarm, "--output", "json").stdout)
    return done, {row["what"]: row for row in done["why"]}


def test_an_alarm_is_explained(stack, site):
    first, second = Device(stack, site.a), Device(stack, site.b)
    alarms = []
    for device in (first, second):
        alarms.append(device.id(device.raises(pb.CONDITION_FIRE, component_type=SMOKE, text="走廊")) + "~0")
        wait_equal(lambda: stack.value("SELECT count(*) FROM alarm_history WHERE alarm_id = %s", alarms[-1]), 1)
    for alarm, joined in zip(alarms, (False, True)):
        done, why = explained(stack, alarm)
        assert done["alarm_id"] == alarm and done["text"] == "走廊"
        assert why["class"]["is"] == "fire" and "GB/T 26875.3-2011" in why["class"]["because"]
        assert why["severity"]["is"] == "critical"
        assert why["protection level"]["is"] == "normal"
        assert ("since" in why["incident"]["because"]) == joined
        assert why["confidence"]["is"] == "confirmed" and second.name in why["confidence"]["because"]
        assert any(call["kind"] == "policy" for call in done["calls"])
    assert done["pages"]


def test_what_is_not_there_is_not_explained(stack):
    done = stack.ctl("explain", "alarm", "nope", check=False)
    assert done.returncode == 1 and "no alarm nope" in done.stderr


def raised(stack, device, condition=pb.CONDITION_FIRE, **fields):
    alarm = device.id(device.raises(condition, **fields)) + "~0"
    stack.row("SELECT 1 FROM alarm_history WHERE alarm_id = %s", alarm)
    return alarm


def incident_of(stack, alarm):
    return explained(stack, alarm)[1]["incident"]["because"]


def test_a_level_is_explained_by_a_protection_of_its_own_division(stack, site):
    """Not by one of a town that is beside it."""
    stack.rows("INSERT INTO division VALUES ('330108', NULL, '邻区', 'district') ON CONFLICT DO NOTHING RETURNING 1")
    stack.rows("INSERT INTO protection SELECT division, 'elevated', now() - interval '1 hour', now() + interval '1 hour', reason "
               "FROM (VALUES ('330106001', '庙会'), ('330108', '考试')) AS p(division, reason) RETURNING 1")
    try:
        device = Device(stack, site.a)
        why = wait_until(lambda: (w := explained(stack, raised(stack, device, pb.CONDITION_FAULT, point=device.sequence))[1])
                         and w["protection level"]["is"] == "elevated" and w)
        assert "庙会" in why["protection level"]["because"] and "考试" not in why["protection level"]["because"]
    finally:
        stack.rows("DELETE FROM protection RETURNING 1")


def test_an_alarm_whose_name_is_its_incidents_has_opened_it(stack, site):
    first = Device(stack, site.a)
    first.recorded(first.send(first.report(readings=[(1, 20.5)])))
    first.boot_id, first.sequence = 9, 0
    first.recorded(first.send(first.report(readings=[(1, 20.5)])))
    name = f"{site.a}~reboot~9"
    stack.row("SELECT 1 FROM alarm_history WHERE alarm_id = %s AND incident_id = alarm_id", name)
    assert incident_of(stack, name) == "opened by this alarm"


def test_what_joined_an_incident_of_a_like_name_has_not_opened_it(stack, site):
    """In a pattern "_" would be any character."""
    stack.rows("INSERT INTO incident (incident_id, division, site, device, class, severity, opened_at, protection_level, "
               "alarm_count, trigger_count, instance) "
               "VALUES ('like_1~1~1', '330106', '', 'like_1', 'fault', 'minor', now(), 'normal', 1, 1, 'other') RETURNING 1")
    stack.rows("INSERT INTO alarm SELECT (jsonb_populate_record(a, '{\"alarm_id\": \"likeX1~1~1~0\", \"device\": \"likeX1\", "
               "\"incident_id\": \"like_1~1~1\"}')).* FROM alarm a "
               "WHERE alarm_id = %s RETURNING 1", raised(stack, Device(stack, site.a)))
    assert incident_of(stack, "likeX1~1~1~0").startswith("was open for it since")


def window_of(stack, alarm):
    return explained(stack, alarm)[1]["test window"]["because"]


def test_of_a_window_no_more_is_said_than_holds(stack, site):
    early, device = Device(stack, site.c), Device(stack, site.a)
    before = raised(stack, early)
    received = stack.value("SELECT received_at FROM alarm_history WHERE alarm_id = %s", before)
    declare(stack, site.id, "--from", (received - datetime.timedelta(seconds=1)).isoformat())
    assert window_of(stack, before).endswith(": declared when it had been raised already, which called people as ever")
    incident = before.rsplit("~", 1)[0]
    inside = raised(stack, device)
    assert "nobody beyond the site was called for it until" in window_of(stack, inside)
    stack.ctl("incident", "verify", incident, "real_fire", "--actor", "x")
    assert window_of(stack, inside).endswith(", when the fire was found real")
    stack.row("SELECT 1 FROM incident_history WHERE incident_id = %s AND verdict = 'real_fire'", incident)
    after = raised(stack, Device(stack, site.b))
    assert window_of(stack, after).endswith(": but the fire had been found real, so that people were called as ever")
