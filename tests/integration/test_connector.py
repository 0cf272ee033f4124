"""Mail for other organisations leaves by send connectors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import NUNO
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

KEY = "posthub:sendconnector:Internet"


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    """One for all: qmgr keeps its last answer, with the port, for 30 s."""
    with Sink() as made:
        yield made


@contextmanager
def connector(org: Lab, sink: Sink, **fields: str) -> Iterator[None]:
    """A connector for every domain, to the sink, as an administrator types it."""
    all_fields = {
        "AddressSpaces": "*",
        "SmartHosts": f"{sink.address}:{sink.port}",
    } | fields
    words = [word for pair in all_fields.items() for word in pair]
    org.change(lambda: org.redis.cli("HSET", KEY, *words))
    try:
        yield
    finally:
        org.change(lambda: org.redis.cli("DEL", KEY))


def post(host: Host, mail: Mail) -> Mail:
    """As a server of ours hands it in: strangers may not relay."""
    return letter.post(host, mail, source=host.address)


def test_source_server_sends_to_the_smart_host(org: Lab, sink: Sink) -> None:
    host = org.hosts["MBX1"]
    mail = letter.compose("a@outside.test", sender=NUNO, headers={"X-PostHub-Test": "inside"})
    with connector(org, sink, SourceTransportServers="MBX1"):
        assert post(host, mail).accepted, mail.last
        taken = sink.wait(mail.ident)
    assert taken.recipients == ("<a@outside.test>",)
    assert taken.client == host.address
    inside = [name for name in taken.message if name.lower().startswith("x-posthub-")]
    assert not inside, "what servers of ours tell each other stays inside"


def test_another_server_hands_it_to_the_source_server(org: Lab, sink: Sink) -> None:
    first, second = org.hosts["MBX1"], org.hosts["MBX2"]
    mail = letter.compose("b@outside.test", sender=NUNO)
    with connector(org, sink, SourceTransportServers="MBX1"):
        assert post(second, mail).accepted, mail.last
        taken = sink.wait(mail.ident)
    assert taken.client == first.address
    hops = "\n".join(taken.message.get_all("Received", []))
    assert f"by {first.fqdn}" in hops and f"by {second.fqdn}" in hops


def test_without_connector_it_waits_and_goes_when_there_is_one(org: Lab, sink: Sink) -> None:
    host = org.hosts["MBX1"]
    # smtpd, too, keeps its last answer, and no more than one.
    both = {"c@outside.test", "d@outside.test"}
    mail = letter.compose(*sorted(both), sender=NUNO)
    post(host, mail)
    assert mail.pending == both, "neither taken nor refused for good"
    assert "4.4.4" in mail.last and "No send connector for outside.test" in mail.last
    with connector(org, sink):
        wait.until("the mail to be taken", lambda: not post(host, mail).pending)
        sink.wait(mail.ident)
    assert mail.accepted == both


def test_route_says_by_which_connector_and_why(org: Lab, sink: Sink) -> None:
    first, second = org.hosts["MBX1"], org.hosts["MBX2"]
    words = ("route", "e@outside.test")
    with connector(org, sink, SourceTransportServers="MBX1"):
        here, there = first.cli(*words).stdout, second.cli(*words).stdout
    assert f"ph-out:[{sink.address}]:{sink.port}" in here and "Internet: sent from here" in here
    assert f"ph-hub:[{first.address}]:{first.hub}" in there and "Internet" in there
    with connector(org, sink, Enabled="false"):
        off = first.cli(*words, check=False)
    assert off.returncode == 1 and "connector Internet is not enabled" in off.stdout
