# SPDX-License-Identifier: Apache-2.0
"""When the broker gets its PUBACK, seen from the broker's end: an alarm's after its sync, telemetry's once it is in the
journal, and none at all for what the journal refuses."""
import contextlib
import glob
import os
import re
import signal
import ssl
import subprocess
import time

import pytest

from harness import TIMEOUT_S, Device, children, pb, wait_equal, wait_until
from watching_broker import CONNECT, PINGREQ, PUBLISH, WatchingBroker

FIRE = pb.CONDITION_FIRE
SYNCS = "msync,fsync,fdatasync,sync_file_range,pwritev2"
WRITES = "write,writev,sendto,sendmsg"
SYNC_TAKES_S = 1.0
SMALL_JOURNAL = ["journal.segment_bytes=256KiB", "journal.telemetry_quota_bytes=1MiB",
                 "journal.alarm_quota_bytes=1MiB", "mqtt.max_payload_bytes=64KiB"]


@pytest.fixture
def watched(own_stack):
    """Makes a stack whose daemon talks to a watching broker: stack.mqtt."""
    brokers = []

    def make(settings=(), tls=None, **options):
        broker = WatchingBroker(tls)
        brokers.append(broker)
        stack = own_stack(settings=[f"mqtt.port={broker.port}", *settings], **options)
        stack.mqtt.close()
        stack.mqtt = broker
        return stack

    yield make
    for broker in brokers:
        broker.close()
        assert not broker.faults


@contextlib.contextmanager
def traced(stack, *options):
    """Every thread of the daemon under strace; gives the path of what it writes."""
    path = os.path.join(stack.directory, "strace.log")
    with subprocess.Popen(["strace", "-f", "-ttt", "-p", str(stack.pid), "-o", path, *options],
                          stderr=subprocess.PIPE, text=True) as tracer:
        said = tracer.stderr.readline()     # once, when it has all threads
        assert " attached" in said, said
        try:
            yield path
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()


@contextlib.contextmanager
def hanging_postgresql(stack):
    """It answers nothing and closes nothing."""
    servers = [stack.part_pid("postgresql"), *children(stack.part_pid("postgresql"))]
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)


def journal_bytes(stack, lane):
    data = b""
    for path in sorted(glob.glob(os.path.join(stack.env["FIREWATCH_JOURNAL"], lane, "*"))):
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as f:     # a segment may go meanwhile
            data += f.read()
    return data


def padded(report, size):
    """An uplink of this size: a field that nobody knows is no fault."""
    uplink = pb.Uplink(reports=[report]).SerializeToString()
    return uplink + varint(1000 << 3 | 2) + varint(size) + b"x" * size


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def published(lane_session, device, report, lane):
    """Sends it and waits for its PUBACK; how long that took."""
    sent = time.monotonic()
    identifier = device.publish(pb.Uplink(reports=[report]).SerializeToString(), lane)
    return lane_session.await_ack(identifier) - sent


# ---------------------------------------------------------------- the order

def test_an_alarm_waits_for_its_sync_and_telemetry_does_not(watched):
    stack = watched(sites=1)
    site = stack.site()
    alarm, telemetry = (stack.mqtt.session(lane) for lane in ("alarm", "telemetry"))
    smoke, meter = Device(stack, site.a), Device(stack, site.b)
    with traced(stack, f"-etrace={SYNCS}", f"-einject={SYNCS}:delay_exit={int(SYNC_TAKES_S * 1e6)}"):
        took = [published(alarm, smoke, smoke.report(events=[(FIRE, True)]), "alarm") for _ in range(3)]
        assert min(took) >= SYNC_TAKES_S, took
        took = [published(telemetry, meter, meter.report(readings=[(1, 20.0)]), "telemetry") for _ in range(3)]
        assert max(took) < SYNC_TAKES_S, took
    smoke.recorded(pb.Report(boot_id=1, sequence=3))
    meter.recorded(pb.Report(boot_id=1, sequence=3))


def test_each_alarm_is_synced_between_its_coming_and_its_puback(watched):
    """Of the system calls themselves, in the order in which they were done."""
    stack = watched(sites=1)
    smoke = Device(stack, stack.site().a)
    alarm = stack.mqtt.session("alarm")
    count = 20
    with traced(stack, f"-etrace={SYNCS},{WRITES}") as path:
        for _ in range(count):
            published(alarm, smoke, smoke.report(events=[(FIRE, True)]), "alarm")
    order = []
    with open(path) as f:
        for line in f:
            if re.search(rf"(?:{SYNCS.replace(',', '|')})(?:\(| resumed).* = 0", line):
                order.append("sync")
            elif re.search(r'"@\\2"|"@\\2\\0', line):
                order.append("PUBACK")
    assert order.count("PUBACK") == count, order
    for at, what in enumerate(order):
        if what == "PUBACK":
            assert order[at - 1] == "sync" and at > 0, order[:at + 1]


@pytest.mark.parametrize("lane", ["alarm", "telemetry"])
def test_what_is_acknowledged_is_in_the_journal(watched, lane):
    """At the moment the PUBACK is there, with PostgreSQL away so that nothing but the journal has it."""
    stack = watched(sites=1, settings=["journal.segment_bytes=1MiB"])
    device = Device(stack, stack.site().a)
    session = stack.mqtt.session(lane)
    stack.stop("postgresql")
    payloads, missing, looked = {}, [], []

    def look(identifier):
        looked.append(identifier)
        if payloads[identifier] not in journal_bytes(stack, lane):
            missing.append(identifier)

    session.on_ack = look
    for i in range(30):
        with session.lock:
            payload = padded(device.report(readings=[(1, float(i))]), 1000 + i)
            payloads[device.publish(payload, lane)] = payload
    wait_equal(lambda: len(looked), len(payloads))
    assert not missing
    stack.start("postgresql")
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", device.name), len(payloads))


