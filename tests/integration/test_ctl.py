# SPDX-License-Identifier: Apache-2.0
"""firewatchctl on a live stack: lists, stories and acts, in all formats, with their exit codes."""
import csv
import fcntl
import io
import json
import os
import pty
import pwd
import struct
import subprocess
import termios
import unicodedata

import pytest

from harness import BUILD, Device, pb, wait_equal, wait_until

FIRE = pb.CONDITION_FIRE
DONE, NOTHING, USAGE, UNREACHABLE, REFUSED = range(5)
CONTROL = "\x1b[2J\x9b31m"
TEXT = '厨房冒烟, "很大"' + CONTROL


def burning(stack, device, text=TEXT):
    """Raises a fire and waits until it is on record; the incident's id."""
    fire = device.id(device.raises(FIRE, text=text))
    stack.row("SELECT 1 FROM incident_history WHERE incident_id = %s", fire)
    stack.row("SELECT 1 FROM alarm_history WHERE incident_id = %s", fire)
    return fire


def columns(text):
    """Terminal columns, by Python's own tables."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def at_column(line, column):
    """What stands from a terminal column on, or None inside a character."""
    for i in range(len(line) + 1):
        if columns(line[:i]) == column:
            return line[i:]
    return None


def listed(stack, *arguments):
    return json.loads(stack.ctl(*arguments, "--output", "json").stdout)


def ids(stack, *arguments):
    """Incident ids of `alarm list`; a list that finds nothing exits with 1."""
    done = stack.ctl("alarm", "list", *arguments, "--output", "json", check=False)
    found = [a["incident_id"] for a in json.loads(done.stdout)]
    assert done.returncode == (DONE if found else NOTHING), done.stderr
    assert bool(found) != ("nothing found" in done.stderr)
    return found


def on_terminal(stack, *arguments, width=100):
    """What a terminal of that width is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    with subprocess.Popen([os.path.join(BUILD, "firewatchctl"), *arguments], stdout=slave,
                          env={**os.environ, **stack.env}) as process:
        os.close(slave)
        sent = b""
        try:
            while chunk := os.read(master, 65536):
                sent += chunk
        except OSError:     # EIO: the other end is closed
            pass
    os.close(master)
    assert process.returncode == DONE
    return sent.decode().replace("\r\n", "\n")


# ---------------------------------------------------------------- lists

@pytest.mark.parametrize("command, view", [
    ("alarm", "alarm_history"), ("incident", "incident_history"), ("device", "device_state")])
def test_json_has_the_columns_of_the_view(stack, site, command, view):
    device = Device(stack, site.a)
    burning(stack, device)
    wait_until(lambda: stack.value("SELECT last_seen_at FROM device_state WHERE device = %s", site.a))
    row, = listed(stack, command, "list", "--device", site.a)
    wanted = dict(stack.row(f"SELECT * FROM {view} WHERE device = %s", site.a))
    assert list(row) == list(wanted)
    for key, value in wanted.items():
        if hasattr(value, "isoformat"):
            assert row[key] == value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z", key
        else:
            assert (row[key], type(row[key])) == (value, type(value)), key


def test_csv_says_the_same_as_json(stack, site):
    burning(stack, Device(stack, site.a))
    told = listed(stack, "alarm", "list", "--site", site.id)
    text = subprocess.run([os.path.join(BUILD, "firewatchctl"), "alarm", "list", "--site", site.id, "--output", "csv"],
                          capture_output=True, env={**os.environ, **stack.env}, check=True).stdout.decode()
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    shown = {None: "", True: "true", False: "false"}
    assert rows == [{k: v if isinstance(v, str) else shown[v] if v is None or isinstance(v, bool) else str(v)
                     for k, v in row.items()} for row in told]
    assert rows[0]["text"] == TEXT


