# SPDX-License-Identifier: Apache-2.0
"""Devices that keep what has no receipt and send it again, and a ledger of everything that they sent."""
import collections
import random
import threading
import time
import zlib

import paho.mqtt.client
from harness import pb

AGAIN_FIRST_S, AGAIN_MOST_S = 3, 20
AGAIN_AT_ONCE = 300             # of a round
CLIENT_QUEUE_MOST = 1500        # then the network is down for the devices as well
KEPT_MOST = 300                 # of one device: it has no more room
BOOTS_MOST = 5                  # the centre remembers eight
FIRE, GAS, FAULT, TAMPER = pb.CONDITION_FIRE, pb.CONDITION_GAS, pb.CONDITION_FAULT, pb.CONDITION_TAMPER
CLASSES = {FIRE: "fire", GAS: "gas", FAULT: "fault", TAMPER: "tamper"}
UNKNOWN_CONDITION = 4711
ALARM, TELEMETRY = "alarm", "telemetry"
PADDING = bytes([0xA2, 0x06, 0x80, 0x20]) + b"x" * 4096      # field 100, 4096 bytes
LEDGER_HEAD = "time\tlane\tdivision\tdevice\tboot\tsequence\tkind\tevents\tmessage\n"


class Kept:
    """A report that has no receipt yet."""

    def __init__(self, report, lane):
        self.report, self.lane, self.tries, self.due = report, lane, 0, 0.0

    def sent(self, now):
        self.due = now + min(AGAIN_MOST_S, AGAIN_FIRST_S << self.tries)
        self.tries = min(self.tries + 1, 5)


class Device:
    def __init__(self, name, via, division):
        self.name, self.via, self.division = name, via or name, division
        self.boot, self.sequence = 1, 0
        self.kept = collections.OrderedDict()       # (boot, sequence): Kept
        self.raised = {}                            # point: condition

    def report(self, lane, **fields):
        self.sequence += 1
        report = pb.Report(boot_id=self.boot, sequence=self.sequence, observed_at_ms=int(time.time() * 1000),
                           device_id="" if self.via == self.name else self.name, **fields)
        self.kept[self.boot, self.sequence] = Kept(report, lane)
        return report

    def boots(self):
        if self.boot < BOOTS_MOST:
            self.boot, self.sequence = self.boot + 1, 0


class Book:
    """Everything that was sent, to be compared with what is in the tables."""

    def __init__(self):
        self.sent = collections.Counter()       # (device, boot, sequence): messages
        self.checksum = {}                      # of the report's bytes, of those that are to be recorded
        self.refused = set()                    # keys that are to be quarantined
        self.garbage = set()                    # payloads that are no report
        self.raised = collections.defaultdict(set)      # (device, point, class): keys
        self.first_sent = {}                    # key of a fire: when
        self.rejected = set()                   # keys that a receipt called rejected
        self.messages = 0


# Volts, amperes, litres a second, humidity, counts: no standard threshold is for these.
ORDINARY = (7, 8, 9, 10, 12)


