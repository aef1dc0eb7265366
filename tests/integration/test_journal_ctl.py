# SPDX-License-Identifier: Apache-2.0
"""firewatchctl journal: what an investigator reads from the files, while the daemon runs and after an accident."""
import base64
import contextlib
import csv
import glob
import hashlib
import io
import json
import os
import re
import shutil

import psycopg2
import pytest

from harness import Device, pb, wait_equal

FIRE = pb.CONDITION_FIRE
DONE, NOTHING, USAGE, UNREACHABLE, REFUSED = range(5)


@pytest.fixture(name="journal")
def journal_fixture(stack):
    return os.path.join(stack.directory, "journal")


def listed(stack, journal, *arguments):
    return json.loads(stack.ctl("journal", "show", journal, *arguments, "--output", "json").stdout)


def written(stack, device, count=5):
    """So many reports of a device, on record."""
    sent = [device.raises(FIRE, text="冒烟") for _ in range(count)]
    for report in sent:
        device.recorded(report)
    return sent


@pytest.fixture(name="copy")
def copy_fixture(journal, tmp_path):
    """A copy of the files as a person makes one while the daemon runs."""
    def make():
        shutil.copytree(journal, tmp_path / "copy")
        return str(tmp_path / "copy")
    return make


def test_show_names_what_came(stack, site, journal):
    sent = written(stack, Device(stack, site.a))
    rows = listed(stack, journal, "--device", site.a)
    assert [r["lane"] for r in rows] == ["alarm"] * len(sent)
    assert [r["position"] for r in rows] == sorted({r["position"] for r in rows})
    for row, report in zip(rows, sent):
        assert row["topic"].split("/")[3:] == [site.a, "alarm"]
        assert row["reports"] == f"{report.boot_id}.{report.sequence} +fire"
        assert row["bytes"] == len(pb.Uplink(reports=[report]).SerializeToString())
    assert listed(stack, os.path.join(journal, "alarm"), "--device", site.a) == rows
    text = stack.ctl("journal", "show", journal, "--device", site.a, "--output", "csv").stdout
    assert [r["position"] for r in csv.DictReader(io.StringIO(text))] == [str(r["position"]) for r in rows]
    limited = stack.ctl("journal", "show", journal, "--device", site.a, "--limit", "2", "--output", "json")
    assert json.loads(limited.stdout) == rows[:2] and "more than 2" in limited.stderr
    later = listed(stack, journal, "--device", site.a, "--since", rows[2]["received_at"])
    assert later == [r for r in rows if r["received_at"] >= rows[2]["received_at"]]
    none = stack.ctl("journal", "show", journal, "--device", "no-such", check=False)
    assert (none.returncode, none.stdout) == (NOTHING, "")


def test_verify_tells_damage_by_position(stack, site, journal, copy):
    written(stack, Device(stack, site.a))
    sound = stack.ctl("journal", "verify", journal).stdout      # the daemon appends to it
    assert "alarm journal=" in sound and "damage=0" in sound and "damage=1" not in sound
    folder = copy()
    rows = listed(stack, os.path.join(folder, "alarm"), "--limit", "100000")
    victim, behind = rows[-3], rows[-2]
    same = [r for r in rows if r["topic"] == victim["topic"]]
    name = flip(os.path.join(folder, "alarm"), victim["topic"].encode(), same.index(victim))
    done = stack.ctl("journal", "verify", folder, check=False)
    assert done.returncode == NOTHING
    assert f"alarm damaged from={victim['position']} to={behind['position']}\n" in done.stdout, (name, done.stdout)
    left = listed(stack, os.path.join(folder, "alarm"), "--limit", "100000")
    assert left == [r for r in rows if r != victim]


def flip(folder, topic, number):
    """Flips a bit in the topic of the record of that number among those of that topic; the name of its file."""
    starts = []
    for name in sorted(glob.glob(os.path.join(folder, "*.journal"))):
        with open(name, "rb") as f:
            starts += [(name, m.start()) for m in re.finditer(re.escape(topic), f.read())]
    name, at = starts[number]
    with open(name, "r+b") as f:
        f.seek(at)
        f.write(bytes([topic[0] ^ 1]))
    return name


def test_export_is_evidence(stack, site, journal, tmp_path):
    sent = written(stack, Device(stack, site.a))
    path = str(tmp_path / "evidence.jsonl")
    told = stack.ctl("journal", "export", journal, path, "--device", site.a).stdout
    with open(path, "rb") as f:
        *lines, last = f.read().splitlines(keepends=True)
    summary = json.loads(last)
    assert summary == {"records": len(sent), "lost": 0, "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    assert summary["sha256"] in told
    uplinks = [pb.Uplink.FromString(base64.b64decode(json.loads(line)["payload"])) for line in lines]
    assert [list(u.reports) for u in uplinks] == [[r] for r in sent]
    assert [json.loads(line)["position"] for line in lines] == [
        r["position"] for r in listed(stack, journal, "--device", site.a)]
    assert stack.ctl("journal", "export", journal, path, check=False).returncode == USAGE   # never written over


def test_replay_hands_over_once(stack, site, journal):
    sent = written(stack, Device(stack, site.a))
    replay = lambda: stack.ctl("journal", "replay", journal, "--device", site.a, "--actor", "审计员").stdout
    assert replay() == f"{len(sent)} handed over, {len(sent)} of them new\n"
    assert replay() == f"{len(sent)} handed over, 0 of them new\n"
    rows = stack.rows("SELECT journal_position, received_at, payload, replay_by FROM quarantined"
                      " WHERE device = %s AND reason = 'handed_over' ORDER BY journal_position", site.a)
    assert [pb.Uplink.FromString(bytes(r["payload"])).reports[0] for r in rows] == sent
    assert {r["replay_by"] for r in rows} == {"审计员"}
    assert [r["journal_position"] for r in rows] == [r["position"] for r in listed(stack, journal, "--device", site.a)]
    assert {r["received_at"] for r in rows} == {
        t for t, in stack.rows("SELECT received_at FROM report WHERE device = %s", site.a)}
    wait_equal(lambda: stack.value("SELECT count(*) FROM report WHERE device = %s", site.a), len(sent))


def test_any_topic_is_handed_over(stack):
    """A topic has up to 64 KiB, a key of PostgreSQL not."""
    topic = f"fire/v1/330106001201001/{os.urandom(20000).hex()}/alarm"
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db, db, db.cursor() as cursor:
        cursor.execute("SELECT firewatch.hand_over('{0}', '{4711}', '{1}', '{0}', ARRAY[now()], ARRAY[%s], ARRAY[''::bytea], 'x')",
                       (topic,))
        assert cursor.fetchone() == (1,)
    wait_equal(lambda: stack.value("SELECT device FROM quarantined WHERE topic = %s AND reason = 'handed_over'", topic), "-")


@pytest.mark.parametrize("arguments, code", [
    (["show", "/no/such"], USAGE), (["verify", "/no/such"], USAGE), (["show"], USAGE), (["export", "/tmp"], USAGE),
    (["show", "/proc/self"], USAGE), (["replay", "/no/such", "--dsn", "host=/no/such"], UNREACHABLE)])
def test_faults_have_their_codes(stack, arguments, code):
    done = stack.ctl("journal", *arguments, check=False)
    assert done.returncode == code and done.stdout == "" and done.stderr.startswith("firewatchctl: "), done.stderr
