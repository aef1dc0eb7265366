# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL is away: nobody burns for that, and nothing is forgotten."""
import contextlib
import os
import signal
import time

import psycopg2

from harness import Device, children, pb, wait_equal, wait_until

FIRE = pb.CONDITION_FIRE


def test_a_fire_pages_without_postgresql(own_stack):
    stack = own_stack()
    site, other = stack.site(), stack.site()
    device, meter = Device(stack, site.a), Device(stack, other.c)
    device.recorded(device.send(device.report(readings=[(1, 20.0)])))

    stack.stop("postgresql")
    sent = time.monotonic()
    report = device.raises(FIRE, text="数据库停了")
    fire = device.id(report)
    for person in (site.guardian, "grid"):
        page = stack.receiver.wait(person, fire)[0]
        assert page.at - sent < 5, f"{person} was paged after {page.at - sent:.1f} s"
    meant = [meter.send(meter.report(readings=[(1, float(i))])) for i in range(200)]

    stack.start("postgresql")
    row = stack.row("SELECT * FROM alarm_history WHERE alarm_id = %s", fire + "~0")
    assert (row["class"], row["report_count"], row["text"]) == ("fire", 1, "数据库停了")
    device.recorded(report)
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", meter.name), len(meant))
    wait_until(lambda: stack.value(
        "SELECT count(*) FROM notification WHERE incident_id = %s AND step = 1 AND state = 'delivered'", fire) == 2)
    stack.receiver.wait("head", fire)


def test_an_answer_after_the_outage_stops_the_steps(own_stack):
    stack = own_stack()
    site = stack.site()
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    stack.receiver.wait("head", fire)
    stack.stop("postgresql")
    device.raises(FIRE)
    stack.start("postgresql")
    query = "SELECT report_count FROM alarm_history WHERE alarm_id = %s"
    wait_equal(lambda: stack.value(query, fire + "~0"), 2)
    stack.value("SELECT acknowledge(%s, 'guardian')", fire)
    assert stack.value("SELECT state FROM incident_history WHERE incident_id = %s", fire) == "acknowledged"
    assert not stack.rows("SELECT 1 FROM notification_history WHERE incident_id = %s AND state = 'queued'", fire)


def test_a_fire_pages_while_postgresql_hangs(own_stack):
    """Stopped by a signal, it answers nothing and closes nothing."""
    stack = own_stack(sites=1)
    site = stack.site()
    smoke = Device(stack, site.a)
    servers = [stack.part_pid("postgresql"), *children(stack.part_pid("postgresql"))]
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        published = time.monotonic()
        fire = smoke.raises(FIRE)
        page = stack.receiver.wait(site.guardian)[0]
        assert page.at - published < 5
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
    smoke.recorded(fire)
    stack.row("SELECT 1 FROM firewatch.notification_history WHERE person = %s AND state = 'delivered'", site.guardian)


def test_fires_that_come_as_telemetry_page_too(own_stack):
    """A device may send a fire on the wrong topic, one after the other, and behind more telemetry than a batch takes."""
    stack = own_stack(settings=["database.batch_reports=50"])
    sites = [stack.site() for _ in range(3)]
    meter = Device(stack, sites[0].c)
    meter.recorded(meter.send(meter.report(readings=[(1, 20.0)])))
    servers = [stack.part_pid("postgresql"), *children(stack.part_pid("postgresql"))]
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        fires = []
        for site in sites:
            for k in range(60):
                meter.send(meter.report(readings=[(1, float(k))]))
            device = Device(stack, site.a)
            published = time.monotonic()
            fires.append((device, device.send(device.report(events=[(FIRE, True)]), lane="telemetry")))
            page = stack.receiver.wait(site.guardian)[0]
            assert page.at - published < 8
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
    for device, fire in fires:
        device.recorded(fire)
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", meter.name), 181)


def test_what_comes_before_the_state_is_read_is_kept(own_stack):
    """The lease is taken at once; the state is another matter."""
    stack = own_stack(sites=1)
    site = stack.site()
    smoke = Device(stack, site.a)
    stack.stop("firewatchd")
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db:
        db.cursor().execute("LOCK TABLE firewatch.incident IN ACCESS EXCLUSIVE MODE")
        stack.run("start", stack.directory, "firewatchd", "--no-wait")
        wait_until(lambda: "taking in, to decide when it is" in stack.log("firewatchd"))
        fire = smoke.raises(FIRE)
        wait_equal(lambda: stack.ask()["lanes"]["alarm"]["journal"]["records"], 1)
    stack.receiver.wait(site.guardian)
    smoke.recorded(fire)


def test_an_open_transaction_of_a_person_holds_nothing_up_for_long(own_stack):
    """Somebody acknowledges in psql and walks away: the next batch that touches the incident cannot have its lock."""
    stack = own_stack(sites=2)
    burning, other = stack.site(), stack.site()
    smoke = Device(stack, burning.a)
    incident = smoke.id(smoke.raises(FIRE))
    stack.receiver.wait(burning.guardian)
    stack.row("SELECT 1 FROM firewatch.notification_history WHERE person = %s AND state = 'delivered'", burning.guardian)
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db:
        db.cursor().execute("SELECT firewatch.acknowledge(%s, 'walks away')", (incident,))
        smoke.raises(FIRE)
        elsewhere = Device(stack, other.a)
        fire = elsewhere.raises(FIRE)
        stack.receiver.wait(other.guardian, timeout_s=5)
        wait_until(lambda: "is refused: 55P03" in stack.log("firewatchd"))
    elsewhere.recorded(fire)
