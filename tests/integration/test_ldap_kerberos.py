"""An LDAP server that is asked with a Kerberos ticket, when there is none to be
had: nobody is unknown. (With a server for tickets: tests/samba.)"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.conftest import NUNO
from tests.lab import kerberos, ports
from tests.lab.lab import Lab
from tests.lab.office import Office
from tests.lab.slapd import Slapd

SERVER, REALM = "127.0.1.203", "LAB.TEST"


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Lab() as lab:
        lab.env["KRB5_CONFIG"] = str(lab.directory / "krb5.conf")
        ldap = Slapd(lab.directory / "slapd", lab.env)
        ldap.make()
        ldap.start()
        ldap.found()
        made = Office(lab, ldap)
        ldap.user("Nuno", NUNO)
        made.set(bind="gssapi", bind_dn="", password_file="")
        yield made


def why(office: Office) -> str:
    """Why it cannot say who that is."""
    done = office.host.cli("resolve", NUNO, check=False)
    assert done.returncode == 75, done
    assert "bind with Kerberos: " in done.stderr, done.stderr
    return done.stderr


def test_no_keytab(office: Office) -> None:
    kerberos.configure(office.lab.directory / "krb5.conf", REALM, f"{SERVER}:9")
    office.set(keytab="/nonexistent/posthub.keytab")
    assert "/nonexistent/posthub.keytab" in why(office)


def test_no_ticket(office: Office) -> None:
    office.set(keytab="")
    office.lab.env["KRB5CCNAME"] = f"FILE:{office.lab.directory}/none"
    assert "No Kerberos credentials" in why(office)


def test_no_server_for_tickets(office: Office) -> None:
    keytab = office.lab.directory / "posthub.keytab"
    kerberos.write_keytab(keytab, "posthub", REALM)
    office.set(keytab=str(keytab))
    assert "Cannot contact any KDC" in why(office)


def test_silent_server_for_tickets(office: Office) -> None:
    """The Kerberos library waits for longer than a look-up may take."""
    port = ports.ask(SERVER)
    kerberos.configure(office.lab.directory / "krb5.conf", REALM, f"{SERVER}:{port}")
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind((SERVER, port))
        tcp.bind((SERVER, port))
        tcp.listen()
        assert "no answer in time" in why(office)
