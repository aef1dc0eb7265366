# SPDX-License-Identifier: Apache-2.0
"""The work of (a) by what a user might do instead: a Node.js consumer, and collectd.  What they need is fetched into build/
when they run; nothing is installed on the machine."""
import glob
import json
import os
import subprocess
import time

import measure
from sections import SINGLE_DEVICES, SINGLE_REPORTS, Line, median
from stage import OTHER_DIVISION, Stage, harness, progress

COLLECTD_REPORTS = 30_000
COLLECTD_WAIT_S = 600
DEBIAN_PACKAGES = ("collectd-core", "libmosquitto1")
PACKAGES = {"mqtt": "^5", "protobufjs": "^7", "pg": "^8"}


# ---------------------------------------------------------------- Node.js

def installed():
    """The folder that holds the packages."""
    folder = os.path.join(harness.BUILD, "bench", "node")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "package.json"), "w") as f:
        json.dump({"private": True, "dependencies": PACKAGES}, f)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return os.path.join(folder, "node_modules")


def start(stage, modules, wanted):
    with_database = dict(word.split("=") for word in stage.env["FIREWATCH_DSN"].split())
    url = "postgres://{user}@{host}:{port}/{dbname}".format(**with_database)
    process = subprocess.Popen(
        ["node", os.path.join(harness.ROOT, "tests", "bench", "consumer.js"), str(stage.broker_port),
         f"fire/v1/{OTHER_DIVISION}/+/telemetry", url, str(wanted), os.path.join(harness.ROOT, "proto/firewatch/v1/firewatch.proto")],
        env={**os.environ, "NODE_PATH": modules}, stdout=subprocess.PIPE, text=True)
    return process


def drain(stage, modules, count):
    stage.execute("TRUNCATE consumed", "CHECKPOINT")
    before = measure.sockets(stage.broker_port)[0]
    process = start(stage, modules, count)
    connected = measure.await_connected(stage.broker_port, before, process)
    if "received\n" not in process.stdout:
        raise SystemExit("consumer.js ended early")
    committed = time.monotonic()
    settled = measure.await_settled(stage.broker_port)
    result = {"seconds": max(settled, committed) - connected, "cpu_s": measure.cpu_s(process.pid)}
    assert stage.value("SELECT count(*) FROM firewatch.consumed") == count
    process.kill()
    process.wait()
    return result


def lines_node(run):
    modules, count, got = installed(), run.scaled(SINGLE_REPORTS), []
    stage = Stage()
    try:
        stage.execute("CREATE TABLE consumed (device text, boot_id bigint, sequence bigint, observed_at bigint, value float8, "
                      "PRIMARY KEY (device, boot_id, sequence))")
        process = start(stage, modules, 0)
        assert process.stdout.readline() == "subscribed\n"
        process.kill()
        process.wait()
        for k in range(run.runs):
            progress(f"(node) run {k + 1}: {count:,} messages to Node.js")
            stage.publish(OTHER_DIVISION, "n", SINGLE_DEVICES, 1, count)
            got.append(drain(stage, modules, count))
    finally:
        stage.close()
    ours, rate = run.singles()["daemon"], count / median(got, "seconds")
    daemon = count / median(ours, "seconds")
    return [Line("node_reports_per_s", rate, "/s", "(a) by Node.js, acknowledged before it is committed; beside: the daemon",
                 beside=daemon, ratio=rate / daemon),
            Line("node_cpu_s", median(got, "cpu_s"), "s", "CPU time of Node.js; beside: the daemon", beside=median(ours, "cpu_s"),
                 ratio=median(got, "cpu_s") / median(ours, "cpu_s"))]


# ---------------------------------------------------------------- collectd

COLLECTD_CONF = """
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
PluginDir "{unpacked}/usr/lib/collectd"
TypesDB "{unpacked}/usr/share/collectd/types.db"
LoadPlugin mqtt
LoadPlugin postgresql
<Plugin mqtt>
  <Subscribe "queue">
    Host "127.0.0.1"
    Port {broker_port}
    ClientId "bench-collectd"
    CleanSession false
    QoS 1
    Topic "+/telemetry/gauge"
  </Subscribe>
</Plugin>
<Plugin postgresql>
  <Writer rows>
    Statement "INSERT INTO collected SELECT c.at, c.host, c.values[1] FROM (VALUES ($1::timestamptz, $2, $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::float8[])) c(at, host, plugin, plugin_instance, type, type_instance, names, types, values) ON CONFLICT DO NOTHING"
  </Writer>
  <Database {dbname}>
    Host "{host}"
    Port {port}
    User "{user}"
    SSLMode "disable"
    Writer rows
    CommitInterval 1
  </Database>
</Plugin>
"""


