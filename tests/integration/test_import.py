"""Recipients from LDIF and CSV files, against a private Redis."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.lab.command import DATA, POSTHUB, USAGE, YES, World
from tests.lab.ldap import escape

NO_INPUT = 66
# Every character that means something in a distinguished name, and others.
ODD = " #\"Ann\" + (Bob)*, <x>;y=z\\ \u00e9 "


def write(world: World, name: str, content: str | bytes) -> str:
    path = world.path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def load(world: World, name: str, content: str | bytes, *options: str, status: int = YES) -> Any:
    """What the import of one file says."""
    return world.json("recipient", "import", write(world, name, content), *options, status=status)


def counts(report: Any) -> tuple[int, int, int, int]:
    return report["Added"], report["Changed"], report["Unchanged"], len(report["Rejected"])


def show(world: World, name: str) -> Any:
    return world.json("recipient", "show", name)


# ---- CSV ----------------------------------------------------------------------

CSV = """\
\ufeffName,RecipientType,Database,ProxyAddresses,DisplayName,MaxReceiveSize
nuno@x.test,UserMailbox,DB1,"SMTP:nuno@x.test,smtp:n+list@x.test","Mota, Nuno",10MB
"""


def test_csv(world: World) -> None:
    assert counts(load(world, "a.csv", CSV)) == (1, 0, 0, 0)
    nuno = show(world, "nuno@x.test")
    assert nuno["EmailAddresses"] == ["nuno@x.test", "n+list@x.test"]
    assert nuno["DisplayName"] == "Mota, Nuno" and nuno["MaxReceiveSize"] == 10 << 20
    assert counts(load(world, "a.csv", CSV.replace("\n", "\r\n"))) == (0, 0, 1, 0)
    assert counts(load(world, "a.csv", CSV.replace("10MB", "20MB"))) == (0, 1, 0, 0)


def test_fields_that_are_not_in_the_file_stay(world: World) -> None:
    """An empty one is unset; with --replace those that are not there are, too."""
    load(world, "a.csv", CSV)
    world.ok("recipient", "set", "nuno@x.test", "Title=Boss", "hidden=1")
    some = "Name,DisplayName\nnuno@x.test,\n"
    assert counts(load(world, "b.csv", some)) == (0, 1, 0, 0)
    nuno = show(world, "nuno@x.test")
    assert nuno["Title"] == "Boss" and nuno["Database"] == "DB1" and "DisplayName" not in nuno
    assert counts(load(world, "a.csv", CSV, "--replace")) == (0, 1, 0, 0)
    nuno = show(world, "nuno@x.test")
    assert nuno["DisplayName"] == "Mota, Nuno" and "Title" not in nuno and "hidden" not in nuno


def test_spelling_of_fields_in_redis_does_not_matter(world: World) -> None:
    for field, value in (("RECIPIENTTYPE", "UserMailbox"), ("database", "DB1")):
        world.cli("HSET", "posthub:recipient:a@x.test", field, value)
    content = "Name,RecipientType,Database\na@x.test,UserMailbox,{}\n"
    assert counts(load(world, "a.csv", content.format("DB1"))) == (0, 0, 1, 0)
    assert counts(load(world, "a.csv", content.format("DB2"))) == (0, 1, 0, 0)
    assert world.cli("HGET", "posthub:recipient:a@x.test", "Database") == "DB2"
    assert world.cli("HGET", "posthub:recipient:a@x.test", "database") == ""


BAD_ROWS = {
    "Database: a UserMailbox needs one": "a@x.test,UserMailbox,,",
    "is not one of the words": "a@x.test,Cat,DB1,",
    "Name: is not an address": "a,UserMailbox,DB1,",
    "has 3 fields; expected 4": "a@x.test,UserMailbox,DB1",
    "Name is empty": ",UserMailbox,DB1,",
    "between the closing quote and the comma": '"odd"@x.test,UserMailbox,DB1,',
    "OK@x.test is in the files twice, before in line 2": "OK@x.test,UserMailbox,DB1,",
    "Other@x.test is in the files twice": "a@x.test,UserMailbox,DB1,smtp:Other@x.test",
    "EmailAddresses": "a@x.test,UserMailbox,DB1,nobody",
    "is not UTF-8": b"jos\xe9@x.test,UserMailbox,DB1,",
    "holds a NUL byte": b"a@x.test,UserMailbox,DB\x001,",
    "Name: is not an address; expected": f"{'a' * 600}@x.test,UserMailbox,DB1,",
}


@pytest.mark.parametrize("why", BAD_ROWS)
def test_bad_rows_keep_no_good_one_out(world: World, why: str) -> None:
    row = BAD_ROWS[why]
    content = b"Name,RecipientType,Database,EmailAddresses\n"
    content += b"ok@x.test,UserMailbox,DB1,other@x.test\n"
    content += (row if isinstance(row, bytes) else row.encode()) + b"\n"
    content += b"last@x.test,UserMailbox,DB1,\n"
    report = load(world, "a.csv", content, status=DATA)
    assert counts(report) == (2, 0, 0, 1)
    rejected = report["Rejected"][0]
    assert why in rejected["Reason"] and rejected["Line"] == 3
    assert show(world, "last@x.test")["Database"] == "DB1"


def test_addresses_of_every_kind(world: World) -> None:
    local = "l" * 64
    domain = ".".join(["d" * 60] * 4) + ".example.com"
    longest = f"{local}@{domain}"[:320]
    names = ['"odd, local"@x.test', "jos\u00e9@x\u00e1.test", "a+b+c@x.test", "'q'@x.test", longest]
    rows = "".join(f'"{name.replace(chr(34), chr(34) * 2)}",UserMailbox,DB1\n' for name in names)
    assert counts(load(world, "a.csv", f"Name,RecipientType,Database\n{rows}")) == (5, 0, 0, 0)
    assert {r["Name"] for r in world.json("recipient", "list")} == set(names)


def test_headers_that_say_nothing(world: World) -> None:
    for content, why in (
        ("Title,Company\na,b\n", "expected a column Name or PrimarySmtpAddress"),
        ("Name;RecipientType\na;b\n", "is no field"),
        ("Name,Title,title\n", "Title is there twice"),
    ):
        path = write(world, "a.csv", content)
        world.refused(DATA, why, "recipient", "import", path)


def test_dry_run(world: World) -> None:
    report = load(world, "a.csv", CSV, "--dry-run")
    assert counts(report) == (1, 0, 0, 0) and report["DryRun"] is True
    assert world.cli("EXISTS", "posthub:recipient:nuno@x.test") == "0"


def test_what_it_prints(world: World) -> None:
    rows = "".join(f"a{i},UserMailbox,DB1\n" for i in range(25))
    path = write(world, "a.csv", f"Name,RecipientType,Database\n{rows}ok@x.test,UserMailbox,DB1\n")
    done = world.run("recipient", "import", path)
    assert done.returncode == DATA
    assert done.stdout == "1 added, 0 changed, 0 unchanged, 25 rejected\n"
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"posthub: {path}:2: rejected: a0: recipient a0: Name: is not an")
    assert len(lines) == 21 and lines[-1] == "posthub: 5 more; --verbose shows all"
    done = world.run("recipient", "import", path, "--verbose")
    assert len(done.stderr.splitlines()) == 25


def test_standard_input(world: World) -> None:
    for content, options in ((CSV, ["--format", "csv"]), (PEOPLE, ["--format=ldif"])):
        done = subprocess.run(
            [POSTHUB, "-c", world.conf, "recipient", "import", "-", "--json", *options],
            input=content,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert json.loads(done.stdout)["Added"] > 0


def test_usage(world: World) -> None:
    path = write(world, "people.txt", CSV)
    world.refused(USAGE, "of which format?", "recipient", "import", path)
    world.refused(USAGE, "expected ldif or csv", "recipient", "import", path, "--format", "xml")
    world.refused(USAGE, "openldap or freeipa", "recipient", "import", "a.ldif", "--profile=x")
    world.refused(NO_INPUT, "No such file", "recipient", "import", "/nonexistent/a.ldif")


# ---- LDIF ---------------------------------------------------------------------


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# The group comes first: what its members are is known only from what follows.
PEOPLE = f"""\
version: 1

