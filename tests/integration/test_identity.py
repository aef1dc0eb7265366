# SPDX-License-Identifier: Apache-2.0
"""received = committed + duplicates + quarantined + in flight + journalled: whenever the daemon is asked, and in its tables."""
import contextlib
import os
import random
import signal
import threading

from harness import Device, alive, pb, wait_equal, wait_until

POLLS = 200
LANES = ("alarm", "telemetry")      # by number, as the tables have them
ENDS = ("committed", "duplicates", "quarantined")
TABLES = dict(zip(ENDS, ("report", "duplicate", "quarantined")))
CUT_OFF = b"\x0a\x7f"       # of an Uplink: a report of 127 bytes that do not come


class Crowd:
    """The devices of a site, which send of everything; `sent` says what is to become of it, lane by lane."""

    def __init__(self, stack, seed):
        site = stack.site()
        self.smoke, self.other, self.meter, self.gateway = (
            Device(stack, name) for name in (site.a, site.b, site.c, site.gateway))
        self.children = [Device(stack, name, via=site.gateway) for name in site.children]
        self.random = random.Random(seed)
        self.sent = {lane: dict.fromkeys(ENDS, 0) for lane in LANES}
        self.last = None

    def publish(self, device, payload, lane, **ends):
        device.publish(payload, lane)
        for end, count in ends.items():
            self.sent[lane][end] += count

    def reports(self, device, reports, lane):
        self.last = device, pb.Uplink(reports=reports).SerializeToString(), lane, len(reports)
        self.publish(*self.last[:3], committed=len(reports))

    def single(self):
        self.reports(self.meter, [self.meter.report(readings=[(1, 20.5)])], "telemetry")

    def packed(self):
        self.reports(self.gateway, [d.report(readings=[(1, 1.0)]) for d in (self.gateway, *self.children)], "telemetry")

    def fire(self):
        self.reports(self.smoke, [self.smoke.report(events=[(pb.CONDITION_FIRE, True)])], "alarm")

    def promoted(self):
        fire = (pb.CONDITION_FIRE, self.random.random() < 0.5)
        self.reports(self.other, [self.other.report(events=[fire])], "telemetry")

    def again(self):
        if self.last:
            *message, count = self.last
            self.publish(*message, duplicates=count)

    def garbage(self):
        self.publish(self.meter, b"\xff\x00garbage", self.random.choice(LANES), quarantined=1)

    def stranger(self):
        report = self.gateway.report(device_id="nobody-knows-it", sequence=7)
        self.publish(self.gateway, pb.Uplink(reports=[report]).SerializeToString(), "telemetry", quarantined=1)

    def unnumbered(self):
        report = self.meter.report(sequence=0)
        self.publish(self.meter, pb.Uplink(reports=[report]).SerializeToString(), "telemetry", quarantined=1)

    def cut_off(self):
        uplink = pb.Uplink(reports=[self.meter.report(readings=[(1, 3.0)])]).SerializeToString()
        self.publish(self.meter, uplink + CUT_OFF, "telemetry", committed=1, quarantined=1)

    def anything(self):
        self.random.choice((self.single, self.single, self.packed, self.packed, self.fire, self.promoted, self.again,
                            self.garbage, self.stranger, self.unnumbered, self.cut_off))()


@contextlib.contextmanager
def load(crowd, ahead=500):
    """Sends until the block ends, at most so many messages ahead of the broker's acknowledgements."""
    over, failed = threading.Event(), []
    client = crowd.smoke.stack.mqtt.client

    def send():
        try:
            while not over.is_set():
                if len(client._out_messages) < ahead:
                    crowd.anything()
                else:
                    over.wait(0.001)
        except BaseException as e:
            failed.append(e)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not failed, failed


def crowd_of(stack):
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    return Crowd(stack, seed)


def identities(status):
    """What the lanes say; it must hold, by their word and by the sum."""
    found = {name: lane["identity"] for name, lane in status["lanes"].items()}
    assert tuple(found) == LANES
    for name, i in found.items():
        assert i["holds"] is True, (name, status)
        assert i["received"] == sum(i[part] for part in (*ENDS, "in_flight", "journalled")), (name, i)
    return found


def asked(stack, number=""):
    return identities(wait_until(lambda: stack.ask(number), what="an answer"))


