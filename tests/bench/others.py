# SPDX-License-Identifier: Apache-2.0
"""The work of (a) by what a user might write instead: a Node.js consumer, its packages installed into build/ when it runs."""
import json
import os
import subprocess
import time

import measure
from sections import SINGLE_DEVICES, SINGLE_REPORTS, Line, median
from stage import OTHER_DIVISION, Stage, harness, progress

PACKAGES = {"mqtt": "^5", "protobufjs": "^7", "pg": "^8"}


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


def lines_n(run):
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
            progress(f"(n) run {k + 1}: {count:,} messages to Node.js")
            stage.publish(OTHER_DIVISION, "n", SINGLE_DEVICES, 1, count)
            got.append(drain(stage, modules, count))
    finally:
        stage.close()
    ours, rate = run.singles()["daemon"], count / median(got, "seconds")
    daemon = count / median(ours, "seconds")
    return [Line("n_reports_per_s", rate, "/s", "(a) by Node.js, acknowledged before it is committed; beside: the daemon",
                 beside=daemon, ratio=rate / daemon),
            Line("n_cpu_s", median(got, "cpu_s"), "s", "CPU time of Node.js; beside: the daemon", beside=median(ours, "cpu_s"),
                 ratio=median(got, "cpu_s") / median(ours, "cpu_s"))]
