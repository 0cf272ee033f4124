"""Remote domains: what may not go there is dropped, and nobody is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, track, wait
from tests.lab.lab import PREFIX, Lab
from tests.lab.smtp_sink import Sink

QUIET, LOUD = "x@quiet.test", "x@loud.test"
REPLY = {"Auto-Submitted": "auto-replied"}
FORWARD = {"Auto-Submitted": "auto-forwarded"}
KEYS = [f"{PREFIX}remotedomain:*.quiet.test", f"{PREFIX}sendconnector:Out"]


@pytest.fixture
def sink(org: Lab) -> Iterator[Sink]:
    with Sink() as made:

        def put() -> None:
            org.put("remotedomain", "*.quiet.test", AutoReplyEnabled="false")
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
