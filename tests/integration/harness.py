# SPDX-License-Identifier: Apache-2.0
"""What the integration tests stand on: a real stack, a real HTTP receiver, devices that speak MQTT, and a small town.

Nothing here is a mock.  Tests wait for conditions, never for a time."""
import contextlib
import csv
import glob
import http.server
import importlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import paho.mqtt.client
import psycopg2
import psycopg2.extras

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("BUILD") or os.path.join(ROOT, "build", "san-address-undefined"))
TIMEOUT_S = 30      # of a wait for something that takes milliseconds on an idle machine

SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed")


def protobuf():
    """The module of proto/firewatch/v1, made by protoc when the tests start."""
    out = os.path.join(BUILD, "python")
    os.makedirs(out, exist_ok=True)
    proto = os.path.join(ROOT, "proto")
    subprocess.run(["protoc", "-I", proto, "--python_out", out, "firewatch/v1/firewatch.proto"], check=True)
    if out not in sys.path:
        sys.path.insert(0, out)
    return importlib.import_module("firewatch.v1.firewatch_pb2")


pb = protobuf()


def classification(output="json"):
    """What `firewatchctl classification list` prints; it needs no database."""
    return subprocess.run([os.path.join(BUILD, "firewatchctl"), "classification", "list", "--output", output],
                          check=True, capture_output=True, text=True, env={"FIREWATCH_DSN": "host=/nonexistent"}).stdout


def wait_until(condition, timeout_s=TIMEOUT_S, what=""):
    """The first true value of condition()."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(0.02)


def wait_equal(ask, wanted, timeout_s=TIMEOUT_S):
    """Waits until ask() == wanted; tells the last answer otherwise."""
    deadline = time.monotonic() + timeout_s
    while (value := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert value == wanted, f"{value} instead of {wanted}"
    return value


# ---------------------------------------------------------------- HTTP receiver

class Request:
    def __init__(self, path, headers, body):
        self.at = time.monotonic()
        self.person = path.strip("/")
        self.id = headers.get("Webhook-Id", "")
        self.type = headers.get("Content-Type", "")
        self.body = body
        self.json = json.loads(body)
        self.status = None      # what it was answered

    @property
    def incident(self):
        """The id of a page is its incident's, and behind it trigger, step, person and channel."""
        return self.id.rsplit("~", 4)[0]


class Receiver:
    """Answers pages and keeps them.  `answers[person]` is a list of (status, delay_s) to give first; then it is 200."""

    def __init__(self):
        self.requests = []
        self.answers = {}
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.path, self.headers, body)
                request.status, delay = receiver.take(request)
                if delay:
                    receiver.released.wait(delay)
                with contextlib.suppress(OSError):
                    self.send_response(request.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_):
                pass

        self.released = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None      # a sender that was killed resets its connection
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, request):
        with self.lock:
            self.requests.append(request)
            planned = self.answers.get(request.person)
            return planned.pop(0) if planned else (200, 0)

    def pages(self, person=None, incident=None):
        with self.lock:
            return [r for r in self.requests
                    if (person is None or r.person == person) and (incident is None or r.incident == incident)]

    def wait(self, person, incident=None, count=1, timeout_s=TIMEOUT_S):
        wait_until(lambda: len(self.pages(person, incident)) >= count, timeout_s,
                   f"{count} pages to {person} about {incident or 'anything'}")
        return self.pages(person, incident)

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


# ---------------------------------------------------------------- a town in code

class Site:
    """One of the test town's sites.  Detectors a and b share a zone, c is in another; gw is a gateway with children."""

    def __init__(self, number):
        self.id = f"site-{number:03d}"
        self.division = "330106001201001"
        self.guardian = f"guardian-{number:03d}"
        self.a, self.b, self.c = (f"s{number:03d}-{x}" for x in "abc")
        self.gateway = f"s{number:03d}-gw"
        self.children = [f"s{number:03d}-child{i}" for i in (1, 2)]


STEP_2_AFTER_S = 2      # soon enough to be waited for, late enough to be cancelled before