# an export
dn: CN=Staff,OU=Groups,DC=x,DC=test
changetype: add
objectClass: group
proxyAddresses: SMTP:staff@x.test
member: cn=nuno,ou=people,dc=x,dc=test
member:: {b64(f"cn={escape(ODD)},OU=People,DC=x,DC=test")}
member: CN=Nobody,DC=x,DC=test
managedBy: CN=Nuno,OU=People,DC=x,DC=test

dn: OU=People,DC=x,DC=test
objectClass: organizationalUnit

dn: CN=Nuno,OU=People,DC=x,DC=test
objectClass: user
homeMDB: CN=DB1,CN=Databases,DC=x,DC=test
proxyAddresses: SMTP:nuno@x.test
proxyAddresses: smtp:nm@
 x.test
proxyAddresses: X500:/o=x/cn=nuno
displayName:: {b64("Nuño Mota")}
jpegPhoto:: AAECAwQ=
delivContLength: 2048

dn:: {b64(f"cn={escape(ODD)},OU=People,DC=x,DC=test")}
objectClass: user
homeMDB: CN=DB1,CN=Databases,DC=x,DC=test
proxyAddresses: SMTP:odd@x.test
manager: CN=Nuno,OU=People,DC=x,DC=test

dn: CN=Gone,DC=x,DC=test
changetype: delete

