"""Recipients in LDAP: found by every address, and an outage makes nobody
unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.lab import Lab
from tests.lab.ldap import PASSWORD, Values
from tests.lab.office import ALL, STAFF, Office
from tests.lab.office_tests import *  # noqa: F403
from tests.lab.slapd import SUFFIX, Slapd


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


# ---- all of them --------------------------------------------------------------


def listed(office: Office, *options: str) -> list[str]:
    done = office.host.cli("recipient", "list", "--json", *options)
    return sorted(entry["Name"] for entry in json.loads(done.stdout))


@pytest.fixture(scope="module")
def sales(office: Office) -> str:
    """More than one page of people in a branch of its own, and two outside."""
    branch, manager = f"ou=Sales,{SUFFIX}", office.ldap.name("Nuno")
    text = f"dn: {branch}\nobjectClass: organizationalUnit\nou: Sales\n\n"
    for i in range(600):
        text += (
            f"dn: cn=Seller {i},{branch}\nobjectClass: user\ncn: Seller {i}\nsn: Seller\n"
            f"homeMDB: cn=DB1,cn=Databases,{SUFFIX}\n"
            f"proxyAddresses: SMTP:s{i}@letsexchange.com\nmanager: {manager}\n"
            f"department: {'Sales' if i % 2 == 0 else 'Support'}\n\n"
        )
    office.ldap.load(text)
    office.ldap.user("Out", "out@letsexchange.com", department="Sales")
    return branch


SELLERS = sorted(f"s{i}@letsexchange.com" for i in range(0, 600, 2))


def test_list(office: Office, sales: str) -> None:
    names = listed(office)
    assert len(names) == len(set(names)) >= 600
    assert {NUNO, MOTA, STAFF, ALL, "partner@letsexchange.com", SELLERS[-1]} <= set(names)
    done = office.host.cli("recipient", "list", "--json")
    one = next(e for e in json.loads(done.stdout) if e["Name"] == "s1@letsexchange.com")
    assert one["Manager"] == NUNO and one["Department"] == "Support"
    table = office.host.cli("recipient", "list").stdout.splitlines()
    assert len(table) == len(names) + 1 and table[0].startswith("Name ")


def test_show(office: Office) -> None:
    done = office.host.cli("recipient", "show", "--json", "nm@letsexchange.com")
    assert json.loads(done.stdout)["Name"] == NUNO
    gone = office.host.cli("recipient", "show", "nobody@letsexchange.com", check=False)
    assert gone.returncode == 1 and "does not exist" in gone.stderr


@pytest.mark.parametrize(
    "words", [["set", NUNO, "Title=x"], ["unset", NUNO, "Title"], ["remove", NUNO]]
)
def test_recipients_in_ldap_are_changed_there(office: Office, words: list[str]) -> None:
    done = office.host.cli("recipient", *words, check=False)
    assert done.returncode == 64 and "kept in LDAP" in done.stderr, done


def test_dynamic_group_by_the_server(office: Office, sales: str) -> None:
    """The filter for LDAP counts, below its own base."""
    ldap = office.ldap
    ldap.dynamic(
        "Dynamic",
        "dynamic@letsexchange.com",
        msExchDynamicDLFilter="(&(cn=*)(department=Sal*))",
        msExchQueryFilter="Department -eq 'Support'",
        msExchDynamicDLBaseDN=sales,
        department="Sales",
    )
    assert listed(office, "--group", "dynamic@letsexchange.com") == SELLERS


def test_dynamic_group_by_us(office: Office, sales: str) -> None:
    ldap, address = office.ldap, "opath@letsexchange.com"
    ldap.dynamic(
        "Opath",
        address,
        msExchQueryFilter=f"((Department -eq 'Sales') -and (Manager -eq '{NUNO}'))",
        department="Sales",
    )
    assert listed(office, "--group", address) == SELLERS
    done = office.host.cli("recipient", "list", "--json", "--filter", "Department -eq 'Sales'")
    managers = {e["Name"]: e.get("Manager") for e in json.loads(done.stdout)}
    assert managers["s0@letsexchange.com"] == NUNO and len(managers) == 301
    wanted = ["out@letsexchange.com"]
    assert listed(office, "--filter", "(&(department=Sales)(!(manager=*)))") == wanted
    members = f"MemberOfGroup -eq '{STAFF}'"
    assert listed(office, "--filter", members) == [NUNO, "partner@letsexchange.com"]


def test_group_that_is_not_dynamic(office: Office) -> None:
    done = office.host.cli("recipient", "list", "--group", STAFF, check=False)
    assert done.returncode == 65 and "is no DynamicDistributionGroup" in done.stderr


def test_list_when_ldap_is_away(own_office: Office) -> None:
    own_office.ldap.kill()
    done = own_office.host.cli("recipient", "list", "--json", check=False)
    assert done.returncode == 69 and "]" not in done.stdout


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
    with office.ldap.child.frozen():
        assert office.ask(NUNO) == "OK OK"
        assert office.ask(MOTA).startswith("TEMP ")
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
