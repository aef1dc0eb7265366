# SPDX-License-Identifier: Apache-2.0
"""The audit: what has come, against the sequences it came with, from the rows alone."""
import csv
import io
import json

from harness import Device, pb, wait_until

ALL = 2 ** 64 - 1
DONE, MISSING, USAGE, UNREACHABLE = range(4)
COUNTS = ("received", "recorded", "duplicates", "quarantined", "missing", "range_count", "ranges")


def send(device, *sequences):
    """Sends reports of these sequences and waits until they are recorded."""
    for sequence in sequences:
        report = device.send(device.report(sequence=sequence))
        device.recorded(report)


def code_of(account):
    return MISSING if account["missing"] else DONE


def audit(stack, *arguments):
    """The exit code, the accounts by device, and the total."""
    done = stack.ctl("reconcile", *arguments, "--output", "json", check=False)
    assert done.returncode in (DONE, MISSING), done.stderr
    assert "reading every report" in done.stderr
    *rows, total = json.loads(done.stdout)
    assert total["device"] is None
    assert code_of(total) == done.returncode
    for key in COUNTS[:-1] if "--all" in arguments else ("missing", "range_count", "quarantined"):
        assert total[key] == sum(r[key] for r in rows), key
    return done.returncode, {r["device"]: r for r in rows}, total


def account(stack, device, *arguments):
    code, accounts, _ = audit(stack, "--device", device.name, "--all", *arguments)
    return code, tuple(accounts[device.name][key] for key in COUNTS)


def test_a_gap_is_named_until_it_is_filled(stack, site):
    device = Device(stack, site.a)
    send(device, 1, 2, 4)
    assert account(stack, device) == (MISSING, (3, 3, 0, 0, 1, 1, "1:3-3"))
    send(device, 3)
    assert account(stack, device) == (DONE, (4, 4, 0, 0, 0, 0, ""))


def test_what_came_outside_of_the_window_is_not_missing(stack, site):
    device = Device(stack, site.a)
    send(device, 2)
    stack.rows("UPDATE report SET received_at = received_at - interval '3 days', received_day = received_day - 3 "
               "WHERE device = %s RETURNING 1", device.name)
    send(device, 1, 3, 5)
    assert account(stack, device) == (MISSING, (3, 3, 0, 0, 1, 1, "1:4-4"))
    assert account(stack, device, "--since", "4d") == (MISSING, (4, 4, 0, 0, 1, 1, "1:4-4"))
    assert account(stack, device, "--since", "4d", "--until", "1d") == (DONE, (1, 1, 0, 0, 0, 0, ""))


def test_each_boot_counts_for_itself(stack, site):
    device = Device(stack, site.a)
    send(device, 7, 9)
    device.boot_id = 2 ** 32 - 1
    send(device, 1, 4)
    # What is missing below the first of a boot is known when its ledger is written.
    wait_until(lambda: stack.value("SELECT count(*) FROM sequence_ledger WHERE device = %s AND highest IN (9, 4)", device.name) == 2)
    assert account(stack, device) == (MISSING, (4, 4, 0, 0, 9, 3, f"1:1-6 1:8-8 {2 ** 32 - 1}:2-3"))


def test_what_was_quarantined_is_not_missing(stack, site):
    device = Device(stack, site.a)
    send(device, 1)
    device.send(device.report(sequence=2, readings=[(pb.QUANTITY_TEMPERATURE_CELSIUS, float("nan"))]))
    stack.row("SELECT 1 FROM quarantine WHERE device = %s", device.name)
    send(device, 3)
    assert account(stack, device) == (DONE, (3, 2, 0, 1, 0, 0, ""))
    code, accounts, _ = audit(stack, "--device", device.name)
    assert (code, list(accounts)) == (DONE, [device.name])


def test_a_number_that_another_claims_does_not_widen_what_is_asked_of_a_device(stack, site):
    device, liar = Device(stack, site.a), Device(stack, site.b)
    send(device, 1, 2)
    liar.send(liar.report(device_id=device.name, sequence=1000))
    stack.row("SELECT 1 FROM quarantine WHERE device = %s AND report_device = %s", liar.name, device.name)
    assert account(stack, device) == (DONE, (3, 2, 0, 1, 0, 0, ""))


