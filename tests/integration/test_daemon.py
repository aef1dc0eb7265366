# SPDX-License-Identifier: Apache-2.0
"""firewatchd as a program: its command line, its configuration, its signals, what it tells the service manager."""
import os
import signal
import socket
import subprocess

import pytest

from harness import BUILD, wait_until

FIREWATCHD = os.path.join(BUILD, "firewatchd")

FAULTS = [
    ("[mqtt]\nport = 70000\n", 2, "mqtt.port: must be from 1 to 65535"),
    ("[mqtt]\nprot = 1883\n", 2, "mqtt.prot: no such setting"),
    ("[mqtt]\nport = 1883\nport = 1884\n", 3, "mqtt.port: "),
    ("[nothing]\nport = 1\n", 1, "[nothing]: no such section"),
    ("[journal]\nsegment_bytes = 64 parsecs\n", 2, "journal.segment_bytes: must be a whole number"),
    ("[instance]\ndivisions = 330106,abc\n", 2, "instance.divisions: must be *, or codes"),
    ("[log]\nlevel = chatty\n", 2, "log.level: must be one of: error warning notice info debug"),
    ("[notify]\nallow_insecure = perhaps\n", 2, "notify.allow_insecure: must be yes or no"),
    ("[instance]\nname = \xff\n", 2, "not UTF-8 text"),
]


def run(*arguments):
    return subprocess.run([FIREWATCHD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")


@pytest.mark.parametrize("text,line,why", FAULTS, ids=[why.split(":")[0] + str(n) for n, (_, _, why) in enumerate(FAULTS)])
def test_a_fault_is_told_with_file_line_and_key(tmp_path, text, line, why):
    config = tmp_path / "bad.conf"
    config.write_bytes(text.encode("latin-1"))
    done = run("--config", str(config), "--check")
    assert done.returncode == 2
    assert f"{config}:{line}: {why}" in done.stderr
    assert run("--config", str(config)).returncode == 2


def test_a_missing_file_and_a_wrong_word_are_usage_faults(tmp_path):
    assert run("--config", str(tmp_path / "none.conf"), "--check").returncode == 2
    assert run("--no-such-option").returncode == 2
    assert run("--help").returncode == 0
    assert run("--version").stdout.startswith("firewatchd ")


def test_what_is_dumped_can_be_read_again_and_hides_secrets(tmp_path):
    config = tmp_path / "a.conf"
    config.write_text("[mqtt]\nusername = 中心\npassword = geheim\nport = 8883\n")
    dump = run("--config", str(config), "--dump-config")
    assert dump.returncode == 0 and "geheim" not in dump.stdout and "username = 中心" in dump.stdout
    again = tmp_path / "b.conf"
    again.write_text(dump.stdout)
    assert run("--config", str(again), "--check").returncode == 0
    assert run("--config", str(again), "--dump-config").stdout == dump.stdout


class Daemon:
    """A second daemon on the stack's servers, with a journal, an instance and a manager's socket of its own."""

    def __init__(self, stack, folder):
        self.folder = folder
        self.config = folder / "firewatchd.conf"
        with open(stack.env["FIREWATCH_CONF"]) as f:
            text = f.read()
        text = text.replace(stack.env["FIREWATCH_SOCKET"], str(folder / "control")).replace(
            stack.env["FIREWATCH_JOURNAL"], str(folder / "journal")).replace("name = stack", "name = second")
        # a division of its own: what the tests of the stack send is not its business
        self.config.write_text(text.replace("[instance]\n", "[instance]\ndivisions = 999999\n"))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(0.1)
        self.told = []
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(
            [FIREWATCHD, "--config", str(self.config)], stderr=self.log,
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "3000000"})

    def hears(self, word):
        try:
            self.told += self.manager.recv(4096).decode().split("\n")
        except socket.timeout:
            pass
        return word in self.told

    def wait_for(self, word):
        wait_until(lambda: self.hears(word), what=f"{word} to the service manager")
        self.told.clear()

    def says(self, text):
        with open(self.folder / "log") as f:
            return text in f.read()


@pytest.fixture
def daemon(stack, tmp_path):
    d = Daemon(stack, tmp_path)
    yield d
    if d.process.poll() is None:
        d.process.kill()
    d.process.wait()
    d.manager.close()
    d.log.close()


def test_the_service_manager_hears_of_every_state(daemon):
    daemon.wait_for("READY=1")
    daemon.wait_for("WATCHDOG=1")
    wait_until(lambda: daemon.hears("x") or any(t.startswith("STATUS=ready") for t in daemon.told), what="a status")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.says("taken over"))
    daemon.wait_for("RELOADING=1")
    daemon.process.send_signal(signal.SIGTERM)
    daemon.wait_for("STOPPING=1")
    assert daemon.process.wait(20) == 0


def test_a_bad_reload_changes_nothing_and_says_why(daemon):
    daemon.wait_for("READY=1")
    good = daemon.config.read_text()
    daemon.config.write_text(good + "\n[rules]\nconfirm_within_s = never\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.says("reload refused, the old settings stay"))
    assert daemon.says("rules.confirm_within_s: must be a whole number")
    daemon.config.write_text(good.replace("[mqtt]\n", "[mqtt]\nkeepalive_s = 60s\n"))
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.says("mqtt.keepalive_s and what else is not reloadable keeps its value until a restart"))
    assert daemon.process.poll() is None


def test_a_journal_has_one_owner(stack, daemon):
    daemon.wait_for("READY=1")
    second = run("--config", str(daemon.config))
    assert second.returncode == 1
    assert "cannot start: " in second.stderr and "journal" in second.stderr
    assert daemon.process.poll() is None
