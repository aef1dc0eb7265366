# SPDX-License-Identifier: Apache-2.0
"""firewatchctl import: what is refused and how it is told, and what a town becomes in the database."""
import os
import time

import pytest

from harness import ROOT
from town_folder import BASE, DONE, REFUSED, TABLES, USAGE, Town

NO_FIRE_POLICY = "firewatchctl: warning: class fire has no policy: a fire pages only whoever is on duty nearest\n"


@pytest.fixture(scope="module")
def shared_town(shared_stack, tmp_path_factory):
    """For files that are refused: it stays as it is."""
    made = Town(shared_stack, tmp_path_factory.mktemp("town"))
    made.write(**BASE)
    made.imports()
    made.heard()
    yield made
    made.close()


# ---------------------------------------------------------------- faults

LONG_ID, LONG_NAME = "x" * 65, "名" * 86

# Each is one record behind the base's: what is told of it.
FAULTY_RECORDS = [
    ("divisions", "3301,,短,town", ["division: not 6 to 15 digits: 3301"]),
    ("divisions", "330107,,,town", ["name: not given"]),
    ("divisions", "330107,,x,galaxy", ["level: not one of city district town village grid: galaxy"]),
    ("divisions", "330107,999999,x,town", ["parent: no division 999999"]),
    ("divisions", "330107,330107,x,town", ["parent: 330107 is above itself"]),
    ("divisions", "330106,,又,district", ["division: 330106 is on line 2 already"]),
    ("divisions", f"330107,,{LONG_NAME},town", [f"name: longer than 256 bytes: {LONG_NAME[:21]}…"]),
    ("divisions", "330107,,x", ["has 3 fields, the header has 4"]),
    ("divisions", "330107,,x,town,y", ["has 5 fields, the header has 4"]),
    ("divisions", '330107,,a"b,town', ["name: a quote inside a field that is not quoted"]),
    ("divisions", '330107,,"a"b,town', ["name: text behind the closing quote"]),
    ("divisions", '330107,,"never closed,town', ["name: the quote is never closed"]),
    ("divisions", "330107,,a\tb,town", ["name: holds a control character: a?b"]),
    ("divisions", "330107,,\u0085,town", ["name: holds a control character: ?"]),
    ("divisions", '330107,,"two\nlines",town', ["name: holds a control character: two?lines"]),
    ("divisions", b"330107,,\xff,town", ["name: not valid UTF-8"]),
    ("divisions", b"330107,,a\0b,town", ["name: not valid UTF-8"]),
    ("divisions", f"330107,,{'x' * 4097},town", ["name: longer than 4096 bytes"]),
    ("sites", "s,x,330999,household", ["division: no division 330999"]),
    ("sites", "s,x,330106,", ["category: not given"]),
    ("sites", f"{LONG_ID},x,330106,household", [f"site: longer than 64 bytes: {LONG_ID[:64]}…"]),
    ("sites", " s,x,330106,household", ["site: begins or ends with a space:  s"]),
    ("sites", "home,x,330106,household", ["site: home is on line 2 already"]),
    ("devices", "a b,,home,,,", ["device: not 1 to 64 of A-Z a-z 0-9 _ . : -: a b"]),
    ("devices", "d,,,,,", ["site: not given, and no parent whose site it would be"]),
    ("devices", "d,,nowhere,,,", ["site: no site nowhere"]),
    ("devices", "d,nobody,home,,,", ["parent: no device nobody"]),
    ("devices", "d,d,home,,,", ["parent: d is above itself"]),
    ("devices", "child,,home,,,", ["device: child is on line 3 already"]),
    ("devices", "d,,home,,2024-02-30,", ["installed_on: not a date such as 2026-11-24: 2024-02-30"]),
    ("devices", "d,,home,,,0", ["heartbeat_s: not a whole number from 1 to 31536000: 0"]),
    ("devices", "d,,home,,,31536001", ["heartbeat_s: not a whole number from 1 to 31536000: 31536001"]),
    ("devices", "d,,home,,,1e3", ["heartbeat_s: not a whole number from 1 to 31536000: 1e3"]),
    ("people", "p,x,ftp://x", ["webhook: not an address that begins with http:// or https://: ftp://x"]),
    ("people", "p,x,https:///x", ["webhook: not an address that begins with http:// or https://: https:///x"]),
    ("people", "wang,x,", ["person: wang is on line 2 already"]),
    ("duty", "330106,,r,nobody,2024-01-01T00:00:00Z,", ["person: no person nobody"]),
    ("duty", "330106,nowhere,r,wang,2024-01-01T00:00:00Z,", ["site: no site nowhere"]),
    ("duty", "330106,,r,wang,2024-01-01 noon,",
     ["starts_at: not an RFC 3339 time from 1970 to 9999, such as 2026-11-24T08:00:00+08:00: 2024-01-01 noon"]),
    ("duty", "330106,,r,wang,2024-01-01T08:00:00+08:00,2024-01-01T00:00:00Z", ["ends_at: not after starts_at"]),
    ("duty", "330106,,fire_station,zhao,2024-01-01T08:00:00+08:00,", ["division: the same duty is on line 3 already"]),
    ("policies", "blaze,,,1,0,r,webhook", ["class: no such class: blaze"]),
    ("policies", "fire,,top,1,0,r,webhook", ["level: not one of normal elevated highest: top"]),
    ("policies", "fire,,,0,0,r,webhook", ["step: not a whole number from 1 to 1000: 0"]),
    ("policies", "fire,,,1,604801,r,webhook", ["after_s: not a whole number from 0 to 604800: 604801"]),
    ("policies", "fire,,,3,90,guardian,sms", ["channel: not one of webhook: sms"]),
    ("policies", "fire,,,1,30,guardian,webhook", ["class: the same policy is on line 2 already"]),
    ("policies", "fire,,,x,-1,,webhook", ["step: not a whole number from 1 to 1000: x",
                                          "after_s: not a whole number from 0 to 604800: -1", "role: not given"]),
]


