# SPDX-License-Identifier: Apache-2.0
"""The hazard ledger as the daemon fills it and people work through it: states, refusals, who may, and that nothing is lost."""
import contextlib
import datetime
import json
import os

import psycopg2
import psycopg2.errors
import pytest

from harness import Device, pb, wait_equal, wait_until
from test_window import cursor_as

DONE, NOTHING, USAGE, UNREACHABLE, REFUSED = range(5)
T0 = datetime.datetime(2026, 3, 1, 8, tzinfo=datetime.timezone.utc)
BY = ["--actor", "消防专干 周"]
MEASURES = "更换探测器,清洗迷宫"


def raised(stack, *hazards):
    """Raises them as the daemon does, in one call; how many have changed.  Each is a dict of what differs."""
    rows = [{"grade": "general", "person": "grid", "alarm": "a~1~1~0", "hours": 0, "reason": "故障超过 24 小时", "kind": "lasting",
             "cls": "fault", **h} for h in hazards]
    columns = [[h["id"] for h in rows], [h.get("division", h["site"].division) for h in rows], [h["site"].id for h in rows],
               [h.get("device", h["site"].a) for h in rows], [h["cls"] for h in rows], [h["kind"] for h in rows],
               [h["grade"] for h in rows], [h["person"] for h in rows], [h["reason"] for h in rows],
               [h["alarm"] for h in rows], [T0 + datetime.timedelta(hours=h["hours"]) for h in rows],
               [T0 + datetime.timedelta(hours=h["hours"], days=7) for h in rows]]
    with cursor_as(stack, "firewatch_daemon") as db:
        db.execute("SELECT raise_hazards(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", columns)
        return db.fetchone()[0]


@pytest.fixture
def hazard(stack, site):
    """An open hazard of a site of its own."""
    name = f"{site.a}~0~fault"
    assert raised(stack, {"id": name, "site": site}) == 1
    return name


def shown(stack, name):
    return json.loads(stack.ctl("hazard", "show", name, "--output", "json").stdout)


def log(stack, name):
    return [(e["kind"], e["state"]) for e in shown(stack, name)["log"]]


def act(stack, verb, name, *arguments, by=BY):
    done = stack.ctl("hazard", verb, name, *arguments, *by, check=False)
    assert done.returncode == DONE or done.stderr.startswith("firewatchctl: ")
    return done.returncode


def close(stack, name):
    for verb, note in (("rectify", MEASURES), ("review", ""), ("close", "复查合格")):
        assert act(stack, verb, name, "--note", note) == DONE


def listed(stack, *arguments):
    done = stack.ctl("hazard", "list", *arguments, "--output", "json", check=False)
    rows = json.loads(done.stdout)
    assert done.returncode == (DONE if rows else NOTHING)
    return {row["hazard_id"] for row in rows}


def test_from_open_to_closed(stack, site, hazard):
    told = shown(stack, hazard)
    assert {k: told[k] for k in ("site_name", "kind", "grade", "state", "responsible", "responsible_name", "reason", "recurrences",
                                 "measures", "overdue", "opened_at", "deadline_at")} == {
        "site_name": f"测试场所 {site.id[-3:]}", "kind": "lasting", "grade": "general", "state": "open", "responsible": "grid",
        "responsible_name": "值班 grid", "reason": "故障超过 24 小时", "recurrences": 0, "measures": "", "overdue": True,
        "opened_at": "2026-03-01T08:00:00.000Z", "deadline_at": "2026-03-08T08:00:00.000Z"}
    assert act(stack, "assign", hazard, "head", "--deadline", "+7d", "--note", "限期整改") == DONE
    told = shown(stack, hazard)
    assert (told["responsible"], told["overdue"], told["state"]) == ("head", False, "open")
    assert act(stack, "rectify", hazard, "--note", MEASURES) == DONE
    assert act(stack, "review", hazard) == DONE
    assert act(stack, "rectify", hazard, "--note", "底座也要更换") == DONE, "sent back"
    assert act(stack, "review", hazard, "--note", "已更换") == DONE
    assert act(stack, "close", hazard, "--note", "复查合格") == DONE
    told = shown(stack, hazard)
    assert (told["state"], told["closed_by"], told["measures"], told["overdue"]) == ("closed", BY[1], "底座也要更换", False)
    assert [(e["kind"], e["state_before"], e["state"], e["actor"]) for e in told["log"]] == [
        ("raised", "", "open", ""), ("assigned", "open", "open", BY[1]), ("rectifying", "open", "rectifying", BY[1]),
        ("review", "rectifying", "review", BY[1]), ("returned", "review", "rectifying", BY[1]),
        ("review", "rectifying", "review", BY[1]), ("closed", "review", "closed", BY[1])]
    assert "限期整改" in told["log"][1]["detail"] and "head" in told["log"][1]["detail"]
    text = stack.ctl("hazard", "show", hazard).stdout
    assert "复查合格" in text and "底座也要更换" in text


