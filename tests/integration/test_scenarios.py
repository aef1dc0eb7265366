# SPDX-License-Identifier: Apache-2.0
"""firewatchctl simulate: every scenario of tests/scenarios against its trace, which says line by line what the town of
tests/scenarios/town would live through.  UPDATE_TRACES=1 writes the traces anew; read the difference before it is
committed."""
import contextlib
import csv
import difflib
import glob
import os
import re
import subprocess

import psycopg2
import pytest

from harness import BUILD, ROOT, wait_equal

DONE, USAGE, UNREACHABLE = 0, 2, 3
FOLDER = os.path.join(ROOT, "tests", "scenarios")
NAMES = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(FOLDER, "*.txt")))
START = "2026-11-25T18:00:00+08:00"     # traces hold no other time


class Database:
    """A migrated database of its own, with a town."""

    def __init__(self, stack, name, town):
        self.stack, self.name = stack, name
        self.on_server(f"CREATE DATABASE {name}")
        self.dsn = stack.env["FIREWATCH_DSN"].replace("dbname=firewatch", f"dbname={name}")
        stack.ctl("db", "migrate", "--dsn", self.dsn)
        stack.ctl("import", town, "--dsn", self.dsn)

    def on_server(self, statement):
        with contextlib.closing(psycopg2.connect(self.stack.env["FIREWATCH_DSN"])) as db:
            db.autocommit = True
            db.cursor().execute(statement)

    def rows(self, query):
        with contextlib.closing(psycopg2.connect(self.dsn, options="-c search_path=firewatch")) as db, db.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def content(self):
        """Every row of every table, and every sequence, as one text each."""
        tables = self.rows("SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                           "WHERE n.nspname = 'firewatch' AND c.relkind IN ('r', 'p', 'S')")
        return {t: self.rows(f"SELECT count(*), md5(string_agg(ROW(t.*)::text, E'\\n' ORDER BY ROW(t.*)::text)) FROM {t} t")[0]
                for (t,) in tables}

    def simulate(self, scenario, *options, dsn=None, start=START):
        return self.stack.ctl("simulate", str(scenario), "--start", start, "--dsn", dsn or self.dsn, *options, check=False)

    def close(self):
        self.on_server(f"DROP DATABASE {self.name}")


@pytest.fixture(scope="module")
def town(shared_stack):
    database = Database(shared_stack, "scenarios", os.path.join(FOLDER, "town"))
    yield database
    database.close()


@pytest.fixture
def scenario(tmp_path):
    """Writes a scenario of the test's own: scenario(text) is its path."""
    def write(text):
        path = tmp_path / "scenario.txt"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# ---------------------------------------------------------------- the traces

@pytest.mark.parametrize("name", NAMES)
def test_trace(town, name):
    path = os.path.join(FOLDER, name + ".trace")
    done = town.simulate(os.path.join(FOLDER, name + ".txt"))
    assert done.returncode == DONE, done.stderr
    if os.environ.get("UPDATE_TRACES"):
        with open(path, "w", encoding="utf-8") as f:
            f.write(done.stdout)
    with open(path, encoding="utf-8") as f:
        wanted = f.read()
    assert done.stdout == wanted, "\n" + "".join(difflib.unified_diff(
        wanted.splitlines(True), done.stdout.splitlines(True), path, "what happens now", n=2))


def test_every_trace_has_its_scenario():
    assert NAMES
    assert sorted(os.path.basename(path)[:-6] for path in glob.glob(os.path.join(FOLDER, "*.trace"))) == NAMES


def lines(done):
    assert done.returncode == DONE, done.stderr
    return done.stdout.splitlines()


KITCHEN = "device chen-kitchen-smoke division 330106901201001\n"


def test_virtual_time_is_not_real_time(town, scenario):
    """A year passes in no time, and the core lives through it."""
    path = scenario(KITCHEN + "at 1s chen-kitchen-smoke raise FIRE\nat 2s verify chen-home false_alarm\n"
                    "at 3s close chen-home\nat 8760h chen-kitchen-smoke raise FIRE\n")
    told = lines(town.simulate(path))
    assert [line for line in told if line.startswith("+365d00h00min00.000s incident ")], told[-5:]


def test_who_is_paged_is_who_was_on_duty_then(town, scenario):
    """--start is the scenario's time 0: before 2024 nobody of the town is on duty."""
    path = scenario(KITCHEN + "at 1s chen-kitchen-smoke raise FIRE\n")
    now, then = (lines(town.simulate(path, start=t)) for t in (START, "2023-06-01T00:00:00Z"))
    assert sum(" sent" in line for line in now) == 2
    assert not any(" sent" in line for line in then)
    assert any("nobody is on duty as guardian" in line for line in then)


def test_without_a_start_it_begins_now(town, scenario):
    done = town.stack.ctl("simulate", str(scenario(KITCHEN + "at 1s chen-kitchen-smoke raise FIRE\n")), "--dsn", town.dsn)
    assert sum(" sent" in line for line in lines(done)) == 2


def test_the_settings_decide(town, scenario, tmp_path):
    path = scenario("device yixiang-smoke-1e{1..2} division 330106901001001\n"
                    "at 1s yixiang-smoke-1e1 raise FIRE\nat 31s yixiang-smoke-1e2 raise FIRE\n")
    config = tmp_path / "firewatchd.conf"
    for seconds, confirmed in ((30, 1), (29, 0)):
        config.write_text(f"[rules]\nconfirm_within_s = {seconds}s\n")
        told = lines(town.simulate(path, "--config", str(config)))
        assert sum(" confirmed by " in line for line in told) == confirmed
    config.write_text("[rules]\nconfirm_within_s = soon\n")
    done = town.simulate(path, "--config", str(config))
    assert done.returncode == USAGE and done.stderr.startswith(f"{config}:2: rules.confirm_within_s: ")


def test_a_window_that_the_town_has_stands(shared_stack, scenario):
    """A fire in it calls the guardian alone, and everybody once the simulation has ended it; its row stays as it was."""
    database = Database(shared_stack, "scenarios_window", os.path.join(FOLDER, "town"))
    try:
        shared_stack.ctl("window", "declare", "chen-home", "--mode", "test", "--reason", "practice", "--until", "+2h",
                         "--actor", "li", "--dsn", database.dsn)
        path = scenario(KITCHEN + "at 10s chen-kitchen-smoke raise FIRE\nat 30s end-window chen-home\nend 31s\n")
        told = lines(database.simulate(path, start="+1s"))
        sent = [line.split(" page chen-home ")[1] for line in told if line.endswith(" sent")]
        assert sorted(sent) == ["1.1 王秀兰 (guardian) sent", "2.1 李晓峰 (grid_member) sent", "2.1 王秀兰 (guardian) sent"]
        assert database.rows("SELECT ended_at, announced_at FROM test_window") == [(None, None)]
    finally:
        database.close()


def test_only_what_is_declared_is_missed(town, scenario):
    """A year without a word of anybody: of the town's devices the one that the file names is offline."""
    told = lines(town.simulate(scenario(KITCHEN + "end 8760h\n")))
    assert [line.split()[2] for line in told if " offline raised " in line] == ["chen-kitchen-smoke~offline~1795600800000000"]


# ---------------------------------------------------------------- it touches nothing

def test_nothing_is_written(town):
    """Every scenario, and not one row is another."""
    before = town.content()
    assert before["device"][0] > 20 and "alarm" in before
    for name in NAMES:
        assert town.simulate(os.path.join(FOLDER, name + ".txt")).returncode == DONE
    assert town.content() == before


def test_it_needs_no_right_to_write(town, scenario):
    town.on_server("CREATE ROLE scenario_reader LOGIN IN ROLE firewatch_operator")
    try:
        done = town.simulate(scenario(KITCHEN + "at 1s chen-kitchen-smoke raise FIRE\n"),
                             dsn=re.sub(r"user=\S+", "user=scenario_reader", town.dsn))
        assert sum(" sent" in line for line in lines(done)) == 2
    finally:
        town.on_server("DROP ROLE scenario_reader")


# ---------------------------------------------------------------- and the daemon does the same

def test_the_daemon_does_what_was_foretold(stack, site, scenario):
    """The same file, simulated and then sent to the daemon by firewatch-sim: the same alarms, incidents and pages."""
    path = scenario("".join(f"device {d} division {site.division} boot 7 component 42\n" for d in (site.a, site.b, site.c))
                    + f"device {site.gateway} division {site.division} boot 7\n"
                    f"at 0s    {site.a} raise FIRE text \"厨房\" duplicate 1\n"
                    f"at 50ms  {site.c} raise FIRE and raise TAMPER\n"
                    f"at 100ms {site.gateway} raise FAULT point 3 and raise MAINS_LOST\n"
                    f"at 150ms {site.a} restore FIRE\n"
                    f"at 200ms {site.b} raise FIRE\n"
                    f"at 250ms {site.gateway} restore MAINS_LOST\n")
    told = "\n".join(lines(stack.ctl("simulate", str(path), check=False)))
    alarms = {tuple(a) for a in re.findall(r" alarm (\S+) (\w+) raised ", told)}
    restored = set(re.findall(r" alarm (\S+) \w+ restored", told))
    pages = {tuple(p) for p in re.findall(rf" page {site.id} (\d+)\.(\d+) (.+) \((\w+)\) sent", told)}
    incidents = set(re.findall(r" incident (\S+) at", told))
    assert len(alarms) == 6 and len(restored) == 2 and len(pages) == 7 and len(incidents) == 1

    subprocess.run([os.path.join(BUILD, "firewatch-sim"), "--port", stack.env["FIREWATCH_MQTT_PORT"], str(path)], check=True,
                   capture_output=True)
    wait_equal(lambda: {tuple(r) for r in stack.rows(
        "SELECT alarm_id, class FROM firewatch.alarm_history WHERE site = %s", site.id)}, alarms)
    wait_equal(lambda: {r[0] for r in stack.rows(
        "SELECT alarm_id FROM firewatch.alarm_history WHERE site = %s AND state = 'restored'", site.id)}, restored)
    wait_equal(lambda: {tuple(map(str, r)) for r in stack.rows(
        "SELECT n.trigger, n.step, p.name, n.role FROM firewatch.notification n JOIN firewatch.person p USING (person) "
        "WHERE n.incident_id = %s AND n.state = 'delivered'", *incidents)}, pages)
    assert {r[0] for r in stack.rows(
        "SELECT incident_id FROM firewatch.incident_history WHERE site = %s", site.id)} == incidents


# ---------------------------------------------------------------- faults

def test_faults_are_told_by_line(town, scenario):
    path = scenario(KITCHEN + "at 1s verify chen-home perhaps\nat 2s sent maybe\nat 3s acknowledge\nat 4s nobody raise FIRE\n")
    done = town.simulate(path)
    assert done.returncode == USAGE and done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{path}:2: a verdict is real_fire, false_alarm, test, maintenance or unknown, not perhaps",
        f"{path}:3: behind sent comes ok or fail",
        f"{path}:4: a site is missing at the end of the line",
        f"{path}:5: device nobody is not declared before this line",
    ]


