# SPDX-License-Identifier: Apache-2.0
"""What is done when: drawn from a seed before anything starts, so that the same seed makes the same faults."""

# target: mean pause between its faults in seconds, and its faults as (weight, name, least and most seconds that it lasts)
TARGETS = {
    "daemon": (14, [(1, "daemon-stop", 0.5, 7)]),
    "postgresql": (9, [
        (3, "postgresql-stop", 0.5, 7), (3, "backend-kill", 0, 0), (2, "postgresql-crash", 0.2, 3),
        (1, "postgresql-restart", 0.2, 3), (2, "standby-stop", 0.5, 4), (2, "failover-crash", 0.5, 3),
        (1, "failover-hang", 1, 4), (2, "quota", 6, 12)]),
    "broker": (13, [(2, "broker-stop", 0.5, 7), (2, "broker-restart", 0.2, 3), (1, "broker-kill", 0.2, 3)]),
    "mqtt": (11, [(2, "mqtt-stall", 0.5, 9), (2, "mqtt-dead", 0.5, 4), (2, "mqtt-reset", 0, 0)]),
    "sql": (11, [(2, "sql-stall", 0.5, 9), (2, "sql-dead", 0.5, 4), (2, "sql-reset", 0, 0)]),
    "clock": (17, [(1, "clock-ahead", 1, 8), (1, "clock-behind", 1, 8)]),
}
FAULTS = [name for _, faults in TARGETS.values() for _, name, _, _ in faults]
TARGET_OF = {name: target for target, (_, faults) in TARGETS.items() for _, name, _, _ in faults}
FIRST_S = 2     # something runs before the first fault


def of_target(random, target, seconds, wanted, pace):
    mean, faults = TARGETS[target]
    faults = [f for f in faults if f[1] in wanted]
    at = FIRST_S
    while faults:
        at += random.expovariate(1 / (mean * pace))
        _, name, least, most = random.choices(faults, [f[0] for f in faults])[0]
        lasts = round(random.uniform(least, most), 2)
        if at + lasts > seconds:
            return
        yield round(at, 2), name, lasts
        at += lasts


def make_plan(random, seconds, kills, wanted, pace=1.0):
    """[(at, name, lasts)], by time.  The faults of one target follow one another, those of different ones overlap."""
    plan = [(round(random.uniform(FIRST_S, seconds), 2), "daemon-kill", 0) for _ in range(kills)]
    for target in TARGETS:
        plan += of_target(random, target, seconds, wanted, pace)
    return sorted(plan)