def write_town(directory, base_url, sites):
    def write(name, head, rows):
        with open(os.path.join(directory, name + ".csv"), "w", newline="", encoding="utf-8") as f:
            csv.writer(f).writerows([head.split(","), *rows])

    since = "2024-01-01T00:00:00+08:00"
    write("divisions", "division,parent,name,level", [
        ("330106", "", "西湖区", "district"), ("330106001", "330106", "测试镇", "town"),
        ("330106001201", "330106001", "东村", "village"), ("330106001201001", "330106001201", "东村第一网格", "grid")])
    write("sites", "site,name,division,category,risk,address,latitude,longitude,contact",
          [(s.id, f"测试场所 {s.id[-3:]}", s.division, "nursing_home", "high", "东村, \"1\" 号", "30.2", "120.1", "")
           for s in sites])
    write("devices", "device,parent,site,zone,kind,model,maker,installed_on,heartbeat_s", [
        row for s in sites for row in (
            [(d, "", s.id, "东", "smoke_alarm", "", "", "2024-05-01", 86400) for d in (s.a, s.b)]
            + [(s.c, "", s.id, "西", "smoke_alarm", "", "", "", "")]
            + [(s.gateway, "", s.id, "机房", "gateway", "", "", "", 86400)]
            + [(c, s.gateway, s.id, "北", "smoke_alarm", "", "", "", "") for c in s.children])])
    staff = ["grid", "head", "officer", "station"]
    write("people", "person,name,phone,email,webhook", [
        (p, "值班 " + p, "", "", f"{base_url}/{p}") for p in staff + [s.guardian for s in sites]])
    write("duty", "division,site,role,person,starts_at,ends_at", [
        ("330106001201", "", "grid_member", "grid", since, ""),
        ("330106001201", "", "village_head", "head", since, ""),
        ("330106001", "", "town_fire_officer", "officer", since, ""),
        ("330106", "", "fire_station", "station", since, ""),
        *((s.division, s.id, "guardian", s.guardian, since, "") for s in sites)])
    write("policies", "class,category,level,step,after_s,role,channel", [
        ("fire", "", "", 1, 0, "guardian", "webhook"), ("fire", "", "", 1, 0, "grid_member", "webhook"),
        ("fire", "", "", 2, STEP_2_AFTER_S, "village_head", "webhook"),
        ("fire", "", "", 3, 3600, "town_fire_officer", "webhook"), ("fire", "", "", 4, 7200, "fire_station", "webhook"),
        ("gas", "", "", 1, 0, "guardian", "webhook"), ("fault", "", "", 1, 86400, "grid_member", "webhook")])


# ---------------------------------------------------------------- the stack

class Stack:
    """deploy/stack in a folder of its own, with the daemon under sanitizers, the test town and a receiver."""

    def __init__(self, sites=4, settings=(), standby=False, prepare=lambda directory: ()):
        """prepare is called before anything runs; it returns what is to be in the daemon's environment."""
        self.directory = tempfile.mkdtemp(prefix="firewatch-")
        self.receiver = Receiver()
        self.sites = [Site(i) for i in range(sites)]
        self.unused = list(self.sites)
        self.log_checked = {}    # what of each daemon's log has been looked at
        self.mqtt = None
        town = os.path.join(self.directory, "town")
        os.mkdir(town)
        write_town(town, self.receiver.url, self.sites)
        settings = ["notify.retry_ms=200ms", *settings]
        try:
            environment = prepare(self.directory)
            self.run("up", self.directory, "--town", town, *(f"--set={s}" for s in settings),
                     *(f"--env={e}" for e in environment), *(["--standby"] if standby else []))
            self.mqtt = Mqtt(self.env["FIREWATCH_MQTT_HOST"], int(self.env["FIREWATCH_MQTT_PORT"]))
        except BaseException:
            self.close()
            raise

    def run(self, *arguments):
        done = subprocess.run([os.path.join(ROOT, "deploy", "stack"), *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**os.environ, "BUILD": BUILD}, text=True)
        assert done.returncode == 0, f"deploy/stack {' '.join(arguments)}:\n{done.stdout}"

    @property
    def env(self):
        with open(os.path.join(self.directory, "env")) as f:
            return dict(word.split("=", 1) for word in shlex.split(f.read()))

    @property
    def pid(self):
        return int(self.env["FIREWATCHD_PID"])

    def part_pid(self, part):
        with open(os.path.join(self.directory, "stack.json")) as f:
            return json.load(f)["processes"][part][0]

    @property
    def ports(self):
        with open(os.path.join(self.directory, "stack.json")) as f:
            return json.load(f)["ports"]

    def kill(self):
        """SIGKILL to the daemon, and start it again."""
        os.kill(self.pid, signal.SIGKILL)
        self.start("firewatchd")

    def start(self, part, wait=True):
        wait_until(lambda: part != "firewatchd" or not alive(self.pid))
        self.run("start", self.directory, part, *([] if wait else ["--no-wait"]))

    def ask(self, number=""):
        """The status of a daemon, from its control socket; None while it does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                s.connect(os.path.join(self.directory, f"control{number}.sock"))
                s.sendall(b"status\n")
                return json.loads(b"".join(iter(lambda: s.recv(65536), b"")))
        except (OSError, ValueError):
            return None

    def stop(self, part):
        self.run("stop", self.directory, part)

    def restart(self):
        self.run("restart-daemon", self.directory)

    def site(self):
        """A site that no other test has used."""
        return self.unused.pop(0)

    def ctl(self, *arguments, check=True):
        done = subprocess.run([os.path.join(BUILD, "firewatchctl"), *arguments], capture_output=True, text=True,
                              env={**os.environ, **self.env})
        told = f"firewatchctl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0 or not check, told
        return done

    # database

    def rows(self, query, *parameters):
        with contextlib.closing(psycopg2.connect(self.env["FIREWATCH_DSN"])) as db, db, \
                db.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def row(self, query, *parameters):
        """Waits for exactly one row."""
        found = wait_until(lambda: self.rows(query, *parameters), what=f"{query} {parameters}")
        assert len(found) == 1
        return found[0]

    def value(self, query, *parameters):
        return self.rows(query, *parameters)[0][0]

    # the end

    def log(self, part):
        try:
            with open(os.path.join(self.directory, part + ".log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def tails(self):
        return "".join(f"--- {part}\n" + "\n".join(self.log(part).splitlines()[-60:]) + "\n"
                       for part in ("firewatchd", "firewatchd2", "postgresql", "mosquitto"))

    def faults(self):
        """What no test may leave behind, since the last call: a sanitizer's report, or a daemon that died by itself."""
        found = self.reports()
        if not alive(self.pid):
            found.append("firewatchd is not running")
        return found

    def reports(self):
        found = []
        for part in ("firewatchd", "firewatchd2"):
            log = self.log(part)
            found += [line for line in log[self.log_checked.get(part, 0):].splitlines() if SANITIZER_REPORT.search(line)]
            self.log_checked[part] = len(log)
        return found

    def close(self):
        if self.mqtt:
            self.mqtt.close()
        self.receiver.close()
        try:
            self.run("down", self.directory)
            assert not self.reports(), self.tails()     # leaks are told at the end
        finally:
            shutil.rmtree(self.directory)