def test_text_is_aligned_also_with_chinese(stack, site):
    other = stack.site()
    burning(stack, Device(stack, site.a))
    burning(stack, Device(stack, other.a), text="short")
    head, *rows = stack.ctl("alarm", "list", "--class", "fire").stdout.splitlines()
    assert len(rows) >= 2 and not any(line != line.rstrip() for line in rows)
    column = columns(head[:head.index("  text") + 2])
    assert {at_column(line, column) for line in rows} >= {"short", '厨房冒烟, "很大"?[2J?31m'}


def test_no_control_character_reaches_a_terminal(stack, site):
    fire = burning(stack, Device(stack, site.a), text="长" * 30 + CONTROL)
    sent = on_terminal(stack, "alarm", "list", "--site", site.id, width=140)
    assert "…" in sent and all(columns(line) <= 140 for line in sent.splitlines())
    for command in (("alarm", "list", "--site", site.id), ("incident", "show", fire), ("alarm", "show", fire + "~0")):
        for output in ("text", "json", "csv"):
            sent = on_terminal(stack, *command, "--output", output)
            assert "长" in sent
            assert not [c for c in sent if unicodedata.category(c) == "Cc" and c not in "\r\n"], (command, output)
    piped = stack.ctl("alarm", "list", "--site", site.id).stdout
    assert "长" * 30 in piped and "…" not in piped


def test_filters(stack, site):
    other = stack.site()
    device = Device(stack, site.a)
    fire, elsewhere = burning(stack, device), burning(stack, Device(stack, other.a))
    everywhere = ["--limit", "1000"]
    assert ids(stack, "--site", site.id) == ids(stack, "--device", site.a) == [fire]
    assert {fire, elsewhere} <= set(ids(stack, *everywhere))
    for division in ("330106", "330106001201", site.division):
        assert {fire, elsewhere} <= set(ids(stack, "--division", division, *everywhere))
    assert ids(stack, "--division", "330199") == []
    assert ids(stack, "--site", "no-such-site") == []
    assert ids(stack, "--site", site.id, "--class", "fire", "--state", "active") == [fire]
    assert ids(stack, "--site", site.id, "--class", "gas") == ids(stack, "--site", site.id, "--state", "restored") == []
    received = listed(stack, "alarm", "list", "--site", site.id)[0]["received_at"]
    assert ids(stack, "--site", site.id, "--since", received) == [fire]
    assert ids(stack, "--site", site.id, "--until", received) == []
    assert ids(stack, "--site", site.id, "--since", "2h") == ids(stack, "--site", site.id, "--since=30min") == [fire]
    assert ids(stack, "--site", site.id, "--until", "1d") == []
    device.restores(FIRE)
    wait_equal(lambda: ids(stack, "--site", site.id, "--state", "restored"), [fire])


def test_the_limit_is_told(stack, site):
    for name in (site.a, site.c):
        Device(stack, name).raises(FIRE)
    wait_equal(lambda: len(ids(stack, "--site", site.id)), 2)
    done = stack.ctl("alarm", "list", "--site", site.id, "--limit", "1", "--output", "json")
    assert len(json.loads(done.stdout)) == 1 and "more than 1; --limit shows more" in done.stderr
    assert not stack.ctl("alarm", "list", "--site", site.id, "--limit", "2").stderr


def test_gaps_hold_sequences_exactly(stack, site):
    device = Device(stack, site.a)
    top = 2**64 - 2
    device.recorded(device.send(device.report()))
    device.recorded(device.send(device.report(sequence=top)))
    gap = wait_until(lambda: stack.rows("SELECT * FROM sequence_gap WHERE device = %s ORDER BY first_missing", site.a))
    rows = listed(stack, "gap", "list", "--device", site.a)
    assert [(r["first_missing"], r["last_missing"]) for r in rows] == [
        (int(g["first_missing"]), int(g["last_missing"])) for g in gap]
    assert rows[-1]["last_missing"] == top - 1


# ---------------------------------------------------------------- stories

