# SPDX-License-Identifier: Apache-2.0
"""The way of a fire: from the device over the broker into the tables, to the people, and back by their answer."""
import time

import pytest

from harness import Device, STEP_2_AFTER_S, TIMEOUT_S, pb, wait_equal, wait_until

FIRE = pb.CONDITION_FIRE


def alarm(stack, device, report, event=0):
    return stack.row("SELECT * FROM alarm_history WHERE alarm_id = %s", f"{device.id(report)}~{event}")


def incident(stack, incident_id):
    return stack.row("SELECT * FROM incident_history WHERE incident_id = %s", incident_id)


def pages(stack, incident_id):
    """{(person or role, step): state}"""
    return {(n["person"] or n["role"], n["step"]): n["state"] for n in stack.rows(
        "SELECT * FROM notification_history WHERE incident_id = %s", incident_id)}


def timeline(stack, incident_id):
    query = "SELECT kind FROM incident_timeline WHERE incident_id = %s ORDER BY entry"
    return [t["kind"] for t in stack.rows(query, incident_id)]


def test_a_fire_is_recorded_and_pages(stack, site):
    device = Device(stack, site.a)
    report = device.raises(FIRE, point=0x10002, system_type=1, component_type=42, text="厨房冒烟")
    fire = device.id(report)

    page, = stack.receiver.wait(site.guardian, fire)
    assert page.type.startswith("application/json")
    assert site.id[-3:] in page.body.decode() or site.id in page.body.decode(), "a page says where it burns"
    stack.receiver.wait("grid", fire)

    row = alarm(stack, device, report)
    assert (row["class"], row["severity"], row["state"], row["report_count"]) == ("fire", "critical", "active", 1)
    assert (row["site"], row["division"], row["device"], row["zone"]) == (site.id, site.division, site.a, "东")
    assert (row["point"], row["system_type"], row["component_type"], row["text"]) == (0x10002, 1, 42, "厨房冒烟")
    assert row["site_name"] and row["protection_level"] == "normal" and not row["confirmed"]
    assert row["observed_at"] <= row["received_at"] <= row["committed_at"]
    assert device.recorded(report)["body"].tobytes() == report.SerializeToString()

    row = incident(stack, fire)
    assert (row["class"], row["state"], row["confirmed"], row["alarm_count"]) == ("fire", "open", False, 1)
    wait_until(lambda: pages(stack, fire).get((site.guardian, 1)) == "delivered")
    wait_until(lambda: pages(stack, fire).get(("grid", 1)) == "delivered")
    assert pages(stack, fire)[("village_head", 2)] == "queued"
    assert timeline(stack, fire)


def test_nobody_answers_so_the_next_step_comes(stack, site):
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    first, = stack.receiver.wait(site.guardian, fire)
    second, = stack.receiver.wait("head", fire)
    assert STEP_2_AFTER_S - 0.5 < second.at - first.at
    assert len(stack.receiver.pages(site.guardian, fire)) == 1


def test_acknowledging_cancels_what_is_queued(stack, site):
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    stack.receiver.wait("grid", fire)
    incident(stack, fire)
    assert stack.value("SELECT acknowledge(%s, %s, %s)", fire, site.guardian, "我到了") is True
    assert stack.value("SELECT acknowledge(%s, %s)", fire, "grid") is False, "answered before"

    row = incident(stack, fire)
    assert (row["state"], row["acknowledged_by"]) == ("acknowledged", site.guardian)
    queued = [n["state"] for n in stack.rows(
        "SELECT state FROM notification_history WHERE incident_id = %s AND step > 1", fire)]
    assert queued == ["cancelled"] * 3
    overdue = "SELECT bool_and(due_at < now() - interval '1 second') FROM page_step WHERE incident_id = %s AND step = 2"
    wait_until(lambda: stack.value(overdue, fire))
    assert not stack.receiver.pages("head", fire), "paged after the answer"
    assert "acknowledged" in timeline(stack, fire)


def test_a_repeat_is_one_alarm_with_a_count(stack, site):
    device = Device(stack, site.a)
    first = device.raises(FIRE)
    for _ in range(4):
        device.raises(FIRE)
    wait_equal(lambda: alarm(stack, device, first)["report_count"], 5)
    assert stack.value("SELECT count(*) FROM alarm_history WHERE device = %s", site.a) == 1
    stack.receiver.wait(site.guardian, device.id(first))
    assert stack.value("SELECT count(*) FROM notification WHERE person = %s", site.guardian) == 1


def test_a_restored_alarm_stays_open_until_someone_answers(stack, site):
    device = Device(stack, site.a)
    report = device.raises(FIRE)
    device.restores(FIRE)
    wait_equal(lambda: alarm(stack, device, report)["state"], "restored")
    assert alarm(stack, device, report)["restored_at"] is not None
    assert incident(stack, device.id(report))["state"] == "open"


