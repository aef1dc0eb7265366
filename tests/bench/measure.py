# SPDX-License-Identifier: Apache-2.0
"""What the bench reads of the machine: CPU time and memory of processes, the state of their sockets, versions."""
import os
import platform
import subprocess
import sys
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
ESTABLISHED = "01"


def stat(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()


def cpu_s(pid):
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) * TICK_S


def tree_cpu_s(pid):
    """Of a postmaster: its own, its ended backends' and its running ones'."""
    fields = stat(pid)
    total = sum(map(int, fields[11:15])) * TICK_S
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        for child in f.read().split():
            try:
                total += cpu_s(child)
            except FileNotFoundError:
                pass    # it has ended meanwhile: the difference is that of one short query
    return total


def rss_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def sockets(port):
    """(established connections of clients, bytes on their way) to and from a local port.  Bytes on their way are what the
    clients have sent and the server has not read, and the other way round."""
    clients = waiting = 0
    with open("/proc/net/tcp") as f:
        next(f)
        for line in f:
            fields = line.split()
            local, remote = (int(fields[k].rpartition(":")[2], 16) for k in (1, 2))
            if port not in (local, remote) or fields[3] != ESTABLISHED:
                continue
            clients += remote == port
            waiting += sum(int(n, 16) for n in fields[4].split(":"))
    return clients, waiting


def await_settled(port):
    """Until nothing is on its way to or from the broker, twice in a row; returns when that was first so."""
    quiet_since = None
    while True:
        now = time.monotonic()
        if sockets(port)[1]:
            quiet_since = None
        elif quiet_since:
            return quiet_since
        else:
            quiet_since = now
        time.sleep(0.002)


def await_connected(port, before, process):
    """Until a client has connected beside the `before` ones; returns when."""
    while sockets(port)[0] <= before:
        if process.poll() not in (None, 0):
            raise SystemExit(f"{process.args[0]} ended with status {process.returncode}")
        time.sleep(0.001)
    return time.monotonic()


def output(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return (done.stdout.strip().splitlines() or [""])[0]
    except FileNotFoundError:
        return "not installed"


def package(name):
    return output("dpkg-query", "-W", "-f", "${Version}", name)


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as f:
        memory = int(next(f).split()[1]) // 1024
    return {"cores": os.cpu_count(), "cpu": model, "memory_mib": memory, "kernel": platform.release(),
            "postgresql": package("postgresql"), "mosquitto": package("mosquitto"), "paho": package("libpaho-mqtt1.3"),
            "compiler": output("cc", "--version"), "python": sys.version.split()[0], "node": output("node", "--version"),
            "load_at_start": os.getloadavg()[0]}