def test_the_story_of_an_incident(stack, site):
    device = Device(stack, site.a)
    fire = burning(stack, device)
    stack.receiver.wait(site.guardian, fire)
    query = "SELECT state FROM notification_history WHERE incident_id = %s AND person = %s"
    wait_equal(lambda: [n["state"] for n in stack.rows(query, fire, site.guardian)], ["delivered"])
    stack.ctl("incident", "acknowledge", fire, "--actor", "王秀兰", "--note", "我在路上")

    shown = stack.ctl("incident", "show", fire).stdout
    thing, alarms, notifications, timeline = shown.split("\n\n")
    assert f"incident_id       {fire}\n" in thing and "acknowledged_by   王秀兰" in thing
    assert alarms.startswith("alarms: 1\n") and f"{fire}~0" in alarms and "厨房冒烟" in alarms
    assert site.guardian in notifications and "cancelled" in notifications and "delivered" in notifications
    *_, last = timeline.splitlines()
    assert "acknowledged" in last and "王秀兰" in last and "我在路上" in last

    story = listed(stack, "incident", "show", fire)
    assert (story["incident_id"], story["alarm_count"], story["confirmed"]) == (fire, 1, False)
    assert [a["alarm_id"] for a in story["alarms"]] == [fire + "~0"] and story["alarms"][0]["text"] == TEXT
    assert {n["person"]: n["state"] for n in story["notifications"]}[site.guardian] == "delivered"
    assert [t["entry"] for t in story["timeline"]] == sorted(t["entry"] for t in story["timeline"])

    rows = list(csv.DictReader(io.StringIO(stack.ctl("incident", "show", fire, "--output", "csv").stdout), strict=True))
    assert list(rows[0]) == ["part", "row", "name", "value"]
    told = {(r["part"], int(r["row"]), r["name"]): r["value"] for r in rows}
    assert told["incident", 1, "state"] == "acknowledged"
    assert told["timeline", len(story["timeline"]), "actor"] == "王秀兰"


def test_a_device_and_its_alarms(stack, site):
    device = Device(stack, site.a)
    fire = burning(stack, device)
    assert [a["incident_id"] for a in listed(stack, "device", "show", site.a)["alarms"]] == [fire]
    device.restores(FIRE)
    wait_equal(lambda: listed(stack, "device", "show", site.a)["alarms"], [])
    assert "alarms: 0\n" in stack.ctl("device", "show", site.a).stdout
    assert site.a in stack.ctl("device", "list", "--site", site.id, "--state", "claimed").stdout


def test_quarantine(stack, site):
    device = Device(stack, site.a)
    garbage = b"\xff\x00\x1b[2Jgarbage"
    device.publish(garbage)
    stack.row("SELECT 1 FROM quarantine WHERE device = %s", site.a)
    row, = listed(stack, "quarantine", "list", "--device", site.a)
    assert row["payload_bytes"] == len(garbage) and "payload" not in row
    name = row["quarantine_id"]
    assert listed(stack, "quarantine", "show", name)["payload"] == garbage.hex()
    assert garbage.hex() in stack.ctl("quarantine", "show", name).stdout
    stack.ctl("quarantine", "replay", name, "--actor", "test")
    wait_until(lambda: listed(stack, "quarantine", "show", name)["replay_outcome"])
    assert stack.ctl("quarantine", "show", "no-such", check=False).returncode == NOTHING


# ---------------------------------------------------------------- acts and exit codes

def code(stack, *arguments):
    done = stack.ctl(*arguments, check=False)
    assert done.returncode == DONE or done.stderr.startswith("firewatchctl: "), "a refusal says why"
    return done.returncode


def state(stack, fire):
    return stack.value("SELECT state FROM incident_history WHERE incident_id = %s", fire)