def test_what_cannot_be_read(town, scenario, tmp_path):
    path = scenario(KITCHEN)
    assert town.simulate(tmp_path / "none.txt").returncode == USAGE
    assert town.simulate(path, start="yesterday").returncode == USAGE
    assert town.simulate(path, dsn="host=127.0.0.1 port=1 dbname=none").returncode == UNREACHABLE


def test_the_simulator_refuses_what_no_device_does(scenario):
    path = scenario(KITCHEN + "at 1s chen-kitchen-smoke raise FIRE\nat 2s acknowledge chen-home\nat 3s database away\n"
                    "at 4s window chen-home test for 1h\nat 5s end-window chen-home\n")
    done = subprocess.run([os.path.join(BUILD, "firewatch-sim"), "--check", str(path)], capture_output=True, text=True)
    assert done.returncode == USAGE
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [f"{path}:{n}" for n in (3, 4, 5, 6)]


# ---------------------------------------------------------------- a large town

DEVICES, FIRES = 10_000, 40


def write_large_town(source, directory):
    """The people and policies of the small one, and ten devices in each of a thousand homes."""
    for path in glob.glob(os.path.join(source, "*.csv")):
        name = os.path.basename(path)
        if name not in ("sites.csv", "devices.csv", "duty.csv", "thresholds.csv"):
            with open(path, encoding="utf-8") as old, open(directory / name, "w", encoding="utf-8") as new:
                new.write(old.read())

    def write(name, head, rows):
        with open(directory / name, "w", newline="", encoding="utf-8") as f:
            csv.writer(f).writerows([head.split(","), *rows])

    write("sites.csv", "site,name,division,category", [
        (f"home-{h:04d}", f"{h} 号", "330106901201001", "elderly_household") for h in range(1000)])
    write("devices.csv", "device,site,zone,kind,heartbeat_s", [
        (f"d{n:05d}", f"home-{n // 10:04d}", f"zone {n % 10}", "smoke_alarm", 3600) for n in range(DEVICES)])
    with open(os.path.join(source, "duty.csv"), encoding="utf-8") as f:
        write("duty.csv", "division,site,role,person,starts_at,ends_at",
              [row for row in list(csv.reader(f))[1:] if not row[1]])