class Fleet:
    """Runs in a thread of its own from `start` to `close`; `quiet` ends new reports, not the repeats."""

    def __init__(self, seed, host, port, ledger_path, smoke, gateways, meters, rate):
        self.random = random.Random(seed)
        self.smoke, self.gateways, self.meters, self.rate = smoke, gateways, meters, rate
        children = [child for members in gateways.values() for child in members]
        self.alarming = smoke + children
        self.devices = {d.name: d for d in smoke + children + meters}
        self.book = Book()
        self.lock = threading.RLock()
        self.ledger = open(ledger_path, "w")
        self.ledger.write(LEDGER_HEAD)
        self.storms = 0
        self.quiet = False
        self.ended = threading.Event()
        self.client = paho.mqtt.client.Client(f"fleet-{seed:x}", protocol=paho.mqtt.client.MQTTv5)
        self.client.max_inflight_messages_set(500)
        self.client.max_queued_messages_set(0)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("fire/v1/+/+/receipt", 0)
        self.client.on_message = self.heard
        self.client.connect(host, port, keepalive=5)
        self.thread = threading.Thread(target=self.live, daemon=True)

    def start(self):
        self.client.loop_start()
        self.thread.start()

    def close(self):
        self.ended.set()
        self.thread.join()
        self.client.disconnect()
        self.client.loop_stop()
        self.ledger.close()

    # ------------------------------------------------------------ receipts

    def heard(self, _client, _userdata, message):
        receipt = pb.Receipt.FromString(message.payload)
        topic_device = message.topic.split("/")[3]
        with self.lock:
            for entry in receipt.entries:
                device = self.devices.get(entry.device_id or topic_device)
                if device:
                    self.forget(device, entry)

    def forget(self, device, entry):
        done = set(entry.also)
        for rejection in entry.rejected:
            done.add(rejection.sequence)
            self.book.rejected.add((device.name, entry.boot_id, rejection.sequence))
        for key in list(device.kept):
            boot, sequence = key
            if boot == entry.boot_id and (sequence <= entry.through_sequence or sequence in done):
                del device.kept[key]

    @property
    def kept(self):
        with self.lock:
            return sum(len(d.kept) for d in self.devices.values())

    def kept_keys(self):
        with self.lock:
            return [(d.name, *key) for d in self.devices.values() for key in d.kept]

    # ------------------------------------------------------------ sending

    def has_network(self):
        return self.client.is_connected() and len(self.client._out_messages) < CLIENT_QUEUE_MOST

    def send(self, reports, lane, times=1):
        """reports: [(device, report)] of one sender."""
        first = reports[0][0]
        payload = pb.Uplink(reports=[r for _, r in reports]).SerializeToString()
        topic = f"fire/v1/{first.division}/{first.via}/{lane}"
        now = time.monotonic()
        for _ in range(times):
            self.client.publish(topic, payload, qos=1)
            self.book.messages += 1
            for device, report in reports:
                self.note(device, report, lane)
        for device, report in reports:
            kept = device.kept.get((report.boot_id, report.sequence))
            if kept:
                kept.sent(now)

    def note(self, device, report, lane):
        key = device.name, report.boot_id, report.sequence
        self.book.sent[key] += 1
        events = ",".join(f"{e.condition}{'+' if e.active else '-'}" for e in report.events)
        self.ledger.write(f"{time.time():.3f}\t{lane}\t{device.division}\t{key[0]}\t{key[1]}\t{key[2]}\treport\t{events}\t"
                          f"{self.book.messages}\n")

    def put(self, device, lane, bad=False, **fields):
        """A new report, kept and in the book; it is the caller's to send."""
        report = device.report(lane, **fields)
        key = device.name, report.boot_id, report.sequence
        if bad:
            self.book.refused.add(key)
        else:
            self.book.checksum[key] = zlib.crc32(report.SerializeToString())
        return device, report

    def event(self, device, condition, active, point=0, text="", bad=False):
        made = self.put(device, ALARM, bad, events=[
            pb.Event(condition=condition, active=active, point=point, text=text)])
        if active and not bad:
            key = device.name, made[1].boot_id, made[1].sequence
            self.book.raised[device.name, point, CLASSES[condition]].add(key)
            if condition in (FIRE, GAS):
                self.book.first_sent[key] = time.monotonic()
            device.raised[point] = condition
        elif not bad:
            device.raised.pop(point, None)
        return made

    # ------------------------------------------------------------ what devices do

    def live(self):
        next_round = time.monotonic()
        while not self.ended.wait(max(0, next_round - time.monotonic())):
            next_round = max(next_round + 0.1, time.monotonic() - 0.1)
            with self.lock:
                if not self.has_network():
                    continue
                self.repeat()
                if not self.quiet:
                    for _ in range(max(1, int(self.rate / 10))):
                        self.something()
                    while self.storms:
                        self.storms -= 1
                        self.storm()
                self.ledger.flush()

    def repeat(self):
        """What has no receipt yet is sent again, a gateway's reports together."""
        now, budget = time.monotonic(), AGAIN_AT_ONCE
        together = collections.defaultdict(list)
        for device in self.devices.values():
            for kept in device.kept.values():
                if kept.due <= now and budget > 0:
                    together[device.via, kept.lane].append((device, kept.report))
                    budget -= 1
        for (_, lane), reports in together.items():
            for i in range(0, len(reports), 40):
                self.send(reports[i:i + 40], lane)

    def something(self):
        dice = self.random.random()
        times = 2 if self.random.random() < 0.03 else 1
        if dice < 0.55:
            device = self.random.choice(self.meters)
            if len(device.kept) < KEPT_MOST:
                self.send([self.reading(device)], TELEMETRY, times)
        elif dice < 0.70:
            self.packed(times)
        elif dice < 0.95:
            device = self.random.choice(self.alarming)
            if len(device.kept) < KEPT_MOST:
                self.send([self.alarm(device)], self.alarm_topic(), times)
        elif dice < 0.97:
            self.bad()
        elif dice < 0.985:
            self.garbage()
        elif dice < 0.99:
            self.random.choice(self.meters + self.alarming).boots()

    def alarm_topic(self):
        return TELEMETRY if self.random.random() < 0.05 else ALARM

    def reading(self, device):
        return self.put(device, TELEMETRY, readings=[
            pb.Reading(quantity=self.random.choice(ORDINARY), value=self.random.uniform(-10, 90))])

    def packed(self, times):
        children = self.random.choice(list(self.gateways.values()))
        reports = [self.reading(child) for child in children for _ in range(self.random.randint(1, 6))
                   if len(child.kept) < KEPT_MOST]
        if reports:
            self.send(reports, TELEMETRY, times)

    def alarm(self, device):
        point = self.random.choice([0, 0, 0, 7])
        condition = device.raised.get(point)
        if condition and self.random.random() < 0.6:
            return self.event(device, condition, False, point)
        if not condition:
            condition = self.random.choice([FIRE, FIRE, FIRE, GAS]) if point == 0 else self.random.choice([FAULT, TAMPER])
        return self.event(device, condition, True, point, text="试验")

    def bad(self):
        """What the centre refuses, and says so."""
        if self.random.random() < 0.5:
            device = self.random.choice(self.meters)
            made = self.put(device, TELEMETRY, True, readings=[pb.Reading(quantity=1, value=float("nan"))])
        else:
            device = self.random.choice(self.smoke)
            made = self.event(device, UNKNOWN_CONDITION, True, 3, bad=True)
        self.send([made], made[0].kept[made[1].boot_id, made[1].sequence].lane)

    def garbage(self):
        """No report at all: it has no receipt, and nobody sends it again."""
        device = self.random.choice(self.smoke)
        payload = b"\xff\xff" + self.random.randbytes(24)
        self.client.publish(f"fire/v1/{device.division}/{device.via}/{self.random.choice([ALARM, TELEMETRY])}", payload, qos=1)
        self.book.messages += 1
        self.book.garbage.add(payload)
        self.ledger.write(f"{time.time():.3f}\talarm\t{device.division}\t{device.name}\t-\t-\tgarbage\t26 bytes\t"
                          f"{self.book.messages}\n")

    def storm(self):
        """What fills a small journal soon: reports of a newer sender, with a large field that nobody knows yet."""
        for children in self.gateways.values():
            for child in children:
                if len(child.kept) < KEPT_MOST and child.raised.get(7, FAULT) == FAULT:
                    self.send([self.padded(self.event(child, FAULT, True, 7))], ALARM)
                    self.send([self.padded(self.reading(child))], TELEMETRY)

    def padded(self, made):
        device, report = made
        report.MergeFromString(PADDING)
        self.book.checksum[device.name, report.boot_id, report.sequence] = zlib.crc32(report.SerializeToString())
        return made

    # ------------------------------------------------------------ the end

    def restore_everything(self):
        """The last report of each device says that all is well, whatever came late from an older boot."""
        conditions = {class_: condition for condition, class_ in CLASSES.items()}
        with self.lock:
            for name, point, class_ in list(self.book.raised):
                self.send([self.event(self.devices[name], conditions[class_], False, point)], ALARM)

    def fire(self, device):
        """One fire now; its id."""
        with self.lock:
            _, report = made = self.event(device, FIRE, True)
            self.send([made], ALARM)
        return f"{device.name}~{report.boot_id}~{report.sequence}"