def at_rest(stack):
    """The identities once all that was acknowledged is committed."""
    wait_until(lambda: not stack.mqtt.client._out_messages, 120, "all is with the broker")
    return wait_until(lambda: (found := asked(stack)) and all(
        i["in_flight"] == i["journalled"] == 0 for i in found.values()) and found, 120, "all is committed")


def ends(found):
    return {lane: {end: found[lane][end] for end in ENDS} for lane in LANES}


def rows(stack):
    """What the tables hold."""
    def count(table):
        return dict(stack.rows(f"SELECT lane, count(*) FROM {table} GROUP BY 1"))

    counts = {end: count(table) for end, table in TABLES.items()}
    return {lane: {end: counts[end].get(k, 0) for end in ENDS} for k, lane in enumerate(LANES)}


def less(a, b):
    return {lane: {end: a[lane][end] - b[lane][end] for end in ENDS} for lane in LANES}


def settles_to(stack, wanted):
    """Messages may still be between broker and daemon when nothing is in flight."""
    wait_equal(lambda: ends(at_rest(stack)), wanted, 120)


def test_it_holds_whenever_it_is_asked(own_stack):
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    seen, received = set(), 0
    with load(crowd):
        for _ in range(POLLS):
            found = asked(stack)
            seen |= {(lane, part) for lane in LANES for part in (*ENDS, "in_flight", "journalled") if found[lane][part]}
            now = sum(i["received"] for i in found.values())
            assert now >= received
            received = now
    assert {("telemetry", part) for part in (*ENDS, "in_flight", "journalled")} <= seen, "it was no load"
    settles_to(stack, crowd.sent)
    assert rows(stack) == crowd.sent
    status = stack.ask()
    assert (status["known_by_database"], status["boots_forgotten"]) == (0, 0)
    for lane in status["lanes"].values():
        assert lane["messages"] == lane["journal"]["records"] == lane["journal"]["read_records"]
        assert (lane["database"]["known"], lane["database"]["set_aside"], lane["journal"]["damaged_bytes"]) == (0, 0, 0)


