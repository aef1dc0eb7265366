# SPDX-License-Identifier: Apache-2.0
"""Test and maintenance windows as a person declares and ends them: firewatchctl, its functions, and who may; then what the
daemon makes of them."""
import contextlib
import datetime
import json
import select

import psycopg2
import psycopg2.errors
import pytest

from harness import Device, pb, wait_equal, wait_until

DONE, NOTHING, USAGE, UNREACHABLE, REFUSED = range(5)
REASON = "年检:喷淋放水"
BY = ["--actor", "维保 李工"]


def declare(stack, site, *options, mode="test", until="+2h", check=True):
    """The exit code and the window's id."""
    done = stack.ctl("window", "declare", site, "--mode", mode, "--reason", REASON, "--until", until, *BY, *options,
                     "--output", "json", check=False)
    assert done.returncode == DONE or not check, done.stderr
    return done, json.loads(done.stdout)["window_id"] if done.stdout else None


def refused(stack, site, *options, **fields):
    done, _ = declare(stack, site, *options, check=False, **fields)
    assert not done.stdout and done.stderr.startswith("firewatchctl: database: ")
    return done.returncode, done.stderr


def shown(stack, window):
    return json.loads(stack.ctl("window", "show", window, "--output", "json").stdout)


def listed(stack, *arguments):
    done = stack.ctl("window", "list", *arguments, "--output", "json", check=False)
    rows = json.loads(done.stdout)
    assert done.returncode == (DONE if rows else NOTHING)
    return [row["window_id"] for row in rows]


def moment(**ahead):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)).isoformat()


@contextlib.contextmanager
def listening(stack, channel):
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db:
        db.autocommit = True
        db.cursor().execute(f"LISTEN {channel}")

        def heard():
            select.select([db], [], [], 0)
            db.poll()
            return [n.payload for n in db.notifies]

        yield heard


@contextlib.contextmanager
def cursor_as(stack, role):
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"] + f" options='-c role={role}'")) as db:
        db.autocommit = True
        yield db.cursor()


def test_declared_shown_and_ended(stack, site):
    with listening(stack, "firewatch_window") as heard:
        done, window = declare(stack, site.id, "--zone", "东")
        wait_until(lambda: window in heard())
        told = shown(stack, window)
        assert {k: told[k] for k in ("site", "site_name", "division", "zone", "device", "mode", "state", "reason", "declared_by",
                                     "ended_at", "announced_at", "alarms")} == {
            "site": site.id, "site_name": f"测试场所 {site.id[-3:]}", "division": site.division, "zone": "东", "device": "",
            "mode": "test", "state": "active", "reason": REASON, "declared_by": BY[1], "ended_at": None,
            "announced_at": None, "alarms": []}
        assert REASON in stack.ctl("window", "show", window).stdout
        before = len(heard())
        ended = stack.ctl("window", "end", window, *BY, "--note", "提前结束", "--output", "json")
        assert json.loads(ended.stdout) == {"window_id": window, "done": True}
        wait_until(lambda: len(heard()) > before)
    told = shown(stack, window)
    assert (told["state"], told["ended_by"], told["note"]) == ("ended", BY[1], "提前结束")
    assert told["starts_at"] < told["ended_at"] < told["ends_at"]
    again = stack.ctl("window", "end", window, "--actor", "另一人", check=False)
    assert again.returncode == NOTHING and "was over before" in again.stderr
    for then in (told, now := shown(stack, window)):
        then.pop("announced_at")    # by the daemon, whenever it hears of it
    assert now == told, "the first to end it did"


def test_the_same_again_is_the_same_window(stack, site):
    at = ["--from", moment(hours=1)]
    until = moment(hours=3)
    _, window = declare(stack, site.id, *at, until=until)
    done, again = declare(stack, site.id, *at, until=until, check=False)
    assert (done.returncode, again) == (NOTHING, window) and "was declared before" in done.stderr
    others = {declare(stack, site.id, *at, until=until, mode="maintenance")[1],
              declare(stack, site.id, *at, "--zone", "东", until=until)[1],
              declare(stack, site.id, *at, "--device", site.a, until=until)[1],
              declare(stack, site.id, *at, until=moment(hours=4))[1]}
    assert len(others | {window}) == 5
    stack.ctl("window", "end", window, *BY)
    assert declare(stack, site.id, *at, until=until)[1] not in others | {window}, "what was called off may be declared anew"


