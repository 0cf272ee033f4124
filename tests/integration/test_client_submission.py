"""People with a login, at the listeners that "posthub setup connectors" makes of
"Client" receive connectors: STARTTLS, and TLS from the first byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import frontend, letter, ports, sasl, track, wait
from tests.lab.authority import Authority
from tests.lab.connectors import (
    address_with,
    apply,
    connect,
    connect_tls,
    keep_certificate,
    trusting,
)
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.protocols import Dialogue
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

NAME = "mail.letsexchange.com"
OUTSIDE = "x@bank.test"
SERVERS = ("FE1", "MBX1")


class Place:
    """The two listeners of one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.port = ports.ask(host.address)
        self.address_465 = address_with(465)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def lab(sink: Sink) -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        made.host("MBX1")
        made.frontend("FE1")
        made.database("DB1", ["MBX1"])
        made.mailbox(NUNO, "DB1")
        made.mailbox(MOTA, "DB1")
        smart = f"{sink.address}:{sink.port}"
        made.put("sendconnector", "Out", AddressSpaces="*", SmartHosts=smart)
        for host in made.hosts.values():
            sasl.enable(host, [NUNO], "")
        made.start()
        yield made


@pytest.fixture(scope="module")
def authority(lab: Lab) -> Authority:
    return Authority(lab.directory / "authority", lab.env)


@pytest.fixture(scope="module")
def places(lab: Lab, authority: Authority) -> dict[str, Place]:
    made = {name: Place(lab.hosts[name]) for name in SERVERS}

    def put() -> None:
        for name, place in made.items():
            common = {
                "Server": name,
                "PermissionGroups": "ExchangeUsers",
                "RequireTLS": "true",
                "TlsCertificateName": keep_certificate(place.host, authority, NAME),
                "TarpitInterval": "0s",
            }
            bindings = {
                f"Client {name}": (f"{place.host.address}:{place.port}", "Tls,BasicAuthRequireTLS"),
                f"Implicit {name}": (f"{place.address_465}:465", "Tls,BasicAuth"),
            }
            for connector, (binding, mechanism) in bindings.items():
                fields = common | {"Bindings": binding, "AuthMechanism": mechanism}
                lab.put("receiveconnector", connector, **fields)

    lab.change(put)
    for place in made.values():
        apply(lab, place.host)
        wait.until(f"{place.host.name} to listen", lambda p=place: open_clear(p).greeting != "")
    return made


@pytest.fixture(params=SERVERS)
def place(places: dict[str, Place], request: pytest.FixtureRequest) -> Place:
    return places[request.param]


def open_clear(place: Place) -> Dialogue:
    return connect(place.host.address, place.port)


def by_starttls(place: Place, authority: Authority) -> Dialogue:
    client = open_clear(place)
    client.command("EHLO client.test")
    assert client.command("STARTTLS").startswith("220")
    client.start_tls(trusting(authority), NAME)
    client.command("EHLO client.test")
    return client


def from_the_first_byte(place: Place, authority: Authority) -> Dialogue:
    client = connect_tls(place.address_465, 465, trusting(authority), NAME)
    assert client.greeting.startswith("220")
    client.command("EHLO client.test")
    return client


Way = Callable[[Place, Authority], Dialogue]


@pytest.fixture(params=[by_starttls, from_the_first_byte])
def client(
    place: Place, authority: Authority, request: pytest.FixtureRequest
) -> Iterator[Dialogue]:
    """Over TLS, not logged in; its certificate was checked."""
    way: Way = request.param
    with way(place, authority) as made:
        yield made


def post(client: Dialogue, mail: Mail) -> str:
    """The first refusal, or the answer to the message."""
    answers = frontend.begin(client, mail)
    refused = [answer for answer in answers if not answer.startswith("2")]
    if refused:
        client.command("RSET")
    return refused[0] if refused else frontend.content(client, mail)


def test_in_clear_nobody_logs_in_and_nothing_is_taken(place: Place) -> None:
    with open_clear(place) as client:
        assert "AUTH" not in client.command("EHLO client.test")
        assert not sasl.answer(client, NUNO).startswith("235")
        assert post(client, letter.compose(NUNO)).startswith("530 5.7.")


def test_a_stranger_may_not(client: Dialogue) -> None:
    assert post(client, letter.compose(NUNO)).startswith("530 5.7.1")
    assert post(client, letter.compose(OUTSIDE)).startswith("5")
    assert sasl.answer(client, NUNO, "wrong").startswith("535")
    assert post(client, letter.compose(NUNO)).startswith("530 5.7.1")


def test_who_has_logged_in_sends(lab: Lab, sink: Sink, place: Place, client: Dialogue) -> None:
    assert sasl.answer(client, NUNO).startswith("235")
    mail = letter.compose(MOTA, sender=NUNO)
    assert post(client, mail).startswith("250")
    lab.wait_message(MOTA, mail.ident)
    outside = letter.compose(OUTSIDE, sender=NUNO)
    assert post(client, outside).startswith("250")
    assert sink.wait(outside.ident).sender == f"<{NUNO}>"
    if place.host.name != "MBX1":
        return
    rows = [row for row in track.rows(place.host, mail.ident) if row["event-id"] == "RECEIVE"]
    assert {row["connector-id"] for row in rows} & {r"MBX1\Client MBX1", r"MBX1\Implicit MBX1"}


def test_he_sends_as_nobody_else(client: Dialogue) -> None:
    assert sasl.answer(client, NUNO).startswith("235")
    as_mota = letter.compose(NUNO, sender=MOTA)
    assert f"not owned by user {NUNO}" in post(client, as_mota)
    from_mota = letter.compose(MOTA, sender=NUNO, headers={"From": MOTA})
    assert post(client, from_mota).startswith("550 5.7.60")