@pytest.mark.parametrize("file, record, faults", FAULTY_RECORDS)
def test_faulty_record(shared_town, file, record, faults):
    shared_town.write(**BASE)
    line = BASE[file].count("\n") + 1
    shared_town.write(**{file: BASE[file].encode() + (record if isinstance(record, bytes) else record.encode())})
    assert shared_town.refused() == [f"{file}.csv:{line}: {fault}" for fault in faults]


@pytest.mark.parametrize("head, faults", [
    ("division,parent,name,level,wombat", ["wombat: unknown column"]),
    ("division,parent,name,level,", ["column 5: unknown column"]),
    ("division,name,name,level", ["name: the column is there twice"]),
    ("division,parent,name", ["level: the column is missing"]),
    ("Division,name,level", ["Division: unknown column", "division: the column is missing"]),
    ("", [f"{column}: the column is missing" for column in ("division", "name", "level")]),
])
def test_faulty_header(shared_town, head, faults):
    """Of a file whose header is not understood nothing else is told, and nothing that refers to it."""
    shared_town.write(**BASE)
    shared_town.write(divisions=head + "\n330106,x\n" if head else "")
    assert shared_town.refused() == [f"divisions.csv:1: {fault}" for fault in faults]


@pytest.mark.parametrize("latitude, longitude, faults", [
    ("90.1", "120", ["latitude: not a number from -90 to 90: 90.1"]),
    ("30", "-180.5", ["longitude: not a number from -180 to 180: -180.5"]),
    ("nan", "0x10", ["latitude: not a number from -90 to 90: nan", "longitude: not a number from -180 to 180: 0x10"]),
    ("30", "", ["longitude: not given, but the other one is"]),
])
def test_faulty_place(shared_town, latitude, longitude, faults):
    shared_town.write(**BASE)
    shared_town.write(sites=f"latitude,longitude,site,name,division,category\n{latitude},{longitude},home,x,330106,school\n"
                            "30,120,shop,x,330106,school\n")
    assert shared_town.refused() == [f"sites.csv:2: {fault}" for fault in faults]


def test_rings(shared_town):
    shared_town.write(**BASE)
    shared_town.write(divisions=BASE["divisions"] + "330107,330108,a,town\n330108,330107,b,town\n",
                      devices=BASE["devices"] + "a,b,home,,,\nb,c,home,,,\nc,a,home,,,\n")
    assert shared_town.refused() == [
        "divisions.csv:5: parent: 330107 is above itself", "divisions.csv:6: parent: 330108 is above itself",
        *(f"devices.csv:{line}: parent: {d} is above itself" for line, d in ((5, "a"), (6, "b"), (7, "c")))]