def test_what_was_taken_in_from_quarantine_counts_once(stack, site):
    gateway = Device(stack, site.gateway)
    child = Device(stack, f"late-{site.id}", via=site.gateway)
    child.send(child.report(sequence=1))
    refused = stack.row("SELECT quarantine_id FROM quarantine WHERE device = %s", gateway.name)["quarantine_id"]
    assert account(stack, child) == (DONE, (1, 0, 0, 1, 0, 0, ""))
    stack.rows("INSERT INTO device (device, parent, site, division) VALUES (%s, %s, %s, %s) RETURNING 1",
               child.name, site.gateway, site.id, site.division)
    stack.ctl("quarantine", "replay", refused, "--actor", "管理员")
    stack.row("SELECT 1 FROM quarantine WHERE quarantine_id = %s AND replay_outcome = 'recorded'", refused)
    assert account(stack, child) == (DONE, (1, 1, 0, 0, 0, 0, ""))


def test_duplicates_are_counted(stack, site):
    device = Device(stack, site.a)
    send(device, 1, 2)
    device.send(device.report(sequence=2))
    stack.row("SELECT 1 FROM duplicate WHERE device = %s", device.name)
    assert account(stack, device) == (DONE, (3, 2, 1, 0, 0, 0, ""))


def test_a_division_includes_those_below_it(stack, site):
    device, stranger = Device(stack, site.a), Device(stack, f"stranger-{site.id}", division="330106009")
    for each in (device, stranger):
        send(each, 1, 3)
    for division, found in (("330106001201", device), ("330106", device), ("330106009", stranger)):
        code, accounts, _ = audit(stack, "--division", division)
        assert code == MISSING
        assert {device.name, stranger.name} & set(accounts) == {found.name}, division
        assert accounts[found.name]["missing"] == 1
    assert accounts[stranger.name]["division"] == "330106009"


def ranges(stack, device):
    """The missing ones, but what is below the first that came, which the ledger tells a moment later."""
    return [r for r in account(stack, device)[1][-1].split() if not r.startswith("1:1-")]


def test_sequences_of_64_bits(stack, site):
    device = Device(stack, site.a)
    send(device, ALL - 3, ALL)
    assert ranges(stack, device) == [f"1:{ALL - 2}-{ALL - 1}"]
    send(device, ALL - 2, ALL - 1)
    assert ranges(stack, device) == []
    middle = Device(stack, site.b)
    send(middle, 2 ** 63 - 2, 2 ** 63 + 2)
    assert ranges(stack, middle) == [f"1:{2 ** 63 - 1}-{2 ** 63 + 1}"]
    send(middle, 2 ** 63)
    assert ranges(stack, middle) == [f"1:{2 ** 63 - 1}-{2 ** 63 - 1}", f"1:{2 ** 63 + 1}-{2 ** 63 + 1}"]
    widest = Device(stack, site.c)
    send(widest, 1, ALL)
    assert account(stack, widest)[1][-3:] == (ALL - 2, 1, f"1:2-{ALL - 1}")


def test_a_row_that_was_deleted_is_missing_though_the_ledger_has_it(stack, site):
    device = Device(stack, site.a)
    send(device, 1, 2, 3, 5)
    wait_until(lambda: stack.rows("SELECT 1 FROM sequence_gap WHERE device = %s AND first_missing = 4", device.name))
    stack.rows("DELETE FROM report WHERE device = %s AND sequence = 2 RETURNING 1", device.name)
    assert account(stack, device) == (MISSING, (3, 3, 0, 0, 2, 2, "1:2-2 1:4-4"))
    _, accounts, _ = audit(stack, "--device", device.name)
    assert accounts[device.name]["claimed"] == 1
    stack.rows("DELETE FROM sequence_ledger WHERE device = %s RETURNING 1", device.name)
    _, accounts, _ = audit(stack, "--device", device.name)
    assert (accounts[device.name]["missing"], accounts[device.name]["claimed"]) == (2, 0)


def test_an_empty_window(stack, site):
    device = Device(stack, site.a)
    send(device, 1, 3)
    code, accounts, total = audit(stack, "--until", "2020-01-02T00:00:00Z", "--since", "2020-01-01T00:00:00Z", "--all")
    assert (code, accounts) == (DONE, {})
    assert [total[key] for key in COUNTS] == [0] * 6 + [""]