# ---------------------------------------------------------------- what the journal refuses

def make_tls(directory):
    """A certificate of 127.0.0.1 that is its own authority."""
    key, certificate = (os.path.join(directory, name) for name in ("key.pem", "certificate.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, [f"mqtt.ca_file={certificate}"]


@pytest.mark.parametrize("with_tls", [False, True], ids=["tcp", "tls"])
def test_what_the_journal_refuses_is_not_acknowledged_and_comes_again(watched, tmp_path, with_tls):
    tls, tls_settings = make_tls(tmp_path) if with_tls else (None, [])
    stack = watched(sites=1, tls=tls, settings=[*SMALL_JOURNAL, *tls_settings, "mqtt.retry_max_ms=1s"])
    device = Device(stack, stack.site().a)
    telemetry = stack.mqtt.session("telemetry")
    stack.stop("postgresql")
    payloads = {}
    with telemetry.lock:
        for i in range(100):        # twice what there is room for
            payload = padded(device.report(readings=[(1, float(i))]), 20_000)
            payloads[device.publish(payload, "telemetry")] = payload
    wait_until(lambda: "the session is left" in stack.log("firewatchd"))
    wait_until(lambda: telemetry.connection is None)

    assert "journal lane=telemetry refused=" in stack.log("firewatchd")
    assert "its acknowledgement not held back" not in stack.log("firewatchd")
    with telemetry.lock:
        held = journal_bytes(stack, "telemetry")
        acked = set(telemetry.acked)
        assert 20 < len(acked) < len(payloads) - 20
        assert not [identifier for identifier in acked if payloads[identifier] not in held]
    if not with_tls:
        assert stack.mqtt.session("alarm").connects == 1, "the other lane's connection was cut"

    stack.start("postgresql")
    for identifier in payloads:
        telemetry.await_ack(identifier, 60)
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", device.name), len(payloads))
    assert max(telemetry.given.values()) > 1
    assert not stack.faults()


def test_an_alarm_whose_sync_fails_is_not_acknowledged(watched):
    """The daemon ends on such a disk; the next one is brought the alarm again."""
    stack = watched(sites=1)
    site = stack.site()
    smoke = Device(stack, site.a)
    alarm = stack.mqtt.session("alarm")
    published(alarm, smoke, smoke.report(events=[(FIRE, True)]), "alarm")
    with traced(stack, f"-etrace={SYNCS}", f"-einject={SYNCS}:error=EIO"):
        identifier = smoke.publish(pb.Uplink(reports=[smoke.report(events=[(FIRE, True)])]).SerializeToString())
        wait_until(lambda: "stopping on a journal that cannot be written" in stack.log("firewatchd"))
        wait_until(lambda: not os.path.exists(f"/proc/{stack.pid}/exe"))
    assert identifier not in alarm.acked
    stack.start("firewatchd")
    alarm.await_ack(identifier)
    assert alarm.given[identifier] > 1
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", smoke.name), 2)


# ---------------------------------------------------------------- PostgreSQL hangs

def test_keepalive_goes_on_while_postgresql_hangs(watched):
    stack = watched(sites=1, settings=["mqtt.keepalive_s=5"])
    meter = Device(stack, stack.site().a)
    alarm, telemetry = (stack.mqtt.session(lane) for lane in ("alarm", "telemetry"))
    assert alarm.keepalive_s <= 5
    with hanging_postgresql(stack):
        begun = time.monotonic()
        while time.monotonic() - begun < 3 * 5:
            published(telemetry, meter, meter.report(readings=[(1, 20.0)]), "telemetry")
        ended = time.monotonic()
        for session in (alarm, telemetry):
            assert len(session.seen(CONNECT)) == 1
            times = [begun, *(p.at for p in session.packets if p.at > begun), ended]
            assert max(b - a for a, b in zip(times, times[1:])) < 1.5 * session.keepalive_s
        assert len([p for p in alarm.seen(PINGREQ) if p.at > begun]) >= 3
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", meter.name), meter.sequence,
               2 * TIMEOUT_S)


def test_a_receipt_comes_after_the_commit(watched):
    stack = watched(sites=1)
    site = stack.site()
    smoke, meter = Device(stack, site.a), Device(stack, site.b)
    alarm, telemetry = (stack.mqtt.session(lane) for lane in ("alarm", "telemetry"))
    with hanging_postgresql(stack):
        published(telemetry, meter, meter.report(readings=[(1, 20.0)]), "telemetry")
        published(alarm, smoke, smoke.report(events=[(FIRE, True)]), "alarm")
        stack.receiver.wait(site.guardian)      # uncommitted: three seconds have gone by
        assert not alarm.seen(PUBLISH) + telemetry.seen(PUBLISH)
    for device in (smoke, meter):
        wait_until(lambda: stack.mqtt.entries(device.name))
        assert [e.through_sequence for e in stack.mqtt.entries(device.name)][-1] == 1
        assert stack.value("SELECT count(*) FROM report WHERE device = %s", device.name) == 1