def test_states_and_filters(stack, site):
    other = stack.site()
    planned = declare(stack, site.id, "--from", "+1h")[1]
    active = declare(stack, site.id, "--device", site.c)[1]
    ended = declare(stack, site.id, mode="maintenance")[1]
    elsewhere = declare(stack, other.id)[1]
    stack.ctl("window", "end", ended, *BY)
    here = ["--site", site.id]
    assert listed(stack, *here, "--state", "planned") == [planned]
    assert listed(stack, *here, "--state", "active") == [active]
    assert listed(stack, *here, "--state", "ended") == [ended]
    assert set(listed(stack, *here)) == {planned, active, ended}
    assert listed(stack, "--device", site.c) == [active]
    assert listed(stack, *here, "--since", "+30min") == [planned]
    assert set(listed(stack, *here, "--until", "+30min")) == {active, ended}
    assert elsewhere in listed(stack, "--division", "330106") and not listed(stack, *here, "--division", "330107")
    assert REASON in stack.ctl("window", "list", *here).stdout
    # a planned one is called off before it has begun
    stack.ctl("window", "end", planned, *BY)
    assert listed(stack, *here, "--state", "planned") == []


def test_what_is_over_cannot_be_ended(stack, site):
    window = declare(stack, site.id)[1]
    stack.rows("UPDATE test_window SET starts_at = now() - interval '2h', ends_at = now() - interval '1s'"
               " WHERE window_id = %s RETURNING 1", window)
    assert shown(stack, window)["state"] == "ended"
    done = stack.ctl("window", "end", window, *BY, check=False)
    assert done.returncode == NOTHING and shown(stack, window)["ended_by"] is None


def test_places_that_are_not(stack, site):
    other = stack.site()
    assert refused(stack, "无此场所") == (NOTHING, "firewatchctl: database: no site 无此场所\n")
    assert refused(stack, site.id, "--zone", "南") == (NOTHING, f"firewatchctl: database: no zone 南 in site {site.id}\n")
    assert refused(stack, site.id, "--device", "none") == (NOTHING, "firewatchctl: database: no device none\n")
    assert refused(stack, site.id, "--device", other.a) == (
        USAGE, f"firewatchctl: database: device {other.a} is not of site {site.id} but of {other.id}\n")
    assert refused(stack, site.id, "--device", site.a, "--zone", "西") == (
        USAGE, f"firewatchctl: database: device {site.a} is not in zone 西 but in 东\n")
    assert listed(stack, "--site", site.id) == []
    declare(stack, site.id, "--device", site.a, "--zone", "东")
    assert stack.ctl("window", "end", "none", *BY, check=False).returncode == NOTHING
    assert stack.ctl("window", "show", "none", check=False).returncode == NOTHING


def test_times_that_make_no_sense(stack, site):
    for options, until, why in (
            (["--from", "2h"], "+1h", "cannot begin in the past"),
            (["--from", moment(minutes=-2)], "+1h", "cannot begin in the past"),
            ([], "1s", "cannot end in the past"),
            (["--from", "+2h"], "+1h", "must end after it begins"),
            (["--from", "+1h"], moment(days=7, hours=1, minutes=1), "at most 7 days"),
            ([], "+8d", "at most 7 days")):
        code, told = refused(stack, site.id, *options, until=until)
        assert code == USAGE and why in told, (options, until, told)
    for until in ("tomorrow", "+", "+2", "++2h", "+-2h"):
        done = stack.ctl("window", "declare", site.id, "--mode", "test", "--reason", "x", "--until", until, *BY, check=False)
        assert done.returncode == USAGE and "is no time" in done.stderr
    assert listed(stack, "--site", site.id) == []
    # just inside: a minute's difference of clocks, and seven days to the second
    declare(stack, site.id, "--from", moment(seconds=-30))
    begin = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    declare(stack, site.id, "--from", begin.isoformat(), until=(begin + datetime.timedelta(days=7)).isoformat())


def test_nothing_goes_without_saying(stack, site):
    whole = {"--mode": "test", "--reason": "x", "--until": "+1h", "--actor": "李"}
    for without, why in (("--mode", "mode must be"), ("--reason", "needs a reason"), ("--until", "needs an end")):
        options = [word for name, value in whole.items() if name != without for word in (name, value)]
        done = stack.ctl("window", "declare", site.id, *options, check=False)
        assert done.returncode == USAGE and why in done.stderr, without
    # an empty zone would be the whole site
    for name, value in (("--mode", "party"), ("--reason", " "), ("--actor", " "), ("--actor", ""), ("--zone", ""),
                        ("--device", "")):
        options = [word for pair in {**whole, name: value}.items() for word in pair]
        assert stack.ctl("window", "declare", site.id, *options, check=False).returncode == USAGE, name
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="needs an end"):
        stack.rows("SELECT declare_window(%s, '', '', 'test', 'x', NULL, 'infinity', '李')", site.id)
    assert listed(stack, "--site", site.id) == []
    window = declare(stack, site.id)[1]
    assert stack.ctl("window", "end", window, "--actor", " ", check=False).returncode == USAGE
    assert shown(stack, window)["state"] == "active"


