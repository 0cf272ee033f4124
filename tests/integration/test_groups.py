"""Groups that the expansion service opens, behind the queue."""

from __future__ import annotations

import json
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
        made.redis.call("HSET", "posthub:transportconfig", "ExpansionSizeLimit", str(LIMIT))
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

# Of a mail to all, on the server that it came to: event, recipients, the
# address beside them. ExpansionSizeLimit members are in a portion.
ROUTED = [
    ("EXPAND", {*CROWD[:4], at("inner"), MOTA, "friend@outside.test"}, at("all")),
    ("EXPAND", {*CROWD[4:], NUNO}, at("inner")),
    ("DUPLICATEEXPAND", {CROWD[3], at("all")}, at("inner")),
    ("TRANSFER", set(CROWD[:3]), ""),
    ("TRANSFER", {CROWD[3], MOTA, "friend@outside.test"}, ""),
    ("TRANSFER", set(CROWD[4:7]), ""),
    ("TRANSFER", {CROWD[7], NUNO}, ""),
]


def routed(host: Host, mail: Mail) -> list[tuple[str, set[str], str]]:
    return [
        (row["EventId"], set(row["Recipients"].split(";")), row["RelatedRecipientAddress"] or "")
        for row in by_command(host, "--message-id", mail.ident)
        if row["Source"] == "ROUTING"
    ]


def test_every_step_is_tracked_once(lab: Lab, host: Host) -> None:
    mail = post(host, at("all"))
    check_once(lab, mail, *CROWD, NUNO, MOTA)
    wait.until("all rows by the command", lambda: len(routed(host, mail)) == len(ROUTED))
    assert routed(host, mail) == ROUTED
    every = [row for each in lab.hosts.values() for row in rows(each, mail.ident)]
    (received,) = (r for r in every if r["recipient-address"] == at("all") and r["event-id"] == "RECEIVE")
    sent = [r["recipient-address"].split(";") for r in every if r["event-id"] == "SEND"]
    assert at("all") not in {who for names in sent for who in names}
    transfers = events(host, mail, "TRANSFER")
    assert {f"S:QueueId={r['reference']}" for r in transfers} == {received["custom-data"]}
    assert len({row["network-message-id"] for row in every}) == 1


def test_who_is_in_a_group(host: Host) -> None:
    answer = json.loads(host.cli("group", "expand", at("all"), "--json").stdout)
    assert {row["Address"] for row in answer} == {*CROWD, NUNO, MOTA, "friend@outside.test"}
    why = host.cli("group", "expand", at("all"), "--why", CROWD[3].upper(), "--json")
    ways = [row["Path"] for row in json.loads(why.stdout)]
    assert ways == [[at("all"), CROWD[3]], [at("all"), at("inner"), CROWD[3]]]
    nobody = host.cli("group", "expand", at("all"), "--why", BOSS, check=False)
    assert nobody.returncode == 1 and f"{BOSS} is not in {at('all')}" in nobody.stderr
    for name in (NUNO, at("nothing")):
        assert host.cli("group", "expand", name, check=False).returncode == 1
