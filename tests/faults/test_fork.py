"""Mails whose recipients get different copies, or none, while something is
killed: everybody has his once, and the sender is told of a refusal once."""

from __future__ import annotations

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from email import message_from_bytes

import pytest

from tests.conftest import ANA, MOTA, NUNO, RUI, office
from tests.lab import outcome, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail, Mta

# Where posthub-transport can be told to die; the second time where one message
# comes by more than once.
POINTS = ("plan-written", "copy-sent", "copy-sent:2", "report-sent", "noted", "noted:2", "noted:3")
MAILS = 100

RULES = {
    "Subject": {"SentTo": NUNO, "PrependSubject": "[n] "},
    "Field": {"SentTo": MOTA, "SetHeaderName": "X-For", "SetHeaderValue": "Mota"},
    "No": {"SentTo": RUI, "RejectMessageReasonText": "No"},
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        office(made)
        outcome.put_rules(made, RULES)
        yield made


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def compose(number: int = 0) -> Mail:
    body = f"Message {number}.\n.dot\nThe end of {number}."
    return outcome.from_inside(NUNO, MOTA, RUI, sender=ANA, subject=f"split {number}", body=body)


def post(host: Host, mail: Mail) -> None:
    """As an MTA does: again and again."""
    wait.until(
        f"{mail.ident} to be taken", lambda: not outcome.post_inside(host, mail).pending, 30, 0.05
    )


class Found:
    """What lies in the mailboxes of all, read once."""

    def __init__(self, lab: Lab) -> None:
        self.boxes = {
            who: [message_from_bytes(content) for content in outcome.stored(lab, who)]
            for who in (NUNO, MOTA, RUI, ANA)
        }

    def copies(self, who: str) -> Counter[str]:
        return Counter(str(message["Message-ID"]) for message in self.boxes[who])

    def reports(self) -> Counter[str]:
        return Counter(str(message["In-Reply-To"]) for message in self.boxes[ANA])

    def wrong(self, who: str, mail: Mail) -> bool:
        """Has he got what was meant for somebody else, or but a part?"""
        found = [m for m in self.boxes[who] if m["Message-ID"] == mail.ident]
        marks = {NUNO: ("Subject", "[n] "), MOTA: ("X-For", "Mota")}
        name, value = marks[who]
        return any(
            not str(m[name]).startswith(value)
            or outcome.body(m.as_bytes()) != outcome.body(mail.content)
            for m in found
        )


def check(lab: Lab, mails: list[Mail]) -> None:
    lab.wait_empty(60)
    found = Found(lab)
    copies = {who: found.copies(who) for who in (NUNO, MOTA, RUI)}
    reports = found.reports()
    bad = [
        (mail.ident, who, count)
        for mail in mails
        for who, count, want in (
            (NUNO, copies[NUNO][mail.ident], 1),
            (MOTA, copies[MOTA][mail.ident], 1),
            (RUI, copies[RUI][mail.ident], 0),
            (f"report to {ANA}", reports[mail.ident], 1),
        )
        if count != want
    ]
    assert not bad, f"{len(bad)} of {len(mails)}: {bad[:10]}"
    assert not [m.ident for m in mails for who in (NUNO, MOTA) if found.wrong(who, m)]


# ---- at a point --------------------------------------------------------------


def die(host: Host, point: str, mail: Mail) -> None:
    """posthub-transport, dead by its own hand; it stays down."""
    child = host.daemon("transport")
    kept = child.env
    host.kill("transport")
    child.env = kept | {"POSTHUB_FAULT": f"fork.{point}"}
    try:
        host.start("transport")
        host.wait_up("transport")
        outcome.post_inside(host, mail)
        wait.until(f"its end at {point}", lambda: not child.alive())
    finally:
        child.env = kept
    assert child.status() == -signal.SIGKILL


@pytest.mark.parametrize("also", ["alone", "with Postfix"])
@pytest.mark.parametrize("point", POINTS)
def test_dies_at_a_point(lab: Lab, host: Host, point: str, also: str) -> None:
    mail = compose()
    die(host, point, mail)
    if also != "alone":
        host.restart("postfix")
    host.start("transport")
    host.wait_up("transport")
    post(host, mail)
    check(lab, [mail])


# ---- at any moment -----------------------------------------------------------


def stream(lab: Lab, meanwhile: Callable[[Mta], None]) -> list[Mail]:
    """From a server of ours, to both."""
    hosts = list(lab.hosts.values())
    mails = [compose(number) for number in range(1, MAILS + 1)]
    mta = Mta([(each.address, each.hub) for each in hosts], 6, hosts[0].address)
    sender = threading.Thread(target=mta.run, args=(mails, 60), daemon=True)
    sender.start()
    try:
        meanwhile(mta)
    finally:
        sender.join()
    assert not [mail.last for mail in mails if mail.pending or mail.refused]
    return mails


@pytest.mark.parametrize("name", ["transport", "postfix", "delivery"])
def test_sigkill_at_any_moment(lab: Lab, name: str) -> None:
    """On one server, then on the other, then on both."""

    def kill(mta: Mta) -> None:
        first, second = lab.hosts.values()
        for part, hosts in ((0.05, [first]), (0.3, [second]), (0.6, [first, second])):
            moment = MAILS * (part + random.uniform(0, 0.2))
            wait.until(f"{moment:.0f} mails", lambda: mta.done >= moment, timeout=60)
            for each in hosts:
                each.kill(name)
            for each in hosts:
                each.start(name)
                each.wait_up(name)

    check(lab, stream(lab, kill))


def test_a_client_that_did_not_hear_that_it_was_taken(lab: Lab, host: Host) -> None:
    """So it sends the mail again, to the other server, even."""
    mail = compose()
    again = Mail(mail.ident, mail.sender, mail.recipients, mail.content)
    post(host, mail)
    post(lab.hosts["MBX2"], again)
    check(lab, [mail])


# ---- something is not there --------------------------------------------------


def test_no_plan_can_be_written(lab: Lab, host: Host) -> None:
    """The client keeps the mail, of which nothing has happened."""
    mail = compose()
    plans = host.state / "forks"
    plans.chmod(0o500)
    try:
        outcome.post_inside(host, mail)
        assert mail.pending == {NUNO, MOTA, RUI} and mail.last.startswith("451 4.3.0 "), mail.last
        assert not host.postfix.queued()
    finally:
        plans.chmod(0o700)
    post(host, mail)
    check(lab, [mail])


def test_no_way_back_into_the_queue(lab: Lab, host: Host) -> None:
    """What was taken waits."""
    mail = compose()
    way = host.postfix.queue_directory / "public" / "posthub-inject"
    hidden = way.with_name("hidden")
    way.rename(hidden)
    try:
        post(host, mail)
        wait.until(
            "it to be put off",
            lambda: "status=deferred" in host.log_text("postfix").partition(mail.ident)[2],
        )
        assert host.postfix.queued() == 1
        assert not Found(lab).copies(NUNO)[mail.ident]
    finally:
        hidden.rename(way)
    check(lab, [mail])
