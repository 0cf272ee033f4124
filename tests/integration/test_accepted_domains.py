"""Each type of accepted domain, with a message: who is known, who is let in,
where it goes, and which side of the organisation rules take it for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import NUNO
from tests.lab import letter, outcome
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

DOMAINS = {
    "letsexchange.com": {"DomainType": "Authoritative", "Default": "true"},
    "tree.test": {"DomainType": "Authoritative", "MatchSubDomains": "true"},
    "shared.test": {"DomainType": "InternalRelay"},
    "forest.test": {"DomainType": "InternalRelay", "MatchSubDomains": "true"},
    "partner.test": {"DomainType": "ExternalRelay"},
}
MAILBOXES = ("x@tree.test", "x@a.tree.test", "x@shared.test", "x@b.forest.test")
RULES = {
    "In": {"SentToScope": "InOrganization", "SetHeaderName": "X-To", "SetHeaderValue": "in"},
    "Out": {"SentToScope": "NotInOrganization", "SetHeaderName": "X-To", "SetHeaderValue": "out"},
    "From": {"FromScope": "InOrganization", "SetHeaderName": "X-From", "SetHeaderValue": "in"},
    "Away": {"FromScope": "NotInOrganization", "SetHeaderName": "X-From", "SetHeaderValue": "out"},
}


@pytest.fixture(scope="module")
def internet() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def inside() -> Iterator[Sink]:
    """The other mail system of a shared address space."""
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def lab(internet: Sink, inside: Sink) -> Iterator[Lab]:
    with Lab() as made:
        for name, fields in DOMAINS.items():
            made.put("domain", name, **fields)
        made.put(
            "sendconnector",
            "Internet",
            AddressSpaces="*",
            SmartHosts=f"{internet.address}:{internet.port}",
        )
        made.put(
            "sendconnector",
            "Shared",
            AddressSpaces="shared.test",
            SmartHosts=f"{inside.address}:{inside.port}",
        )
        made.host("MBX1")
        made.database("DB1", ["MBX1"])
        for address in (NUNO, *MAILBOXES):
            made.mailbox(address, "DB1")
        for name, fields in RULES.items():
            made.rule(name, Enabled="true", **fields)
        made.start()
        yield made


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def accepted(mail: Mail) -> Mail:
    assert mail.accepted == set(mail.recipients), mail.last
    return mail


@pytest.mark.parametrize("to", [NUNO, *MAILBOXES])
def test_who_is_in_the_directory_has_a_mailbox_here(lab: Lab, host: Host, to: str) -> None:
    """Whatever the type of the domain."""
    mail = accepted(letter.post(host, letter.compose(to)))
    assert outcome.header(outcome.copy(lab, to, mail), "X-To") == "in"


@pytest.mark.parametrize(
    "to", ["nobody@letsexchange.com", "nobody@tree.test", "nobody@a.b.tree.test"]
)
def test_nobody_else_is_in_an_authoritative_domain(lab: Lab, host: Host, to: str) -> None:
    mail = letter.post(host, letter.compose(to, NUNO))
    assert mail.refused[to].startswith("550 5.1.1")
    assert mail.accepted == {NUNO}
    mail = outcome.post_inside(host, outcome.from_inside(to, sender=NUNO))
    assert mail.refused[to].startswith("550 5.1.1")
    assert "unknown" in host.cli("resolve", to, check=False).stdout


@pytest.mark.parametrize(
    ("to", "where", "scope"),
    [
        ("nobody@shared.test", "inside", "in"),
        ("nobody@forest.test", "internet", "in"),
        ("nobody@b.forest.test", "internet", "in"),
        ("nobody@partner.test", "internet", "out"),
    ],
)
def test_others_in_a_relay_domain_are_somewhere_else(
    lab: Lab, host: Host, request: pytest.FixtureRequest, to: str, where: str, scope: str
) -> None:
    """Strangers may send there, and who it is decides the other system. The
    connector with the nearest address space takes it."""
    sink = request.getfixturevalue(where)
    mail = accepted(letter.post(host, letter.compose(to)))
    taken = sink.wait(mail.ident)
    assert taken.recipients == (f"<{to}>",)
    # From a stranger a domain of ours is neither inside nor outside.
    assert taken.message["X-To"] == (None if scope == "in" else "out")
    mail = accepted(outcome.post_inside(host, outcome.from_inside(to, sender=NUNO)))
    assert sink.wait(mail.ident).message["X-To"] == scope
    assert "relay" in host.cli("resolve", to).stdout


@pytest.mark.parametrize("to", ["x@sub.letsexchange.com", "x@a.shared.test", "x@sub.partner.test"])
def test_below_a_domain_is_another_one(lab: Lab, host: Host, internet: Sink, to: str) -> None:
    """Without MatchSubDomains: no stranger may send there."""
    mail = letter.post(host, letter.compose(to))
    assert mail.refused[to].startswith("554 5.7.1"), mail.last
    mail = accepted(outcome.post_inside(host, outcome.from_inside(to, sender=NUNO)))
    assert internet.wait(mail.ident).message["X-To"] == "out"


@pytest.mark.parametrize(
    ("sender", "scope"),
    [
        ("y@letsexchange.com", "in"),
        ("y@c.tree.test", "in"),
        ("y@shared.test", "in"),
        ("y@c.forest.test", "in"),
        ("y@partner.test", "out"),
        ("y@sub.letsexchange.com", "out"),
    ],
)
def test_a_sender_is_inside_if_authenticated_in_such_a_domain(
    lab: Lab, host: Host, sender: str, scope: str
) -> None:
    mail = accepted(outcome.post_inside(host, outcome.from_inside(NUNO, sender=sender)))
    assert outcome.header(outcome.copy(lab, NUNO, mail), "X-From") == scope
    mail = accepted(letter.post(host, letter.compose(NUNO, sender=sender)))
    assert outcome.header(outcome.copy(lab, NUNO, mail), "X-From") == "out"


def test_a_type_that_changes(lab: Lab, host: Host, inside: Sink) -> None:
    # Not one address: an smtpd remembers the last one's way for half a minute.
    before, to = "before@shared.test", "later@shared.test"
    lab.change(lambda: lab.domain("shared.test", "Authoritative"))
    try:
        mail = letter.post(host, letter.compose(before))
        assert mail.refused[before].startswith("550 5.1.1")
    finally:
        lab.change(lambda: lab.domain("shared.test", "InternalRelay"))
    mail = accepted(letter.post(host, letter.compose(to)))
    inside.wait(mail.ident)
