# SPDX-License-Identifier: Apache-2.0
"""Who is silent is found, who was only not heard is not; and what a device's reports give away beside what they say."""
import time

import pytest

from harness import Device, pb, wait_until

HEARTBEAT_S, MISSED = 1, 3
TIMEOUT_S = HEARTBEAT_S * MISSED
OFFLINE = "SELECT * FROM alarm_history WHERE device = %s AND class = 'offline' ORDER BY received_at"


def supervise(stack, *devices):
    """Their rows get a heartbeat, as an import would give them."""
    stack.value("UPDATE device SET heartbeat_s = %s WHERE device = ANY (%s) RETURNING pg_notify('firewatch_town', '')::text",
                HEARTBEAT_S, list(devices))


def speak(device, **fields):
    return device.recorded(device.send(device.report(readings=[(1, 20.5)], **fields)))


def offline(stack, device, count=1):
    return wait_until(lambda: (rows := stack.rows(OFFLINE, device.name)) and len(rows) == count and rows,
                      what=f"{count} rows of {device.name} offline")[-1]


def silent_for(stack, device, seconds):
    return stack.value("SELECT clock_timestamp() - max(received_at) > %s * interval '1 second' FROM report WHERE device = %s",
                       seconds, device.name)


@pytest.fixture(name="devices")
def two_devices(own_stack):
    """Two that have spoken a moment ago, to a daemon that has found out a third, which never did."""
    stack = own_stack(sites=3)
    *devices, never = [Device(stack, stack.site().a) for _ in range(3)]
    supervise(stack, *(d.name for d in (*devices, never)))
    while not stack.rows(OFFLINE, never.name):
        for device in devices:
            speak(device)
    return stack, *devices


def test_a_silent_device_is_offline_and_back_with_its_next_message(devices):
    stack, device, other = devices
    last = speak(device)
    row = offline(stack, device)
    assert row["alarm_id"] == f"{device.name}~offline~{round(last['received_at'].timestamp() * 1000000)}"
    assert (row["state"], row["point"], row["severity"]) == ("active", 0, "warning")
    assert row["rule"].startswith("supervision")
    assert row["observed_at"] == last["received_at"]
    assert (row["received_at"] - row["observed_at"]).total_seconds() >= TIMEOUT_S
    assert row["data"].startswith("not heard of for") and row["data"].endswith("; heartbeat 1 s, 3 may be missed")
    assert row["incident_id"] == row["alarm_id"]
    offline(stack, other)

    back = speak(device)
    assert wait_until(lambda: offline(stack, device)["restored_at"]) == back["received_at"]
    again = offline(stack, device, count=2)
    assert again["observed_at"] == back["received_at"]
    assert len(stack.rows(OFFLINE, other.name)) == 1, "one silence is one alarm"


def test_a_device_that_speaks_is_not(devices):
    stack, device, other = devices
    while not stack.rows(OFFLINE, other.name):
        speak(device)
    assert not stack.rows(OFFLINE, device.name)


def test_a_broker_that_is_away_makes_nobody_silent(devices):
    stack, device, dead = devices
    stack.stop("mosquitto")
    wait_until(lambda: not stack.mqtt.client.is_connected())
    wait_until(lambda: silent_for(stack, device, 3 * TIMEOUT_S))
    assert not stack.rows(OFFLINE, device.name) and not stack.rows(OFFLINE, dead.name)
    stack.start("mosquitto")
    wait_until(stack.mqtt.client.is_connected)
    while not stack.rows(OFFLINE, dead.name):
        speak(device)
    assert not stack.rows(OFFLINE, device.name)
    assert "of it the centre could not hear" in offline(stack, dead)["data"]
    assert stack.value("SELECT count(*) FROM outage WHERE up_at - from_at >= %s * interval '1 second'", TIMEOUT_S)


def test_a_daemon_that_was_down_holds_nobody_silent(devices):
    stack, device, dead = devices
    stack.stop("firewatchd")
    assert not stack.rows(OFFLINE, device.name) and not stack.rows(OFFLINE, dead.name)
    wait_until(lambda: silent_for(stack, device, 3 * TIMEOUT_S))
    stack.start("firewatchd")
    while not stack.rows(OFFLINE, dead.name):
        speak(device)
    assert not stack.rows(OFFLINE, device.name)


def test_what_another_instance_heard_meanwhile_is_not_its_own_hearing(own_stack):
    """Two instances on one database, by the divisions of the topics; this one was down."""
    stack = own_stack(sites=3, settings=["instance.divisions=330106"])
    device, dead = (Device(stack, stack.site().a, division="330106") for _ in range(2))
    supervise(stack, device.name, dead.name)
    speak(dead)
    speak(device)
    wait_until(lambda: stack.value("SELECT count(*) = 2 FROM device_status WHERE topic_division = '330106'"))
    stack.stop("firewatchd")
    wait_until(lambda: silent_for(stack, device, 3 * TIMEOUT_S))
    stack.value("INSERT INTO device_status (device, last_seen_at, last_observed_at, boot_id, mode, clock_fault, topic_division) "
                "VALUES (%s, clock_timestamp(), clock_timestamp(), 1, 0, false, '330107') RETURNING 1", stack.site().a)
    stack.start("firewatchd")
    while not stack.rows(OFFLINE, dead.name):
        speak(device)
    assert not stack.rows(OFFLINE, device.name)
    assert "of it the centre could not hear" in offline(stack, dead)["data"]


def test_what_is_offline_stays_so_over_a_new_start(devices):
    stack, device, other = devices
    offline(stack, device)
    offline(stack, other)
    stack.kill()
    back = speak(device)
    assert wait_until(lambda: offline(stack, device)["restored_at"]) == back["received_at"]
    offline(stack, device, count=2)
    row, = stack.rows(OFFLINE, other.name)
    assert (row["state"], row["report_count"]) == ("active", 1)


def test_one_that_never_spoke(own_stack):
    stack = own_stack(sites=1)
    never = Device(stack, stack.site().b)
    supervise(stack, never.name)
    assert "never heard of" in offline(stack, never)["data"]


def test_a_boot_without_a_reason_is_a_fault(stack, site):
    device = Device(stack, site.a)
    speak(device)
    device.boot_id, device.sequence = 2, 0
    device.recorded(device.raises(pb.CONDITION_RESET))
    device.boot_id, device.sequence = 3, 0
    other = Device(stack, site.b)
    speak(other)
    other.boot_id, other.sequence = 8, 0
    speak(other)
    row = stack.row("SELECT * FROM alarm_history WHERE alarm_id = %s", f"{other.name}~reboot~8")
    assert (row["class"], row["state"], row["data"]) == ("fault", "active", "boot 8 behind boot 1")
    assert not stack.rows("SELECT * FROM alarm_history WHERE device = %s", device.name)


def test_a_clock_that_is_wrong_three_times_is_a_fault(stack, site):
    device = Device(stack, site.a)
    for _ in range(2):
        speak(device, observed_at_ms=86400000)
    assert not stack.rows("SELECT * FROM alarm_history WHERE device = %s", device.name)
    third = device.report(observed_at_ms=86400000)
    device.recorded(device.send(third))
    alarm = "SELECT * FROM alarm_history WHERE alarm_id = %s"
    name = f"{device.name}~clock~1~{third.sequence}"
    assert stack.row(alarm, name)["class"] == "fault"
    speak(device, observed_at_ms=int(time.time() * 1000))
    wait_until(lambda: stack.row(alarm, name)["state"] == "restored")
