# SPDX-License-Identifier: Apache-2.0
"""The sections of the bench that drain queues.  Each takes the run (its scale, its number of repetitions) and returns lines."""
import json
import os
import statistics
import subprocess
import time

import measure
from stage import DIVISION, OTHER_DIVISION, Stage, harness, progress

SINGLE_REPORTS, SINGLE_DEVICES = 300_000, 1000
PACKED_REPORTS, PACKED_DEVICES, PACK = 5_000_000, 1000, 20
REPLAYED = 1_000_000
TOWNS = (1000, 100_000, 1_000_000)
TOWN_REPORTS = 1_000_000
COPIED = "copied.report"


def median(runs, key):
    return statistics.median(run[key] for run in runs)


class Line:
    def __init__(self, name, value, unit, what, *, beside=None, ratio=None, at_least=None, at_most=None, runs=()):
        self.name, self.value, self.unit, self.what = name, value, unit, what
        self.beside, self.ratio, self.at_least, self.at_most, self.runs = beside, ratio, at_least, at_most, list(runs)

    @property
    def judged(self):
        return self.value if self.ratio is None else self.ratio

    @property
    def met(self):
        """None where there is no goal."""
        if self.at_least is not None:
            return self.judged >= self.at_least
        return None if self.at_most is None else self.judged <= self.at_most


# ---------------------------------------------------------------- (a)