def test_ring_through_the_database(shared_town):
    shared_town.write(**BASE)
    shared_town.write(divisions="division,parent,name,level\n330106,330106001201,西湖区,district\n")
    assert shared_town.refused() == ["divisions.csv:2: parent: 330106 is above itself"]


def test_lines_are_those_on_which_records_begin(shared_town):
    shared_town.write(**BASE)
    shared_town.write(sites="site,name,division,category,address\r\n\r\nhome,x,330106,school,\"one\r\n二\r\n\"\r\n"
                            "shop,x,330106,school,\r\nthird,,330106,school,\r\n")
    assert shared_town.refused() == ["sites.csv:7: name: not given"]


def test_all_faults_in_order_up_to_100(shared_town):
    shared_town.write(**BASE)
    shared_town.write(divisions=BASE["divisions"] + "330107,999999,x,galaxy\n",
                      people=BASE["people"] + "".join(f"p{i},,\n" for i in range(150)) + "wang,x,\n")
    faults = shared_town.refused()
    assert faults[0] == "divisions.csv:5: level: not one of city district town village grid: galaxy"
    assert faults[1] == "divisions.csv:5: parent: no division 999999"
    assert faults[2:100] == [f"people.csv:{4 + i}: name: not given" for i in range(98)]
    assert faults[100:] == ["… and 53 more"]


def test_a_faulty_record_is_not_missed_by_others(shared_town):
    """What refers to a record that has a fault is no fault of its own."""
    shared_town.write(**BASE)
    shared_town.write(sites=BASE["sites"] + "barn,x,330106,household,too many\n",
                      devices=BASE["devices"] + "d,,barn,,,0\ne,d,,,,\n")
    assert shared_town.refused() == ["sites.csv:4: has 5 fields, the header has 4",
                                     "devices.csv:5: heartbeat_s: not a whole number from 1 to 31536000: 0"]


def test_no_folder_and_no_files(shared_town, tmp_path):
    missing = shared_town.run(str(tmp_path / "missing"))
    assert missing.returncode == USAGE and "No such file or directory" in missing.stderr
    empty = shared_town.run(str(tmp_path))
    assert empty.returncode == USAGE and "no file of a town is there" in empty.stderr
    (tmp_path / "sites.csv").mkdir()
    folder = shared_town.run(str(tmp_path))
    assert folder.returncode == USAGE and "sites.csv is not a plain file" in folder.stderr


def test_larger_than_the_limit(shared_town):
    shared_town.write(**BASE)
    with open(os.path.join(shared_town.directory, "people.csv"), "r+b") as f:
        f.truncate((256 << 20) + 1)     # a hole: NULs without a line's end
    assert shared_town.refused()[0].endswith(": the file is larger than 256 MiB")


# ---------------------------------------------------------------- what a town becomes

def printed(**changes):
    """The lines of the base town, of which changes[file] = (new, changed)."""
    rows = ((name, text.count("\n") - 1, *changes.get(name, (0, 0))) for name, text in BASE.items())
    return [f"{name} {count} ({new} new, {changed} changed)" for name, count, new, changed in rows]


def test_twice_changes_nothing(town):
    town.write(**BASE)
    assert town.imports() == printed(**{name: (text.count("\n") - 1, 0) for name, text in BASE.items()})
    assert town.heard() == set(TABLES.values())
    before = town.content()
    assert town.imports() == printed() + ["nothing has changed"]
    assert town.content() == before
    assert not town.heard()


def test_one_changed_row(town):
    town.write(**BASE)
    town.imports()
    town.heard()
    town.write(people=BASE["people"].replace("赵敏", "赵敏敏"))
    assert town.imports() == printed(people=(0, 1))
    assert town.heard() == {"person"}
    assert town.rows("SELECT name FROM person WHERE person = 'zhao'") == [["赵敏敏"]]


def test_demo_town_twice(town):
    folder = os.path.join(ROOT, "deploy", "demo", "town")
    *rest, levels, _ = town.imports(folder)
    assert all(line.endswith(" 0 changed)") for line in rest)
    assert levels == "levels 2 (0 new, 2 changed)"  # of the standard ones
    assert town.imports(folder)[-1] == "nothing has changed"


