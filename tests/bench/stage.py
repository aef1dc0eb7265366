# SPDX-License-Identifier: Apache-2.0
"""The stack the sections measure on, and the moves they share: register, queue, drain."""
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
os.environ.setdefault("BUILD", "build")
import harness  # noqa: E402
import measure  # noqa: E402

DIVISION = "330106001201001"        # the daemon's
OTHER_DIVISION = "330106001201002"  # of those it is compared with
DAEMON_WAIT_S = 600
WAL_SEGMENTS = 128                  # of 16 MiB
harness.STEP_2_AFTER_S = 3600       # the first page is measured; nobody is to be called again


def progress(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def quiet_broker(directory):
    """It does not save its queue, a hundred megabytes and more, to the one disk while others are measured."""
    with open(os.path.join(directory, "mosquitto.extra"), "w") as f:
        f.write("autosave_interval 0\n")
    return ()


class Stage(harness.Stack):
    """A stack whose daemon serves one division, with nobody else at the broker."""

    def __init__(self, sites=4, settings=()):
        super().__init__(sites=sites, settings=[f"instance.divisions={DIVISION}", *settings], prepare=quiet_broker)
        self.mqtt.close()
        self.mqtt = None
        self.boot = 0
        self.fill_wal()

    def fill_wal(self):
        """The server of one that has run for a while: it has WAL segments to use again.  To make one takes every commit
        that waits for it 30 ms."""
        self.execute(f"ALTER SYSTEM SET min_wal_size = '{WAL_SEGMENTS * 16}MB'", "ALTER SYSTEM SET max_wal_size = '8GB'",
                     "SELECT pg_reload_conf()", *["SELECT pg_logical_emit_message(true, '', ''), pg_switch_wal()"] * WAL_SEGMENTS,
                     "CHECKPOINT")

    @property
    def broker_port(self):
        return int(self.env["FIREWATCH_MQTT_PORT"])

    def status(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self.env["FIREWATCH_SOCKET"])
            s.sendall(b"status\n")
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))

    def telemetry(self):
        return self.status()["lanes"]["telemetry"]

    def register(self, prefix, count, pack=1):
        """Devices of the publisher's names, supervised by their kinds' heartbeats; of a pack above 1 each gateway has `pack` children."""
        gateway = f"'{prefix}gw' || lpad(((i - 1) / {pack})::text, 7, '0')" if pack > 1 else "NULL"
        if pack > 1:
            self.execute(f"INSERT INTO device (device, kind, site, division) SELECT '{prefix}gw' || lpad((i - 1)::text, 7, '0'), "
                         f"'gateway', 'site-000', '{DIVISION}' FROM generate_series(1, {(count + pack - 1) // pack}) i")
        self.execute(f"INSERT INTO device (device, kind, parent, site, division) SELECT '{prefix}' || lpad((i - 1)::text, 7, '0'), "
                     f"'smoke_alarm', {gateway}, 'site-000', '{DIVISION}' FROM generate_series(1, {count}) i")
        self.execute("ANALYZE device")

    def execute(self, *statements):
        connection = harness.psycopg2.connect(self.env["FIREWATCH_DSN"])
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET search_path = firewatch, public")
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def fresh_reports(self):
        """Empties the table of reports and leaves no work behind for what is measured next."""
        self.execute("TRUNCATE report", "CHECKPOINT")

    def publish(self, division, prefix, devices, pack, reports, *, text=False, wait=True, boot=None, first=1):
        if boot is None:
            self.boot += 1
            boot = self.boot
        command = [os.path.join(harness.BUILD, "bench", "publish"), str(self.broker_port), division, prefix, str(devices),
                   str(pack), str(reports), str(boot), str(first), *(["text"] if text else [])]
        process = subprocess.Popen(command)
        if wait and process.wait() != 0:
            raise SystemExit("publish failed")
        return process

    def start_daemon(self):
        """Returns when it connected to the broker."""
        before = measure.sockets(self.broker_port)[0]
        starting = subprocess.Popen([os.path.join(harness.ROOT, "deploy", "stack"), "start", self.directory, "firewatchd"],
                                    stdout=subprocess.DEVNULL, env={**os.environ, "BUILD": harness.BUILD})
        connected = measure.await_connected(self.broker_port, before, starting)
        if starting.wait() != 0:
            raise SystemExit(f"the daemon did not start\n{self.tails()}")
        return connected

    def wal_bytes(self):
        return int(self.value("SELECT pg_current_wal_lsn() - '0/0'"))

    def await_commits(self, messages, reports):
        """Follows the daemon's counters since its start; returns (the broker's last PUBACK, the last commit)."""
        acknowledged = told = None
        while True:
            lane = self.telemetry()
            now = time.monotonic()
            if acknowledged is None and lane["mqtt"]["received"] >= messages:
                acknowledged = measure.await_settled(self.broker_port)
            database = lane["database"]
            if lane["reports"] >= reports and database["gathered_rows"] + database["under_way_rows"] == 0:
                if acknowledged is not None:
                    return acknowledged, now
            if told is None or now - told > 10:
                told = now
                progress(f"    {lane['reports']:,} of {reports:,} reports decided, {database['rows']:,} rows recorded")
            time.sleep(0.05 if lane["reports"] < 0.95 * reports else 0.01)

    def drain(self, messages, reports):
        """Starts the daemon on its queue and measures until all is acknowledged and committed."""
        postgresql = self.part_pid("postgresql")
        wal, database_cpu = self.wal_bytes(), measure.tree_cpu_s(postgresql)
        connected = self.start_daemon()
        acknowledged, committed = self.await_commits(messages, reports)
        recorded = self.value("SELECT count(*) FROM firewatch.report")
        if recorded != reports:
            raise SystemExit(f"{recorded} rows of {reports} reports")
        return {"seconds": max(acknowledged, committed) - connected, "puback_s": acknowledged - connected,
                "commit_s": committed - connected, "cpu_s": measure.cpu_s(self.pid),
                "postgresql_cpu_s": measure.tree_cpu_s(postgresql) - database_cpu,
                "peak_bytes": measure.peak_bytes(self.pid), "wal_bytes": self.wal_bytes() - wal,
                "disk_bytes": self.report_bytes(), "reports": reports}

    def report_bytes(self):
        return int(self.value("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('firewatch.report') WHERE isleaf"))
