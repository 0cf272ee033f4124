"""Recipients in LDAP: found by every address, and an outage makes nobody
unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import ad, letter, ports, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.slapd import PASSWORD, READER, SUFFIX, Slapd, Values, name_of

STAFF = "staff@letsexchange.com"
ALL = "all@letsexchange.com"
# Every character that means something in a distinguished name or in a filter.
ODD = " #\"Ann\" + (Bob)*, <x>;y=z\\ \u00e9 "


class Office:
    """One server that asks an LDAP server."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ldap = Slapd(lab.directory / "slapd", lab.env)
        self.ldap.make()
        self.ldap.start()
        self.ldap.found()
        lab.domain("letsexchange.com")
        self.host: Host = lab.host("MBX1")
        lab.database("DB1", ["MBX1"])
        self.set(
            type="ldap",
            uri=self.ldap.uri,
            base=SUFFIX,
            bind_dn=READER,
            password_file=str(self.ldap.password_file),
            ca_file=str(self.ldap.ca),
            timeout="1s",
            connect_timeout="500ms",
            negative_ttl="0",
        )

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.host.set("directory", name, value)

    def can_say(self, address: str) -> bool:
        done = self.host.cli("resolve", "--json", address, check=False)
        return done.stdout.strip() != "[]"

    def entry(self, address: str) -> Any:
        """What the command says of one address."""
        done = self.host.cli("resolve", "--json", address, check=False)
        found = json.loads(done.stdout)
        assert found, done.stderr
        return found[0]["Entry"]

    def ask(self, address: str) -> str:
        return self.host.ask_map("recipient", address)

    def wait_known(self, address: str) -> None:
        self.host.wait_recipient(address)

    def people(self) -> None:
        ldap = self.ldap
        nuno = ldap.user(
            "Nuno",
            NUNO,
            proxyAddresses=[f"SMTP:{NUNO}", "smtp:nm@letsexchange.com", "X500:/o=x/cn=nuno"],
            displayName="Nuno Mota",
            telephoneNumber="12",
            delivContLength="2048",
            extensionAttribute1="Lisbon",
            msExchRequireAuthToSendTo="FALSE",
        )
        mota = ldap.user("Mota", MOTA, manager=nuno, altRecipient=nuno, deliverAndRedirect="TRUE")
        partner = ldap.add(
            "Partner",
            objectClass="contact",
            sn="Partner",
            targetAddress="SMTP:partner@partner.test",
            proxyAddresses="SMTP:partner@letsexchange.com",
        )
        mute = ldap.add("No mail", objectClass="contact", sn="Mute")
        staff = ldap.group("Staff", STAFF, [nuno, mute, partner], groupType="-2147483640")
        ldap.group("All", ALL, [mota, staff], managedBy=nuno)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    """For tests that leave everything running."""
    with Lab() as lab:
        made = Office(lab)
        made.people()
        lab.start()
        made.wait_known(NUNO)
        yield made


@pytest.fixture
def own_office(own_lab: Lab) -> Office:
    """For a test that breaks things; the host is not started yet."""
    made = Office(own_lab)
    made.people()
    return made


def start(office: Office) -> None:
    office.lab.start()
    wait.until("the organisation", lambda: office.host.ask_map("domain", "letsexchange.com"))


# ---- found --------------------------------------------------------------------


def test_mail_to_another_address_is_delivered(office: Office) -> None:
    mail = letter.post(office.host, letter.compose("NM@LetsExchange.com"))
    assert mail.accepted, mail.last
    office.lab.wait_message(NUNO, mail.ident)


def test_nobody_is_refused(office: Office) -> None:
    mail = letter.post(office.host, letter.compose("nobody@letsexchange.com"))
    assert "5.1.1" in mail.last


@pytest.mark.parametrize("address", ["*@letsexchange.com", "n*@letsexchange.com"])
def test_a_star_is_no_wildcard(office: Office, address: str) -> None:
    assert office.ask(address).startswith("NOTFOUND ")


def test_fields_of_a_mailbox(office: Office) -> None:
    nuno = office.entry("nm@letsexchange.com")
    assert nuno["RecipientType"] == "UserMailbox" and nuno["Database"] == "DB1"
    assert nuno["PrimarySmtpAddress"] == NUNO
    assert nuno["DisplayName"] == "Nuno Mota" and nuno["CustomAttribute1"] == "Lisbon"
    assert nuno["MaxReceiveSize"] == 2 * 1024 * 1024
    mota = office.entry(MOTA)
    assert mota["Manager"] == NUNO and mota["ForwardingAddress"] == NUNO
    assert mota["DeliverToMailboxAndForward"] is True


def test_contact(office: Office) -> None:
    partner = office.entry("partner@letsexchange.com")
    assert partner["RecipientType"] == "MailContact"
    assert partner["ExternalEmailAddress"] == "partner@partner.test"


def test_members_are_addresses(office: Office) -> None:
    staff, everybody = office.entry(STAFF), office.entry(ALL)
    assert staff["RecipientType"] == "MailUniversalSecurityGroup"
    assert sorted(staff["Members"]) == [NUNO, "partner@letsexchange.com"]
    assert everybody["RecipientType"] == "MailUniversalDistributionGroup"
    assert sorted(everybody["Members"]) == [MOTA, STAFF]
    assert everybody["ManagedBy"] == [NUNO]


