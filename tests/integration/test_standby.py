# SPDX-License-Identifier: Apache-2.0
"""Two daemons of one instance: one is active, the other takes over within 10 s, whatever has become of the first; and
what the first had acknowledged is recorded once."""
import contextlib
import os
import re
import signal
import time

import psycopg2
import pytest

from harness import Device, alive, pb, wait_equal, wait_until

FIRE = pb.CONDITION_FIRE
TAKEN_WITHIN_S = 10


def role(stack, number=""):
    """Of a daemon, as it says itself."""
    return (stack.ask(number) or {}).get("role")


def pid(stack, number=""):
    return stack.part_pid("firewatchd" + number)


@pytest.fixture
def pair(own_stack):
    stack = own_stack(sites=6)
    stack.start("firewatchd2")
    wait_equal(lambda: (role(stack), role(stack, "2")), ("active", "standby"))
    return stack


def fire(stack):
    """A fire that is paged and recorded; its report."""
    site = stack.site()
    device = Device(stack, site.a)
    report = device.raises(FIRE)
    stack.receiver.wait(site.guardian)
    device.recorded(report)
    return device, report


def takes_over(stack, number, since):
    wait_equal(lambda: role(stack, number), "active", TAKEN_WITHIN_S)
    taken = time.monotonic() - since
    assert taken <= TAKEN_WITHIN_S
    return taken


def test_killed(pair):
    stack = pair
    fire(stack)
    since = time.monotonic()
    os.kill(pid(stack), signal.SIGKILL)
    takes_over(stack, "2", since)
    fire(stack)
    stack.start("firewatchd", wait=False)
    wait_equal(lambda: role(stack), "standby")
    fire(stack)


def test_stopped_in_order_hands_on_at_once(pair):
    stack = pair
    stack.stop("firewatchd")
    since = time.monotonic()
    assert takes_over(stack, "2", since) < 5     # it need not wait until the lease is believed dead
    fire(stack)
    stack.start("firewatchd", wait=False)
    wait_equal(lambda: role(stack), "standby")


def test_frozen_and_woken(pair):
    """It wakes up with a batch in hand that it may not write any more."""
    stack = pair
    device, first = fire(stack)
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db:
        db.cursor().execute("LOCK TABLE firewatch.report IN EXCLUSIVE MODE")
        second = device.raises(FIRE)    # taken in, and held up on its way into the table
        wait_until(lambda: stack.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                                       "AND application_name LIKE 'firewatchd/alarm/%%'"))
        third = device.raises(FIRE)     # journalled, acknowledged, in no transaction
        wait_equal(lambda: stack.ask()["lanes"]["alarm"]["messages"], 3)
        since = time.monotonic()
        os.kill(pid(stack), signal.SIGSTOP)
        takes_over(stack, "2", since)
    fourth = device.raises(FIRE)
    device.recorded(fourth)
    os.kill(pid(stack), signal.SIGCONT)
    wait_equal(lambda: role(stack), "standby")
    for report in (first, second, third, fourth):
        device.recorded(report)
    assert role(stack, "2") == "active"
    assert alive(pid(stack))
    wait_equal(lambda: stack.rows(
        "SELECT report_count FROM firewatch.alarm_history WHERE device = %s", device.name), [[4]])
    wait_equal(lambda: stack.value("SELECT count(*) FROM firewatch.quarantine WHERE reason = 'handed_over' "
                                   "AND replay_outcome IS NULL"), 0)


def test_again_and_again(pair):
    """Back and forth, with devices that never stop."""
    stack = pair
    site = stack.site()
    device, active, reports = Device(stack, site.b), "", []
    for _ in range(3):
        for _ in range(20):
            reports.append(device.send(device.report(readings=[(1, 21.0)])))
        since = time.monotonic()
        os.kill(pid(stack, active), signal.SIGSTOP)
        for _ in range(20):
            reports.append(device.send(device.report(readings=[(1, 22.0)])))
        other = "" if active else "2"
        takes_over(stack, other, since)
        os.kill(pid(stack, active), signal.SIGCONT)
        wait_equal(lambda: role(stack, active), "standby")
        active = other
    wait_equal(lambda: stack.value(
        "SELECT count(*) || ':' || count(DISTINCT sequence) FROM firewatch.report WHERE device = %s", site.b),
        f"{len(reports)}:{len(reports)}")
    fences = [int(f) for f in re.findall(r"active: fence=(\d+)", stack.log("firewatchd") + stack.log("firewatchd2"))]
    assert len(set(fences)) == len(fences)


def test_postgresql_away_changes_nothing(pair):
    stack = pair
    fire(stack)
    stack.stop("postgresql")
    site = stack.site()
    Device(stack, site.a).raises(FIRE)
    stack.receiver.wait(site.guardian)      # from the last roster
    wait_until(lambda: "lease: not connected" in stack.log("firewatchd2"))
    stack.start("postgresql")
    fire(stack)
    assert (role(stack), role(stack, "2")) == ("active", "standby")


def test_session_taken_by_a_stranger(own_stack):
    """Somebody uses the daemon's client id: the lease says that it is the daemon's, and it takes the session back."""
    stack = own_stack(sites=2)
    import paho.mqtt.client as paho
    stranger = paho.Client("firewatchd-stack-alarm", protocol=paho.MQTTv5)
    stranger.connect(stack.env["FIREWATCH_MQTT_HOST"], int(stack.env["FIREWATCH_MQTT_PORT"]), clean_start=False)
    stranger.loop_start()
    try:
        wait_until(lambda: stack.ask()["lanes"]["alarm"]["mqtt"]["losses"] > 0)
    finally:
        stranger.disconnect()
        stranger.loop_stop()
    wait_until(lambda: stack.ask()["lanes"]["alarm"]["mqtt"]["up"])
    fire(stack)


def test_of_a_known_report_nothing_is_decided(own_stack):
    """The daemon has forgotten a boot that the database knows: the alarm that it decides is taken back."""
    stack = own_stack(sites=2)
    site = stack.site()
    device = Device(stack, site.a)
    first = device.raises(FIRE)
    stack.receiver.wait(site.guardian)
    device.recorded(first)
    device.restores(FIRE)
    wait_equal(lambda: stack.rows("SELECT state FROM firewatch.alarm_history WHERE device = %s", site.a), [["restored"]])
    wait_until(lambda: stack.rows("SELECT 1 FROM firewatch.sequence_ledger WHERE device = %s", site.a))
    stack.stop("firewatchd")
    stack.rows("DELETE FROM firewatch.sequence_ledger RETURNING 1")
    stack.rows("UPDATE firewatch.ledger_mark SET complete_before = now() + interval '1 hour' RETURNING 1")
    stack.start("firewatchd")
    device.send(first)
    wait_until(lambda: "began anew" in stack.log("firewatchd"))
    wait_until(lambda: stack.rows("SELECT 1 FROM firewatch.duplicate WHERE device = %s", site.a))
    assert stack.rows("SELECT state, report_count FROM firewatch.alarm_history WHERE device = %s", site.a) == [["restored", 1]]
    assert stack.value("SELECT count(*) FROM firewatch.incident") == 1
    fire(stack)
