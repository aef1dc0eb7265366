# SPDX-License-Identifier: Apache-2.0
"""firewatchctl explain: from what was written down when it was decided."""
import json

from harness import Device, pb, wait_equal

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
