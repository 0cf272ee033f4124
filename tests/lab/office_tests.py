"""What holds whichever LDAP server the people are in: tests that leave
everything as it was, for suites that have a fixture "office"."""

from __future__ import annotations

import pytest

from tests.conftest import ANA, MOTA, NUNO
from tests.lab import letter, outcome
from tests.lab.ldap import Values
from tests.lab.office import ALL, CLOSED, STAFF, TEAM, Office
from tests.lab.smtp_mta import Mail

# Every character that means something in a distinguished name or in a filter.
ODD = " #\"Ann\" + (Bob)*, <x>;y=z\\ \u00e9 "


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


def times(office: Office, who: str, mail: Mail) -> int:
    return len(outcome.copies(office.lab, who, mail))


def test_a_group_in_a_group_reaches_each_once(office: Office) -> None:
    """Nuno is named three times: by himself, in the group inside, and by Mota's
    forwarding. Ana takes mail from inside alone."""
    mail = outcome.from_inside(TEAM, sender=NUNO)
    assert outcome.post_inside(office.host, mail).accepted, mail.last
    for who in (NUNO, MOTA, ANA):
        outcome.copy(office.lab, who, mail)
    office.lab.wait_empty()
    assert [times(office, who, mail) for who in (NUNO, MOTA, ANA)] == [1, 1, 1]


def test_restrictions(office: Office) -> None:
    """Lists hold distinguished names there."""
    mail = letter.post(office.host, letter.compose(ANA, CLOSED, NUNO))
    assert "RESOLVER.RST.AuthRequired" in mail.refused[ANA]
    assert "RESOLVER.RST.NotAuthorized" in mail.refused[CLOSED]
    assert mail.accepted == {NUNO}
    for sender, may in ((NUNO, True), (MOTA, False)):
        mail = outcome.post_inside(office.host, outcome.from_inside(CLOSED, sender=sender))
        assert bool(mail.accepted) == may, mail.last
        assert may or "RESOLVER.RST.NotAuthorized" in mail.last


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
        members.append(office.ldap.name(f"Member {i}"))
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


# ---- who may ask ----------------------------------------------------------------

SETTINGS: dict[str, tuple[dict[str, str], bool]] = {
    "without TLS": ({"tls": "off"}, True),
    "ldaps": ({"tls": "ldaps"}, True),
    "another authority": ({"ca_file": "/etc/ssl/certs/ca-certificates.crt"}, False),
    "wrong password": ({}, False),
    "nobody may see anything": ({"bind_dn": "", "password_file": ""}, False),
    "wrong base": ({"base": "ou=gone,dc=nowhere"}, False),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_access(office: Office, what: str) -> None:
    """What is not allowed is an outage, not an empty directory."""
    settings, works = SETTINGS[what]
    before = office.host.conf.read_text(encoding="utf-8")
    office.set(**settings, file=str(office.host.state / "no-file"))
    if what == "wrong password":
        office.set(bind_dn=office.ldap.name("Nuno"))
    if settings.get("tls") == "ldaps":
        office.set(uri=office.ldap.ldaps)
    try:
        assert office.can_say(NUNO) == works
    finally:
        office.host.conf.write_text(before, encoding="utf-8")