def test_who_may(stack, site):
    call = "SELECT window_id FROM declare_window(%s, '', '', 'test', 'x', NULL, now() + interval '1h', '李')"
    for role in ("firewatch_operator", "firewatch_api"):
        with cursor_as(stack, role) as db:
            db.execute(call, [site.id])
            window, = db.fetchone()
            db.execute("SELECT end_window(%s, '李')", [window])
            db.execute("SELECT state FROM test_window_history WHERE window_id = %s", [window])
            assert db.fetchone() == ("ended",)
            for statement in ("UPDATE test_window SET ends_at = now()", "DELETE FROM test_window", "SELECT * FROM test_window"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    db.execute(statement)
    with cursor_as(stack, "firewatch_daemon") as db:
        db.execute("UPDATE test_window SET announced_at = now() WHERE window_id = %s", [window])
        assert db.rowcount == 1
        for statement in ("UPDATE test_window SET ends_at = now()", "DELETE FROM test_window",
                          "SELECT end_window('x', 'y')", "SELECT declare_window('x', '', '', 'test', 'x', NULL, now(), 'y')"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                db.execute(statement)


def test_nobody_deletes(stack, site):
    window = declare(stack, site.id)[1]
    for statement in ("DELETE FROM test_window WHERE window_id = %s", "TRUNCATE test_window"):
        with pytest.raises(psycopg2.Error, match="rows of test_window stay") as refusal:
            stack.rows(statement, *([window] if "%s" in statement else []))
        assert refusal.value.pgcode == "FW001"
    with pytest.raises(psycopg2.errors.CheckViolation):
        stack.rows("UPDATE test_window SET ends_at = starts_at + interval '7 days 1 second' WHERE window_id = %s", window)
    assert listed(stack, "--site", site.id) == [window]


def test_what_was_raised_in_it(stack, site):
    """Half-open: an alarm at its beginning is in it, one at its end is not."""
    window = declare(stack, site.id, "--zone", "东")[1]
    start, end = stack.rows("SELECT starts_at, ends_at FROM test_window WHERE window_id = %s", window)[0]
    second = datetime.timedelta(seconds=1)
    # rows of an incident of a day that is over, so that the daemon has nothing to do with them
    for name, zone, at in (("before", "东", start - second), ("first", "东", start), ("last", "东", end - second),
                           ("behind", "东", end), ("west", "西", start)):
        stack.rows("INSERT INTO alarm (alarm_id, device, incident_id, division, site, zone, point, class, severity, conditions,"
                   " system_type, component_type, mode, backfill, observed_at, received_at, last_seen_at, report_count,"
                   " restored_at, raised_boot, raised_sequence, protection_level, reason, text)"
                   " VALUES (%s, %s, 'none', %s, %s, %s, 0, 'fault', 'minor', 16, 0, 0, 0, false, %s, %s, %s, 1, %s, 1, 1, '',"
                   " '', '') RETURNING 1", f"{site.a}~9~{name}", site.a, site.division, site.id, zone, at, at, at, at)
    assert [a["alarm_id"].rpartition("~")[2] for a in shown(stack, window)["alarms"]] == ["first", "last"]


# ---------------------------------------------------------------- what the daemon makes of it

FIRE = pb.CONDITION_FIRE


def declared(stack, site, *options, **fields):
    """Declares it, and waits until the daemon has heard of it."""
    window = declare(stack, site.id, *options, **fields)[1]
    wait_until(lambda: stack.ask()["test_windows"] == stack.value(
        "SELECT count(*) FROM test_window WHERE announced_at IS NULL"), what="the daemon has read the windows")
    return window


def pages(stack, incident):
    """Who has been paged, by their pages' rows."""
    return {n["person"] for n in json.loads(stack.ctl("incident", "show", incident, "--output", "json").stdout)["notifications"]
            if n["person"]}


def done_steps(stack, incident):
    return stack.value("SELECT count(*) FROM page_step WHERE incident_id = %s AND state = 'done'", incident)


def test_a_fire_in_it_stays_at_the_site(stack, site):
    """… until the window is ended while it still burns: then everybody is called."""
    window = declared(stack, site, "--zone", "东")
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE, text="试验按钮"))
    stack.receiver.wait(site.guardian, fire)
    # the village head's step, two seconds later, is done too: with nobody
    wait_equal(lambda: done_steps(stack, fire), 3)
    assert pages(stack, fire) == {site.guardian}
    assert [a["alarm_id"] for a in shown(stack, window)["alarms"]] == [fire + "~0"]
    assert stack.value("SELECT state FROM alarm_history WHERE alarm_id = %s", fire + "~0") == "active"
    stack.ctl("window", "end", window, *BY)
    stack.receiver.wait("grid", fire)
    stack.receiver.wait("head", fire)
    wait_equal(lambda: pages(stack, fire), {site.guardian, "grid", "head"})
    wait_until(lambda: shown(stack, window)["announced_at"])
    assert f"window {window} is over" in stack.log("firewatchd")
    story = json.loads(stack.ctl("incident", "show", fire, "--output", "json").stdout)["timeline"]
    kinds = [t["kind"] for t in story]
    assert kinds.count("trigger") == 2 and kinds.index("window_over") < len(kinds) - kinds[::-1].index("trigger")
    assert "in a test window" in next(t["detail"] for t in story if t["kind"] == "trigger")