def test_the_forms_say_the_same(stack, site):
    device, whole = Device(stack, site.a), Device(stack, site.b)
    send(device, *range(1, 50, 2))
    send(whole, 1, 2)
    wait_until(lambda: stack.rows("SELECT 1 FROM sequence_gap WHERE device = %s AND first_missing = 48", device.name))
    _, accounts, _ = audit(stack, "--device", device.name)
    done = stack.ctl("reconcile", "--device", device.name, "--output", "csv", check=False)
    row, total = csv.DictReader(io.StringIO(done.stdout, newline=""), strict=True)
    assert done.returncode == MISSING
    assert row == {k: str(v) for k, v in accounts[device.name].items()}
    assert (total["device"], total["missing"]) == ("", "24")
    text = stack.ctl("reconcile", "--device", device.name, check=False).stdout.splitlines()
    assert text[0].split()[:2] == ["device", "division"] and text[1].split()[0] == device.name
    assert text[2] == "  boot 1: 2 to 2" and text[21] == "  boot 1: 40 to 40"
    assert text[22] == "  and 4 more ranges"
    assert text[23].split() == ["total", "25", "25", "0", "0", "24", "0"] and len(text) == 24
    assert len(stack.ctl("reconcile", "--device", whole.name).stdout.splitlines()) == 2
    assert len(stack.ctl("reconcile", "--device", whole.name, "--all").stdout.splitlines()) == 3


def test_exit_codes_of_what_cannot_be_asked(stack):
    for arguments, code in (
            (["--since", "yesterday"], USAGE), (["--limit", "1"], USAGE), (["--output", "xml"], USAGE),
            (["--since", "1h", "--until", "2h"], USAGE), (["--dsn", "host=127.0.0.1 port=1"], UNREACHABLE)):
        assert stack.ctl("reconcile", *arguments, check=False).returncode == code, arguments


def test_an_operator_may_ask_without_reading_the_tables(stack):
    for role in ("firewatch_operator", "firewatch_api"):
        total = stack.rows(f"SET ROLE {role}; SELECT device FROM firewatch.reconcile(now() - interval '1 hour', now())")
        assert total[-1][0] is None
    allowed = stack.value("SELECT has_function_privilege('firewatch_daemon', "
                          "'firewatch.reconcile(timestamptz, timestamptz, text, text)', 'EXECUTE')")
    assert allowed is False


def test_a_gap_below_the_only_report_of_the_window(stack, site):
    """A device that reports once a day: what is missing lies between yesterday's report and today's."""
    device = Device(stack, site.b)
    first = device.send(device.report(readings=[(1, 1.0)]))
    device.recorded(first)
    since = stack.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    last = device.report(sequence=5, readings=[(1, 2.0)])
    device.send(last)
    device.recorded(last)
    wait_until(lambda: stack.rows("SELECT 1 FROM sequence_gap WHERE device = %s", site.b))
    told = stack.ctl("reconcile", "--since", since, "--device", site.b, "--output", "json", check=False)
    assert told.returncode == 1 and "1:2-4" in told.stdout


def test_the_last_row_of_a_boot_was_deleted(stack, site):
    device = Device(stack, site.c)
    for _ in range(3):
        device.recorded(device.send(device.report(readings=[(1, 1.0)])))
    wait_until(lambda: stack.rows("SELECT 1 FROM sequence_ledger WHERE device = %s AND highest = 3", site.c))
    assert stack.ctl("reconcile", "--device", site.c, check=False).returncode == 0
    stack.rows("DELETE FROM report WHERE device = %s AND sequence = 3 RETURNING 1", site.c)
    told = stack.ctl("reconcile", "--device", site.c, "--output", "json", check=False)
    assert told.returncode == 1 and "1:3-3" in told.stdout
    stack.rows("DELETE FROM report WHERE device = %s RETURNING 1", site.c)
    assert stack.ctl("reconcile", "--device", site.c, check=False).returncode == 1


def test_gaps_have_an_age(stack, site):
    device = Device(stack, site.a)
    send(device, 1, 4)
    wait_until(lambda: stack.rows("SELECT 1 FROM sequence_gap WHERE device = %s", site.a))
    told = json.loads(stack.ctl("gap", "list", "--device", site.a, "--since", "1h", "--output", "json").stdout)
    assert [(g["first_missing"], g["last_missing"]) for g in told] == [(2, 3)] and told[0]["age"].startswith("00:0")
    assert stack.ctl("gap", "list", "--device", site.a, "--until", "1h", check=False).returncode == 1


def test_what_nobody_knows_is_not_said_to_be_complete(stack):
    for option, name in (("--device", "nope"), ("--division", "999999")):
        done = stack.ctl("reconcile", option, name, check=False)
        assert done.returncode == 1 and f"no {option[2:]} {name}" in done.stderr and not done.stdout
