# SPDX-License-Identifier: Apache-2.0
"""A town as a folder of CSV files, and what firewatchctl import makes of it in a database of its own."""
import contextlib
import itertools
import os

import psycopg2
import psycopg2.extras

DONE, USAGE, REFUSED = 0, 2, 4

BASE = {
    "divisions": "division,parent,name,level\n"
                 "330106,,西湖区,district\n330106001,330106,云溪镇,town\n330106001201,330106001,东村,village\n",
    "sites": "site,name,division,category\nhome,张奶奶家,330106001201,elderly_household\nshop,粮油店,330106001,small_shop\n",
    "devices": "device,parent,site,zone,installed_on,heartbeat_s\n"
               "gateway,,home,客厅,2024-03-15,60\nchild,gateway,,厨房,,\nalarm,,shop,,,86400\n",
    "people": "person,name,webhook\nwang,王秀兰,https://example.org/wang\nzhao,赵敏,\n",
    "duty": "division,site,role,person,starts_at,ends_at\n"
            "330106001201,home,guardian,wang,2024-01-01T00:00:00+08:00,\n330106,,fire_station,zhao,2024-01-01T00:00:00Z,\n",
    "policies": "class,category,level,step,after_s,role,channel\n"
                "fire,,,1,0,guardian,webhook\nfire,,,2,60,fire_station,webhook\n",
}
TABLES = {"divisions": "division", "sites": "site", "devices": "device", "people": "person", "duty": "duty",
          "policies": "policy"}
RULES = {"kinds": "device_kind", "thresholds": "threshold", "classification": "classification",
         "levels": "protection_level", "protection": "protection", "hazards": "hazard_limit"}

numbers = itertools.count()


class Town:
    """A migrated database of its own, a folder of files, and an ear on what the daemon would hear."""

    def __init__(self, stack, directory):
        self.stack, self.directory = stack, str(directory)
        self.name = f"import_{next(numbers)}"
        self.on_server(f"CREATE DATABASE {self.name}")
        self.dsn = stack.env["FIREWATCH_DSN"].replace("dbname=firewatch", f"dbname={self.name}")
        stack.ctl("db", "migrate", "--dsn", self.dsn)
        self.db = psycopg2.connect(self.dsn, options="-c search_path=firewatch")
        self.db.autocommit = True
        self.rows("LISTEN firewatch_town")

    def on_server(self, statement):
        with contextlib.closing(psycopg2.connect(self.stack.env["FIREWATCH_DSN"])) as db:
            db.autocommit = True
            db.cursor().execute(statement)

    def close(self):
        self.db.close()
        self.on_server(f"DROP DATABASE {self.name}")

    def write(self, **files):
        for name, text in files.items():
            with open(os.path.join(self.directory, name + ".csv"), "wb") as f:
                f.write(text if isinstance(text, bytes) else text.encode())

    def remove(self, *names):
        for name in names:
            os.unlink(os.path.join(self.directory, name + ".csv"))

    def run(self, directory=None, dsn=None):
        done = self.stack.ctl("import", directory or self.directory, "--dsn", dsn or self.dsn, check=False)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done

    def imports(self, directory=None, warning=""):
        """What it printed, as lines."""
        done = self.run(directory)
        assert (done.returncode, done.stderr) == (DONE, warning)
        return done.stdout.splitlines()

    def refused(self):
        """The faults, as lines; the last line, which counts them, is checked and left out."""
        before = self.content()
        done = self.run()
        assert (done.returncode, done.stdout) == (REFUSED, "")
        assert self.content() == before and not self.heard()
        *faults, last = done.stderr.splitlines()
        assert last.startswith("firewatchctl: nothing is changed; faults: ")
        return faults

    def rows(self, query, *parameters):
        with self.db.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def content(self):
        tables = [*TABLES.values(), *RULES.values(), "site_category"]
        return {t: sorted(map(repr, self.rows(f"SELECT * FROM {t}"))) for t in tables}

    def heard(self):
        """The tables of which notice was given since the last call."""
        self.rows("SELECT 1")
        self.db.poll()
        tables = {n.payload for n in self.db.notifies}
        del self.db.notifies[:]
        return tables
