"""LDAP servers that give much, late, in parts or nonsense: what comes out is
whole, or it cannot be said."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import ldap_server, letter, wait
from tests.lab.lab import Lab
from tests.lab.ldap_server import SUFFIX, Entry, LdapServer, Mood
from tests.lab.office import Office

DOMAIN = "letsexchange.com"
PATIENCE = "60s"
# A fifth more than 100,000 members take, with the program's libraries: an answer
# that is held twice as text, JSON and objects would be above it.
MEMORY = 320 * 1024 * 1024


@pytest.fixture(scope="module")
def ldap() -> Iterator[LdapServer]:
    with Lab() as lab, LdapServer(lab.directory / "ldap") as made:
        yield made


@pytest.fixture(scope="module")
def office(ldap: LdapServer) -> Iterator[Office]:
    with Lab() as lab:
        made = Office(lab, ldap)
        made.set(tls="off", ca_file="")
        ldap.user("Nuno", NUNO)
        ldap.user("Mota", MOTA)
        lab.start()
        made.wait_known(NUNO)
        yield made


@contextmanager
def mood(ldap: LdapServer, how: Mood) -> Iterator[None]:
    ldap.server.mood = how
    try:
        yield
    finally:
        ldap.server.mood = ldap_server.good


def resolve(office: Office, address: str) -> tuple[Any, int]:
    """What the command says, whose wait is long, and the memory that it took."""
    before = office.host.conf.read_text(encoding="utf-8")
    office.set(timeout=PATIENCE)
    try:
        command = [str(office.host.binaries / "posthub"), "-c", str(office.host.conf)]
        with subprocess.Popen(
            [*command, "resolve", "--json", address], stdout=subprocess.PIPE, env=office.host.env
        ) as child:
            assert child.stdout
            output = child.stdout.read()
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
    finally:
        office.host.conf.write_text(before, encoding="utf-8")
    assert child.returncode == 0, output
    return json.loads(output)[0]["Entry"], used.ru_maxrss * 1024


# ---- much ----------------------------------------------------------------------


def test_four_thousand_members_come_in_ranges(office: Office, ldap: LdapServer) -> None:
    """As many as Active Directory gives at once (MaxValRange), and the rest."""
    names = [ldap.user(f"Member {i}", f"m{i}@{DOMAIN}") for i in range(4000)]
    ldap.group("Many", f"many@{DOMAIN}", names)
    ldap.server.asked.clear()
    found, _ = resolve(office, f"many@{DOMAIN}")
    assert sorted(found["Members"]) == sorted(f"m{i}@{DOMAIN}" for i in range(4000))
    ranges = [name for name in ldap.server.asked if ";range=" in name]
    assert ranges == ["member;range=1500-*", "member;range=3000-*"]


def imagined(dn: str) -> Entry | None:
    """One of as many people as are asked for."""
    found = re.fullmatch(rf"cn=crowd (\d+),{SUFFIX}", dn)
    return found and {
        "distinguishedName": [dn],
        "objectClass": ["user"],
        "homeMDB": [f"cn=DB1,{SUFFIX}"],
        "proxyAddresses": [f"SMTP:crowd{found[1]}@{DOMAIN}"],
    }


def test_a_hundred_thousand_members(office: Office, ldap: LdapServer) -> None:
    """In one piece, which takes the most memory."""
    ldap.server.imagined = imagined
    ldap.server.values = 100_000
    try:
        names = [f"cn=crowd {i},{SUFFIX}" for i in range(100_000)]
        ldap.group("Crowd", f"crowd@{DOMAIN}", names)
        found, memory = resolve(office, f"crowd@{DOMAIN}")
    finally:
        ldap.server.values = 1500
    assert len(set(found["Members"])) == 100_000
    assert memory < MEMORY, f"{memory >> 20} MB"


def test_members_that_are_gone(office: Office, ldap: LdapServer) -> None:
    """Nobody of them is one, and the others are. A list of those who may write
    does not let in everybody when those in it have gone."""
    gone = f"cn=gone,{SUFFIX}"
    ldap.group("Some", f"some@{DOMAIN}", [ldap.name("Nuno"), gone, ldap.name("Mota")])
    assert sorted(office.entry(f"some@{DOMAIN}")["Members"]) == [MOTA, NUNO]
    ldap.group("Closed", f"closed@{DOMAIN}", [ldap.name("Nuno")], authOrig=gone)
    mail = letter.post(office.host, letter.compose(f"closed@{DOMAIN}"))
    assert "RESOLVER.RST.NotAuthorized" in mail.last


# ---- late, nonsense, elsewhere --------------------------------------------------

TROUBLE = (
    ldap_server.slow,
    ldap_server.garbage,
    ldap_server.endless,
    ldap_server.refer,
    ldap_server.too_many,
)


@pytest.mark.parametrize("how", TROUBLE, ids=lambda how: how.__name__)
def test_what_cannot_be_read_makes_nobody_unknown(
    office: Office, ldap: LdapServer, how: Mood
) -> None:
    """Neither who is there nor who is not; and when it is over, it is over."""
    there, nobody = f"{how.__name__}@{DOMAIN}", f"no-{how.__name__}@{DOMAIN}"
    ldap.user(how.__name__, there)
    office.wait_known(NUNO)
    with mood(ldap, how):
        assert office.ask(there).startswith("TEMP ")
        assert office.ask(nobody).startswith("TEMP ")
        mail = letter.post(office.host, letter.compose(there))
        assert mail.pending == {there} and mail.last.startswith("45"), mail.last
    office.wait_known(there)
    office.host.wait_recipient(nobody, "NOTFOUND ")


@pytest.mark.parametrize(
    "how", [ldap_server.garbage, ldap_server.endless], ids=lambda how: how.__name__
)
def test_nonsense_ends_the_connection(office: Office, ldap: LdapServer, how: Mood) -> None:
    office.wait_known(MOTA)
    before = ldap.server.closed
    with mood(ldap, how):
        assert office.ask(f"closed-{how.__name__}@{DOMAIN}").startswith("TEMP ")
        wait.until("the connection to be closed", lambda: ldap.server.closed > before)
    office.host.wait_recipient(f"closed-{how.__name__}@{DOMAIN}", "NOTFOUND ")


def test_nobody_is_sent_round_in_circles(office: Office, ldap: LdapServer) -> None:
    """A reference is not followed: not in place of an answer, and not beside
    one, which Active Directory gives so for its other partitions."""
    server = ldap.server
    office.wait_known(NUNO)
    opened, searches = server.opened, server.searches
    with mood(ldap, ldap_server.refer):
        assert office.ask(f"circle@{DOMAIN}").startswith("TEMP ")
    # Asked again at most once, in case the connection had been too old.
    assert server.searches <= searches + 2 and server.opened <= opened + 1
    ldap.user("Beside", f"beside@{DOMAIN}")
    office.host.wait_recipient(f"circle@{DOMAIN}", "NOTFOUND ")
    opened, searches = server.opened, server.searches
    with mood(ldap, ldap_server.refer_on):
        assert office.ask(f"beside@{DOMAIN}") == "OK OK"
        assert office.ask(f"not-beside@{DOMAIN}") == "NOTFOUND "
    assert (server.searches, server.opened) == (searches + 2, opened)
