# SPDX-License-Identifier: Apache-2.0
"""What may stand in a message, field by field, and what becomes of it."""
import itertools
import json
import math
import random
import struct
import time

import google.protobuf.message
import pytest

from harness import Device, classification, pb, wait_equal, wait_until

MAX_PAYLOAD = 65536         # as conftest.py sets mqtt.max_payload_bytes
MINUTE_MS, DAY_MS = 60_000, 86_400_000
UINT32_MAX, UINT64_MAX = 2**32 - 1, 2**64 - 1

# What each condition is when its sender tells no component.
CONDITIONS = {r["condition"]: r for r in json.loads(classification())
              if (r["component_type"], r["system_type"], r["level"]) == ("0", None, None)}
ALARMS = [name for name, row in CONDITIONS.items() if row["meaning"] == "alarm"]

numbers = itertools.count()


@pytest.fixture
def device(stack):
    """One that the town does not know: its reports are kept like any other's."""
    return Device(stack, f"table.{next(numbers)}")


def quarantined(stack, device, count=1):
    query = "SELECT * FROM quarantine WHERE device = %s ORDER BY received_at, report_index"
    ask = lambda: stack.rows(query, device.via)
    wait_until(lambda: len(ask()) >= count, what=f"{count} rows in quarantine of {device.via}")
    assert len(ask()) == count
    return ask()


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, payload):
    """A length-delimited field, for bytes that no encoder would write."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def event_with_text(text):
    return field(7, varint(4 << 3) + varint(pb.CONDITION_FIRE) + varint(5 << 3) + b"\1" + field(6, text))


# ---------------------------------------------------------------- what is believed

@pytest.mark.parametrize("name", ALARMS)
def test_condition(stack, site, name):
    device = Device(stack, site.a)
    report = device.raises(pb.Condition.Value("CONDITION_" + name))
    row = stack.row("SELECT * FROM alarm_history WHERE device = %s", site.a)
    wanted = CONDITIONS[name]
    assert (row["class"], row["severity"], row["state"]) == (wanted["class"], wanted["severity"], "active")
    device.recorded(report)
    device.restores(pb.Condition.Value("CONDITION_" + name))
    wait_equal(lambda: stack.value("SELECT state FROM alarm_history WHERE device = %s", site.a), "restored")


def test_every_condition_is_in_the_table():
    assert {"UNSPECIFIED", *CONDITIONS} == {n.removeprefix("CONDITION_") for n in pb.Condition.keys()}


def test_reset_ends_what_the_device_had_raised(stack, site):
    device = Device(stack, site.a)
    device.raises(pb.CONDITION_FIRE)
    device.raises(pb.CONDITION_FAULT, point=3)
    device.raises(pb.CONDITION_RESET)
    query = "SELECT class, state FROM alarm_history WHERE device = %s"
    wait_equal(lambda: sorted(tuple(r) for r in stack.rows(query, site.a)),
               [("fault", "restored"), ("fire", "restored")])


@pytest.mark.parametrize("quantity", [*pb.Quantity.values(), 99])
def test_quantity(stack, device, quantity):
    device.send(device.report(readings=[(quantity, -12.25)]))
    row = stack.row("SELECT * FROM reading_history WHERE device = %s", device.name)
    known = quantity in pb.Quantity.values()
    name = pb.Quantity.Name(quantity).removeprefix("QUANTITY_").lower() if known else "quantity_99"
    assert (row["quantity"], row["value"], row["point"]) == (name, -12.25, 0)
    assert row["observed_at"] <= row["received_at"]


@pytest.mark.parametrize("value", [0.0, 1e308, -1e308, 5e-324, 0.1], ids=str)
def test_reading_value(stack, device, value):
    report = device.report()
    report.readings.add(point=UINT32_MAX, quantity=1, value=value)
    device.send(report)
    row = stack.row("SELECT * FROM reading_history WHERE device = %s", device.name)
    assert (row["point"], row["value"]) == (UINT32_MAX, value)


def test_event_fields_at_their_ends(stack, device):
    report = device.raises(pb.CONDITION_FIRE, point=UINT32_MAX, system_type=UINT32_MAX, component_type=UINT32_MAX)
    device.recorded(report)
    row = stack.row("SELECT * FROM alarm_history WHERE device = %s", device.name)
    assert (row["class"], row["point"]) == ("fire", UINT32_MAX)


@pytest.mark.parametrize("text", [
    "", "x", "烟" * 42 + "ab", "火" * 42, "🔥" * 32, "'; DROP TABLE firewatch.report; --", "%s%n\\",
], ids=["none", "one", "128 bytes", "126 bytes", "4-byte characters", "SQL", "format"])
def test_event_text(stack, device, text):
    device.raises(pb.CONDITION_FAULT, text=text)
    assert stack.row("SELECT text FROM alarm_history WHERE device = %s", device.name)["text"] == text


@pytest.mark.parametrize("health", [
    {"battery_percent": 1, "signal_dbm": -113, "mains_ok": True, "firmware": "v1.2.3 正式版"},
    {"battery_percent": 100, "signal_dbm": 0, "mains_ok": False, "firmware": ""},
    {"battery_percent": 50, "signal_dbm": -2**31, "mains_ok": True, "firmware": "x" * 39},
], ids=["usual", "empty", "ends"])
def test_health(stack, device, health):
    device.recorded(device.send(device.report(health=pb.Health(**health))))
    ask = lambda: [tuple(r) for r in stack.rows(
        "SELECT battery_percent, signal_dbm, mains_ok, firmware FROM device_state WHERE device = %s AND boot_id = 1",
        device.name)]
    wait_equal(ask, [tuple(health.values())])


@pytest.mark.parametrize("sequence", [1, 2, 2**63 - 1, 2**63, UINT64_MAX])
def test_sequence(stack, device, sequence):
    device.recorded(device.send(device.report(sequence=sequence, readings=[(1, 1.0)])))
    device.send(device.report(sequence=sequence, readings=[(1, 1.0)]))
    wait_equal(lambda: stack.value("SELECT count(*) FROM duplicate WHERE device = %s", device.name), 1)


def test_highest_sequence_leaves_a_gap_that_can_be_filled(stack, device):
    for sequence in (UINT64_MAX, 1, 5, UINT64_MAX - 1):
        device.recorded(device.send(device.report(sequence=sequence)))
    wait_equal(lambda: [tuple(r) for r in stack.rows(
        "SELECT first_missing, last_missing FROM sequence_gap WHERE device = %s ORDER BY 1", device.name)],
        [(2, 4), (6, UINT64_MAX - 2)])


@pytest.mark.parametrize("boots", [(1, 2), (0, UINT32_MAX), (9, 8, 9)], ids=str)
def test_a_boot_begins_its_own_sequence(stack, device, boots):
    for boot in boots:
        device.send(device.report(boot_id=boot, sequence=1))
    wait_equal(lambda: sorted(r[0] for r in stack.rows("SELECT boot_id FROM report WHERE device = %s", device.name)),
               sorted(set(boots)))
    wait_equal(lambda: stack.value("SELECT count(*) FROM duplicate WHERE device = %s", device.name),
               len(boots) - len(set(boots)))


def test_boots_that_are_no_longer_held_are_still_refused(stack, device):
    """More boots than the daemon holds of a device: the primary key is the net below."""
    for boot in range(1, 21):
        device.send(device.report(boot_id=boot, sequence=1))
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", device.name), 20)
    device.send(device.report(boot_id=1, sequence=1))
    last = device.send(device.report(boot_id=21, sequence=1))
    device.recorded(last)
    assert stack.value("SELECT count(*) FROM report WHERE device = %s", device.name) == 21


@pytest.mark.parametrize("offset_ms, believed", [
    (0, True), (-7 * DAY_MS + 10 * MINUTE_MS, True), (4 * MINUTE_MS, True),
    (-7 * DAY_MS - 10 * MINUTE_MS, False), (6 * MINUTE_MS, False), (3650 * DAY_MS, False)], ids=str)
def test_device_clock(stack, device, offset_ms, believed):
    sent = int(time.time() * 1000) + offset_ms
    row = device.recorded(device.send(device.report(observed_at_ms=sent)))
    assert row["clock_fault"] is not believed
    if believed:
        assert round(row["observed_at"].timestamp() * 1000) == sent
    else:
        assert row["observed_at"] == row["received_at"]
    assert abs(row["received_at"].timestamp() - time.time()) < 60


@pytest.mark.parametrize("observed_at_ms", [0, 1, -1, 946_684_800_000, 2**63 - 1, -2**63], ids=str)
def test_impossible_device_clock(stack, device, observed_at_ms):
    row = device.recorded(device.send(device.report(observed_at_ms=observed_at_ms)))
    assert row["observed_at"] == row["received_at"]
    assert row["clock_fault"] or observed_at_ms == 0


@pytest.mark.parametrize("mode", [0, 1, 2, 7])
@pytest.mark.parametrize("backfill", [False, True])
def test_mode_and_backfill(stack, device, mode, backfill):
    row = device.recorded(device.send(device.report(mode=mode, backfill=backfill)))
    assert (row["mode"], row["backfill"]) == (mode, backfill)


def test_unknown_fields_are_kept(stack, device):
    report = device.report(readings=[(1, 20.0)])
    body = report.SerializeToString() + field(1000, b"from a newer sender")
    device.publish(field(77, b"envelope") + field(1, body) + varint(78 << 3) + b"\5", "telemetry")
    assert device.recorded(report)["body"].tobytes() == body


def test_an_event_in_telemetry_is_an_alarm_all_the_same(stack, device):
    report = device.send(device.report(events=[(pb.CONDITION_FIRE, True)]), lane="telemetry")
    stack.row("SELECT * FROM alarm_history WHERE device = %s AND class = 'fire'", device.name)
    device.recorded(report)
    stack.receiver.wait("grid", device.id(report))


def test_one_report_with_many_events(stack, device):
    faults = [{"condition": pb.CONDITION_FAULT, "active": True, "point": p} for p in range(200)]
    device.send(device.report(events=faults))
    wait_equal(lambda: stack.value("SELECT count(*) FROM alarm WHERE device = %s", device.name), 200)


# ---------------------------------------------------------------- what is not

def refused_reports():
    fire = {"condition": pb.CONDITION_FIRE, "active": True}
    return {
        "sequence 0": ({"sequence": 0}, "sequence"),
        "condition 0": ({"events": [{"condition": 0, "active": True}]}, "condition"),
        "the next condition": ({"events": [{"condition": max(pb.Condition.values()) + 1, "active": True}]}, "condition"),
        "condition -1": ({"events": [{"condition": -1, "active": True}]}, "condition"),
        "text of 129 bytes": ({"events": [{**fire, "text": "烟" * 43}]}, "oversize"),
        "not a number": ({"readings": [(1, math.nan)]}, "value"),
        "infinity": ({"readings": [(1, math.inf)]}, "value"),
        "battery 101": ({"health": pb.Health(battery_percent=101)}, "value"),
        "name with a slash": ({"device_id": "a/b"}, "identity"),
        "name of 65": ({"device_id": "x" * 65}, "identity"),
        "another device": ({"device_id": "somebody-else"}, "identity"),
    }


@pytest.mark.parametrize("name", refused_reports())
def test_refused_report(stack, device, name):
    fields, reason = refused_reports()[name]
    report = device.report(**fields)
    good = device.report(sequence=1000)
    device.send(report, good)
    row, = quarantined(stack, device)
    assert (row["reason"], row["report_index"]) == (reason, 0) and row["detail"]
    assert pb.Uplink.FromString(row["payload"].tobytes()).reports[0].SerializeToString() == report.SerializeToString()
    device.recorded(good)
    assert not stack.rows("SELECT 1 FROM report WHERE device = %s AND sequence <> 1000", device.name)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe", b"\xc0\x80", b"\xe7\x81", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"], ids=repr)
def test_text_that_is_not_utf8(stack, device, text):
    device.publish(field(1, device.report().SerializeToString() + event_with_text(text)))
    row, = quarantined(stack, device)
    assert (row["reason"], row["boot_id"], row["sequence"]) == ("text", 1, 1)


def test_a_fire_in_a_refused_report_still_pages(stack, site):
    """A fire flag is a fire whatever else the message says."""
    device = Device(stack, site.a)
    report = device.send(device.report(events=[(pb.CONDITION_FIRE, True)], readings=[(1, math.nan)]))
    quarantined(stack, device)
    stack.receiver.wait(site.guardian, device.id(report))


def test_the_bad_one_of_a_pack_is_refused_alone(stack, site):
    gateway = Device(stack, site.gateway)
    child = Device(stack, site.children[0], via=site.gateway)
    good = [child.report(), child.report()]
    bad = field(1, b"\xff\xff\xff")
    gateway.publish(field(1, good[0].SerializeToString()) + bad + field(1, good[1].SerializeToString()), "telemetry")
    row, = quarantined(stack, gateway)
    assert (row["reason"], row["report_index"], row["payload"].tobytes()) == ("not_protobuf", 1, bad)
    for report in good:
        child.recorded(report)


def test_oversize(stack, device):
    report = device.report()
    device.publish(field(99, bytes(MAX_PAYLOAD - 100)) + field(1, report.SerializeToString()), "telemetry")
    device.recorded(report)
    device.publish(bytes(MAX_PAYLOAD + 1))
    row, = quarantined(stack, device)
    assert row["reason"] == "oversize" and row["report_index"] == -1
    assert len(row["payload"]) <= MAX_PAYLOAD


@pytest.mark.parametrize("payload", [b"", field(99, b"nothing for us")], ids=["empty", "unknown field alone"])
def test_a_message_without_a_report(stack, device, payload):
    device.publish(payload)
    row, = quarantined(stack, device)
    assert (row["reason"], row["report_index"], row["payload"].tobytes()) == ("not_protobuf", -1, payload)


def test_a_message_of_many_reports(stack, device):
    many = 6000
    device.publish(b"".join(field(1, b"\x10\x01\x18" + varint(n)) for n in range(1, many + 1)), "telemetry")
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", device.name), many)


def test_truncated(stack, device):
    """Every beginning of a message but the whole of it."""
    report = device.report(events=[{"condition": 1, "active": True, "text": "烟"}], readings=[(1, 3.5)],
                           health=pb.Health(firmware="v1"))
    whole = pb.Uplink(reports=[report]).SerializeToString()
    for n in range(1, len(whole)):
        device.publish(whole[:n])
    rows = quarantined(stack, device, len(whole) - 1)
    assert sorted(r["payload"].tobytes() for r in rows) == sorted(whole[:n] for n in range(1, len(whole)))
    assert {r["reason"] for r in rows} == {"not_protobuf"}
    assert not stack.rows("SELECT 1 FROM report WHERE device = %s", device.name)


@pytest.mark.filterwarnings("ignore:Unexpected end-group tag")
def test_random_bytes(stack, device):
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    rng = random.Random(seed)
    sample = pb.Uplink(reports=[device.report(events=[(1, True)], readings=[(1, 3.5)])]).SerializeToString()
    payloads = []
    for i in range(400):
        if i % 2:
            payload = rng.randbytes(rng.randrange(1, 200))
        else:   # a real message with a few bytes changed
            payload = bytearray(sample)
            for _ in range(rng.randrange(1, 5)):
                payload[rng.randrange(len(payload))] = rng.randrange(256)
        payloads.append(bytes(payload))
        device.publish(payloads[-1])
    end = device.report(sequence=2**40)
    device.recorded(device.send(end, lane="alarm"))

    def unreadable(payload):
        try:
            pb.Uplink.FromString(payload)
            return False
        except google.protobuf.message.DecodeError:
            return True

    rows = stack.rows("SELECT payload FROM quarantine WHERE device = %s", device.name)
    refused = {r["payload"].tobytes() for r in rows}
    # A pack's refused report is kept alone, so a whole payload is either there or its reports are.
    missing = [p for p in payloads if unreadable(p) and p not in refused and not any(r in p for r in refused)]
    assert not missing, missing[:3]


@pytest.mark.parametrize("topic", [
    "fire/v1/12345/d/alarm", "fire/v1/1234567890123456/d/alarm", "fire/v1/33010a/d/alarm",
    "fire/v1/330106/na%20me/alarm", "fire/v1/330106/" + "x" * 65 + "/alarm", "fire/v1/330106/名字/alarm"])
def test_topic_that_is_not_ours(stack, topic):
    payload = struct.pack("<d", random.random()) + topic.encode()
    stack.mqtt.publish(topic, payload)
    row = stack.row("SELECT * FROM quarantine WHERE topic = %s", topic)
    assert (row["reason"], row["device"], row["payload"].tobytes()) == ("topic", "-", payload)


def test_what_was_quarantined_can_be_taken_in_again(stack, site):
    """An operator registers the child, and its report is no longer a lie."""
    gateway = Device(stack, site.gateway)
    child = Device(stack, f"{site.gateway}-late", via=site.gateway)
    report = child.report(readings=[(1, 4.0)])
    gateway.send(report)
    row, = quarantined(stack, gateway)
    stack.rows("INSERT INTO device (device, parent, site, division) VALUES (%s, %s, %s, %s) RETURNING 1",
               child.name, gateway.name, site.id, site.division)

    def taken_in():     # refused again as long as the daemon has not heard of the town's change
        stack.value("SELECT replay_quarantined(%s, 'tester')", row["quarantine_id"])
        query = "SELECT replay_outcome FROM quarantine WHERE quarantine_id = %s"
        return wait_until(lambda: stack.value(query, row["quarantine_id"])) == "recorded"

    wait_until(taken_in)
    child.recorded(report)
