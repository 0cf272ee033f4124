"""Recipients in Active Directory: the same office as in test_ldap.py."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import ANA, MOTA, NUNO
from tests.lab import kerberos, letter, outcome
from tests.lab.lab import Lab
from tests.lab.office import Office
from tests.lab.office_tests import *  # noqa: F403
from tests.lab.samba import ADDRESS, REALM, Samba


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    with Lab() as lab:
        lab.env["KRB5_CONFIG"] = str(lab.directory / "krb5.conf")
        kerberos.configure(lab.directory / "krb5.conf", REALM, ADDRESS)
        ldap = Samba(lab.directory / "samba", lab.env)
        ldap.make()
        ldap.start()
        ldap.found()
        made = Office(lab, ldap)
        # Samba takes seconds for two hundred names.
        made.set(timeout="10s")
        made.people()
        lab.start()
        made.wait_known(NUNO)
        yield made


CROWD, DEEP = "crowd@letsexchange.com", "deep@letsexchange.com"
PEOPLE = 1001  # more than are looked at one by one (lib/directory/members.c)


@pytest.fixture
def crowd(office: Office) -> Iterator[None]:
    """A group of many, of one with Ana, and of one without address with Mota;
    and a rule about it."""
    ldap, lab = office.ldap, office.lab
    names = [ldap.name(f"Crowd {i}") for i in range(PEOPLE)]
    text = ""
    for i, name in enumerate(names):
        text += (
            f"dn: {name}\nobjectClass: contact\ncn: Crowd {i}\nsn: Crowd\n"
            f"targetAddress: SMTP:c{i}@partner.test\nproxyAddresses: SMTP:c{i}@letsexchange.com\n\n"
        )
        if i % 100 == 0:  # Samba takes its time
            ldap.load(text)
            text = ""
    assert not text
    names.append(ldap.group("Deep", DEEP, [ldap.name("Ana")], groupType="8"))
    names.append(ldap.group("Mute", "", [ldap.name("Mota")], groupType="8", proxyAddresses=[]))
    ldap.group("Crowd", CROWD, names, groupType="8")
    lab.change(lambda: lab.rule("Crowd", SentToMemberOf=CROWD, RejectMessageReasonText="No crowd"))
    yield
    lab.change(lambda: lab.remove("rule", "Crowd"))


def test_in_a_large_group(office: Office, crowd: None) -> None:
    """Who is not in it is known at once, and who is as by its members: not by
    a group that gets no mail."""
    before = office.host.conf.read_text(encoding="utf-8")
    office.set(timeout="60s")
    host = office.host
    daemon = host.daemon("transport")
    daemon.argv.append("-v")
    try:
        host.restart("transport")
        for who, member in ((NUNO, False), (MOTA, False), (ANA, True)):
            mail = outcome.post_inside(host, outcome.from_inside(who, sender=NUNO))
            assert ("No crowd" in mail.last) == member, (who, mail.last)
        log = host.log_text("transport")
        assert f"<{NUNO}> is not in <{CROWD}>" in log, log
        for who in (MOTA, ANA):
            assert f"<{who}> is perhaps in <{CROWD}>" in log, log
    finally:
        daemon.argv.remove("-v")
        host.conf.write_text(before, encoding="utf-8")
        host.restart("transport")


KERBEROS = {"bind": "gssapi", "bind_dn": "", "password_file": "", "cache_size": "0"}


@pytest.mark.parametrize("tls", ["off", "starttls", "ldaps"])
def test_kerberos(office: Office, tls: str) -> None:
    """With a keytab, sealed by Kerberos or by TLS."""
    assert isinstance(office.ldap, Samba)
    ldap, before = office.ldap, office.host.conf.read_text(encoding="utf-8")
    uri = ldap.ldaps if tls == "ldaps" else ldap.uri
    office.set(**KERBEROS, keytab=str(ldap.keytab), uri=uri, tls=tls)
    try:
        assert office.entry(NUNO)["Database"] == "DB1"
    finally:
        office.host.conf.write_text(before, encoding="utf-8")


def test_kerberos_with_a_ticket(office: Office) -> None:
    """That somebody else has got, in a file."""
    assert isinstance(office.ldap, Samba)
    ldap, before = office.ldap, office.host.conf.read_text(encoding="utf-8")
    ticket = f"FILE:{office.lab.directory}/ticket"
    env = office.lab.env | {"KRB5CCNAME": ticket}
    command = ["kinit", "-k", "-t", str(ldap.keytab), ldap.reader_name]
    subprocess.run(command, env=env, check=True, timeout=60)
    office.set(**KERBEROS)
    office.lab.env["KRB5CCNAME"] = ticket
    try:
        assert office.entry(NUNO)["Database"] == "DB1"
    finally:
        del office.lab.env["KRB5CCNAME"]
        office.host.conf.write_text(before, encoding="utf-8")


def test_away_and_back(office: Office) -> None:
    """Nobody is unknown meanwhile; and it is known as what it is, so that long
    attributes and names are asked for in its way."""
    fresh = "fresh@letsexchange.com"
    office.ldap.user("Fresh", fresh)
    office.ldap.kill()
    assert office.ask(fresh).startswith("TEMP ")
    mail = letter.post(office.host, letter.compose(fresh))
    assert mail.pending and mail.last.startswith("45"), mail.last
    office.ldap.start()
    office.wait_known(fresh)
    log = office.host.log_text("policy")
    assert f"{office.ldap.uri} answers, Active Directory" in log
