# SPDX-License-Identifier: Apache-2.0
"""What was sent against what is in the tables and what people were told, when everything has come to rest."""
import collections
import contextlib
import re
import zlib

import psycopg2

SHOWN = 8
FOUND = "~(reboot|gaps|clock|offline|chatter)~"     # in the name of what the centre finds itself


def device_of(incident):
    return re.split(FOUND, incident)[0] if re.search(FOUND, incident) else incident.rsplit("~", 2)[0]


class Findings(list):
    def some(self, what, items):
        items = list(items)
        if items:
            self.append(f"{len(items)} {what}: {', '.join(map(str, items[:SHOWN]))}{' …' if len(items) > SHOWN else ''}")


class Balance:
    """Of a fleet's book, the acts of an operator and a receiver's pages.  `figures` is for people, `findings` must be empty."""

    def __init__(self, dsn, fleet, receiver, acts, forgiving, strict):
        self.book, self.fleet, self.acts = fleet.book, fleet, acts
        self.receiver = receiver
        self.pages = receiver.pages()       # before the rows: each is to have one by now
        self.forgiving, self.strict = forgiving, strict
        self.findings = Findings()
        self.figures = collections.OrderedDict()
        with contextlib.closing(psycopg2.connect(dsn)) as db:
            self.db = db
            self.read_reports()
            self.check_reports()
            self.check_quarantine()
            self.check_alarms()
            self.check_pages()
            self.check_acts()

    def rows(self, query, *parameters):
        with self.db.cursor() as cursor:
            cursor.execute("SET search_path = firewatch, public")
            cursor.execute(query, parameters)
            return cursor.fetchall()

    def read_reports(self):
        self.recorded = collections.Counter()
        self.bodies = {}
        names = list(self.fleet.devices)
        for device, boot, sequence, body in self.rows(
                "SELECT device, boot_id, seq(sequence), body FROM report WHERE device = ANY(%s)", names):
            key = device, boot, int(sequence)
            self.recorded[key] += 1
            self.bodies[key] = zlib.crc32(bytes(body))
        self.duplicates = self.rows("SELECT count(*) FROM duplicate WHERE device = ANY(%s)", names)[0][0]

    def check_reports(self):
        book = self.book
        self.figures["messages"] = book.messages
        self.figures["sent"] = sum(book.sent.values()) + len(book.garbage)
        self.figures["different"] = len(book.sent) + len(book.garbage)
        self.figures["recorded"] = len(self.recorded)
        self.figures["duplicates"] = self.duplicates
        f = self.findings
        f.some("reports missing", (key for key in book.checksum if key in book.sent and not self.recorded[key]))
        f.some("reports recorded more than once", (key for key, n in self.recorded.items() if n > 1))
        f.some("reports recorded that are not as they were sent",
               (key for key, crc in self.bodies.items() if key in book.checksum and book.checksum[key] != crc))
        f.some("reports recorded that should have been refused", (key for key in book.refused if self.recorded[key]))
        f.some("reports recorded that nobody sent", (key for key in self.recorded if key not in book.sent))
        f.some("reports that are their own duplicates", self.rows(
            "SELECT r.device, r.boot_id, r.sequence, r.lane, r.journal_position FROM duplicate d JOIN report r "
            "USING (received_day, device, boot_id, sequence, lane, journal_position, report_index, received_at)"))
        f.some("good reports that a receipt called rejected", book.rejected - book.refused)
        f.some("reports without a receipt", self.fleet.kept_keys())

    def check_quarantine(self):
        refused, payloads = collections.Counter(), collections.Counter()
        for device, claimed, boot, sequence, payload in self.rows(
                "SELECT device, report_device, boot_id, sequence, payload FROM quarantine"):
            if sequence is None:
                payloads[bytes(payload)] += 1
            else:
                refused[claimed or device, boot, int(sequence)] += 1
        self.figures["quarantined"] = sum(refused.values()) + sum(payloads.values())
        self.findings.some("reports refused without a trace", (k for k in self.book.refused if k in self.book.sent and not refused[k]))
        self.findings.some("reports quarantined that were good", (k for k in refused if k not in self.book.refused))
        lost = [p.hex() for p in self.book.garbage if not payloads[p]]
        self.figures["garbage lost"] = len(lost)
        if not self.forgiving:      # nobody sends garbage again: what a broker forgot is gone
            self.findings.some("garbage that is not in quarantine", lost)

    def check_alarms(self):
        # Raised by a device's word are the bits below 24; of what chatters the restore is held back for a minute.
        alarms = self.rows("""SELECT device, point, class, alarm_id, report_count - (alarm_id LIKE '%%~chatter~%%')::int,
            restored_at IS NULL AND coalesce(restored_sequence, 0) = 0 AND conditions & 16777215 <> 0, incident_id FROM alarm""")
        self.figures["alarms"] = len(alarms)
        counted, opened = collections.Counter(), collections.Counter()
        for device, point, class_, _, count, is_open, _ in alarms:
            counted[device, point, class_] += count
            opened[device, point, class_] += is_open
        # What the centre finds itself is a fault of the device, and shares its alarm with what the device says of itself.
        self.findings.some("alarms whose reports do not add up (place, in the tables, sent)", (
            (*place, counted[place], len(keys)) for place, keys in self.book.raised.items()
            if (counted[place] < len(keys) if place[1:] == (0, "fault") else counted[place] != len(keys))))
        self.findings.some("alarms that are open though all was restored", (p for p, n in opened.items() if n))
        ids = {f"{d}~{b}~{s}~0" for keys in self.book.raised.values() for d, b, s in keys}
        self.findings.some("alarms that nobody raised", (
            a[3] for a in alarms if a[0] in self.fleet.devices and a[3] not in ids and not re.search(FOUND, a[3])))
        self.alarmed = {a[0] for a in alarms}
        self.findings.some("alarms without an incident", self.rows(
            "SELECT alarm_id FROM alarm a WHERE NOT EXISTS (SELECT FROM incident i WHERE i.incident_id = a.incident_id)"))

    def check_pages(self):
        paged = collections.Counter(p.incident for p in self.pages)
        incidents = self.rows("SELECT incident_id, class FROM incident")
        emergencies = [i for i, class_ in incidents if class_ in ("fire", "gas")]
        known = {i for i, _ in incidents}
        self.figures["incidents"], self.figures["pages"] = len(incidents), len(self.pages)
        self.findings.some("fires and gas without a page", (i for i in emergencies if not paged[i]))
        # An incident is named by the report that opened it.  Sent while PostgreSQL could not be asked; then the daemon was
        # killed, and on reading its two journals again another report came first: the alarm is in that report's incident.
        retold = {i for i in paged if i not in known and self.has_cause(i) and device_of(i) in self.alarmed}
        self.figures["incidents told again by another name"] = len(retold)
        self.findings.some("pages about an incident that is not recorded", (
            i for i in paged if i not in known and (self.strict or i not in retold)))
        rows = self.rows("SELECT notification_id, state, error, due_at < now() - interval '10 s' FROM notification")
        delivered = {p.id for p in self.receiver.pages() if p.status == 200}
        self.findings.some("pages delivered that the receiver did not get", (
            i for i, state, _, _ in rows if state == "delivered" and i not in delivered))
        self.findings.some("pages that failed", ((i, error) for i, state, error, _ in rows if state == "failed"))
        self.findings.some("pages that were due and are not done", (
            (i, state) for i, state, _, due in rows if due and state in ("queued", "sent")))
        # Their steps may be other ones in the second reading, for the same reason.
        unrecorded = {p.id for p in self.pages} - {row[0] for row in rows}
        self.figures["pages without a record"] = len(unrecorded)
        if self.strict:
            self.findings.some("pages without a record", unrecorded)
        self.findings.some("steps that were due and are not done", self.rows(
            "SELECT incident_id, trigger, step, role, due_at FROM page_step WHERE state = 'queued' AND due_at < now() - interval '10 s'"))
        self.page_times()

    def has_cause(self, incident):
        """The report that it is named after is recorded; what the centre finds itself has none."""
        if re.search(FOUND, incident):
            return True
        device, boot, sequence = incident.rsplit("~", 2)
        return self.recorded[device, int(boot), int(sequence)] == 1

    def page_times(self):
        """From the first publish of the report that opened an incident to its first page."""
        first = {}
        for page in self.pages:
            first.setdefault(page.incident, page.at)
        took = sorted(first["~".join(map(str, key))] - at for key, at in self.book.first_sent.items()
                      if "~".join(map(str, key)) in first)
        if took:
            self.figures["page after"] = f"median {took[len(took) // 2]:.1f} s, most {took[-1]:.1f} s"

    def check_acts(self):
        """What a person did and PostgreSQL said was done is done, failover or not."""
        kept = {actor for actor, in self.rows("SELECT actor FROM timeline WHERE kind IN ('acknowledged', 'closed')")}
        self.figures["acts"] = len(self.acts)
        self.findings.some("acts of people that were forgotten", (a for a in self.acts if a not in kept))
