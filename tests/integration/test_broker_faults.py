# SPDX-License-Identifier: Apache-2.0
"""What a broker does to its clients: it hangs, forgets, drops, retains, and takes from those who say everything twice."""
import glob
import os
import signal

from harness import Device, pb, wait_equal, wait_until

FIRE = pb.CONDITION_FIRE
KEEPALIVE_S = 5


def session(stack, lane="telemetry"):
    return stack.ask()["lanes"][lane]["mqtt"]


def is_up(stack):
    return all(session(stack, lane)["up"] for lane in ("alarm", "telemetry"))


def rows(stack, device):
    return stack.value("SELECT count(*) FROM firewatch.report WHERE device = %s", device)


def test_a_broker_that_says_nothing_is_left(own_stack):
    """Its kernel goes on acknowledging: only the keepalive finds it."""
    stack = own_stack(settings=[f"mqtt.keepalive_s={KEEPALIVE_S}"])
    site = stack.site()
    broker = stack.part_pid("mosquitto")
    losses = session(stack)["losses"]
    os.kill(broker, signal.SIGSTOP)
    try:
        wait_until(lambda: session(stack)["losses"] > losses, 2 * KEEPALIVE_S, "the session is given up")
    finally:
        os.kill(broker, signal.SIGCONT)
    wait_until(lambda: is_up(stack))
    device = Device(stack, site.a)
    report = device.raises(FIRE)
    device.recorded(report)


def test_a_broker_that_has_lost_the_session_is_told(own_stack):
    stack = own_stack()
    device = Device(stack, stack.site().a)
    device.recorded(device.send(device.report(readings=[(1, 1.0)])))
    stack.stop("mosquitto")
    for path in glob.glob(os.path.join(stack.directory, "mosquitto", "*")):
        os.unlink(path)
    stack.start("mosquitto")
    wait_until(lambda: is_up(stack))
    wait_equal(lambda: session(stack)["sessions_lost"], 1)
    wait_until(stack.mqtt.client.is_connected)
    device.recorded(device.send(device.report(readings=[(1, 2.0)])))     # subscribed anew


def test_a_broker_that_refuses_is_asked_again(own_stack):
    """Somebody has changed the passwords; the reason is in the log, and what was queued comes when they are right again."""
    stack = own_stack(settings=["mqtt.retry_max_ms=1s"])
    device = Device(stack, stack.site().a)
    device.recorded(device.send(device.report(readings=[(1, 1.0)])))
    extra = os.path.join(stack.directory, "mosquitto.extra")
    stack.stop("mosquitto")
    with open(extra, "w") as f:
        f.write("allow_anonymous false\n")
    stack.start("mosquitto")
    for lane in ("alarm", "telemetry"):
        wait_until(lambda: f"mqtt lane={lane} not connected: cannot connect: Not authorized" in stack.log("firewatchd"))
    assert not any(session(stack, lane)["up"] for lane in ("alarm", "telemetry"))
    stack.stop("mosquitto")
    os.unlink(extra)
    stack.start("mosquitto")
    wait_until(lambda: is_up(stack))
    wait_until(stack.mqtt.client.is_connected)
    device.recorded(device.raises(FIRE))
    assert session(stack)["sessions_lost"] == 0


def test_what_the_broker_drops_is_a_gap(own_stack):
    """More comes for a daemon that is away than the broker keeps for it."""
    kept = 50

    def prepare(directory):
        with open(os.path.join(directory, "mosquitto.extra"), "w") as f:
            f.write(f"max_queued_messages {kept}\nmax_inflight_messages 10\n")
        return ()

    stack = own_stack(prepare=prepare)
    device = Device(stack, stack.site().a)
    device.recorded(device.send(device.report(readings=[(1, 0.0)])))
    stack.stop("firewatchd")
    for _ in range(200):
        device.send(device.report(readings=[(1, 1.0)]))
    stack.mqtt.publish(f"fire/v1/{device.division}/{device.via}/nothing", b"").wait_for_publish(30)
    stack.start("firewatchd")
    last = device.send(device.report(readings=[(1, 2.0)]))
    device.recorded(last)
    missing = lambda: int(stack.value(
        "SELECT coalesce(sum(missing), 0) FROM firewatch.sequence_gap WHERE device = %s", device.name))
    wait_until(missing)
    wait_equal(lambda: rows(stack, device.name) + missing(), last.sequence)
    audit = stack.ctl("reconcile", "--since", "1h", "--device", device.name, "--output", "json", check=False)
    assert audit.returncode == 1 and str(missing()) in audit.stdout


def test_a_retained_alarm_comes_once(own_stack):
    stack = own_stack()
    device = Device(stack, stack.site().a)
    report = device.report(events=[(FIRE, True)])
    stack.mqtt.client.publish(f"fire/v1/{device.division}/{device.via}/alarm",
                              pb.Uplink(reports=[report]).SerializeToString(), qos=1, retain=True)
    device.recorded(report)
    for _ in range(2):
        stack.stop("mosquitto")
        wait_until(lambda: not is_up(stack))
        stack.start("mosquitto")
        wait_until(lambda: is_up(stack))
    wait_until(stack.mqtt.client.is_connected)
    device.recorded(device.send(device.report(readings=[(1, 2.0)])))
    assert rows(stack, device.name) == 2
    assert stack.value("SELECT count(*) FROM firewatch.duplicate WHERE device = %s", device.name) == 0


def test_publishers_of_any_quality_are_heard(stack, site):
    device = Device(stack, site.a)
    sent = []
    for qos in (0, 1, 2):
        report = device.report(readings=[(1, float(qos))])
        stack.mqtt.client.publish(f"fire/v1/{device.division}/{device.via}/telemetry",
                                  pb.Uplink(reports=[report]).SerializeToString(), qos=qos)
        sent.append(report)
    for report in sent:
        device.recorded(report)
    assert rows(stack, device.name) == 3
