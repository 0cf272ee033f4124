"""Receive connectors: what they ask of clients, by their addresses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import MOTA, NUNO
from tests.lab import letter, track, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail

CLIENT, OTHER = "127.0.0.9", "127.0.0.8"
LIMIT = 3


@contextmanager
def connector(org: Lab, name: str, **fields: str) -> Iterator[None]:
    """One for CLIENT and its neighbours, as an administrator types it; short of
    patience, because refusals of strangers wait."""
    key = f"posthub:receiveconnector:{name}"
    all_fields = {"RemoteIPRanges": "127.0.0.8/29", "TarpitInterval": "0s"} | fields
    words = [word for pair in all_fields.items() for word in pair]
    org.change(lambda: org.redis.cli("HSET", key, *words))
    try:
        yield
    finally:
        org.change(lambda: org.redis.cli("DEL", key))


def post(host: Host, mail: Mail, source: str = CLIENT) -> Mail:
    return letter.post(host, mail, source=source)


def test_size_and_number_of_recipients(org: Lab) -> None:
    host = org.hosts["MBX1"]
    body = "0123456789abcdef\n" * 200
    with connector(org, "Wide"), connector(
        org,
        "Small",
        RemoteIPRanges=CLIENT,
        Server="MBX1",
        Bindings=f"0.0.0.0:{host.hub}",
        MaxMessageSize="2KB",
        MaxRecipientsPerMessage="1",
    ):
        # What comes is measured, not what is said.
        large = post(host, letter.compose(NUNO, body=body))
        assert "521 5.3.4" in large.refused[NUNO]
        said = letter.compose(NUNO, body=body)
        said.parameters = f"SIZE={len(said.content)}"
        assert "552 5.3.4" in post(host, said).refused[NUNO]
        two = post(host, letter.compose(MOTA, NUNO))
        assert two.accepted == {MOTA} and two.pending == {NUNO}
        # A neighbour, and the same client at another server.
        elsewhere = post(host, letter.compose(MOTA, NUNO, body=body), OTHER)
        assert elsewhere.accepted == {MOTA, NUNO}, elsewhere.last
        there = post(org.hosts["MBX2"], letter.compose(MOTA, NUNO, body=body))
        assert there.accepted == {MOTA, NUNO}, there.last

    def came_by(mail: Mail) -> set[str]:
        rows = [row for row in track.rows(host, mail.ident) if row["event-id"] == "RECEIVE"]
        return {row["connector-id"] for row in rows if row["client-ip"].startswith("127.0.0.")}

    wait.until("rows", lambda: came_by(two) and came_by(elsewhere))
    assert came_by(two) == {r"MBX1\Small"} and came_by(elsewhere) == {r"MBX1\Wide"}


def test_who_may_send(org: Lab) -> None:
    host = org.hosts["MBX1"]
    with connector(org, "Users", PermissionGroups="ExchangeUsers"):
        mail = post(host, letter.compose(NUNO))
        assert "530 5.7.1" in mail.refused[NUNO]
        # A server of ours is nobody's client.
        assert post(host, letter.compose(NUNO), host.address).accepted


def accepted_by(hosts: list[Host], source: str) -> list[int]:
    """Messages in turn until each server has refused one; how many it took."""
    taken = [0] * len(hosts)
    refused: set[int] = set()
    for number in range(4 * LIMIT * len(hosts)):
        at = number % len(hosts)
        if at in refused:
            continue
        mail = post(hosts[at], letter.compose(NUNO), source)
        if mail.accepted:
            taken[at] += 1
        else:
            assert "421 4.4.2" in mail.last, mail.last
            refused.add(at)
    assert len(refused) == len(hosts), "no limit at all"
    return taken


def minute() -> int:
    return int(time.time() // 60)


def within_a_minute(hosts: list[Host], sources: tuple[str, str]) -> list[int]:
    """The same, again for another client if a new minute has begun meanwhile."""
    for source in sources:
        before = minute()
        taken = accepted_by(hosts, source)
        if minute() == before:
            break
    return taken


def test_rate_of_all_servers_together(own_org: Lab) -> None:
    hosts = [own_org.hosts["MBX1"], own_org.hosts["MBX2"]]
    fields = {"RemoteIPRanges": "127.0.0.8/29", "MessageRateLimit": str(LIMIT)}
    own_org.change(lambda: own_org.put("receiveconnector", "Slow", **fields))
    assert sum(within_a_minute(hosts, (CLIENT, "127.0.0.10"))) == LIMIT
    # Another client has a rate of its own. With Redis away each server counts
    # for itself, and nobody is refused because of that.
    own_org.redis.kill()
    assert within_a_minute(hosts, (OTHER, "127.0.0.11")) == [LIMIT, LIMIT]
