# SPDX-License-Identifier: Apache-2.0
"""Thresholds on readings: the standard ones and the town's own, through broker, daemon and tables, and over a death."""
import os

import pytest

from harness import Device, pb, wait_equal, wait_until

DIRT, TEMPERATURE, HUMIDITY = (pb.QUANTITY_CONTAMINATION_PERCENT, pb.QUANTITY_TEMPERATURE_CELSIUS,
                               pb.QUANTITY_HUMIDITY_PERCENT)
HEAD = "quantity,site,device,class,side,raise,clear,delay_s,window_s,reason\n"


@pytest.fixture(scope="module")
def town_of(shared_stack):
    """Imports these lines as the town's thresholds; the daemon has read them when it returns."""
    def read_times():
        return shared_stack.log("firewatchd").count("town read:")

    def write(*lines):
        town, before = os.path.join(shared_stack.directory, "town"), read_times()
        with open(os.path.join(town, "thresholds.csv"), "w", encoding="utf-8") as f:
            f.write(HEAD + "".join(line + "\n" for line in lines))
        shared_stack.ctl("import", town)
        wait_until(lambda: read_times() > before)

    yield write
    write()


@pytest.fixture
def site(stack):
    return stack.site()


def measures(device, quantity, value, **fields):
    return device.send(device.report(readings=[(quantity, value)], **fields))


def alarm(stack, alarm_id):
    return stack.row("SELECT * FROM alarm_history WHERE alarm_id = %s", alarm_id)


def alarms(stack, device):
    return [row["alarm_id"] for row in stack.rows(
        "SELECT alarm_id FROM alarm_history WHERE device = %s ORDER BY received_at", device.name)]


def watch_state(stack, device):
    states = stack.rows("SELECT state FROM firewatch.watch WHERE device = %s", device.name)
    return states[0]["state"] if states else None


def test_a_standard_threshold_is_raised_and_is_over(stack, site):
    device = Device(stack, site.a)
    measures(device, DIRT, 79.9)
    report = measures(device, DIRT, 80)
    row = alarm(stack, f"{device.id(report)}~q11.fault")
    assert (row["class"], row["severity"], row["state"], row["site"]) == ("fault", "minor", "active", site.id)
    assert row["data"] == "contamination 80 %, at least 80 %"
    assert row["rule"].startswith("threshold contamination_percent of kind smoke_alarm (")
    assert row["reason"] == "the chamber is dirty"
    assert device.recorded(report)["lane"] == 1, "it came as telemetry"
    again = measures(device, DIRT, 70)
    device.recorded(again)
    assert alarm(stack, row["alarm_id"])["state"] == "active", "between the two it stays"
    measures(device, DIRT, 60)
    wait_equal(lambda: alarm(stack, row["alarm_id"])["state"], "restored")
    assert alarms(stack, device) == [row["alarm_id"]]


def test_battery_is_what_the_device_says_of_itself(stack, site, town_of):
    town_of(f"battery_percent,{site.id},,power,below,15,25,0,0,电池快没电了")
    device = Device(stack, site.a)
    device.send(device.report(health=pb.Health(battery_percent=16, mains_ok=True)))
    report = device.send(device.report(health=pb.Health(battery_percent=15, mains_ok=True)))
    row = alarm(stack, f"{device.id(report)}~q14.power")
    assert (row["data"], row["reason"]) == ("battery 15 %, at most 15 %", "电池快没电了")
    assert row["rule"] == f"threshold battery_percent of the town for site {site.id}"


def test_the_town_overrides_for_a_site_and_for_a_device(stack, site, town_of):
    other = stack.site()
    town_of(f"contamination_percent,{site.id},,fault,above,30,20,0,0,脏得早",
            f"contamination_percent,,{site.b},fault,above,50,20,0,0,更晚",
            f"contamination_percent,,{site.c},fault,above,,,0,0,不看")
    of_site, of_device, off, elsewhere = (Device(stack, d) for d in (site.a, site.b, site.c, other.a))
    for device, raised in ((of_site, 30), (of_device, 50), (elsewhere, 80)):
        measures(device, DIRT, raised - 0.1)
        report = measures(device, DIRT, raised)
        alarm(stack, f"{device.id(report)}~q11.fault")
        assert len(alarms(stack, device)) == 1
    off.recorded(measures(off, DIRT, 100))
    assert alarms(stack, off) == []
    town_of()
    device = of_site
    measures(device, DIRT, 60)
    wait_equal(lambda: [r["state"] for r in stack.rows(
        "SELECT state FROM alarm_history WHERE device = %s", device.name)], ["restored"])


def test_a_fire_that_lasts_pages_though_nothing_more_comes(stack, site, town_of):
    town_of(f"temperature_celsius,{site.id},,fire,above,70,60,2,0,太热")
    device = Device(stack, site.a)
    report = measures(device, TEMPERATURE, 75)
    page, = stack.receiver.wait(site.guardian, f"{device.id(report)}~q1.fire")
    row = alarm(stack, f"{device.id(report)}~q1.fire")
    assert row["data"] == "temperature 75 °C, at least 70 °C for 2 s"
    lasted = (row["received_at"] - device.recorded(report)["received_at"]).total_seconds()
    assert lasted == 2
    assert page.at - row["received_at"].timestamp() < 10


def test_a_change_is_an_early_warning(stack, site, town_of):
    town_of(f"temperature_celsius,{site.id},,pre_alarm,above,20,5,0,600,升得快")
    device = Device(stack, site.a)
    measures(device, TEMPERATURE, 20)
    report = measures(device, TEMPERATURE, 40.5)
    row = alarm(stack, f"{device.id(report)}~q1.pre_alarm.change")
    assert row["data"] == "temperature rose by 20.5 °C to 40.5 °C within 600 s, at least 20 °C"


def test_what_must_last_survives_a_death(stack, site, town_of):
    town_of(f"temperature_celsius,{site.id},,fire,above,70,60,10,0,太热",
            f"humidity_percent,{site.id},,fault,above,90,80,120,0,太湿")
    hot, damp = Device(stack, site.a), Device(stack, site.b)
    report = measures(hot, TEMPERATURE, 75)
    measures(damp, HUMIDITY, 95)
    wait_equal(lambda: [watch_state(stack, d) for d in (hot, damp)], ["pending"] * 2)
    stack.kill()
    measures(damp, HUMIDITY, 70)
    wait_equal(lambda: watch_state(stack, damp), "cleared")
    stack.receiver.wait(site.guardian, f"{hot.id(report)}~q1.fire")
    assert alarm(stack, f"{hot.id(report)}~q1.fire")["observed_at"] == hot.recorded(report)["observed_at"]
    assert watch_state(stack, hot) == "raised"
    assert alarms(stack, damp) == []
