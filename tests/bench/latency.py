# SPDX-License-Identifier: Apache-2.0
"""How long a fire takes to its row and to its page: one after the other at a fixed pace, each from a site of its own."""
import statistics
import time

from sections import PACK, PACKED_DEVICES, PACKED_REPORTS, Line
from stage import DIVISION, Stage, harness, progress

FIRES, EVERY_S = 300, 0.1


def p99(values):
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


def burn(stage, count):
    """An open loop: a late answer does not hold the next fire back.  Returns both latencies in ms."""
    stage.mqtt = harness.Mqtt("127.0.0.1", stage.broker_port)
    fires, begin = [], time.monotonic()
    for k in range(count):
        time.sleep(max(0, begin + k * EVERY_S - time.monotonic()))
        site = stage.site()
        fires.append((site, time.time(), time.monotonic()))
        harness.Device(stage, site.a).raises(harness.pb.CONDITION_FIRE)
    to_page = [(stage.receiver.wait(site.guardian, timeout_s=120)[0].at - at) * 1000 for site, _, at in fires]
    rows = dict(stage.rows("SELECT device, extract(epoch FROM committed_at)::float8 FROM alarm"))
    stage.mqtt.close()
    stage.mqtt = None
    return {"commit": [(rows[site.a] - wall) * 1000 for site, wall, _ in fires], "page": to_page}


def measure(run, k, count):
    """Both latencies, while idle and while a queue of (b) is drained."""
    reports = run.scaled(PACKED_REPORTS)
    stage = Stage(sites=2 * count)
    try:
        stage.stop("firewatchd")
        stage.register("c", PACKED_DEVICES, PACK)
        stage.start_daemon()
        progress(f"(c) run {k + 1}: {count} fires while idle")
        idle = burn(stage, count)
        stage.stop("firewatchd")
        stage.publish(DIVISION, "c", PACKED_DEVICES, PACK, reports)
        stage.start_daemon()
        progress(f"(c) run {k + 1}: {count} fires while a queue of (b) is drained")
        load = burn(stage, count)
        drained = stage.telemetry()["reports"] >= reports
        if drained:
            progress("    the queue was empty before the last fire: part of them met an idle daemon")
    finally:
        stage.close()
    return idle, load


def lines_c(run):
    count = max(int(FIRES * min(run.scale, 1)), 20)
    got = [measure(run, k, count) for k in range(run.runs)]
    lines = []
    for what, words in (("commit", "fire published -> its row"), ("page", "fire published -> HTTP receiver")):
        for name, of in (("median", statistics.median), ("p99", p99)):
            quiet, busy = (statistics.median(of(pair[k][what]) for pair in got) for k in (0, 1))
            lines += [Line(f"c_{what}_idle_ms_{name}", quiet, "ms", f"{words}, idle, {name}"),
                      Line(f"c_{what}_load_ms_{name}", busy, "ms", "… while (b) runs; beside: idle", beside=quiet, ratio=busy / quiet,
                           at_most=5 if (what, name) == ("commit", "p99") else None, runs=[of(load[what]) for _, load in got])]
            if (what, name) == ("commit", "p99"):
                lines.append(Line("c_commit_load_within_50", busy, "ms", "… the same, against 50 ms", at_most=50))
    return lines
