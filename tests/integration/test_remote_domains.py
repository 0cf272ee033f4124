"""Remote domains: what may not go there is dropped, and nobody is told."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, track, wait
from tests.lab.host import Host
from tests.lab.lab import PREFIX, Lab
from tests.lab.smtp_sink import Sink

QUIET, LOUD = "x@quiet.test", "x@loud.test"
REPLY = {"Auto-Submitted": "auto-replied"}
FORWARD = {"Auto-Submitted": "auto-forwarded"}
DOMAINS = {
    "*.quiet.test": {"AutoReplyEnabled": "false"},
    "no-ndr.test": {"NDREnabled": "false"},
    "ndr-only.test": {"DeliveryReportEnabled": "false"},
}
KEYS = [f"{PREFIX}remotedomain:{name}" for name in DOMAINS] + [f"{PREFIX}sendconnector:Out"]
GOOD, BAD = "good@loud.test", "bad@loud.test"
NO = "550 5.7.1 no"
# Who hears of what.
TOLD = {
    "x@no-ndr.test": {"relayed"},
    "x@ndr-only.test": {"failed"},
    "x@loud.test": {"failed", "relayed"},
}


@pytest.fixture
def sink(org: Lab) -> Iterator[Sink]:
    with Sink() as made:

        def put() -> None:
            for name, fields in DOMAINS.items():
                org.put("remotedomain", name, **fields)
            smart = f"{made.address}:{made.port}"
            org.put("sendconnector", "Out", AddressSpaces="*", SmartHosts=smart)

        org.change(put)
        yield made
        org.change(lambda: org.redis.call("DEL", *KEYS))


def test_an_automatic_reply(org: Lab, sink: Sink) -> None:
    host = org.hosts["MBX1"]
    reply = letter.compose(QUIET, LOUD, MOTA, sender=NUNO, headers=REPLY)
    forward = letter.compose(QUIET, sender=NUNO, headers=FORWARD)
    alone = letter.compose(QUIET, sender=NUNO, headers=REPLY)
    for mail in (reply, forward, alone):
        letter.post(host, mail, source=host.address)
        assert mail.accepted == set(mail.recipients), mail.last
    org.wait_message(MOTA, reply.ident)
    assert sink.wait(reply.ident).recipients == (f"<{LOUD}>",)
    assert sink.wait(forward.ident).recipients == (f"<{QUIET}>",)
    org.wait_empty()
    assert len(sink.taken(reply.ident)) == 1 and not sink.taken(alone.ident)

    def dropped() -> set[str]:
        rows = [row for mail in (reply, alone) for row in track.rows(host, mail.ident)]
        return {row["recipient-address"] for row in rows if row["event-id"] == "DROP"}

    wait.until("the rows", lambda: dropped() == {QUIET})


def told(sink: Sink, address: str) -> list[str]:
    """What the reports to an address say."""
    reports = [t.message for t in sink.all() if t.recipients == (f"<{address}>",)]
    return [
        str(block["Action"])
        for report in reports
        for part in report.walk()
        if part.get_content_type() == "message/delivery-status"
        for block in part.get_payload()
        if isinstance(block, Message) and block["Action"]
    ]


def dropped(host: Host) -> set[str]:
    return {r["recipient-address"] for r in track.rows(host) if track.event(r) == "AGENT DROP"}


def test_reports_of_postfix(org: Lab, sink: Sink) -> None:
    host = org.hosts["MBX1"]
    sink.answer({f"<{BAD}>": NO})
    for sender in TOLD:
        mail = letter.compose(GOOD, BAD, sender=sender)
        mail.rcpt_parameters = dict.fromkeys((GOOD, BAD), "NOTIFY=SUCCESS,FAILURE")
        letter.post(host, mail, source=host.address)
        assert mail.accepted == {GOOD, BAD}, mail.last
    wait.until("all reports", lambda: len(told(sink, "x@loud.test")) == 2)
    org.wait_empty()
    assert {sender: set(told(sink, sender)) for sender in TOLD} == TOLD
    wait.until("the rows", lambda: set(TOLD) - dropped(host) == {"x@loud.test"})


def test_reports_that_nobody_judges(org: Lab, sink: Sink) -> None:
    """They go out rather than being lost or waiting."""
    host = org.hosts["MBX1"]
    sink.answer({f"<{BAD}>": "450 4.7.1 later"})
    mail = letter.post(host, letter.compose(BAD, sender="x@no-ndr.test"), source=host.address)
    assert mail.accepted == {BAD}, mail.last
    wait.until("a first try", sink.reached)
    with host.down("posthub-transport"):
        sink.answer({f"<{BAD}>": NO})
        wait.until("the report", lambda: told(sink, "x@no-ndr.test") == ["failed"])
    org.wait_empty()


def test_reports_of_ours(org: Lab, sink: Sink) -> None:
    host = org.hosts["MBX1"]
    org.change(lambda: org.rule("No", SentTo=MOTA, RejectMessageReasonText="no", Enabled="true"))
    for sender in TOLD:
        mail = letter.post(host, letter.compose(NUNO, MOTA, sender=sender))
        assert mail.accepted == {NUNO, MOTA}, mail.last
    org.wait_empty()
    assert {s: told(sink, s) for s in TOLD} == {
        "x@no-ndr.test": [],
        "x@ndr-only.test": ["failed"],
        "x@loud.test": ["failed"],
    }
