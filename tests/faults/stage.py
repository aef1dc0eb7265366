# SPDX-License-Identifier: Apache-2.0
"""The stack under test and everything that can be done to it.  One thread does it all, so that what was done when is known.

A fault is a method named after it; it returns how it is ended, or None when there is nothing to end."""
import ctypes
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psycopg2
from harness import BUILD, Stack, alive, children, wait_until

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
BACK_WITHIN_S = 60
DAEMONS = ("firewatchd", "firewatchd2")
DAEMON_SETTINGS = [
    "database.retry_max_ms=1s", "mqtt.retry_max_ms=1s", "mqtt.keepalive_s=5", "journal.segment_bytes=256KiB",
    "journal.alarm_quota_bytes=1MiB", "journal.telemetry_quota_bytes=1MiB", "journal.keep_s=5s", "mqtt.max_payload_bytes=64KiB", "notify.retry_max_ms=2s",
    "notify.timeout_ms=3s",
]


def adopt_orphans():
    """The servers outlive `deploy/stack`, which started them: this process adopts and reaps them."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def clock_environment(directory):
    """The daemon's clock is this one's plus what is in a file."""
    sanitizer = []
    if "san-" in BUILD:     # it has to come first
        sanitizer = [subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()]
    return ["LD_PRELOAD=" + ":".join([*sanitizer, FAKETIME]), "FAKETIME_TIMESTAMP_FILE=" + os.path.join(directory, "clock"),
            "FAKETIME_CACHE_DURATION=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]


class Stage:
    def __init__(self, random, tell, sites, faults, two_daemons=False, alarm_quota=None):
        self.random, self.tell = random, tell
        self.has_clock = os.path.exists(FAKETIME) and any("clock" in f for f in faults)
        self.has_standby = any(f.startswith(("failover", "standby")) for f in faults)
        self.two_daemons = two_daemons
        self.proxy = None
        self.failures = []          # what went wrong by itself
        self.stopped = {}           # pid: what it is, of those under SIGSTOP
        self.expected_dead = set()  # pids that were killed here
        self.broker_lost = 0        # times that the broker may have forgotten what it had acknowledged
        self.primary = "postgresql"
        self.fleet = None
        self.build_stack(sites)

    def build_stack(self, sites):
        mqtt, first, second = free_ports(3)
        ports = f"{first},{second}" if self.has_standby else str(first)
        hosts = "127.0.0.1,127.0.0.1" if self.has_standby else "127.0.0.1"
        dsn = f"host={hosts} port={ports} dbname=firewatch user=firewatchd target_session_attrs=read-write"
        settings = [*DAEMON_SETTINGS, f"mqtt.port={mqtt}", f"database.dsn={dsn}"]
        self.stack = Stack(sites=sites, settings=settings, standby=self.has_standby, prepare=lambda directory: self.prepare(
            directory, [f"mqtt={mqtt}:mosquitto", f"sql={first}:postgresql", f"sql2={second}:postgresql2"]))
        self.directory = self.stack.directory
        if self.two_daemons:
            self.control("start", "firewatchd2")

    def prepare(self, directory, places):
        """Before the stack is started: what the daemon is led through.  Returns its environment."""
        self.proxy = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "proxy.py"),
             os.path.join(directory, "stack.json"), *places],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.proxy.stdout.readline() == "ok\n", "the proxy did not start"
        if not self.has_clock:
            return []
        self.clock_path = os.path.join(directory, "clock")
        self.set_clock(0)
        return clock_environment(directory)

    def let_go(self):
        self.network_is_back()
        self.go_on(list(self.stopped))

    def close(self):
        self.let_go()
        try:
            self.stack.run("down", self.directory)
        finally:
            self.stack.mqtt.close()
            self.stack.receiver.close()
            self.proxy.stdin.close()
            self.proxy.wait()
            self.clean_up_after_clock()

    def clean_up_after_clock(self):
        """A daemon that was killed leaves the clock's shared memory behind."""
        for pid in self.expected_dead:
            for path in glob.glob(f"/dev/shm/faketime_shm_{pid}") + glob.glob(f"/dev/shm/sem.faketime_sem_{pid}"):
                os.unlink(path)

    # ------------------------------------------------------------ processes

    def control(self, *words):
        """One command of deploy/stack."""
        command, *rest = words
        self.stack.run(command, self.directory, *rest)

    def pid(self, part):
        return self.stack.part_pid(part)

    def reap(self, pid):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass

    def send(self, pids, sign):
        for pid in pids:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass

    def halt(self, pids, name):
        for pid in pids:
            self.stopped[pid] = name
        self.send(pids, signal.SIGSTOP)
        return lambda: self.go_on(pids)

    def go_on(self, pids):
        self.send([pid for pid in pids if self.stopped.pop(pid, None)], signal.SIGCONT)

    def kill(self, pids):
        """SIGKILL, until they are gone."""
        self.expected_dead.update(pids)
        self.send(pids, signal.SIGKILL)
        for pid in pids:
            self.stopped.pop(pid, None)
        self.await_end(pids)

    def await_end(self, pids):
        def gone():
            for pid in pids:
                self.reap(pid)
            return not any(alive(pid) for pid in pids)

        wait_until(gone, BACK_WITHIN_S, f"the end of {pids}")

    def family(self, part):
        pid = self.pid(part)
        try:
            return [pid, *children(pid)]
        except (FileNotFoundError, ProcessLookupError):
            return [pid]

    # ------------------------------------------------------------ the daemon

    def daemons(self):
        return DAEMONS if self.two_daemons else DAEMONS[:1]

    def watch_daemons(self):
        """One that died by itself is a failure; it is started again, as the service manager would."""
        for part in self.daemons():
            pid = self.pid(part)
            if alive(pid):
                continue
            self.reap(pid)
            self.failures.append(f"{part} (pid {pid}) ended by itself")
            self.tell(f"FAILURE {self.failures[-1]}")
            self.control("start", part, "--no-wait")

    def status(self, part="firewatchd"):
        path = os.path.join(self.directory, "control2.sock" if part.endswith("2") else "control.sock")
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(path)
                s.sendall(b"status\n")
                return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
        except (OSError, ValueError):
            return None

    def is_active(self, part):
        status = self.status(part)
        return bool(status) and status["lanes"]["alarm"]["mqtt"]["up"]

    def daemon_kill(self):
        part = self.random.choice(self.daemons())
        self.kill([self.pid(part)])
        self.control("start", part, "--no-wait")

    def daemon_stop(self):
        part = self.random.choice(self.daemons())
        return self.halt([self.pid(part)], part)

    # ------------------------------------------------------------ PostgreSQL

    def ask(self, server, query):
        port = self.stack.ports[server]
        with psycopg2.connect(f"host=127.0.0.1 port={port} user=firewatch dbname=firewatch connect_timeout=5") as db:
            db.autocommit = True
            with db.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall() if cursor.description else None

    @property
    def standby(self):
        return "postgresql2" if self.primary == "postgresql" else "postgresql"

    def postgresql_stop(self):
        return self.halt(self.family(self.primary), self.primary)

    def standby_stop(self):
        """Nothing can be committed while it is away: the primary waits for it."""
        return self.halt(self.family(self.standby), self.standby) if self.has_standby else None

    def backend_kill(self):
        """The postmaster then ends all the others, and recovers."""
        try:
            pids = [pid for pid, in self.ask(self.primary, "SELECT pid FROM pg_stat_activity WHERE usename = 'firewatchd'")]
        except psycopg2.Error:
            return
        if pids:
            self.send([self.random.choice(pids)], signal.SIGKILL)

    def postgresql_crash(self):
        pids = self.family(self.primary)
        if self.random.random() < 0.5:
            self.send(pids[:1], signal.SIGQUIT)     # immediate shutdown
        else:
            self.send(pids[:1], signal.SIGKILL)
        self.await_end(pids)
        return lambda part=self.primary: self.control("start", part)

    def postgresql_restart(self):
        self.control("stop", self.primary)
        return lambda part=self.primary: self.control("start", part)

    def quota(self):
        """PostgreSQL stays away while more comes than the journal holds."""
        self.control("stop", self.primary)
        self.fleet.storms += 6
        return lambda part=self.primary: self.control("start", part)

    def failover_crash(self):
        self.send(self.family(self.primary)[:1], signal.SIGQUIT)
        self.await_end([self.pid(self.primary)])
        return self.promote(self.primary)

    def failover_hang(self):
        """The primary answers nothing and closes nothing; it never comes back to life, it is fenced."""
        self.halt(self.family(self.primary), self.primary)
        return self.promote(self.primary)

    def promote(self, old):
        self.primary = self.standby
        self.control("promote", self.primary)
        return lambda: self.follow(old)

    def follow(self, old):
        pids = [pid for pid in self.family(old) if alive(pid)]
        self.kill(pids)
        self.control("follow", old)

    # ------------------------------------------------------------ the broker

    def broker_stop(self):
        return self.halt([self.pid("mosquitto")], "mosquitto")

    def broker_restart(self):
        self.control("stop", "mosquitto")
        return lambda: self.control("start", "mosquitto")

    def broker_kill(self):
        """It forgets what it has acknowledged since it last saved."""
        self.broker_lost += 1
        self.kill([self.pid("mosquitto")])
        return lambda: self.control("start", "mosquitto")

    # ------------------------------------------------------------ the network

    def network(self, name, mode):
        self.proxy.stdin.write(f"{name} {mode}\n")
        self.proxy.stdin.flush()
        assert self.proxy.stdout.readline() == "ok\n", "the proxy is gone"

    def network_is_back(self):
        for name in ("mqtt", "sql", "sql2"):
            self.network(name, "pass")

    def cut(self, names, mode):
        for name in names:
            self.network(name, mode)
        return None if mode == "reset" else lambda: [self.network(name, "pass") for name in names]

    def mqtt_stall(self):
        return self.cut(["mqtt"], "stall")

    def mqtt_dead(self):
        return self.cut(["mqtt"], "dead")

    def mqtt_reset(self):
        return self.cut(["mqtt"], "reset")

    def sql_stall(self):
        return self.cut(["sql", "sql2"], "stall")

    def sql_dead(self):
        return self.cut(["sql", "sql2"], "dead")

    def sql_reset(self):
        return self.cut(["sql", "sql2"], "reset")

    # ------------------------------------------------------------ the clock

    def set_clock(self, seconds):
        with open(self.clock_path + ".new", "w") as f:
            f.write(f"{seconds:+d}\n")
        os.replace(self.clock_path + ".new", self.clock_path)

    def step(self, seconds):
        if not self.has_clock:
            return None
        self.tell(f"the daemon's clock {seconds:+d} s")
        self.set_clock(seconds)
        return lambda: self.set_clock(0)

    def clock_ahead(self):
        return self.step(self.random.choice([5, 90, 3700]))

    def clock_behind(self):
        return self.step(-self.random.choice([5, 90, 3700]))