def test_text_arrives_as_it_is(town):
    """A byte order mark, CRLF, columns in another order, quotes, lines, and what COPY would read in another way."""
    address = '云溪镇 "颐享路" 18 号,\r\n二楼\\N\\t\\'
    quoted = address.replace('"', '""')
    town.write(divisions=b"\xef\xbb\xbf" + BASE["divisions"].replace("\n", "\r\n").encode(),
               sites=f'category,name,address,site,risk,division,longitude,latitude\r\n'
                     f'农家乐,"颐享, 养老院 🔥","{quoted}",yixiang,high,330106001,120.0521,-30.5')
    assert town.imports(warning=NO_FIRE_POLICY) == ["divisions 3 (3 new, 0 changed)", "sites 1 (1 new, 0 changed)"]
    site, = town.rows("SELECT * FROM site")
    assert dict(site) == {"site": "yixiang", "name": "颐享, 养老院 🔥", "division": "330106001", "category": "农家乐",
                          "risk": "high", "address": address, "latitude": -30.5, "longitude": 120.0521, "contact": ""}
    assert town.rows("SELECT name FROM site_category WHERE category = '农家乐'") == [["农家乐"]]
    assert town.imports(warning=NO_FIRE_POLICY)[-1] == "nothing has changed"


def test_what_is_not_given(town):
    town.write(**BASE)
    town.imports()
    device, = town.rows("SELECT * FROM device WHERE device = 'alarm'")
    assert (device["parent"], device["installed_on"], device["heartbeat_s"], device["model"]) == (None, None, 86400, "")
    site, = town.rows("SELECT risk, latitude, longitude FROM site WHERE site = 'home'")
    assert list(site) == ["normal", None, None]
    assert town.rows("SELECT count(*) FROM duty WHERE ends_at = 'infinity'") == [[2]]


def test_child_belongs_to_the_site_of_its_gateway(town):
    town.write(**BASE)
    town.write(devices=BASE["devices"] + "grandchild,child,,,,\n")
    town.imports()
    assert town.rows("SELECT device, parent, site, division FROM device WHERE site = 'home' ORDER BY device") == [
        ["child", "gateway", "home", "330106001201"], ["gateway", None, "home", "330106001201"],
        ["grandchild", "child", "home", "330106001201"]]


def test_unclaimed_device_is_claimed(town):
    town.write(**BASE)
    town.remove("devices")
    town.imports()
    town.rows("INSERT INTO device (device, division) VALUES ('alarm', '330106'), ('stranger', '330106')")
    town.heard()
    town.write(devices="device,parent,site\nthing,stranger,\n")
    assert town.refused() == ["devices.csv:2: site: not given, and no gateway above thing has one"]
    town.write(devices=BASE["devices"])
    assert "devices 3 (2 new, 1 changed)" in town.imports()
    assert town.heard() == {"device"}
    assert town.rows("SELECT site, division FROM device WHERE device = 'alarm'") == [["shop", "330106001"]]
    assert town.rows("SELECT site FROM device WHERE device = 'stranger'") == [[None]]


def test_devices_follow_their_site(town):
    town.write(**BASE)
    town.imports()
    town.remove("divisions", "devices", "people", "duty", "policies")
    town.write(sites=BASE["sites"].replace("330106001201", "330106001"))
    assert town.imports() == ["sites 2 (0 new, 1 changed)"]
    assert town.rows("SELECT DISTINCT division FROM device WHERE site = 'home'") == [["330106001"]]


def test_references_may_be_to_the_database(town):
    town.write(**BASE)
    town.imports()
    town.remove("divisions", "sites", "people", "policies")
    town.write(devices="device,parent,site\nnew,gateway,\n",
               duty="division,role,person,starts_at\n330106001,officer,wang,2026-01-01\n")
    assert town.imports() == ["devices 1 (1 new, 0 changed)", "duty 1 (1 new, 0 changed, 2 removed)"]


def test_duty_and_policies_are_replaced(town):
    town.write(**BASE)
    town.imports()
    town.heard()
    town.write(duty="division,site,role,person,starts_at,ends_at\n"
                    "330106001201,home,guardian,wang,2023-12-31T16:00:00Z,2030-01-01T00:00:00+08:00\n",
               policies=BASE["policies"].replace(",2,60,", ",2,90,") + "gas,school,elevated,1,0,guardian,webhook\n")
    assert town.imports()[-2:] == ["duty 1 (0 new, 1 changed, 1 removed)", "policies 3 (1 new, 1 changed)"]
    assert town.heard() == {"duty", "policy"}
    assert town.rows("SELECT person, ends_at = '2029-12-31T16:00Z' FROM duty") == [["wang", True]]
    assert town.rows("SELECT class, after_s FROM policy ORDER BY class, step") == [["fire", 0], ["fire", 90], ["gas", 0]]
    town.write(policies=BASE["policies"].split("\n")[0])
    assert town.imports(warning=NO_FIRE_POLICY)[-1] == "policies 0 (0 new, 0 changed, 3 removed)"


