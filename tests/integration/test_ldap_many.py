"""A large group in LDAP is opened in few searches, and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NUNO
from tests.lab import letter
from tests.lab.lab import Lab
from tests.lab.ldap import Values, ldif
from tests.lab.office import Office
from tests.lab.slapd import SUFFIX, Slapd

DOMAIN = "letsexchange.com"
PEOPLE, GROUPS = 2000, 10
AT_ONCE = 100  # PH_DIRECTORY_MANY
TOP, INNER = f"top@{DOMAIN}", f"inner@{DOMAIN}"
TWICE = f"twice@{DOMAIN}"


def dn(name: str) -> str:
    return f"cn={name},{SUFFIX}"


def entry(name: str, address: str, **more: Values) -> str:
    plain: dict[str, Values] = {
        "objectClass": "user",
        "cn": name,
        "sn": "User",
        "homeMDB": f"cn=DB1,cn=Databases,{SUFFIX}",
        "proxyAddresses": f"SMTP:{address}",
    }
    return ldif(dn(name), {k: v for k, v in (plain | more).items() if v})


def group(name: str, address: str, members: list[str], **more: Values) -> str:
    plain: dict[str, Values] = {
        "objectClass": "group",
        "cn": name,
        "proxyAddresses": f"SMTP:{address}",
        "member": members,
        "groupType": "8",
    }
    return ldif(dn(name), plain | more)


def crowd() -> str:
    """Ten groups of two hundred in one; among the people one in ten is a
    contact, one forwards, and one has an address that another has, too."""
    boss = dn("Nuno")
    text = entry("Nuno", NUNO)
    for i in range(PEOPLE):
        name, address = f"P{i}", f"P{i}@{DOMAIN}"
        if i % 10 == 0:
            more: dict[str, Values] = {"targetAddress": f"SMTP:p{i}@outside.test"}
            text += entry(name, address, **more, objectClass="contact", homeMDB=[])
        elif i == 1:
            text += entry(name, TWICE)
        elif i == 2:
            text += entry(name, address, altRecipient=boss)
        else:
            text += entry(name, address, manager=boss)
    text += entry("Out", f"out@{DOMAIN}")
    both = [f"SMTP:d@{DOMAIN}", f"smtp:{TWICE}"]
    text += entry("Double", "", proxyAddresses=both)
    size = PEOPLE // GROUPS
    for i in range(GROUPS):
        names = [dn(f"P{k}") for k in range(i * size, (i + 1) * size)]
        text += group(f"G{i}", f"g{i}@{DOMAIN}", names)
    # In a circle, and with somebody who gets no mail.
    text += ldif(dn("Mute"), {"objectClass": "contact", "cn": "Mute", "sn": "Mute"})
    inner = [dn("Mute"), dn("Top"), dn("P7")]
    text += group("Inner", INNER, inner)
    return text + group("Top", TOP, [dn(f"G{i}") for i in range(GROUPS)] + [dn("Inner")])


def outcomes() -> dict[str, str]:
    """Of those who get the message, or are refused it."""
    wanted = {f"P{i}@{DOMAIN}": "recipient" for i in range(PEOPLE)}
    del wanted[f"P1@{DOMAIN}"], wanted[f"P2@{DOMAIN}"]
    return wanted | {NUNO: "recipient", TWICE: "refused"}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Lab() as lab:
        ldap = Slapd(lab.directory / "slapd", lab.env, "stats")
        ldap.make()
        ldap.preload(ldap.first() + crowd())
        ldap.start()
        made = Office(lab, ldap)
        made.set(timeout="20s", connect_timeout="5s")
        lab.start()
        made.wait_known(NUNO)
        yield made


# The last has room for less than what is asked for at once.
@pytest.mark.parametrize("cache", ["64MB", "0", "256KB"])
def test_expand(office: Office, cache: str) -> None:
    assert isinstance(office.ldap, Slapd)
    office.set(cache_size=cache)
    before = office.ldap.searches()
    done = office.host.cli("group", "expand", "--json", TOP)
    searches = office.ldap.searches() - before
    told = {one["Address"]: one["Outcome"] for one in json.loads(done.stdout)}
    assert told == outcomes()
    # People, those whom they name (managers and members), where contacts go.
    assert PEOPLE // AT_ONCE <= searches <= 5 * PEOPLE // AT_ONCE


def test_member_of_a_group_inside(office: Office, tmp_path: Path) -> None:
    """In few searches; and never by what Active Directory alone answers."""
    assert isinstance(office.ldap, Slapd)
    lab, host = office.lab, office.host
    message = tmp_path / "message.eml"
    message.write_bytes(letter.compose(NUNO).content)
    lab.change(lambda: lab.rule("Top", SentToMemberOf=TOP, RejectMessageReasonText="Not to top"))
    for who, refused in ((f"P1999@{DOMAIN}", True), (f"out@{DOMAIN}", False)):
        before = office.ldap.searches()
        words = ["--message", str(message), "--from", letter.STRANGER, "--to", who]
        done = host.cli("rule", "test", *words, check=False)
        assert done.returncode == int(refused) and ("Not to top" in done.stdout) == refused, done
        assert office.ldap.searches() - before <= 5 * PEOPLE // AT_ONCE
    assert "1.2.840.113556.1.4.1941" not in office.ldap.child.log.read_text(encoding="utf-8")
    lab.change(lambda: lab.remove("rule", "Top"))


def test_one_that_cannot_be_read(office: Office) -> None:
    """It alone is what cannot be said; for others it makes no difference."""
    ldap, host = office.ldap, office.host
    broken = ldap.user("Broken", f"broken@{DOMAIN}", homeMDB=[])
    names = [dn(f"P{i}") for i in range(10, 30)]
    ldap.group("Half", f"half@{DOMAIN}", [broken, *names])
    done = host.cli("group", "expand", f"half@{DOMAIN}", check=False)
    assert done.returncode == 75 and f"member <broken@{DOMAIN}>" in done.stderr, done
    ldap.modify(f"dn: {broken}\nchangetype: modify\nadd: homeMDB\nhomeMDB: {dn('DB1')}\n")
    done = host.cli("group", "expand", "--json", f"half@{DOMAIN}")
    assert len(json.loads(done.stdout)) == len(names) + 1