def test_what_each_state_refuses(stack, hazard):
    note = ["--note", "x"]
    assert act(stack, "review", hazard) == REFUSED and act(stack, "close", hazard, *note) == REFUSED
    assert act(stack, "rectify", hazard, *note) == DONE
    assert act(stack, "rectify", hazard, *note) == NOTHING, "the same measures"
    assert act(stack, "rectify", hazard, "--note", "other") == DONE
    assert act(stack, "close", hazard, *note) == REFUSED
    assert act(stack, "review", hazard) == DONE
    assert act(stack, "review", hazard) == NOTHING
    assert act(stack, "close", hazard) == act(stack, "close", hazard, "--note", " ") == USAGE
    assert act(stack, "close", hazard, *note) == DONE
    before = log(stack, hazard)
    assert act(stack, "close", hazard, *note) == act(stack, "close", hazard) == NOTHING
    assert act(stack, "review", hazard) == act(stack, "rectify", hazard, *note) == REFUSED
    assert act(stack, "assign", hazard, "head") == REFUSED
    assert log(stack, hazard) == before == [("raised", "open"), ("rectifying", "rectifying"), ("rectifying", "rectifying"),
                                            ("review", "review"), ("closed", "closed")]


def test_what_an_act_needs(stack, site, hazard):
    for verb, arguments in (("assign", ["head"]), ("rectify", ["--note", "x"]), ("review", []), ("close", ["--note", "x"])):
        assert act(stack, verb, hazard, *arguments, by=["--actor", " "]) == USAGE, verb
        assert act(stack, verb, "no-such", *arguments) == NOTHING, verb
    assert act(stack, "rectify", hazard) == act(stack, "rectify", hazard, "--note", " ") == USAGE
    assert act(stack, "assign", hazard, "nobody") == NOTHING
    assert act(stack, "assign", hazard, "head", "--deadline", "1s") == USAGE
    assert act(stack, "assign", hazard, "head", "--deadline", "soon") == USAGE
    assert act(stack, "assign", hazard, "grid") == NOTHING, "it was so before"
    assert act(stack, "assign", hazard, "grid", "--deadline", "+1h") == DONE, "the same person, another deadline"
    # of what the daemon found nobody for, nobody rectifies anything
    orphan = f"{site.b}~0~fault"
    raised(stack, {"id": orphan, "site": site, "person": ""})
    assert act(stack, "rectify", orphan, "--note", "x") == REFUSED
    assert act(stack, "assign", orphan, "head") == act(stack, "rectify", orphan, "--note", "x") == DONE
    assert stack.ctl("hazard", "show", "no-such", check=False).returncode == NOTHING


