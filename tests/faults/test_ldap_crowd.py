"""20,000 people in LDAP, 5,000 of them in groups inside a group, on two
servers of which something is always down: each member has the mail once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.conftest import ANA
from tests.lab import letter, outcome, wait
from tests.lab.host import maildir_files
from tests.lab.lab import Lab
from tests.lab.ldap import ldif
from tests.lab.office import DISTRIBUTION, Office
from tests.lab.slapd import Slapd
from tests.lab.smtp_mta import Mail

PEOPLE, BRANCHES, IN_BRANCH = 20_000, 6, 1000
EVERYBODY, CLOSED = "everybody@letsexchange.com", "closed@letsexchange.com"
# The last branch has half of the first one's people, who are one time too many.
MEMBERS = 5000
SETTLED = 180.0


def address(i: int) -> str:
    return f"p{i}@letsexchange.com"


def person(ldap: Slapd, i: int) -> str:
    database = f"cn=DB{i % 2 + 1},{ldap.databases}"
    values = {"objectClass": "user", "cn": f"Person {i}", "sn": "Person", "homeMDB": database}
    addresses = [f"SMTP:{address(i)}", f"smtp:person.{i}@letsexchange.com"]
    return ldif(ldap.name(f"Person {i}"), values | {"proxyAddresses": addresses})


def group(ldap: Slapd, name: str, mail: str, members: list[str], **more: str) -> str:
    values = {"objectClass": "group", "cn": name, "groupType": DISTRIBUTION} | more
    lists = {"proxyAddresses": [f"SMTP:{mail}"], "member": members}
    return ldif(ldap.name(name), values | lists)


def crowd(ldap: Slapd) -> str:
    """Each branch holds the next one, and the last one the first."""
    text = "".join(person(ldap, i) for i in range(PEOPLE))
    text += ldif(
        ldap.name("Ana"),
        {
            "objectClass": "user",
            "cn": "Ana",
            "sn": "Ana",
            "homeMDB": f"cn=DB1,{ldap.databases}",
            "proxyAddresses": [f"SMTP:{ANA}"],
        },
    )
    for i in range(BRANCHES):
        first = i * IN_BRANCH if i < BRANCHES - 1 else IN_BRANCH // 2
        inside = [ldap.name(f"Person {k}") for k in range(first, first + IN_BRANCH)]
        inside.append(ldap.name(f"Branch {(i + 1) % BRANCHES}"))
        text += group(ldap, f"Branch {i}", f"branch{i}@letsexchange.com", inside)
    text += group(ldap, "Everybody", EVERYBODY, [ldap.name("Branch 0")])
    closed = {"authOrig": ldap.name("Person 7")}
    return text + group(ldap, "Closed", CLOSED, [ldap.name("Branch 0")], **closed)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Lab() as lab:
        ldap = Slapd(lab.directory / "slapd", lab.env)
        ldap.make()
        ldap.preload(ldap.first() + crowd(ldap))
        ldap.start()
        made = Office(lab, ldap)
        made.connect(lab.host("MBX2"))
        lab.database("DB2", ["MBX2"])
        lab.start()
        made.wait_known(address(0))
        yield made


def post(office: Office, recipient: str, sender: str = ANA) -> Mail:
    return outcome.post_inside(office.host, outcome.from_inside(recipient, sender=sender))


def counted(lab: Lab, mail: Mail) -> Counter[str]:
    """How often each mailbox of the crowd has the mail."""
    found: Counter[str] = Counter()
    for host in lab.hosts.values():
        for path in maildir_files(Path(host.store)):
            message = message_from_bytes(path.read_bytes())
            if message["Message-ID"] == mail.ident and message.get_content_type() == "text/plain":
                found[path.parent.parent.name] += 1
    return found


def test_resolved(office: Office) -> None:
    found = office.entry("Person.19999@LetsExchange.com")
    assert found["Name"] == address(19_999) and found["Database"] == "DB2"
    assert office.ask("person.20000@letsexchange.com").startswith("NOTFOUND ")


def test_expanded(office: Office) -> None:
    done = office.host.cli("group", "expand", EVERYBODY, "--json")
    members = {
        each["Address"] for each in json.loads(done.stdout) if each["Outcome"] == "recipient"
    }
    assert members == {address(i) for i in range(MEMBERS)}
    ways = office.host.cli("group", "expand", EVERYBODY, "--why", address(700))
    assert "branch5@letsexchange.com" in ways.stdout and "branch0@letsexchange.com" in ways.stdout
    none = office.host.cli("group", "expand", EVERYBODY, "--why", address(MEMBERS), check=False)
    assert none.returncode == 1


def test_restricted(office: Office) -> None:
    mail = post(office, CLOSED)
    assert "5.7.1" in mail.last and CLOSED in mail.last, mail.last
    stranger = letter.post(office.host, letter.compose(CLOSED))
    assert "5.7.1" in stranger.last, stranger.last


def arrived(lab: Lab) -> int:
    return sum(1 for host in lab.hosts.values() for _ in maildir_files(Path(host.store)))


def test_each_has_it_once(office: Office) -> None:
    lab, ldap = office.lab, office.ldap
    first, second = lab.hosts["MBX1"], lab.hosts["MBX2"]
    mail = post(office, EVERYBODY)
    assert mail.accepted, mail.last
    halfway = [0]
    for host, names in (
        (first, ("policy",)),
        (second, ("delivery",)),
        (first, ("policy", "transport", "postfix")),
        (second, ("policy", "transport", "delivery", "postfix")),
        (first, ("delivery", "policy")),
    ):
        # Each of them while some have it and others do not.
        wait.until("more to have it", lambda: arrived(lab) > halfway[-1] + 100, SETTLED)
        with host.down(*names):
            halfway.append(arrived(lab))
    assert halfway[-1] < MEMBERS, halfway
    ldap.kill()
    wait.pause(2)
    ldap.start()
    lab.wait_empty(SETTLED)
    found = counted(lab, mail)
    assert set(found.values()) == {1}
    assert len(found) == MEMBERS
    assert not outcome.reports(lab, ANA, mail)
