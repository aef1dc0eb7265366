# SPDX-License-Identifier: Apache-2.0
"""kill -9 at any moment loses nothing and doubles nothing: the simulator's ledger against the tables."""
import contextlib
import os
import random
import subprocess
import sys

import psycopg2

from harness import BUILD, ROOT, Device, pb, wait_equal, wait_until

sys.path.insert(0, os.path.join(ROOT, "tests"))
from reconcile import reconcile

FIRE = pb.CONDITION_FIRE
ROUNDS, READINGS, FIRES = 10, 4900, 100     # 50,000 messages
KILLS = 10
METERS, SMOKE_ALARMS = 400, 20


def write_scenario(path):
    with open(path, "w") as f:
        f.write(f"device meter-{{001..{METERS}}} division 330106001201\n")
        f.write(f"device smoke-{{01..{SMOKE_ALARMS}}} division 330106001201\n")
        for i in range(ROUNDS):
            f.write(f"at {i}ms flood meter-{{001..{METERS}}} count {READINGS} kind reading\n")
            f.write(f"at {i}ms flood smoke-{{01..{SMOKE_ALARMS}}} count {FIRES} kind fire\n")


def test_a_page_that_nobody_heard_of_is_settled_although_its_incident_is_closed(own_stack):
    """The daemon dies while the page is with its channel; people answer and close before the next one starts."""
    stack = own_stack(sites=1)
    site = stack.site()
    device = Device(stack, site.a)
    fire = device.id(device.raises(FIRE))
    stack.receiver.wait(site.guardian)
    device.recorded(device.restores(FIRE))
    stack.run("stop", stack.directory, "firewatchd", "--kill")
    with contextlib.closing(psycopg2.connect(stack.env["FIREWATCH_DSN"])) as db, db, db.cursor() as cursor:
        cursor.execute("SELECT firewatch.verify(%s, 'false_alarm', 'x'), firewatch.close_incident(%s, 'x')", (fire, fire))
        cursor.execute("UPDATE firewatch.notification SET state = 'sent' WHERE person = %s", (site.guardian,))
        assert cursor.rowcount == 1
    stack.start("firewatchd")
    state = "SELECT state FROM firewatch.notification WHERE person = %s"
    wait_equal(lambda: stack.value(state, site.guardian), "cancelled")
    assert "belong to no incident" not in stack.log("firewatchd")
    assert len(stack.receiver.pages(site.guardian)) == 1


def test_killed_in_the_middle_of_50000_messages(own_stack):
    stack = own_stack()
    seed = random.SystemRandom().getrandbits(32)
    print("seed", seed)
    kills = sorted(random.Random(seed).sample(range(500, 47_000), KILLS))
    print("killed when so many reports were recorded:", kills)
    scenario, ledger = (os.path.join(stack.directory, name) for name in ("kill.txt", "ledger.tsv"))
    write_scenario(scenario)
    simulator = subprocess.Popen([
        os.path.join(BUILD, "firewatch-sim"), "--port", stack.env["FIREWATCH_MQTT_PORT"], "--ledger", ledger,
        "--seed", str(seed), "--window", "1000", scenario], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    recorded = lambda: stack.value("SELECT count(*) FROM report")
    try:
        for threshold in kills:
            wait_until(lambda: recorded() >= threshold, 120, f"{threshold} reports recorded")
            stack.kill()
        output, _ = simulator.communicate(timeout=240)
        assert simulator.returncode == 0, output
    finally:
        simulator.kill()
        simulator.wait()

    total = ROUNDS * (READINGS + FIRES)
    wait_until(lambda: recorded() >= total, 120, f"{total} reports recorded")
    balance = reconcile(stack.env["FIREWATCH_DSN"], ledger)
    print(balance)
    assert balance.complete, (balance.missing[:10], balance.twice[:10])
    assert (balance.sent, balance.recorded) == (total, total)

    alarms = lambda: [tuple(r) for r in stack.rows(
        "SELECT count(*), count(DISTINCT device), min(report_count), max(report_count) FROM alarm")]
    per_device = ROUNDS * FIRES // SMOKE_ALARMS
    wait_equal(alarms, [(SMOKE_ALARMS, SMOKE_ALARMS, per_device, per_device)])
    assert stack.value("SELECT count(*) FROM incident") == SMOKE_ALARMS
    for incident, in stack.rows("SELECT incident_id FROM incident"):
        stack.receiver.wait("grid", incident)