def test_raised_again(stack, site):
    name = f"{site.a}~0~fault"
    first = {"id": name, "site": site}
    assert raised(stack, first) == 1
    assert raised(stack, first) == 0, "after a restart the daemon finds the same"
    assert raised(stack, {**first, "hours": 2, "alarm": "a~1~9~0"}) == 1
    told = shown(stack, name)
    assert (told["last_seen_at"], told["opened_at"], told["deadline_at"]) == (
        "2026-03-01T10:00:00.000Z", "2026-03-01T08:00:00.000Z", "2026-03-08T08:00:00.000Z")
    assert (told["alarm_id"], told["recurrences"], told["grade"]) == ("a~1~9~0", 0, "general")
    assert raised(stack, {**first, "hours": 1}) == 0, "older than what is known"
    assert raised(stack, {**first, "hours": 1, "grade": "major"}) == 1 and shown(stack, name)["grade"] == "major"
    assert raised(stack, {**first, "hours": 3}) == 1 and shown(stack, name)["grade"] == "major", "it only goes up"
    assert raised(stack, {**first, "hours": 3, "grade": "major"}) == 0
    assert act(stack, "assign", name, "head") == act(stack, "rectify", name, "--note", MEASURES) == DONE
    assert raised(stack, {**first, "hours": 4, "person": "officer"}) == 1
    told = shown(stack, name)
    assert (told["responsible"], told["state"], told["measures"]) == ("head", "rectifying", MEASURES)
    assert [kind for kind, _ in log(stack, name)] == ["raised", "seen", "graded", "seen", "assigned", "rectifying", "seen"]


def test_closed_and_back_again(stack, site):
    name = f"{site.a}~0~fault"
    first = {"id": name, "site": site, "grade": "major"}
    raised(stack, first)
    act(stack, "assign", name, "head")
    close(stack, name)
    assert raised(stack, first) == 0 and shown(stack, name)["state"] == "closed", "the cause that was seen to"
    assert raised(stack, {**first, "hours": 5, "grade": "general", "person": "officer", "alarm": "b~1~1~0"}) == 1
    told = shown(stack, name)
    assert {k: told[k] for k in ("state", "recurrences", "grade", "responsible", "measures", "opened_at", "first_opened_at",
                                 "deadline_at", "closed_at", "closed_by", "alarm_id")} == {
        "state": "open", "recurrences": 1, "grade": "general", "responsible": "officer", "measures": "",
        "opened_at": "2026-03-01T13:00:00.000Z", "first_opened_at": "2026-03-01T08:00:00.000Z", "deadline_at": "2026-03-08T13:00:00.000Z",
        "closed_at": None, "closed_by": None, "alarm_id": "b~1~1~0"}
    assert log(stack, name)[-1] == ("reopened", "open") and ("closed", "closed") in log(stack, name)
    close(stack, name)
    assert raised(stack, {**first, "hours": 6, "person": ""}) == 1
    told = shown(stack, name)
    assert (told["recurrences"], told["responsible"]) == (2, "officer"), "nobody on duty: as it was"


def test_many_at_once(stack, site):
    names = [f"{site.a}~{n}~offline" for n in range(1000)]
    batch = [{"id": n, "site": site, "cls": "offline"} for n in names]
    twice = [{**batch[7], "hours": 1, "grade": "major"}, {**batch[7], "hours": 2}]
    assert raised(stack, *batch, *twice) == 1000
    assert raised(stack, *reversed(batch), *twice) == 0
    told = shown(stack, names[7])
    assert (told["grade"], told["last_seen_at"], told["opened_at"]) == (
        "major", "2026-03-01T10:00:00.000Z", "2026-03-01T08:00:00.000Z")
    assert raised(stack, *[{**h, "hours": 3} for h in batch]) == 1000
    close(stack, names[0])
    assert raised(stack, *[{**h, "hours": 4, "alarm": "b"} for h in batch[:2]], {"id": f"{site.b}~0~fault", "site": site}) == 3
    assert [log(stack, n)[-1] for n in (names[0], names[1])] == [("reopened", "open"), ("seen", "open")]


