"""Recipients in LDAP: found by every address, and an outage makes nobody
unknown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.lab import Lab
from tests.lab.ldap import PASSWORD, Values
from tests.lab.office import Office
from tests.lab.office_tests import *  # noqa: F403
from tests.lab.slapd import Slapd


def make(lab: Lab) -> Office:
    """With slapd, and what Active Directory and Exchange would have in it."""
    ldap = Slapd(lab.directory / "slapd", lab.env)
    ldap.make()
    ldap.start()
    ldap.found()
    return Office(lab, ldap)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """For tests that leave everything running."""
    with Lab() as lab:
        made = make(lab)
        made.people()
        lab.start()
        made.wait_known(NUNO)
        yield made


@pytest.fixture
def own_office(own_lab: Lab) -> Office:
    """For a test that breaks things; the host is not started yet."""
    made = make(own_lab)
    made.people()
    return made


def start(office: Office) -> None:
    office.lab.start()
    wait.until("the organisation", lambda: office.host.ask_map("domain", "letsexchange.com"))


# ---- outages ------------------------------------------------------------------


def test_ldap_away_and_back(own_office: Office) -> None:
    office = own_office
    office.set(positive_ttl="0")
    start(office)
    office.wait_known(NUNO)
    mail = letter.post(office.host, letter.compose(NUNO))
    assert mail.accepted, mail.last
    office.lab.wait_message(NUNO, mail.ident)
    office.ldap.kill()
    again = letter.post(office.host, letter.compose(NUNO))
    assert again.accepted, again.last
    office.lab.wait_message(NUNO, again.ident)
    for address in (MOTA, "nobody@letsexchange.com"):
        other = letter.post(office.host, letter.compose(address))
        assert other.pending == {address} and other.last.startswith("45"), other.last
        assert office.ask(address).startswith("TEMP ")
    office.ldap.start()
    office.wait_known(MOTA)
    office.host.wait_recipient("nobody@letsexchange.com", "NOTFOUND ")
    back = letter.post(office.host, letter.compose(MOTA))
    wait.until("mail to flow", lambda: letter.post(office.host, back).accepted)
    log = office.host.log_text("policy")
    assert "no LDAP server answers" in log and f"{office.ldap.uri} answers, OpenLDAP" in log


def test_restarted_server_is_no_outage(own_office: Office) -> None:
    """The connections that were open are closed; nobody notices."""
    office = own_office
    start(office)
    office.wait_known(NUNO)
    office.ldap.kill()
    office.ldap.start()
    assert office.ask(MOTA) == "OK OK"


def test_away_at_start(own_office: Office) -> None:
    office = own_office
    office.ldap.kill()
    start(office)
    office.host.wait_map("recipient", NUNO, lambda text: text.startswith("TEMP "))
    mail = letter.post(office.host, letter.compose(NUNO))
    assert mail.last.startswith("45"), mail.last
    office.ldap.start()
    office.wait_known(NUNO)


def test_server_that_says_nothing(own_office: Office) -> None:
    """An answer comes all the same: from the cache, or that it cannot say."""
    office = own_office
    office.set(positive_ttl="0")
    start(office)
    office.wait_known(NUNO)
    office.ldap.freeze()
    assert office.ask(NUNO) == "OK OK"
    assert office.ask(MOTA).startswith("TEMP ")
    office.ldap.thaw()
    office.wait_known(MOTA)


def test_second_server_takes_over(own_office: Office) -> None:
    office = own_office
    office.set(uri=f"ldap://127.0.1.201:9 {office.ldap.uri}")
    start(office)
    office.wait_known(NUNO)


# ---- settings -------------------------------------------------------------------

BAD = {
    "no server": {"uri": ""},
    "not a URI": {"uri": "letsexchange.com"},
    "no base": {"base": ""},
    "scheme and tls": {"tls": "ldaps"},
    "no password": {"password_file": ""},
    "no authority": {"ca_file": "/nonexistent/ca.pem"},
}


@pytest.mark.parametrize("what", BAD)
def test_settings_that_cannot_work(office: Office, what: str) -> None:
    before = office.host.conf.read_text(encoding="utf-8")
    office.set(**BAD[what])
    try:
        done = office.host.cli("resolve", NUNO, check=False)
        assert done.returncode != 0 and "[directory]" in done.stderr, done.stderr
    finally:
        office.host.conf.write_text(before, encoding="utf-8")


# ---- another server --------------------------------------------------------------


def test_openldap(own_lab: Lab) -> None:
    office = make(own_lab)
    person: dict[str, Values] = {"objectClass": "inetOrgPerson", "sn": "Silva"}
    ana = office.ldap.add("Ana", **person, mail=["ana@letsexchange.com", "as@letsexchange.com"])
    office.ldap.add("Team", objectClass=["groupOfNames"], member=ana)
    office.set(profile="openldap", database="DB1", database_attribute="departmentNumber")
    office.ldap.add("Rui", **person, mail="rui@letsexchange.com", departmentNumber="DB7")
    start(office)
    office.wait_known("as@letsexchange.com")
    assert office.entry("as@letsexchange.com")["PrimarySmtpAddress"] == "ana@letsexchange.com"
    assert office.entry("ana@letsexchange.com")["Database"] == "DB1"
    assert office.entry("rui@letsexchange.com")["Database"] == "DB7"
    mail = letter.post(office.host, letter.compose("as@letsexchange.com"))
    assert mail.accepted, mail.last
    office.lab.wait_message("ana@letsexchange.com", mail.ident)
    assert PASSWORD not in "".join(path.read_text() for _, path in office.host.logs())