def test_beside_it_everybody_is_called(stack, site):
    declared(stack, site, "--zone", "东")
    device = Device(stack, site.c)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait("grid", fire)
    stack.receiver.wait("head", fire)


def test_it_ends_by_itself(stack, site):
    window = declared(stack, site, "--device", site.a, until=moment(seconds=3))
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    stack.receiver.wait("grid", fire)
    announced, ends = stack.row("SELECT announced_at, ends_at FROM test_window WHERE window_id = %s"
                                " AND announced_at IS NOT NULL", window)
    assert announced >= ends
    assert stack.value("SELECT min(sent_at) FROM notification WHERE incident_id = %s AND person = 'grid'", fire) >= ends


def test_it_outlives_the_daemon(stack, site):
    """Killed inside the window, it still knows that the fire is of a test; killed before the end, it hears of that later."""
    other = stack.site()
    inside = declared(stack, site, "--zone", "东")
    missed = declared(stack, other, "--zone", "东")
    fires = []
    for name in (site.a, other.a):
        device = Device(stack, name)
        fires.append(device.id(device.raises(FIRE)))
        wait_equal(lambda: done_steps(stack, fires[-1]), 3)
    stack.stop("firewatchd")
    stack.rows("UPDATE test_window SET starts_at = now() - interval '1 hour', ends_at = now() WHERE window_id = %s RETURNING 1",
               missed)
    stack.start("firewatchd")
    stack.receiver.wait("grid", fires[1])
    wait_until(lambda: shown(stack, missed)["announced_at"])
    assert pages(stack, fires[0]) == {site.guardian} and shown(stack, inside)["announced_at"] is None
    # what comes now is inside as well
    device = Device(stack, site.b)
    device.send(device.report(events=[(FIRE, True)]))
    stack.row("SELECT 1 FROM alarm WHERE device = %s", site.b)
    stack.ctl("window", "end", inside, *BY)
    stack.receiver.wait("grid", fires[0])


def test_postgresql_away_changes_nothing(own_stack):
    """The end comes from the daemon's own clock, and is written down later."""
    stack = own_stack(sites=1)
    site = stack.site()
    window = declared(stack, site, "--zone", "东", until=moment(seconds=5))
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian, fire)
    stack.stop("postgresql")
    assert not stack.receiver.pages("grid", fire)
    stack.receiver.wait("grid", fire)
    stack.start("postgresql")
    wait_until(lambda: stack.rows("SELECT 1 FROM test_window WHERE window_id = %s AND announced_at >= ends_at", window))


def test_simulate_knows_it(stack, site, tmp_path):
    """… and changes nothing in it."""
    scenario = tmp_path / "kitchen.txt"
    scenario.write_text(f"device {site.a} division {site.division} boot 7 component 42\nat 1s {site.a} raise FIRE\n")

    def sent():
        trace = stack.ctl("simulate", str(scenario)).stdout
        return {p for p in (site.guardian, "grid") if any(line.endswith(" sent") and f" 值班 {p} " in line for line in trace.splitlines())}

    assert sent() == {site.guardian, "grid"}
    window = declared(stack, site, "--zone", "东")
    assert sent() == {site.guardian}
    assert shown(stack, window)["state"] == "active" and not stack.rows("SELECT 1 FROM alarm WHERE device = %s", site.a)


def test_explain_tells_it(stack, site):
    window = declared(stack, site, "--zone", "东")
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.row("SELECT 1 FROM alarm_history WHERE alarm_id = %s", fire + "~0")
    why = json.loads(stack.ctl("explain", "alarm", fire + "~0", "--output", "json").stdout)["why"]
    told, = (w for w in why if w["what"] == "test window")
    assert told["is"] == window and REASON in told["because"]


def test_the_page_says_so(stack, site):
    declared(stack, site, "--zone", "东")
    for name, wanted in ((site.a, True), (site.c, False)):
        device = Device(stack, name)
        device.raises(FIRE)
        wait_until(lambda: [p for p in stack.receiver.pages(site.guardian) if p.json["device"] == name])
        page = [p for p in stack.receiver.pages(site.guardian) if p.json["device"] == name][0].json
        assert (page["test_window"], "测试时段" in page["title"]) == (wanted, wanted)