def test_a_site_that_has_moved_has_one_row_of_each(stack, site):
    """Its division is another one now; people find the row that is open, and so does what is found again."""
    name = f"{site.a}~0~fault"
    moved = {"id": name, "site": site, "division": "330106001"}
    raised(stack, {"id": name, "site": site})
    assert raised(stack, {**moved, "hours": 1, "alarm": "b"}) == 1
    assert stack.value("SELECT count(*) FROM hazard WHERE hazard_id = %s", name) == 1
    close(stack, name)
    assert raised(stack, {**moved, "hours": 2, "alarm": "c"}, {"id": name, "site": site, "hours": 3, "alarm": "d"}) == 1
    told = shown(stack, name)
    assert (told["state"], told["division"], told["recurrences"], told["alarm_id"]) == ("open", site.division, 1, "d")
    # of two rows that an earlier version left, the open one
    close(stack, name)
    stack.rows("INSERT INTO hazard SELECT (jsonb_populate_record(h, '{\"division\": \"330106001\", \"state\": \"open\", "
               "\"closed_at\": null, \"closed_by\": null}')).* FROM hazard h WHERE hazard_id = %s RETURNING 1", name)
    assert act(stack, "assign", name, "head") == DONE
    assert stack.value("SELECT responsible FROM hazard WHERE hazard_id = %s AND state = 'open'", name) == "head"


def test_a_limit_that_is_raised_does_not_open_what_was_closed(stack, site):
    """The same alarm is found later by it."""
    name = f"{site.a}~0~fault"
    raised(stack, {"id": name, "site": site})
    close(stack, name)
    assert raised(stack, {"id": name, "site": site, "hours": 24}) == 0
    assert shown(stack, name)["state"] == "closed"
    assert raised(stack, {"id": name, "site": site, "hours": 25, "alarm": "b"}) == 1
    again = {"id": f"site:{site.id}~false_alarms", "site": site, "kind": "false_alarms", "alarm": ""}
    raised(stack, again)
    close(stack, again["id"])
    assert raised(stack, {**again, "hours": 1}) == 1


def test_lists(stack, site):
    other = stack.site()
    fault, wrong, offline = f"{site.a}~0~fault", f"{site.b}~0~false_alarms", f"{site.c}~0~offline"
    raised(stack, {"id": fault, "site": site}, {"id": wrong, "site": site, "device": site.b, "kind": "false_alarms", "hours": 24},
           {"id": offline, "site": site, "device": site.c, "cls": "offline", "hours": 48},
           {"id": f"{other.a}~0~fault", "site": other})
    here = ["--site", site.id]
    assert listed(stack, *here) == {fault, wrong, offline}
    assert listed(stack, "--device", site.b) == {wrong}
    assert listed(stack, *here, "--class", "offline") == {offline}
    assert listed(stack, *here, "--since", "2026-03-02T08:00:00.000Z") == {wrong, offline}
    assert listed(stack, *here, "--until", "2026-03-02T08:00:00.000Z") == {fault}
    assert listed(stack, "--division", "330106001", "--since", "2026-03-01", "--until", "2026-03-04",
                  "--limit", "100000") >= {fault, offline}
    assert listed(stack, *here, "--division", "330107") == set()
    act(stack, "assign", wrong, "head", "--deadline", "+1h")
    assert listed(stack, *here, "--overdue") == {fault, offline}
    close(stack, offline)
    act(stack, "rectify", fault, "--note", MEASURES)
    assert listed(stack, *here, "--overdue") == {fault}
    assert [listed(stack, *here, "--state", s) for s in ("open", "rectifying", "review", "closed")] == [
        {wrong}, {fault}, set(), {offline}]
    assert stack.ctl("hazard", "list", *here, "--state", "done", check=False).returncode == USAGE
    assert stack.ctl("incident", "list", "--overdue", check=False).returncode == USAGE
    text = stack.ctl("hazard", "list", *here).stdout
    assert "值班 grid" in text and "故障超过 24 小时" in text