def test_an_alarm_after_the_answer_calls_again(stack, site):
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    incident(stack, fire)
    stack.value("SELECT acknowledge(%s, 'guardian')", fire)
    device.restores(FIRE)
    restored = "SELECT count(*) FROM alarm WHERE device = %s AND restored_at IS NOT NULL"
    wait_equal(lambda: stack.value(restored, site.a), 1)
    device.raises(FIRE)
    stack.receiver.wait(site.guardian, fire, count=2)
    wait_equal(lambda: incident(stack, fire)["state"], "open")


def test_a_second_detector_of_the_zone_confirms(stack, site):
    first, second = Device(stack, site.a), Device(stack, site.b)
    fire = first.id(first.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    assert not stack.receiver.pages("station", fire)
    report = second.raises(FIRE)
    started = time.monotonic()
    page, = stack.receiver.wait("station", fire)
    assert page.at - started < 3, "a confirmed fire reaches the fire station within 3 s"
    stack.receiver.wait("head", fire)
    stack.receiver.wait("officer", fire)
    wait_until(lambda: incident(stack, fire)["confirmed"])
    assert incident(stack, fire)["alarm_count"] == 2
    row = alarm(stack, second, report)
    assert row["incident_id"] == fire and row["confirmed"]


def test_another_zone_or_the_same_detector_does_not_confirm(stack, site):
    first, other = Device(stack, site.a), Device(stack, site.c)
    fire = first.id(first.raises(FIRE))
    first.raises(FIRE, point=0)
    report = other.raises(FIRE)
    assert alarm(stack, other, report)["incident_id"] == fire
    wait_equal(lambda: incident(stack, fire)["alarm_count"], 2)
    assert not incident(stack, fire)["confirmed"]
    assert not stack.receiver.pages("station", fire)


def test_a_person_who_verifies_calls_the_fire_station(stack, site):
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    incident(stack, fire)
    stack.value("SELECT verify(%s, 'real_fire', 'grid', '看见明火')", fire)
    stack.receiver.wait("station", fire, timeout_s=5)
    assert incident(stack, fire)["verdict"] == "real_fire"


def test_an_unknown_device_is_kept_and_its_fire_pages(stack):
    device = Device(stack, "nobody-knows-me")
    report = device.raises(FIRE)
    fire = device.id(report)
    stack.receiver.wait("grid", fire)
    row = stack.row("SELECT * FROM device_state WHERE device = %s", device.name)
    assert (row["registration"], row["division"], row["site"]) == ("unclaimed", device.division, "")
    assert alarm(stack, device, report)["site"] == ""
    assert incident(stack, fire)["site"] == ""
    device.recorded(report)


def test_a_device_cannot_speak_for_another(stack, site):
    liar = Device(stack, site.a)
    victim = site.c
    report = liar.send(liar.report(events=[(FIRE, True)], device_id=victim))
    row = stack.row("SELECT * FROM quarantine WHERE device = %s", site.a)
    assert (row["reason"], row["report_device"], row["boot_id"], row["sequence"]) == ("identity", victim, 1, 1)
    assert pb.Uplink.FromString(row["payload"].tobytes()).reports[0] == report
    assert not stack.rows("SELECT 1 FROM report WHERE device IN (%s, %s)", victim, site.a)
    entry = wait_until(lambda: [e for e in stack.mqtt.entries(site.a) if e.rejected])[0]
    assert (entry.rejected[0].sequence, entry.rejected[0].reason) == (1, pb.REASON_IDENTITY)
    assert not stack.rows("SELECT 1 FROM alarm WHERE device = %s", victim)


def test_a_gateway_speaks_for_its_children(stack, site):
    gateway = Device(stack, site.gateway)
    one, two = (Device(stack, c, via=site.gateway) for c in site.children)
    stranger = Device(stack, site.a, via=site.gateway)
    r1, r2 = one.report(events=[(FIRE, True)]), two.report(readings=[(pb.QUANTITY_TEMPERATURE_CELSIUS, 21.5)])
    bad = stranger.report(events=[(FIRE, True)])
    own = gateway.report()
    gateway.send(own, r1, bad, r2)
    assert alarm(stack, one, r1)["device"] == one.name
    stack.receiver.wait(site.guardian, one.id(r1))
    two.recorded(r2)
    gateway.recorded(own)
    row = stack.row("SELECT * FROM quarantine WHERE device = %s", site.gateway)
    assert (row["reason"], row["report_index"], row["report_device"]) == ("identity", 2, site.a)
    for device in (one, two):
        assert wait_until(lambda: stack.mqtt.entries(site.gateway, device.name))[-1].through_sequence == 1


def test_a_retransmission_changes_nothing(stack, site):
    device = Device(stack, site.a)
    report = device.raises(FIRE)
    device.send(report)
    device.send(report, lane="telemetry")
    wait_equal(lambda: stack.value("SELECT count(*) FROM duplicate WHERE device = %s", site.a), 2)
    assert stack.value("SELECT count(*) FROM report WHERE device = %s", site.a) == 1
    assert alarm(stack, device, report)["report_count"] == 1


def test_sparse_telemetry_is_not_held_back(stack, site):
    """Only a flood's batches grow; a report every 50 ms waits neither for the next one nor for a timer of the daemon's."""
    device, gap_s = Device(stack, site.c), 0.05
    for k in range(20):
        last = device.send(device.report(readings=[(1, float(k))]))
        time.sleep(gap_s)
    device.recorded(last)
    waits = [float(s) for s, in stack.rows(
        "SELECT extract(epoch FROM committed_at - received_at) FROM report WHERE device = %s ORDER BY sequence", device.name)]
    assert sum(waits) / len(waits) < 0.4 * gap_s, f"every other one as long as until the next: {waits}"


def test_receipts_name_what_is_recorded(stack, site):
    device = Device(stack, site.a, boot_id=7)
    sent = [device.send(device.report(readings=[(1, float(i))])) for i in range(3)]
    device.sequence = 5
    late = device.send(device.report())
    for report in sent + [late]:
        device.recorded(report)
    entry = wait_until(lambda: [e for e in stack.mqtt.entries(site.a, boot_id=7) if e.also])[-1]
    assert (entry.device_id, entry.through_sequence, list(entry.also)) == (site.a, 3, [6])
    gap = stack.row("SELECT * FROM sequence_gap WHERE device = %s", site.a)
    assert (gap["first_missing"], gap["last_missing"], gap["missing"]) == (4, 5, 2)
    device.sequence = 3
    device.send(device.report(backfill=True), device.report(backfill=True))
    wait_until(lambda: [e for e in stack.mqtt.entries(site.a, boot_id=7) if e.through_sequence == 6])
    wait_equal(lambda: stack.rows("SELECT 1 FROM sequence_gap WHERE device = %s", site.a), [])


@pytest.mark.parametrize("fields", [
    {"mode": pb.MODE_TEST}, {"mode": pb.MODE_MAINTENANCE}, {"mode": 99}, {"backfill": True}, {"observed_at_ms": 1},
], ids=["test", "maintenance", "unknown mode", "backfill", "1970"])
def test_a_fire_is_a_fire_whatever_else_it_says(stack, site, fields):
    device = Device(stack, site.a)
    report = device.send(device.report(events=[(FIRE, True)], **fields))
    stack.receiver.wait(site.guardian, device.id(report))
    assert alarm(stack, device, report)["class"] == "fire"


def test_a_page_is_tried_again_until_it_is_delivered(stack, site):
    stack.receiver.answers[site.guardian] = [(500, 0), (503, 0)]
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire, count=3)
    query = "SELECT state, attempts FROM notification_history WHERE incident_id = %s AND person = %s"
    wait_equal(lambda: [tuple(n) for n in stack.rows(query, fire, site.guardian)], [("delivered", 3)])
    assert len({r.id for r in stack.receiver.pages(site.guardian, fire)}) == 1, "one Webhook-Id for all attempts"