"""


def test_ldif(world: World) -> None:
    report = load(world, "a.ldif", PEOPLE)
    assert counts(report) == (3, 0, 0, 0) and report["NoRecipients"] == 1
    staff, nuno = show(world, "staff@x.test"), show(world, "nuno@x.test")
    assert sorted(staff["Members"]) == ["nuno@x.test", "odd@x.test"]
    assert staff["ManagedBy"] == ["nuno@x.test"]
    assert nuno["DisplayName"] == "Nu\u00f1o Mota" and nuno["Database"] == "DB1"
    assert nuno["EmailAddresses"] == ["nuno@x.test", "nm@x.test"]
    assert nuno["MaxReceiveSize"] == 2 << 20
    assert show(world, "odd@x.test")["Manager"] == "nuno@x.test"
    assert len(report["Skipped"]) == 1 and "changetype is delete" in report["Skipped"][0]["Reason"]
    unresolved = report["Unresolved"][0]
    assert unresolved["Line"] == 4 and "CN=Nobody" in unresolved["Reason"]
    assert counts(load(world, "a.ldif", PEOPLE)) == (0, 0, 3, 0)


def test_members_in_another_file(world: World) -> None:
    group, rest = PEOPLE.split("\n\ndn: OU=", 1)
    paths = [write(world, "1.ldif", group), write(world, "2.ldif", f"dn: OU={rest}")]
    report = world.json("recipient", "import", *paths)
    assert report["Added"] == 3
    assert "nuno@x.test" in show(world, "staff@x.test")["Members"]


def test_openldap(world: World) -> None:
    content = "dn: uid=a,dc=x\nobjectClass: inetOrgPerson\ncn: A\nmail: a@x.test\nl: Porto\n"
    options = ["--profile", "openldap"]
    report = load(world, "a.ldif", content, *options, status=DATA)
    assert "Database: a UserMailbox needs one" in report["Rejected"][0]["Reason"]
    assert counts(load(world, "a.ldif", content, *options, "--database", "DB1")) == (1, 0, 0, 0)
    assert show(world, "a@x.test")["City"] == "Porto"


BAD_ENTRIES = {
    "cn is not base64, or cut off": "dn: cn=a\ncn:: w6k\n",
    "holds a NUL byte": "dn: cn=a\ncn: a\0b\n",
    "displayName is longer than 1 MB": f"dn: cn=a\ndisplayName: {'x' * (10 << 20)}\n",
    "no attribute": "x" * (10 << 20) + "\n",
    "title is not UTF-8": b"dn: cn=a\ntitle: jos\xe9\n",
    '"smtp:no address" is not an address': "dn: cn=a\nproxyAddresses: smtp:no address\n",
    "is a URL": "dn: cn=a\ncn:< file:///etc/passwd\n",
    "member;range=0-1499 is a part": "dn: cn=a\nmember;range=0-1499: cn=b\n",
    "ODD@x.test is in the files twice, before in line 1": (
        "dn: cn=a\nobjectClass: user\nhomeMDB: cn=DB1\nproxyAddresses: SMTP:a@x.test\n"
        "proxyAddresses: smtp:ODD@x.test\n"
    ),
    "RecipientFilter: character 17: found the end": (
        "dn: cn=a\nobjectClass: msExchDynamicDistributionList\nproxyAddresses: SMTP:d@x.test\n"
        "msExchDynamicDLFilter: (&(department=x)\n"
    ),
}


@pytest.mark.parametrize("why", BAD_ENTRIES)
def test_bad_entries_keep_no_good_one_out(world: World, why: str) -> None:
    entry = BAD_ENTRIES[why]
    content = b"dn: cn=o\nobjectClass: user\nhomeMDB: cn=DB1\nproxyAddresses: SMTP:odd@x.test\n\n"
    content += (entry if isinstance(entry, bytes) else entry.encode()) + b"\n"
    content += b"dn: cn=z\nobjectClass: user\nhomeMDB: cn=DB1\nproxyAddresses: SMTP:z@x.test\n"
    report = load(world, "a.ldif", content, status=DATA)
    assert counts(report) == (2, 0, 0, 1)
    assert why in report["Rejected"][0]["Reason"] and report["Rejected"][0]["Line"] == 6
    assert show(world, "z@x.test")["Database"] == "DB1"


def test_many(world: World) -> None:
    """More than a batch, and a group of all; one that Redis holds wrongly."""
    world.cli("SET", "posthub:recipient:u7@x.test", "no hash")
    people = "".join(
        f"dn: cn=u{i},dc=x\nobjectClass: user\nhomeMDB: cn=DB1\n"
        f"proxyAddresses: SMTP:u{i}@x.test\n\n"
        for i in range(2000)
    )
    members = "".join(f"member: cn=u{i},dc=x\n" for i in range(2000))
    group = f"dn: cn=all,dc=x\nobjectClass: group\nproxyAddresses: SMTP:all@x.test\n{members}\n"
    report = load(world, "a.ldif", group + people, status=DATA)
    assert counts(report) == (2000, 0, 0, 1)
    assert "WRONGTYPE" in report["Rejected"][0]["Reason"]
    assert len(show(world, "all@x.test")["Members"]) == 2000


def test_redis_away(world: World) -> None:
    world.stop()
    world.refused(69, "redis", "recipient", "import", write(world, "a.csv", CSV))