def test_who_may(stack, site, hazard):
    with cursor_as(stack, "firewatch_operator") as operator, cursor_as(stack, "firewatch_api") as api:
        for person, db in (("head", operator), ("officer", api)):
            db.execute("SELECT assign_hazard(%s, %s, '周')", [hazard, person])
            db.execute("SELECT rectify_hazard(%s, '周', %s)", [hazard, person])
            db.execute("SELECT review_hazard(%s, '周')", [hazard])
            db.execute("SELECT state FROM hazard_ledger WHERE hazard_id = %s", [hazard])
            assert db.fetchone() == ("review",)
            db.execute("SELECT count(*) FROM hazard_log WHERE hazard_id = %s", [hazard])
            for statement in ("UPDATE hazard SET state = 'open'", "DELETE FROM hazard", "DELETE FROM hazard_event",
                              "INSERT INTO hazard_event DEFAULT VALUES", "SELECT * FROM hazard", "SELECT lock_hazard('x', 'y')",
                              "SELECT raise_hazards('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    db.execute(statement)
        api.execute("SELECT close_hazard(%s, '周', 'x')", [hazard])
    with cursor_as(stack, "firewatch_daemon") as db:
        for statement in ("UPDATE hazard SET state = 'open'", "DELETE FROM hazard", "INSERT INTO hazard_event DEFAULT VALUES",
                          "SELECT close_hazard('x', 'y', 'z')", "SELECT assign_hazard('x', 'y', 'z')",
                          "SELECT rectify_hazard('x', 'y', 'z')", "SELECT review_hazard('x', 'y')"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                db.execute(statement)


@pytest.mark.parametrize("statement", [
    "DELETE FROM hazard", "TRUNCATE hazard, hazard_event", "DELETE FROM hazard_event", "TRUNCATE hazard_event",
    "UPDATE hazard_event SET detail = 'nothing happened'"])
def test_nothing_is_deleted(stack, hazard, statement):
    """The owner of the tables does it, and cannot."""
    before = log(stack, hazard)
    with pytest.raises(psycopg2.Error, match="stay as they are") as refusal:
        stack.rows(statement)
    assert refusal.value.pgcode == "FW001"
    assert log(stack, hazard) == before == [("raised", "open")]


def test_two_at_a_time(stack, hazard):
    """Who comes second waits for the first, and is told how things stand then."""
    act(stack, "rectify", hazard, "--note", MEASURES)
    dsn = stack.env["FIREWATCH_DSN"]
    with contextlib.closing(psycopg2.connect(dsn)) as first, contextlib.closing(psycopg2.connect(dsn, async_=True)) as second:
        first.cursor().execute("SELECT review_hazard(%s, '甲')", [hazard])
        wait_until(lambda: second.poll() == psycopg2.extensions.POLL_OK)
        late = second.cursor()
        late.execute("SELECT firewatch.review_hazard(%s, '乙')", [hazard])
        wait_until(lambda: stack.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s",
                                       "%review_hazard%乙%") == 1)
        first.commit()
        wait_until(lambda: second.poll() == psycopg2.extensions.POLL_OK)
        assert late.fetchone() == (False,)
    assert log(stack, hazard).count(("review", "review")) == 1


# ---------------------------------------------------------------- what the daemon finds

FIRE = pb.CONDITION_FIRE


def false_alarm(stack, device):
    """A fire that a person finds to be none; the daemon has heard of it."""
    before = stack.ask()["incidents_open"]
    fire = device.id(device.raises(FIRE))
    stack.row("SELECT 1 FROM incident_history WHERE incident_id = %s", fire)
    device.restores(FIRE)
    for act_of in (["verify", fire, "false_alarm"], ["close", fire]):
        stack.ctl("incident", *act_of, *BY)
    wait_equal(lambda: stack.ask()["incidents_open"], before)
    return fire


def test_three_false_alarms_of_a_detector(stack, site):
    device = Device(stack, site.a)
    name = f"device:{site.a}~false_alarms"
    false_alarm(stack, device)
    false_alarm(stack, device)
    found = stack.ask()["hazards_found"]
    assert listed(stack, "--site", site.id) == set()
    last = false_alarm(stack, device)
    wait_equal(lambda: listed(stack, "--site", site.id), {name})
    assert stack.ask()["hazards_found"] == found + 1
    told = shown(stack, name)
    assert (told["kind"], told["grade"], told["state"], told["device"]) == ("false_alarms", "general", "open", site.a)
    opened = stack.value("SELECT opened_at FROM incident WHERE incident_id = %s", last)
    assert stack.value("SELECT last_seen_at FROM hazard WHERE hazard_id = %s", name) == opened
    # a daemon that begins anew counts them from their rows, and finds the same
    stack.restart()
    wait_until(lambda: stack.ask()["hazards_found"])
    stack.ctl("hazard", "assign", name, "head", *BY)
    close(stack, name)
    before = log(stack, name)
    stack.restart()
    wait_until(lambda: stack.ask()["hazards_found"])
    other = Device(stack, stack.site().c)
    other.recorded(other.raises(FIRE))      # committed behind what was found
    assert log(stack, name) == before and shown(stack, name)["state"] == "closed"
    false_alarm(stack, Device(stack, site.a, boot_id=2))
    wait_equal(lambda: shown(stack, name)["state"], "open")
    assert shown(stack, name)["recurrences"] == 1


def test_two_and_a_test_are_none(stack, site):
    device = Device(stack, site.a)
    false_alarm(stack, device)
    false_alarm(stack, device)
    fire = device.id(device.raises(FIRE))
    stack.row("SELECT 1 FROM incident_history WHERE incident_id = %s", fire)
    stack.ctl("incident", "verify", fire, "test", *BY)
    stack.restart()
    device.recorded(device.restores(FIRE))
    assert listed(stack, "--site", site.id) == set()


def test_six_false_alarms_of_a_site(stack, site):
    devices = [Device(stack, name) for name in (site.a, site.b, site.c)]
    for device in devices + devices[:2]:
        false_alarm(stack, device)
    assert listed(stack, "--site", site.id) == set()
    false_alarm(stack, devices[2])
    wait_equal(lambda: listed(stack, "--site", site.id), {f"site:{site.id}~false_alarms"})


FAULT = pb.CONDITION_FAULT


@pytest.fixture
def impatient(own_stack):
    """A fault is a hazard when it has lasted for a second."""
    made = own_stack(sites=2)
    town = os.path.join(made.directory, "town")
    with open(os.path.join(town, "hazards.csv"), "w", encoding="utf-8") as f:
        f.write("class,kind,category,limit_s,grade,deadline_s,role\nfault,,,1,major,86400,grid_member\n")
    before = made.log("firewatchd").count("town read:")
    made.ctl("import", town)
    wait_until(lambda: made.log("firewatchd").count("town read:") > before)
    return made


def test_a_fault_that_lasts(impatient):
    site = impatient.site()
    device = Device(impatient, site.a)
    alarm = f"{device.id(device.raises(FAULT))}~0"
    told = impatient.row("SELECT * FROM hazard_ledger WHERE device = %s", site.a)
    received = impatient.value("SELECT received_at FROM alarm WHERE alarm_id = %s", alarm)
    found = received + datetime.timedelta(seconds=1)
    name = f"{site.a}~0~fault"
    assert {k: told[k] for k in ("hazard_id", "site", "class", "kind", "grade", "state", "responsible", "alarm_id", "opened_at",
                                 "deadline_at", "recurrences")} == {
        "hazard_id": name, "site": site.id, "class": "fault", "kind": "lasting", "grade": "major", "state": "open",
        "responsible": "grid", "alarm_id": alarm, "opened_at": found, "deadline_at": found + datetime.timedelta(days=1),
        "recurrences": 0}
    # closed while it lasts it stays closed, over a new start too; the next one opens it anew
    close(impatient, name)
    impatient.restart()
    wait_until(lambda: impatient.ask()["hazards_found"])
    device.recorded(device.restores(FAULT))
    assert shown(impatient, name)["state"] == "closed"
    again = f"{device.id(device.raises(FAULT))}~0"
    wait_equal(lambda: shown(impatient, name)["state"], "open")
    told = shown(impatient, name)
    assert (told["recurrences"], told["alarm_id"]) == (1, again)
    assert [kind for kind, _ in log(impatient, name)] == ["raised", "rectifying", "review", "closed", "reopened"]


def test_a_fault_that_is_over_in_time(impatient):
    """Both reports come in one message: whatever the machine does, nothing has lasted."""
    site, other = impatient.site(), impatient.site()
    device = Device(impatient, site.a)
    report = device.send(device.report(events=[(FAULT, True)]), device.report(events=[(FAULT, False)]))
    device.recorded(report)
    Device(impatient, other.a).raises(FAULT)        # its limit ends later
    wait_equal(lambda: listed(impatient), {f"{other.a}~0~fault"})
