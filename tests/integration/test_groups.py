"""Groups that the expansion service opens, behind the queue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import ANA, BOSS, MOTA, NUNO, RUI, office
from tests.lab import letter, outcome, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink
from tests.lab.track import Row, by_command, rows

DOMAIN = "letsexchange.com"
LIMIT = 3  # ExpansionSizeLimit, so that few people are many


def at(name: str) -> str:
    return f"{name}@{DOMAIN}"


CROWD = [at(f"p{i}") for i in range(8)]


def group(lab: Lab, name: str, *members: str, **fields: str) -> str:
    address = at(name)
    kind = {"RecipientType": "MailUniversalDistributionGroup"} | fields
    lab.put("recipient", address, PrimarySmtpAddress=address, Members=",".join(members), **kind)
    return address


@pytest.fixture(scope="module")
def internet() -> Iterator[Sink]:
    with Sink(extensions=("8BITMIME", "SMTPUTF8", "DSN")) as made:
        yield made


@pytest.fixture(scope="module")
def lab(internet: Sink) -> Iterator[Lab]:
    with Lab() as made:
        hosts = f"{internet.address}:{internet.port}"
        made.put("sendconnector", "Internet", AddressSpaces="*", SmartHosts=hosts)
        made.put("transportconfig", "", ExpansionSizeLimit=str(LIMIT))
        for i, address in enumerate(CROWD):
            made.mailbox(address, f"DB{i % 2 + 1}")
        group(made, "inner", *CROWD[3:], NUNO, at("all"))
        group(made, "all", *CROWD[:4], at("inner"), MOTA, "friend@outside.test")
        yield office(made)


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def events(host: Host, mail: Mail, name: str) -> list[Row]:
    return [row for row in rows(host, mail.ident) if row["event-id"] == name]


def post(host: Host, *recipients: str, sender: str = ANA, **fields: object) -> Mail:
    mail = outcome.from_inside(*recipients, sender=sender, **fields)
    assert outcome.post_inside(host, mail).accepted == set(recipients), mail.last
    return mail


def check_once(lab: Lab, mail: Mail, *members: str) -> None:
    for who in members:
        outcome.copy(lab, who, mail)
    lab.wait_empty()
    counts = Counter({who: len(outcome.copies(lab, who, mail)) for who in members})
    assert counts == Counter(members)


def test_everybody_gets_it_once(lab: Lab, host: Host, internet: Sink) -> None:
    mail = post(host, at("all"), body="Hello.\n.dot\n")
    check_once(lab, mail, *CROWD, NUNO, MOTA)
    for who in (*CROWD, NUNO, MOTA):
        content = outcome.copy(lab, who, mail)
        assert outcome.body(content) == outcome.body(mail.content)
    (taken,) = internet.taken(mail.ident)
    assert taken.recipients == ("<friend@outside.test>",)


# ---- message tracking, and the command --------------------------------------


def test_what_is_tracked(lab: Lab, host: Host) -> None:
    mail = post(host, at("all"))
    check_once(lab, mail, *CROWD, NUNO, MOTA)
    def shown():
        return by_command(host, "--message-id", mail.ident)
    import time; time.sleep(3)
    for r in shown(): print(r["Timestamp"] if "Timestamp" in r else list(r)[:3], r["ClientHostname"], r["ServerHostname"], r["Source"], r["EventId"], str(r["Recipients"])[:150], r.get("RelatedRecipientAddress"), r.get("Reference"), r.get("EventData"))
    print(host.cli("group", "expand", at("all")).stdout)
    print(host.cli("group", "expand", at("all"), "--why", CROWD[3], "--json").stdout)
    assert 0