def test_it_holds_after_a_kill_in_the_middle(own_stack):
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    with load(crowd):
        wait_until(lambda: all(i["committed"] > 100 for i in asked(stack).values()), 120)
        os.kill(stack.pid, signal.SIGKILL)
    wait_until(lambda: not alive(stack.pid))
    # what the dead one had sent may be committed yet
    wait_equal(lambda: stack.value("SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, 'firewatchd')"), 0)
    before = rows(stack)
    # promoted ones that were committed by the alarm lane and will be read again: their row is there, they add no other
    read_again = stack.value("SELECT count(*) FROM report JOIN checkpoint USING (lane) "
                             "WHERE lane = 1 AND journal_position >= position")
    stack.start("firewatchd")
    with load(crowd):
        for _ in range(POLLS // 4):
            asked(stack)
    wait_until(lambda: rows(stack)["telemetry"]["committed"] == crowd.sent["telemetry"]["committed"], 120)
    found = at_rest(stack)
    after = rows(stack)
    wanted = less(after, before)
    wanted["telemetry"]["duplicates"] += read_again
    assert ends(found) == wanted
    for lane in LANES:      # the broker may have sent again what was not acknowledged to it
        repeated = after[lane]["duplicates"] - crowd.sent[lane]["duplicates"]
        assert after[lane]["committed"] == crowd.sent[lane]["committed"] and repeated >= 0
    assert "began anew" not in stack.log("firewatchd")
    for lane in stack.ask()["lanes"].values():
        journal = lane["journal"]
        assert lane["messages"] == journal["read_records"] == journal["found_records"] + journal["records"]


def test_what_a_dead_daemon_had_not_committed_is_found_and_counted(own_stack):
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    crowd.single()
    crowd.fire()
    settles_to(stack, crowd.sent)
    before = rows(stack)
    stack.stop("postgresql")
    messages = 300
    for _ in range(messages):
        crowd.anything()

    def journalled():
        return {name: lane["journal"]["records"] for name, lane in stack.ask()["lanes"].items()}

    wait_equal(lambda: sum(journalled().values()), messages + 2)
    wanted = {name: count - 1 for name, count in journalled().items()}
    os.kill(stack.pid, signal.SIGKILL)
    stack.start("postgresql")
    stack.start("firewatchd")
    wait_until(lambda: less(rows(stack), before)["telemetry"]["committed"] == crowd.sent["telemetry"]["committed"] - 1)
    found = at_rest(stack)
    assert ends(found) == less(rows(stack), before)
    lanes = stack.ask()["lanes"]
    assert {name: lane["journal"]["found_records"] for name, lane in lanes.items()} == wanted


def test_what_waits_for_postgresql_is_in_flight_or_journalled(own_stack):
    batch = 100
    stack = own_stack(sites=1, settings=[f"database.batch_reports={batch}"])
    crowd = crowd_of(stack)
    crowd.single()
    settles_to(stack, crowd.sent)
    stack.stop("postgresql")
    for _ in range(3 * batch):
        crowd.single()
    for _ in range(20):
        crowd.fire()

    def waiting():
        found = asked(stack)
        return [(found[lane]["in_flight"], found[lane]["journalled"]) for lane in LANES]

    wait_until(lambda: sum(sum(lane) for lane in waiting()) == 3 * batch + 20)
    (fires, _), (in_flight, journalled) = waiting()
    assert fires == 20 and in_flight > 2 * batch and journalled == 3 * batch - in_flight   # it goes on deciding
    text = stack.ctl("status").stdout
    assert (f"holds: {3 * batch + 1} received = 1 committed + 0 duplicates + 0 quarantined + {in_flight} in flight + "
            f"{journalled} journalled") in text
    stack.start("postgresql")
    settles_to(stack, crowd.sent)
    assert rows(stack) == crowd.sent


def test_what_is_taken_in_again_from_quarantine_counts_anew_unless_it_is_refused_again(own_stack):
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    crowd.stranger()
    crowd.garbage()
    settles_to(stack, crowd.sent)
    site, gateway = stack.sites[0], crowd.gateway.name
    stack.rows("INSERT INTO firewatch.device (device, parent, site, division) VALUES ('nobody-knows-it', %s, %s, %s) "
               "RETURNING 1", gateway, site.id, site.division)
    assert len(stack.rows("SELECT firewatch.replay_quarantined(quarantine_id, '管理员') FROM firewatch.quarantine")) == 2
    wait_equal(lambda: stack.value("SELECT count(*) FROM quarantined WHERE replay_outcome IS NOT NULL"), 2)
    crowd.sent["telemetry"]["committed"] += 1
    settles_to(stack, crowd.sent)
    assert rows(stack) == crowd.sent


def test_a_duplicate_that_only_the_database_knows_is_told_apart(own_stack):
    """Too many gaps: the oldest are joined, and what came between them is forgotten."""
    most = 1024     # FW_GAPS_MAX
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    meter = crowd.meter
    for sequence in range(2, 2 * most + 40, 2):
        crowd.reports(meter, [meter.report(sequence=sequence, readings=[(1, 1.0)])], "telemetry")
    settles_to(stack, crowd.sent)
    assert rows(stack) == crowd.sent
    crowd.reports(meter, [meter.report(sequence=4, readings=[(1, 1.0)])], "telemetry")
    settles_to(stack, crowd.sent)
    status = stack.ask()
    assert status["known_by_database"] == status["lanes"]["telemetry"]["database"]["known"] == 1
    assert rows(stack)["telemetry"] == {**crowd.sent["telemetry"], "committed": crowd.sent["telemetry"]["committed"] - 1}


def test_it_holds_in_both_daemons_when_one_hands_over_to_the_other(own_stack):
    stack = own_stack(sites=1)
    crowd = crowd_of(stack)
    stack.stop("postgresql")
    messages = 50
    for _ in range(messages):
        crowd.single()
    wait_until(lambda: asked(stack)["telemetry"]["received"] == messages)
    pid = stack.pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid))
    stack.start("postgresql")
    stack.start("firewatchd2")
    wait_until(lambda: (stack.ask("2") or {}).get("role") == "active")
    stack.run("start", stack.directory, "firewatchd", "--no-wait")

    def handed_over():
        asked(stack)
        active = asked(stack, "2")["telemetry"]
        return active["committed"] == messages and active["in_flight"] == 0

    wait_until(handed_over)
    wait_until(lambda: asked(stack)["telemetry"]["journalled"] == 0)
    assert stack.ask()["lanes"]["telemetry"]["journal"]["found_records"] == messages
    assert rows(stack)["telemetry"]["committed"] == messages
