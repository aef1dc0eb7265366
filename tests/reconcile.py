#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The simulator's ledger against the tables: is everything that was sent recorded once, a duplicate, or in quarantine?

    tests/reconcile.py LEDGER [DSN]      prints the line; exit 0 when nothing is missing

What a broker delivers again after a crash comes on top of what was sent and is named as such.  The demo and the
integration tests use `reconcile` as a function.
"""
import collections
import contextlib
import csv
import os
import sys

import psycopg2


class Balance:
    def __init__(self):
        self.sent = self.recorded = self.duplicates = self.quarantined = self.redelivered = 0
        self.missing = []       # (device, boot, sequence), or what garbage is short of
        self.twice = []         # recorded more than once

    @property
    def complete(self):
        return not self.missing and not self.twice

    def __str__(self):
        again = f" ({self.redelivered} more were delivered again by the broker)" if self.redelivered else ""
        return (f"sent {self.sent} = recorded {self.recorded} + duplicates {self.duplicates} "
                f"+ quarantined {self.quarantined}, missing {len(self.missing)}{again}")


def read_ledger(path):
    """{(device, boot, sequence): times sent}, and the number of messages that are no report."""
    sent, garbage = collections.Counter(), 0
    with open(path, encoding="utf-8", newline="") as f:
        for line in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            if line["sequence"] in ("-", "0"):      # 0 is no sequence: it cannot be recorded
                garbage += 1
            else:
                sent[line["device"], int(line["boot"]), int(line["sequence"])] += 1
    return sent, garbage


def count_rows(cursor, table, devices):
    cursor.execute(f"""SELECT device, boot_id, seq(sequence), count(*) FROM {table}
        WHERE device = ANY(%s) GROUP BY 1, 2, 3""", (list(devices),))
    return collections.Counter({(device, boot, int(sequence)): n for device, boot, sequence, n in cursor})


def count_quarantined(cursor, sent):
    """{key: rows} of what was sent with a sequence, and the number of other messages."""
    refused, others, known = collections.Counter(), set(), set()
    cursor.execute("SELECT quarantine_id, device, report_device, boot_id, sequence FROM quarantine")
    for quarantine_id, device, claimed, boot, sequence in cursor:
        message = quarantine_id.rpartition("-")[0]
        keys = [(d, boot, int(sequence)) for d in (claimed, device) if sequence is not None]
        keys = [key for key in keys if key in sent]
        if keys:
            refused[keys[0]] += 1
            known.add(message)
        else:
            others.add(message)
    return refused, len(others - known)


def reconcile(dsn, ledger):
    sent, garbage = read_ledger(ledger)
    devices = {key[0] for key in sent}
    with contextlib.closing(psycopg2.connect(dsn)) as db, db.cursor() as cursor:
        recorded = count_rows(cursor, "report", devices)
        duplicates = count_rows(cursor, "duplicate", devices)
        refused, other_messages = count_quarantined(cursor, sent)

    balance = Balance()
    balance.sent = sum(sent.values()) + garbage
    balance.quarantined = min(garbage, other_messages)
    balance.redelivered = max(0, other_messages - garbage)
    balance.missing = ["garbage"] * max(0, garbage - other_messages)
    balance.twice = [key for key, n in recorded.items() if n > 1]
    for key, times in sent.items():
        left = times
        for kind, rows in (("recorded", recorded), ("quarantined", refused), ("duplicates", duplicates)):
            n = min(left, rows[key])
            setattr(balance, kind, getattr(balance, kind) + n)
            balance.redelivered += rows[key] - n
            left -= n
        balance.missing += [key] * left
    return balance


def main():
    if not 2 <= len(sys.argv) <= 3:
        print(__doc__, file=sys.stderr)
        return 2
    balance = reconcile(sys.argv[2] if len(sys.argv) == 3 else os.environ["FIREWATCH_DSN"], sys.argv[1])
    print(balance)
    for key in balance.missing[:20]:
        print("missing:", key, file=sys.stderr)
    for key in balance.twice[:20]:
        print("recorded twice:", key, file=sys.stderr)
    return 0 if balance.complete else 1


if __name__ == "__main__":
    sys.exit(main())