def test_a_day_of_a_large_town(shared_stack, tmp_path, record_property):
    """10,000 devices that say each hour that they live, and some fires: 240,000 reports."""
    folder = tmp_path / "town"
    folder.mkdir()
    write_large_town(os.path.join(FOLDER, "town"), folder)
    path = tmp_path / "day.txt"
    path.write_text(f"device d{{00000..{DEVICES - 1:05d}}} division 330106901201001 heartbeat 1h\n" + "".join(
        f"at {60 + k * 30}min d{k * 200:05d} raise FIRE\nat {75 + k * 30}min verify home-{k * 20:04d} false_alarm\n"
        for k in range(FIRES)) + "end 24h\n", encoding="utf-8")
    database = Database(shared_stack, "scenarios_large", str(folder))
    try:
        done = database.simulate(path, "--quiet")
    finally:
        database.close()
    assert done.returncode == DONE, done.stderr
    counts = {word: int(n) for word, n in re.findall(r"(\w+) (\d+)[,;]", done.stdout)}
    # Nobody is guardian: whoever is on duty in the village is paged in place, then village head, fire officer, station.
    assert counts["reports"] == DEVICES * 24 + FIRES
    assert (counts["alarms"], counts["incidents"]) == (FIRES, FIRES)
    assert counts["pages"] == counts["delivered"] >= 4 * FIRES
    assert (counts["duplicates"], counts["quarantined"], counts["failed"]) == (0, 0, 0)
    assert "1d00h00min00.000s in " in done.stdout
    record_property("simulate", done.stdout.strip())
    print(done.stdout)