class Noop:
    """The subscriber that does nothing, and its session."""

    def __init__(self, stage):
        self.stage = stage

    def start(self, wanted):
        return subprocess.Popen(
            [os.path.join(harness.BUILD, "bench", "noop"), str(self.stage.broker_port), "bench-noop",
             f"fire/v1/{OTHER_DIVISION}/+/telemetry", "1000", str(wanted)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def subscribe(self):
        process = self.start(0)
        assert process.stdout.readline() == "subscribed\n"
        process.kill()      # the session stays
        process.wait()

    def drain(self, messages):
        before = measure.sockets(self.stage.broker_port)[0]
        process = self.start(messages)
        connected = measure.await_connected(self.stage.broker_port, before, process)
        for line in process.stdout:
            if line == "received\n":
                break
        acknowledged = measure.await_settled(self.stage.broker_port)
        result = {"seconds": acknowledged - connected, "cpu_s": measure.cpu_s(process.pid), "reports": messages,
                  "peak_bytes": measure.peak_bytes(process.pid)}
        process.kill()
        process.wait()
        return result


def drain_singles(run):
    count = run.scaled(SINGLE_REPORTS)
    daemon, noop = [], []
    stage = Stage()
    try:
        stage.stop("firewatchd")
        stage.register("a", SINGLE_DEVICES)
        idle = Noop(stage)
        idle.subscribe()
        for k in range(run.runs):
            stage.fresh_reports()
            progress(f"(a) run {k + 1}: {count:,} messages to the daemon")
            stage.publish(DIVISION, "a", SINGLE_DEVICES, 1, count)
            daemon.append(stage.drain(count, count))
            stage.stop("firewatchd")
            progress(f"(a) run {k + 1}: {count:,} messages to the subscriber that does nothing")
            stage.publish(OTHER_DIVISION, "a", SINGLE_DEVICES, 1, count)
            noop.append(idle.drain(count))
            progress(f"    {count / daemon[-1]['seconds']:,.0f}/s {daemon[-1]['cpu_s']:.2f} s, "
                     f"nothing done {count / noop[-1]['seconds']:,.0f}/s {noop[-1]['cpu_s']:.2f} s")
        stage.start_daemon()
    finally:
        stage.close()
    return {"daemon": daemon, "noop": noop}


def lines_a(run):
    got = run.singles()
    count = run.scaled(SINGLE_REPORTS)
    rate, other = (count / median(got[who], "seconds") for who in ("daemon", "noop"))
    cpu, other_cpu = (median(got[who], "cpu_s") for who in ("daemon", "noop"))
    return [
        Line("a_reports_per_s", rate, "/s", "single-report messages, until last PUBACK and last commit; beside: nothing done",
             beside=other, ratio=rate / other, at_least=0.85, runs=[count / r["seconds"] for r in got["daemon"]]),
        Line("a_puback_per_s", count / median(got["daemon"], "puback_s"), "/s", "… until the last PUBACK alone", beside=other,
             ratio=count / median(got["daemon"], "puback_s") / other),
        Line("a_cpu_s", cpu, "s", "CPU time of the daemon; beside: nothing done", beside=other_cpu, ratio=cpu / other_cpu,
             at_most=1.4, runs=[r["cpu_s"] for r in got["daemon"]]),
    ]


# ---------------------------------------------------------------- (b)

def copy_rows(stage):
    """COPY BINARY of what the daemon has just recorded, in one transaction, into a table made like report."""
    source = os.path.join(stage.directory, "rows")
    postgresql = stage.part_pid("postgresql")
    connection = harness.psycopg2.connect(stage.env["FIREWATCH_DSN"])
    cursor = connection.cursor()
    with open(source, "wb") as f:
        cursor.copy_expert("COPY (SELECT * FROM firewatch.report) TO STDOUT BINARY", f, 1 << 20)
    cursor.execute("SELECT count(*), min(received_day), max(received_day) FROM firewatch.report")
    rows, first_day, last_day = cursor.fetchone()
    cursor.execute("DROP SCHEMA IF EXISTS copied CASCADE; CREATE SCHEMA copied;"
                   f"CREATE TABLE {COPIED} (LIKE firewatch.report INCLUDING ALL) PARTITION BY RANGE (received_day);"
                   f"CREATE TABLE {COPIED}_days PARTITION OF {COPIED} FOR VALUES FROM (%s) TO (%s::date + 1)", (first_day, last_day))
    connection.commit()
    stage.execute("CHECKPOINT")
    cpu, wal, started = measure.tree_cpu_s(postgresql), stage.wal_bytes(), time.monotonic()
    with open(source, "rb") as f:
        cursor.copy_expert(f"COPY {COPIED} FROM STDIN BINARY", f, 1 << 20)
    connection.commit()
    seconds = time.monotonic() - started
    result = {"seconds": seconds, "reports": rows, "postgresql_cpu_s": measure.tree_cpu_s(postgresql) - cpu,
              "wal_bytes": stage.wal_bytes() - wal,
              "disk_bytes": int(stage.value(f"SELECT pg_total_relation_size('{COPIED}_days')"))}
    connection.close()
    os.unlink(source)
    stage.execute("DROP SCHEMA copied CASCADE")
    return result


def drain_packed(run):
    count = run.scaled(PACKED_REPORTS)
    daemon, copy = [], []
    stage = Stage()
    try:
        stage.stop("firewatchd")
        stage.register("b", PACKED_DEVICES, PACK)
        for k in range(run.runs):
            stage.fresh_reports()
            progress(f"(b) run {k + 1}: {count:,} reports in uplinks of {PACK} to the daemon")
            stage.publish(DIVISION, "b", PACKED_DEVICES, PACK, count)
            daemon.append(stage.drain(count // PACK, count))
            stage.stop("firewatchd")
            progress(f"(b) run {k + 1}: COPY BINARY of the same rows")
            copy.append(copy_rows(stage))
            progress(f"    {count / daemon[-1]['seconds']:,.0f}/s, COPY {count / copy[-1]['seconds']:,.0f}/s")
        stage.start_daemon()
    finally:
        stage.close()
    return {"daemon": daemon, "copy": copy}


def lines_b(run):
    got = run.packed()
    count = run.scaled(PACKED_REPORTS)
    rate, other = (count / median(got[who], "seconds") for who in ("daemon", "copy"))
    return [Line("b_reports_per_s", rate, "/s", f"reports in uplinks of {PACK}; beside: COPY BINARY of the rows, one transaction",
                 beside=other, ratio=rate / other, at_least=0.6, runs=[count / r["seconds"] for r in got["daemon"]])]


# ---------------------------------------------------------------- (d), (g): of (a) and (b)

def both(run):
    return (("a", "single", run.singles()["daemon"], run.singles()["noop"]),
            ("b", "packed", run.packed()["daemon"], run.packed()["copy"]))


def lines_d(run):
    lines = []
    for name, kind, daemon, other in both(run):
        per = 1e6 / daemon[0]["reports"]
        noop = median(other, "cpu_s") * per if name == "a" else None
        copy = median(other, "postgresql_cpu_s") * per if name == "b" else None
        cpu, database = median(daemon, "cpu_s") * per, median(daemon, "postgresql_cpu_s") * per
        lines += [
            Line(f"d_{kind}_daemon_cpu_s", cpu, "s", f"CPU time of the daemon a million reports, ({name})"
                 + ("; beside: nothing done" if noop else ""), beside=noop, ratio=noop and cpu / noop),
            Line(f"d_{kind}_postgresql_cpu_s", database, "s", f"CPU time of PostgreSQL a million reports, ({name})"
                 + ("; beside: COPY" if copy else ""), beside=copy, ratio=copy and database / copy),
            Line(f"d_{kind}_peak_mib", median(daemon, "peak_bytes") / 2**20, "MiB", f"most memory of the daemon, ({name})")]
    return lines


def lines_g(run):
    lines = []
    for name, kind, daemon, other in both(run):
        per = 1e6 / daemon[0]["reports"] / 2**20
        copied = {key: median(other, key) * per if name == "b" else None for key in ("disk_bytes", "wal_bytes")}
        for key, what in (("disk_bytes", "rows with their indexes"), ("wal_bytes", "WAL")):
            value, beside = median(daemon, key) * per, copied[key]
            lines.append(Line(f"g_{kind}_{key[:-6]}_mib", value, "MiB", f"{what}, a million reports, ({name})"
                              + ("; beside: COPY" if beside else ""), beside=beside, ratio=beside and value / beside))
    lines.append(Line("g_rows", 1e6, "rows", "rows a million reports: one each, with its readings"))
    return lines


# ---------------------------------------------------------------- (e)

def replay(run, k):
    count = run.scaled(REPLAYED)
    stage = Stage()
    try:
        stage.stop("firewatchd")
        stage.register("e", SINGLE_DEVICES)
        stage.start_daemon()
        stage.stop("postgresql")
        progress(f"(e) run {k + 1}: {count:,} messages while PostgreSQL is down")
        stage.publish(DIVISION, "e", SINGLE_DEVICES, 1, count)
        while stage.telemetry()["journal"]["records"] < count:
            time.sleep(0.05)
        stage.stop("firewatchd")
        stage.start("postgresql")
        stage.fresh_reports()
        progress(f"(e) run {k + 1}: the daemon is started again")
        started = time.monotonic()
        stage.start_daemon()
        _, committed = stage.await_commits(0, count)
        result = {"seconds": committed - started, "cpu_s": measure.cpu_s(stage.pid), "peak_bytes": measure.peak_bytes(stage.pid)}
        assert stage.value("SELECT count(*) FROM firewatch.report") == count
    finally:
        stage.close()
    progress(f"    {count / result['seconds']:,.0f}/s")
    return result


def lines_e(run):
    count = run.scaled(REPLAYED)
    got = [replay(run, k) for k in range(run.runs)]
    singles = run.scaled(SINGLE_REPORTS) / median(run.singles()["daemon"], "seconds")
    rate = count / median(got, "seconds")
    return [Line("e_replay_per_s", rate, "/s", "journalled single reports, from the daemon's start to the last commit; beside: (a)",
                 beside=singles, ratio=rate / singles, at_least=1.0, runs=[count / r["seconds"] for r in got])]


# ---------------------------------------------------------------- (f)

def town_of(run, devices):
    """Two rounds to a daemon that has the town loaded: each device reports once, then the reports that are measured."""
    reports = run.scaled(TOWN_REPORTS)
    stage = Stage()
    try:
        stage.stop("firewatchd")
        progress(f"(f) {devices:,} devices are registered")
        stage.register("f", devices, PACK)
        progress("(f) each reports once")
        stage.publish(DIVISION, "f", devices, PACK, devices, boot=1)
        stage.start_daemon()
        stage.await_commits(devices // PACK, devices)
        began = measure.cpu_s(stage.pid)
        first = 2
        progress(f"(f) {reports:,} reports")
        started = time.monotonic()
        stage.publish(DIVISION, "f", devices, PACK, reports, boot=1, first=first)
        stage.await_commits((devices + reports) // PACK, devices + reports)
        return {"cpu_us": (measure.cpu_s(stage.pid) - began) / reports * 1e6, "peak_bytes": measure.peak_bytes(stage.pid),
                "rss_bytes": measure.rss_bytes(stage.pid), "seconds": time.monotonic() - started}
    finally:
        stage.close()


def lines_f(run):
    towns = [max(run.scaled(devices), 1000) for devices in TOWNS]
    got = {}
    for devices in towns:
        runs = [town_of(run, devices) for _ in range(run.town_runs)]
        got[devices] = {key: statistics.median(r[key] for r in runs) for key in runs[0]}
        progress(f"    {got[devices]['cpu_us']:.2f} us a report, {got[devices]['peak_bytes'] / 2**20:,.0f} MiB")
    base, lines = got[towns[0]], []
    for devices in towns:
        last = devices == towns[-1]
        lines.append(Line(f"f_cpu_us_{devices}", got[devices]["cpu_us"], "us", f"CPU time of the daemon a report, {devices:,} devices; "
                          f"beside: {towns[0]:,}", beside=base["cpu_us"], ratio=got[devices]["cpu_us"] / base["cpu_us"],
                          at_most=1.5 if last else None))
        allowed = 64 + 256 * devices / 2**20
        lines.append(Line(f"f_rss_mib_{devices}", got[devices]["rss_bytes"] / 2**20, "MiB", "… memory of the daemon; beside: "
                          "64 MiB + 256 bytes a device", beside=allowed, ratio=got[devices]["rss_bytes"] / 2**20 / allowed, at_most=1.0))
        lines.append(Line(f"f_peak_mib_{devices}", got[devices]["peak_bytes"] / 2**20, "MiB", "… the most it was"))
    grown = (got[towns[-1]]["rss_bytes"] - base["rss_bytes"]) / max(towns[-1] - towns[0], 1)
    return [*lines, Line("f_bytes_a_device", grown, "B", "memory that one more device takes")]


# ---------------------------------------------------------------- (h)

def core_of(run):
    """One line of figures for each size of town, of the core without broker and database."""
    towns = [str(max(run.scaled(devices), 1000)) for devices in TOWNS]
    progress("(h) the core alone")
    done = subprocess.run([os.path.join(harness.BUILD, "tests", "bench", "core_bench"), str(run.scaled(TOWN_REPORTS)), *towns],
                          stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def lines_h(run):
    got, lines = core_of(run), []
    base = got[0]
    for town in got:
        devices, last = town["devices"], town is got[-1]
        lines.append(Line(f"h_bytes_{devices}", town["rss_bytes_a_device"], "B", f"memory a device with its share of the town, {devices:,} "
                          "devices", at_most=256 if last else None))
        for key, what, goal in (("packed_ns_a_report", f"a report in uplinks of {PACK}", 1.5), ("single_ns_a_report", "… one to a message", None),
                                ("silence_ns_a_device", "… a deadline that comes due", None)):
            lines.append(Line(f"h_{key.split('_')[0]}_ns_{devices}", town[key], "ns", f"{what}; beside: {base['devices']:,} devices",
                              beside=base[key], ratio=town[key] / base[key], at_most=goal if last else None))
    return lines