def test_a_slow_target_holds_up_nobody(stack, site):
    stack.receiver.answers[site.guardian] = [(200, TIMEOUT_S)]
    device = Device(stack, site.a)
    started = time.monotonic()
    fire = device.id(device.raises(FIRE))
    page, = stack.receiver.wait("grid", fire)
    assert page.at - started < 5
    other = stack.site()
    second = Device(stack, other.a)
    page, = stack.receiver.wait(other.guardian, second.id(second.raises(FIRE)))
    assert page.at - started < 10
    stack.receiver.released.set()


def test_a_restart_forgets_no_step(stack, site):
    device = Device(stack, site.a)
    report = device.raises(FIRE)
    fire = device.id(report)
    stack.receiver.wait(site.guardian, fire)
    incident(stack, fire)
    stack.restart()
    stack.receiver.wait("head", fire)
    device.raises(FIRE)
    device.send(report)
    wait_equal(lambda: alarm(stack, device, report)["report_count"], 2)
    wait_equal(lambda: stack.value("SELECT count(*) FROM duplicate WHERE device = %s", site.a), 1)
    assert len(stack.receiver.pages(site.guardian, fire)) == 1


def test_the_operator_reads_the_story(stack, site):
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    incident(stack, fire)
    shown = stack.ctl("incident", "show", fire).stdout
    assert fire in shown and site.guardian in shown
    stack.ctl("incident", "acknowledge", fire)
    assert incident(stack, fire)["state"] == "acknowledged"
    assert site.id in stack.ctl("alarm", "list", "--site", site.id, "--output", "json").stdout
    assert stack.ctl("alarm", "list", "--site", "no-such-site", check=False).returncode == 1