def alive(pid):
    """Some thread of it is left; a killed process holds its locks as long."""
    def runs(path):
        try:
            with open(path) as f:
                return f.read().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    return any(runs(path) for path in glob.glob(f"/proc/{pid}/task/*/stat"))


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(word) for word in f.read().split()]


# ---------------------------------------------------------------- devices

class Mqtt:
    """One MQTT 5 client for all devices of a test: publishes with QoS 1, keeps the receipts."""

    def __init__(self, host, port):
        self.receipts = {}
        self.lock = threading.Lock()
        self.client = paho.mqtt.client.Client(f"test-{random.getrandbits(32):08x}", protocol=paho.mqtt.client.MQTTv5)
        self.client.max_inflight_messages_set(1000)
        self.client.max_queued_messages_set(0)
        self.client.on_message = self.heard
        self.subscribed = threading.Event()
        self.client.on_connect = lambda client, *_: client.subscribe("fire/v1/+/+/receipt", 0)
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.connect(host, port)
        self.client.loop_start()
        assert self.subscribed.wait(TIMEOUT_S), "cannot subscribe"

    def heard(self, _client, _userdata, message):
        receipt = pb.Receipt.FromString(message.payload)
        with self.lock:
            self.receipts.setdefault(message.topic.split("/")[3], []).extend(receipt.entries)

    def entries(self, topic_device, device=None, boot_id=None):
        with self.lock:
            return [e for e in self.receipts.get(topic_device, ())
                    if (device is None or e.device_id == device) and (boot_id is None or e.boot_id == boot_id)]

    def publish(self, topic, payload):
        sent = self.client.publish(topic, payload, qos=1)
        assert sent.rc == 0, sent.rc
        return sent

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Device:
    """A device, or a gateway's child: numbers its reports, and publishes on its own topic or its gateway's."""

    def __init__(self, stack, name, via=None, division="330106001201001", boot_id=1):
        self.stack, self.name, self.via, self.division = stack, name, via or name, division
        self.boot_id, self.sequence = boot_id, 0

    def report(self, *, events=(), readings=(), **fields):
        """A Report with the next sequence.  events: (condition, active) or fields; readings: (quantity, value)."""
        if "sequence" not in fields:
            self.sequence += 1
        values = {"boot_id": self.boot_id, "sequence": self.sequence, "observed_at_ms": int(time.time() * 1000),
                  "device_id": self.name if self.via != self.name else ""}
        report = pb.Report(**{**values, **fields})
        for event in events:
            report.events.add(**(event if isinstance(event, dict) else {"condition": event[0], "active": event[1]}))
        for quantity, value in readings:
            report.readings.add(quantity=quantity, value=value)
        return report

    def send(self, *reports, lane=None):
        """Publishes and returns the last report."""
        if lane is None:
            lane = "alarm" if any(r.events for r in reports) else "telemetry"
        self.publish(pb.Uplink(reports=reports).SerializeToString(), lane)
        return reports[-1]

    def publish(self, payload, lane="alarm"):
        return self.stack.mqtt.publish(f"fire/v1/{self.division}/{self.via}/{lane}", payload)

    def raises(self, condition, **fields):
        return self.send(self.report(events=[{"condition": condition, "active": True, **fields}]))

    def restores(self, condition, **fields):
        return self.send(self.report(events=[{"condition": condition, "active": False, **fields}]))

    def id(self, report):
        """What incidents and alarms are named after."""
        return f"{self.name}~{report.boot_id}~{report.sequence}"

    def recorded(self, report):
        """The report's row, when it has come."""
        return self.stack.row("SELECT * FROM report WHERE device = %s AND boot_id = %s AND seq(sequence) = %s",
                              self.name, report.boot_id, report.sequence)