def test_acts_and_their_exit_codes(stack, site):
    fire = burning(stack, Device(stack, site.a))
    by = ["--actor", "test"]
    assert code(stack, "incident", "close", fire, *by) == REFUSED
    assert (code(stack, "incident", "acknowledge", fire, *by), state(stack, fire)) == (DONE, "acknowledged")
    assert code(stack, "incident", "acknowledge", fire, *by) == NOTHING
    assert code(stack, "incident", "verify", fire, "nonsense", *by) == USAGE
    done = stack.ctl("incident", "verify", fire, "test", *by, "--output", "json")
    assert json.loads(done.stdout) == {"incident_id": fire, "done": True}
    assert code(stack, "incident", "verify", fire, "test", *by) == NOTHING
    assert (code(stack, "incident", "close", fire, *by), state(stack, fire)) == (DONE, "closed")
    assert code(stack, "incident", "close", fire, *by) == NOTHING
    assert code(stack, "incident", "acknowledge", fire, *by) == REFUSED
    assert code(stack, "incident", "acknowledge", "no~such~incident", *by) == NOTHING
    assert code(stack, "incident", "acknowledge", fire, "--actor", " ") == USAGE


@pytest.mark.parametrize("arguments", [
    (), ("alarm",), ("alarm", "dance"), ("alarm", "list", "--color", "red"), ("alarm", "list", "--note", "x"),
    ("alarm", "list", "--output", "xml"), ("alarm", "list", "--limit", "0"), ("alarm", "list", "--limit", "1e3"),
    ("alarm", "list", "--since", "yesterday"), ("alarm", "list", "--until", "2h ago"), ("alarm", "list", "--since", "-2h"),
    ("alarm", "list", "--state", "open"), ("alarm", "list", "--class", "fier"), ("alarm", "list", "extra"),
    ("alarm", "list", "--site", "a", "--site", "b"), ("alarm", "list", "--site", ""), ("alarm", "list", "--device="),
    ("alarm", "list", "--division", ""), ("alarm", "list", "--since", ""), ("explain", "alarm", "x", "--output", ""), ("incident", "verify", "x"), ("status", "--output", "csv"),
], ids=" ".join)
def test_usage(stack, arguments):
    assert code(stack, *arguments) == USAGE


def test_an_act_is_always_somebodys(stack, site):
    fire = burning(stack, Device(stack, site.a))
    env = {k: v for k, v in os.environ.items() if k != "USER"}
    ctl = [os.path.join(BUILD, "firewatchctl"), "incident"]
    subprocess.run([*ctl, "acknowledge", fire], env={**env, **stack.env}, check=True)
    account = pwd.getpwuid(os.geteuid()).pw_name
    assert listed(stack, "incident", "show", fire)["acknowledged_by"] == account
    subprocess.run([*ctl, "verify", fire, "test"], env={**env, **stack.env, "USER": "wang"}, check=True)
    assert listed(stack, "incident", "show", fire)["verified_by"] == "wang"


def test_who_may_not_is_refused(stack):
    dsn = stack.env["FIREWATCH_DSN"] + " options='-c role=firewatch_api'"
    assert stack.ctl("device", "list", "--dsn", dsn).stdout
    assert code(stack, "quarantine", "replay", "x", "--actor", "test", "--dsn", dsn) == REFUSED


def test_unreachable(stack, tmp_path):
    assert code(stack, "alarm", "list", "--dsn", f"host={tmp_path}") == UNREACHABLE
    assert code(stack, "status", "--socket", str(tmp_path / "none")) == UNREACHABLE
    assert code(stack, "status", "--socket", "/" + "x" * 200) == UNREACHABLE


def test_status(stack):
    told = listed(stack, "status")
    assert told["ready"] is True and told["pid"] == stack.pid
    lines = dict(line.split(None, 1) for line in stack.ctl("status").stdout.splitlines())
    assert lines["ready"] == "true" and lines["pid"] == str(stack.pid) and lines["lanes.alarm.mqtt.up"] == "true"