def test_20000_devices(town):
    town.write(**BASE)
    town.write(devices="device,parent,site\n" + "".join(
        f"g{i},,home\n" if i % 10 == 0 else f"c{i},g{i - i % 10},\n" for i in range(20_000)))
    begun = time.monotonic()
    assert "devices 20000 (20000 new, 0 changed)" in town.imports()
    assert town.imports()[-1] == "nothing has changed"
    assert time.monotonic() - begun < 20    # a statement for each row would take minutes


def test_a_kind_that_nobody_has_defined(town):
    """It is no fault: a town may be imported file by file."""
    devices = "device,site,kind\ntoaster,home,toaster\nalarm,home,smoke_alarm\nother,home,\n"
    town.write(**{**BASE, "devices": devices})
    town.imports(warning="firewatchctl: warning: devices.csv:2: kind: no kind toaster: a device of it is not supervised\n")
    town.write(kinds="kind,name,heartbeat_s\ntoaster,x,60\n")
    town.imports()
    town.remove("kinds")
    town.write(devices=devices.replace("other", "next"))
    town.imports()


def test_a_policy_for_a_category_that_no_site_is_of(town):
    town.write(**BASE)
    town.imports()
    town.write(policies="class,category,level,step,after_s,role,channel\nfire,,,1,0,officer,webhook\n"
                        "fire,castle,,1,0,officer,webhook\n")
    town.imports(warning="firewatchctl: warning: policies.csv:3: category: no category castle: no site is of it\n")


def test_a_file_with_a_wrong_name_is_told(town):
    town.write(**BASE, policy="x\n", devices2="x\n")
    assert len(town.imports(warning="".join(f"firewatchctl: warning: {name}.csv is no file of a town and is not read\n"
                                            for name in ("devices2", "policy")))) == len(BASE)


def test_a_time_at_the_end_of_all_years(town):
    duty = "division,role,person,starts_at,ends_at\n330106001,officer,wang,2026-01-01T00:00:00Z,9999-12-31T23:59:59"
    town.write(**{**BASE, "duty": duty + "-08:00\n"})
    assert town.refused() == ["duty.csv:2: ends_at: not an RFC 3339 time from 1970 to 9999, such as 2026-11-24T08:00:00+08:00: "
                              "9999-12-31T23:59:59-08:00"]
    town.write(duty=duty + "Z\n")
    town.imports()
    assert town.rows("SELECT extract(year FROM ends_at AT TIME ZONE 'UTC') FROM duty") == [[9999]]


def test_a_fire_without_any_policy_is_warned_of(town):
    """It is no fault: a town may be imported file by file, and the daemon pages whoever is on duty nearest."""
    town.write(**BASE)
    town.write(policies=BASE["policies"].replace("\nfire,", "\ngas,"))
    assert "policies 2 (2 new, 0 changed)" in town.imports(warning=NO_FIRE_POLICY)
    town.write(policies=BASE["policies"].replace("\nfire,,", "\nfire,school,"))
    town.imports()


# ---------------------------------------------------------------- who may

@pytest.mark.parametrize("group, told", [
    (None, "firewatchctl: {} has no rights in the database's schema firewatch: import as its owner\n"),
    ("firewatch_operator", "firewatchctl: database: permission denied for table division\n"),
])
def test_a_login_without_the_rights(town, group, told):
    login = f"{town.name}_login"
    town.rows(f"CREATE ROLE {login} LOGIN" + (f" IN ROLE {group}" if group else ""))
    try:
        town.write(**BASE)
        before = town.content()
        done = town.run(dsn=f"{town.dsn} user={login}")
        assert (done.returncode, done.stdout, done.stderr) == (REFUSED, "", told.format(login))
        assert town.content() == before
    finally:
        town.rows(f"DROP ROLE {login}")


def test_a_database_that_is_not_migrated(town):
    town.rows("DROP SCHEMA firewatch CASCADE")
    town.write(**BASE)
    done = town.run()
    assert done.returncode == REFUSED and "is not migrated for this program: firewatchctl db migrate" in done.stderr