def unpacked():
    """The folder that holds Debian's collectd, taken out of its packages: an installed one would be started by systemd."""
    folder = os.path.join(harness.BUILD, "bench", "collectd")
    if not os.path.exists(os.path.join(folder, "usr/sbin/collectd")):
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", *DEBIAN_PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        for package in glob.glob(os.path.join(folder, "*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return os.path.abspath(folder)


def start_collectd(stage, root):
    conf = os.path.join(stage.directory, "collectd.conf")
    with_database = dict(word.split("=") for word in stage.env["FIREWATCH_DSN"].split())
    with open(conf, "w") as f:
        f.write(COLLECTD_CONF.format(folder=stage.directory, unpacked=root, broker_port=stage.broker_port, **with_database))
    libraries = glob.glob(os.path.join(root, "usr/lib/*-linux-gnu"))
    with open(os.path.join(stage.directory, "collectd.log"), "a") as log:
        return subprocess.Popen([os.path.join(root, "usr/sbin/collectd"), "-f", "-C", conf], stdout=log, stderr=log,
                                env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries), "PGOPTIONS": "-c search_path=firewatch"})


def await_rows(stage, process, count, which):
    """collectd commits when something comes after its interval has passed, so something does."""
    stage.mqtt = harness.Mqtt("127.0.0.1", stage.broker_port)
    deadline = time.monotonic() + COLLECTD_WAIT_S
    while stage.value(f"SELECT count(*) FROM firewatch.collected WHERE {which}") < count:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"collectd did not record all; see {stage.directory}/collectd.log")
        stage.mqtt.publish("tick/telemetry/gauge", f"{time.time():.3f}:1".encode())
        time.sleep(0.25)
    stage.mqtt.close()
    stage.mqtt = None


def drain_collectd(stage, root, count):
    stage.execute("TRUNCATE collected", "CHECKPOINT")
    before = measure.sockets(stage.broker_port)[0]
    process = start_collectd(stage, root)
    connected = measure.await_connected(stage.broker_port, before, process)
    await_rows(stage, process, count, "device <> 'tick'")
    result = {"seconds": time.monotonic() - connected, "cpu_s": measure.cpu_s(process.pid)}
    stop(process)
    return result


def stop(process):
    process.terminate()
    process.wait()


def lines_collectd(run):
    root, count, got = unpacked(), run.scaled(COLLECTD_REPORTS), []
    stage = Stage()
    try:
        stage.execute("CREATE TABLE collected (at timestamptz, device text, value float8, PRIMARY KEY (device, at))")
        process = start_collectd(stage, root)
        await_rows(stage, process, 1, "device = 'tick'")    # it has subscribed, and says nothing of it
        stop(process)
        for k in range(run.runs):
            progress(f"(collectd) run {k + 1}: {count:,} messages to collectd")
            stage.publish(OTHER_DIVISION, f"k{k}", SINGLE_DEVICES, 1, count, text=True)
            got.append(drain_collectd(stage, root, count))
    finally:
        stage.close()
    ours = run.singles()["daemon"]
    rate, daemon = count / median(got, "seconds"), run.scaled(SINGLE_REPORTS) / median(ours, "seconds")
    cpu, daemon_cpu = median(got, "cpu_s") / count * 1e6, median(ours, "cpu_s") / run.scaled(SINGLE_REPORTS) * 1e6
    return [Line("collectd_reports_per_s", rate, "/s", "one value each, its own text form, by collectd; beside: the daemon",
                 beside=daemon, ratio=rate / daemon),
            Line("collectd_cpu_s", cpu, "s", "CPU time of collectd a million values; beside: the daemon", beside=daemon_cpu,
                 ratio=cpu / daemon_cpu)]