def test_rule_about_members_of_a_group_in_a_group(office: Office) -> None:
    lab = office.lab
    lab.change(lambda: lab.rule("All", SentToMemberOf=ALL, RejectMessageReasonText="Not to all"))
    mail = letter.post(office.host, letter.compose("nm@letsexchange.com"))
    assert "Not to all" in mail.last
    lab.change(lambda: lab.remove("rule", "All"))


def test_two_entries_with_one_address(office: Office) -> None:
    shared = "info@letsexchange.com"
    for name in ("One", "Two"):
        address = f"{name}@letsexchange.com".lower()
        office.ldap.user(name, address, proxyAddresses=[f"SMTP:{address}", f"smtp:{shared}"])
    assert "5.1.4" in office.host.ask_map("transport", shared)
    assert office.ask("one@letsexchange.com") == "OK OK"


def test_odd_names(office: Office) -> None:
    """Found as an entry, and as what others name."""
    odd = office.ldap.user(ODD, "odd@letsexchange.com")
    office.ldap.group("Odd group", "odds@letsexchange.com", [odd])
    office.ldap.user("Below odd", "below@letsexchange.com", manager=odd)
    assert office.entry("odd@letsexchange.com")["Database"] == "DB1"
    assert office.entry("odds@letsexchange.com")["Members"] == ["odd@letsexchange.com"]
    assert office.entry("below@letsexchange.com")["Manager"] == "odd@letsexchange.com"


def test_many_members(office: Office) -> None:
    """More than one question's worth."""
    text, members = "", []
    for i in range(450):
        members.append(name_of(f"Member {i}"))
        text += (
            f"dn: {members[-1]}\nobjectClass: user\ncn: Member {i}\nsn: Member\n"
            f"proxyAddresses: SMTP:m{i}@letsexchange.com\n\n"
        )
    office.ldap.load(text)
    office.ldap.group("Many", "many@letsexchange.com", members)
    found = office.entry("many@letsexchange.com")["Members"]
    assert sorted(found) == sorted(f"m{i}@letsexchange.com" for i in range(450))


def test_one_whose_entry_is_not_right_is_not_unknown(office: Office) -> None:
    plain: dict[str, Values] = {"objectClass": "contact", "sn": "Lost"}
    office.ldap.add("Lost", **plain, proxyAddresses="SMTP:lost@letsexchange.com")
    mail = letter.post(office.host, letter.compose("lost@letsexchange.com"))
    assert mail.last.startswith("45"), mail.last


# ---- all of them --------------------------------------------------------------


def listed(office: Office, *options: str) -> list[str]:
    done = office.host.cli("recipient", "list", "--json", *options)
    return sorted(entry["Name"] for entry in json.loads(done.stdout))


@pytest.fixture(scope="module")
def sales(office: Office) -> str:
    """More than one page of people in a branch of its own, and two outside."""
    branch = f"ou=Sales,{SUFFIX}"
    text = f"dn: {branch}\nobjectClass: organizationalUnit\nou: Sales\n\n"
    for i in range(600):
        text += (
            f"dn: cn=Seller {i},{branch}\nobjectClass: user\ncn: Seller {i}\nsn: Seller\n"
            f"homeMDB: cn=DB1,cn=Databases,{SUFFIX}\n"
            f"proxyAddresses: SMTP:s{i}@letsexchange.com\nmanager: {name_of('Nuno')}\n"
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


# ---- who may ask ----------------------------------------------------------------

SETTINGS = {
    "without TLS": ({"tls": "off"}, True),
    "ldaps": ({"tls": "ldaps"}, True),
    "another authority": ({"ca_file": "/etc/ssl/certs/ca-certificates.crt"}, False),
    "wrong password": ({"bind_dn": f"cn=Nuno,{SUFFIX}"}, False),
    "nobody may see anything": ({"bind_dn": "", "password_file": ""}, False),
    "wrong base": ({"base": f"ou=gone,{SUFFIX}"}, False),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_access(office: Office, what: str) -> None:
    """What is not allowed is an outage, not an empty directory."""
    settings, works = SETTINGS[what]
    before = office.host.conf.read_text(encoding="utf-8")
    office.set(**settings, file=str(office.host.state / "no-file"))
    if settings.get("tls") == "ldaps":
        office.set(uri=office.ldap.ldaps)
    try:
        assert office.can_say(NUNO) == works
    finally:
        office.host.conf.write_text(before, encoding="utf-8")


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
    office = Office(own_lab)
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


def test_active_directory_gives_long_attributes_in_parts(office: Office) -> None:
    before = office.host.conf.read_text(encoding="utf-8")
    with ad.ActiveDirectory("127.0.1.202", ports.ask("127.0.1.202")) as server:
        members = [f"m{i}@letsexchange.com" for i in range(250)]
        names = [
            server.add(
                f"CN=Member {i},{ad.SUFFIX}",
                objectClass=["user"],
                proxyAddresses=[f"SMTP:{address}"],
            )
            for i, address in enumerate(members)
        ]
        server.add(
            f"CN=Many,{ad.SUFFIX}",
            objectClass=["group"],
            proxyAddresses=["SMTP:many@letsexchange.com"],
            member=names,
        )
        office.set(uri=server.uri, base=ad.SUFFIX, tls="off")
        try:
            found = office.entry("many@letsexchange.com")["Members"]
        finally:
            office.host.conf.write_text(before, encoding="utf-8")
        assert sorted(found) == sorted(members)
        ranges = [name for name in server.asked if ";range=" in name]
        assert ranges == ["member;range=100-*", "member;range=200-*"]
