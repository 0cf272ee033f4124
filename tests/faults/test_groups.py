"""Groups that are opened behind the queue, while something is killed: every
member has the mail once, and nobody is forgotten."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ANA, office
from tests.lab import outcome, wait
from tests.lab.host import Host, delivered
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

# Where posthub-policy can be told to die.
POINTS = ("plan-written", "copy-sent", "copy-sent:3", "noted", "noted:4", "report-sent")
TEAM, CROWD = "team@letsexchange.com", [f"p{i}@letsexchange.com" for i in range(20)]
LIMIT = 4


def put_group(lab: Lab, *members: str) -> None:
    lab.put(
        "recipient",
        TEAM,
        RecipientType="MailUniversalDistributionGroup",
        PrimarySmtpAddress=TEAM,
        Members=",".join(members),
    )


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.redis.call("HSET", "posthub:transportconfig", "ExpansionSizeLimit", str(LIMIT))
        for i, address in enumerate(CROWD):
            made.mailbox(address, f"DB{i % 2 + 1}")
        put_group(made, *CROWD, "nobody@letsexchange.com")
        yield office(made)


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def post(host: Host) -> Mail:
    mail = outcome.from_inside(TEAM, sender=ANA)
    wait.until(
        f"{mail.ident} to be taken", lambda: not outcome.post_inside(host, mail).pending, 30, 0.05
    )
    return mail


def check(lab: Lab, *mails: Mail) -> None:
    lab.wait_empty(60)
    for mail in mails:
        counts = Counter({who: len(outcome.copies(lab, who, mail)) for who in CROWD})
        assert counts == Counter(CROWD), mail.ident
        assert len(outcome.reports(lab, ANA, mail)) == 1


def lists(host: Host, mail: Mail) -> list[Path]:
    """The list of a mail's members: one at most."""
    found = (host.state / "expansions").glob("*.json")
    return [path for path in found if mail.ident in path.read_text()]


def noted(host: Host, mail: Mail) -> int:
    """How many portions are done."""
    return sum(len(list(p.parent.glob(f"{p.stem}.*.done"))) for p in lists(host, mail))


def tried(host: Host, mail: Mail) -> int:
    """The same, with what was put off tried again."""
    host.postfix.flush()
    return noted(host, mail)


@pytest.mark.parametrize("also", ["alone", "with Postfix"])
@pytest.mark.parametrize("point", POINTS)
def test_dies_at_a_point(lab: Lab, host: Host, point: str, also: str) -> None:
    child = host.daemon("policy")
    kept = child.env
    host.kill("policy")
    child.env = kept | {"POSTHUB_FAULT": f"fork.{point}"}
    try:
        host.start("policy")
        host.wait_up("policy")
        mail = post(host)
        wait.until(f"its end at {point}", lambda: not child.alive())
    finally:
        child.env = kept
    assert child.status() == -signal.SIGKILL
    # Without its maps Postfix would remember for 30 s that there are none.
    if also != "alone":
        host.kill("postfix")
    host.start("policy")
    host.wait_up("policy")
    if also != "alone":
        host.start("postfix")
    check(lab, mail)


def test_who_comes_or_goes_meanwhile(lab: Lab, host: Host) -> None:
    """The list that was written counts, however often it is tried."""
    way = host.postfix.queue_directory / "public" / "posthub-members"
    hidden = way.with_name("hidden")
    way.rename(hidden)
    try:
        mail = post(host)
        wait.until("the list", lambda: lists(host, mail))
        lab.put("recipient", TEAM, Members=",".join(CROWD[2:]))
    finally:
        hidden.rename(way)
    check(lab, mail)
    put_group(lab, *CROWD, "nobody@letsexchange.com")




# ---- many --------------------------------------------------------------------

MANY = 5000
BOXES = 300  # of them have mailboxes here, half of them on each server
DEPARTMENTS = 10
MAILBOXES, EVERYBODY = "boxes@letsexchange.com", "many@letsexchange.com"


def put_limit(lab: Lab, limit: int) -> None:
    fields = ("ExpansionSizeLimit", str(limit))
    lab.change(lambda: lab.redis.call("HSET", "posthub:transportconfig", *fields))


@pytest.fixture(scope="module")
def many(lab: Lab) -> Iterator[Sink]:
    """5,000 in ten groups in one group, most of them outside, and those with a
    mailbox in a group of their own."""
    boxes = [f"m{i}@letsexchange.com" for i in range(BOXES)]
    people = [*boxes, *(f"m{i}@outside.test" for i in range(BOXES, MANY))]
    random.Random(1).shuffle(people)
    departments = [f"d{i}@letsexchange.com" for i in range(DEPARTMENTS)]
    with Sink() as sink:
        where = f"{sink.address}:{sink.port}"
        lab.put("sendconnector", "Internet", AddressSpaces="*", SmartHosts=where)
        for i, address in enumerate(boxes):
            lab.mailbox(address, f"DB{i % 2 + 1}")
        for i, name in enumerate(departments):
            # Each overlaps with the next.
            members = [*people[i::DEPARTMENTS], *people[i + 1 :: DEPARTMENTS][:50]]
            lab.put("recipient", name, RecipientType="MailGroup", Members=",".join(members))
        for name, members in ((MAILBOXES, boxes), (EVERYBODY, departments)):
            lab.put("recipient", name, RecipientType="MailGroup", Members=",".join(members))
        for each in lab.hosts.values():
            each.wait_recipient(EVERYBODY, timeout=60)
        yield sink


def delivered_to(lab: Lab, mail: Mail) -> Counter[str]:
    """Who of those with mailboxes has it, and how often."""
    return Counter(
        path.parent.parent.name
        for each in lab.hosts.values()
        for path, message in delivered(each.store)
        if message["Message-ID"] == mail.ident
    )


def test_five_thousand(lab: Lab, host: Host, many: Sink) -> None:
    put_limit(lab, 500)
    mail = outcome.from_inside(EVERYBODY, sender=ANA)
    assert outcome.post_inside(host, mail).accepted, mail.last
    wait.until("all portions", lambda: "Expanded to 5000" in host.log_text("postfix"), 60)
    lab.wait_empty(120)
    assert delivered_to(lab, mail) == Counter(f"m{i}" for i in range(BOXES))
    outside = Counter(who for taken in many.taken(mail.ident) for who in taken.recipients)
    assert outside == Counter(f"<m{i}@outside.test>" for i in range(BOXES, MANY))


def test_sigkill_in_the_middle(lab: Lab, host: Host, many: Sink) -> None:
    put_limit(lab, 20)
    mail = outcome.from_inside(MAILBOXES, sender=ANA)
    assert outcome.post_inside(host, mail).accepted, mail.last
    for portion in (1, 5, 10):
        wait.until(f"portion {portion}", lambda: tried(host, mail) >= portion, 60, 0.1)
        host.restart("policy")
        # Else Postfix remembers for 30 s that there were no maps.
        host.postfix.run("postfix", "reload")
    lab.wait_empty(120)
    assert delivered_to(lab, mail) == Counter(f"m{i}" for i in range(BOXES))
