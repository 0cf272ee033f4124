"""Real mail over three sites takes the way that "posthub route" explains.

    Porto                Coimbra (hub site)      Lisbon
    POR1, POR2 (DAG1)    COI1 (DAG1)             LIS1, and the front end FE1
    connector North      |                       connector South
    from POR1            |                       from LIS1
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.message import Message
from typing import Any

import pytest

from tests.lab import frontend, letter, outcome, sasl, track, wait
from tests.lab.host import Host
from tests.lab.lab import PREFIX, Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

LISA, DAGNY = "lisa@letsexchange.com", "dagny@letsexchange.com"
DEAF = "deaf@letsexchange.com"
NORTH, SOUTH = "n@a.north.test", "s@south.test"
SERVERS = ("LIS1", "COI1", "POR1", "POR2")
DESTINATIONS = (LISA, DAGNY, NORTH, SOUTH)


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def lab(sink: Sink) -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        made.host("LIS1", site="Lisbon")
        made.host("COI1", site="Coimbra")
        made.host("POR1", site="Porto")
        made.host("POR2", site="Porto")
        sasl.enable(made.frontend("FE1", site="Lisbon"), [LISA])
        made.put("site", "Coimbra", HubSiteEnabled="true")
        made.sitelink("Lisbon-Coimbra", ["Lisbon", "Coimbra"], 10)
        made.sitelink("Coimbra-Porto", ["Coimbra", "Porto"], 10)
        made.put("dag", "DAG1", Servers="COI1,POR1,POR2")
        made.database("DB1", ["LIS1"])
        made.database("DB2", ["POR2"])
        made.mailbox(LISA, "DB1")
        made.mailbox(DAGNY, "DB2")
        host = f"{sink.address}:{sink.port}"
        for name, space, server in (("North", "*.north.test", "POR1"), ("South", "*", "LIS1")):
            made.put(
                "sendconnector",
                name,
                AddressSpaces=space,
                SmartHosts=host,
                SourceTransportServers=server,
            )
        made.start()
        made.make_outbox(LISA)
        made.make_outbox(DAGNY)
        yield made


def explain(host: Host, address: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.cli("route", address, *options, "--json").stdout)[0]
    return dict(found["Route"])


def explained(lab: Lab, server: str, address: str) -> list[str]:
    """The servers that a message passes when each first choice takes it, by what
    the command says on each of them."""
    passed: list[str] = []
    where = {f"{h.address}]:{h.hub}": name for name, h in lab.hosts.items()}
    while server not in passed:
        passed.append(server)
        route = explain(lab.hosts["LIS1"], address, "--from", server)
        assert route["Why"], route
        if not route["NextHop"].startswith("ph-hub:["):
            store = route["Hops"][0] if route["NextHop"].startswith("ph-mailbox:") else ""
            return passed + ([store] if store not in ("", server) else [])
        server = where[route["NextHop"].removeprefix("ph-hub:[").split(",")[0]]
    raise AssertionError(f"round in a circle: {passed}")


def received(message: Message) -> list[str]:
    """The servers that took it, as its Received lines have it, first to last."""
    lines = [str(line) for line in message.get_all("Received", [])]
    matches = [re.search(r"\bby (\w+)\.", line) for line in lines]
    names = [found.group(1).upper() for found in matches if found]
    names.reverse()
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


def tracked(lab: Lab, ident: str, passed: list[str]) -> set[str]:
    """Of these servers, those that wrote that they received the message."""

    def found(name: str) -> bool:
        rows = track.rows(lab.hosts[name], ident)
        return any(track.event(row).endswith(" RECEIVE") for row in rows)

    return {name for name in passed if found(name)}


def arrived(lab: Lab, sink: Sink, address: str, mail: Mail) -> Message:
    if address in (NORTH, SOUTH):
        return sink.wait(mail.ident).message
    return lab.wait_message(address, mail.ident)


def post(host: Host, *addresses: str, sender: str = LISA, body: str = "Hello.") -> Mail:
    """As a server of ours hands it in: strangers may not relay."""
    mail = letter.compose(*addresses, sender=sender, body=body)
    assert letter.post(host, mail, source=host.address).accepted == set(addresses), mail.last
    return mail


def test_from_every_server_mail_takes_the_way_that_is_explained(lab: Lab, sink: Sink) -> None:
    mails = {(s, a): post(lab.hosts[s], a) for s in SERVERS for a in DESTINATIONS}
    ways = {}
    for (server, address), mail in mails.items():
        way = explained(lab, server, address)
        message = arrived(lab, sink, address, mail)
        assert received(message) == way, (server, address)
        assert tracked(lab, mail.ident, way) == set(way), (server, address)
        ways[server, address] = way
    assert ways["LIS1", DAGNY] == ["LIS1", "COI1", "POR2"]
    assert ways["POR2", LISA] == ["POR2", "COI1", "LIS1"], "over the hub site"
    assert ways["POR1", DAGNY] == ["POR1", "POR2"], "inside a DAG to the store driver"
    assert ways["COI1", DAGNY] == ["COI1", "POR2"], "also from another site"
    assert ways["LIS1", NORTH] == ["LIS1", "COI1", "POR1"]
    assert ways["POR2", NORTH] == ["POR2", "POR1"]
    assert ways["POR2", SOUTH] == ["POR2", "COI1", "LIS1"]


@pytest.mark.parametrize("address, first", [(LISA, "LIS1"), (DAGNY, "COI1")])
def test_from_the_front_end(lab: Lab, sink: Sink, address: str, first: str) -> None:
    said = lab.hosts["LIS1"].cli("route", address, "--from", "FE1", "--json").stdout
    local = [] if first == "LIS1" else ["LIS1"]
    assert json.loads(said)[0]["FrontendServers"] == [first, *local]
    mail = letter.compose(address)
    assert letter.post(lab.hosts["FE1"], mail).accepted, mail.last
    way = received(arrived(lab, sink, address, mail))
    assert way == ["FE1", *explained(lab, first, address)]


@pytest.mark.parametrize("address", [NORTH, SOUTH])
def test_from_the_front_end_to_outside(lab: Lab, sink: Sink, address: str) -> None:
    """Of somebody who has logged in there: a front end has no connectors, so a
    server of its site has to know."""
    said = lab.hosts["LIS1"].cli("route", address, "--from", "FE1", "--json", check=False).stdout
    assert json.loads(said)[0]["FrontendServers"] == ["LIS1"]
    mail = letter.compose(address, sender=LISA)
    with sasl.login(lab.hosts["FE1"], LISA) as client:
        frontend.begin(client, mail)
        assert frontend.content(client, mail).startswith("250")
    way = received(arrived(lab, sink, address, mail))
    assert way == ["FE1", *explained(lab, "LIS1", address)]


DAG = ("COI1", "POR1", "POR2")


@pytest.mark.parametrize(
    ("owner", "server", "address", "first"),
    [
        (LISA, "LIS1", LISA, ("LIS1",)),
        (LISA, "LIS1", DAGNY, ("COI1",)),
        (LISA, "LIS1", NORTH, ("LIS1",)),
        (LISA, "LIS1", SOUTH, ("LIS1",)),
        (DAGNY, "POR2", DAGNY, ("POR1", "POR2")),
        (DAGNY, "POR2", LISA, ("COI1", "LIS1")),
        (DAGNY, "POR2", NORTH, DAG),
        (DAGNY, "POR2", SOUTH, DAG),
    ],
)
def test_from_an_outbox(
    lab: Lab, sink: Sink, owner: str, server: str, address: str, first: tuple[str, ...]
) -> None:
    """The Transport server that takes it is one of the recipient's delivery
    group, in the nearest site; for outside one of the owner's."""
    mail = letter.compose(address, sender=owner)
    lab.outbox(owner, outcome.unix(mail.content))
    way = received(arrived(lab, sink, address, mail))
    ways = [explained(lab, each, address) for each in first]
    assert way in ways or way in [[server, *one] for one in ways], (way, ways)


def test_too_large_for_a_link(lab: Lab) -> None:
    """One recipient is behind it, the other is not."""
    key = f"{PREFIX}sitelink:Coimbra-Porto"
    host = lab.hosts["LIS1"]
    lab.change(lambda: lab.redis.cli("HSET", key, "MaxMessageSize", "64KB"))
    try:
        mail = post(host, LISA, NORTH, body="x" * 60 + ("\n" + "x" * 60) * 1200)
        said = host.cli("route", NORTH, "--size", "70KB", check=False)
        assert said.returncode == 1 and "5.3.4" in said.stdout, said.stdout
        assert "link Coimbra-Porto" in said.stdout
        assert host.cli("route", NORTH, "--size", "60KB").returncode == 0
        lab.wait_message(LISA, mail.ident)

        def told() -> list[Message]:
            return [m for m in lab.messages(LISA) if "ROUTING.SizeLimit" in m.as_string()]

        (report,) = wait.until("a report to the sender", told)
        assert "5.3.4" in report.as_string() and NORTH in report.as_string()
    finally:
        lab.change(lambda: lab.redis.cli("HDEL", key, "MaxMessageSize"))


def test_mail_waits_where_the_way_is_broken(lab: Lab) -> None:
    """Without the hub site, mail goes to Lisbon directly; while nobody answers
    there it goes as far as Coimbra."""
    key = f"{PREFIX}site:Coimbra"
    lab.change(lambda: lab.redis.cli("HSET", key, "HubSiteEnabled", "false"))
    try:
        assert explained(lab, "POR1", LISA) == ["POR1", "LIS1"]
        said = lab.hosts["POR1"].cli("route", LISA).stdout
        assert "next hop 2: COI1 (site Coimbra, cost 10): on the way back" in said
        with lab.hosts["LIS1"].down("postfix"):
            mail = post(lab.hosts["POR1"], LISA, sender=DAGNY)
            there = lab.hosts["COI1"].postfix
            wait.until("the mail to wait in Coimbra", lambda: there.queued() == 1)
            wait.until("Porto to be rid of it", lambda: not lab.hosts["POR1"].postfix.queued())
        lab.wait_empty()
        assert received(lab.wait_message(LISA, mail.ident)) == ["POR1", "COI1", "LIS1"]
    finally:
        lab.change(lambda: lab.redis.cli("HSET", key, "HubSiteEnabled", "true"))


def test_a_topology_that_changes_a_hundred_times_a_second(lab: Lab) -> None:
    """No mail is lost or refused, and the last change is soon in force."""
    key = f"{PREFIX}site:Coimbra"
    direct = f"OK ph-hub:[{lab.hosts['LIS1'].address}]:"
    stop = threading.Event()

    def change() -> None:
        for value in itertools.cycle(("false", "true")):
            lab.redis.call("HSET", key, "HubSiteEnabled", value)
            if stop.wait(0.01):
                break
        lab.redis.call("HSET", key, "HubSiteEnabled", "false")

    try:
        with ThreadPoolExecutor() as pool:
            changing = pool.submit(change)
            mails = [post(lab.hosts["POR2"], LISA) for _ in range(60)]
            for mail in mails:
                lab.wait_message(LISA, mail.ident)
            stop.set()
            changing.result()
        lab.hosts["POR2"].wait_map("transport", LISA, lambda text: text.startswith(direct))
    finally:
        stop.set()
        lab.redis.call("HSET", key, "HubSiteEnabled", "true")
        lab.hosts["POR2"].wait_map("transport", LISA, lambda text: not text.startswith(direct))


@contextmanager
def deaf_port(address: str) -> Iterator[int]:
    """A port that answers no connection: its queue is full and nobody accepts."""
    with socket.create_server((address, 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):
            client = socket.socket()
            client.settimeout(0.2)
            with suppress(TimeoutError):
                client.connect((address, port))
            waiting.append(client)
        yield port
        for client in waiting:
            client.close()


def from_the_front_end_past_deaf(lab: Lab) -> None:
    """It tries servers that are alike in any order: until DEAF was the first."""
    front = lab.hosts["FE1"]

    def tried() -> list[str]:
        return [x for x in front.log_text("frontend").splitlines() if "backend=DEAF" in x]

    for _ in range(40):
        mail = letter.post(front, letter.compose(DEAF))
        assert mail.accepted == {DEAF}, mail.last
        if tried():
            break
    assert len(tried()) == 1, "one attempt, and another server took it"


def test_a_server_that_does_not_answer_costs_one_attempt(lab: Lab) -> None:
    """DEAF has the active copy and is the first choice; the next one of the
    same site takes the mail, in the same delivery."""
    host = lab.hosts["LIS1"]
    with deaf_port("127.0.0.99") as port:

        def add() -> None:
            lab.put(
                "server",
                "DEAF",
                Fqdn="deaf.letsexchange.com",
                Site="Coimbra",
                Roles="HubTransport,Mailbox",
                Transport=f"127.0.0.99:{port}",
                Delivery=f"127.0.0.99:{port}",
            )
            lab.put("dag", "DAG1", Servers="COI1,POR1,POR2,DEAF")
            lab.database("DB9", ["DEAF", "POR1"], Active="DEAF")
            lab.mailbox(DEAF, "DB9")

        lab.change(add)
        for each in lab.hosts.values():
            each.wait_recipient(DEAF)
        said = explain(host, DEAF)
        assert said["Hops"] == ["DEAF", "COI1"], said
        assert "connect_timeout=3s" in host.postfix.run("postconf", "-M", "ph-hub/unix").stdout
        mail = post(host, DEAF)

        def lines(text: str) -> list[str]:
            return [x for x in host.log_text("postfix").splitlines() if text in x]

        (sent,) = wait.until("a delivery", lambda: lines(f"to=<{DEAF}>, relay="))
        assert "status=sent" in sent and f"relay={lab.hosts['COI1'].address}[" in sent
        tried = lines("connect to 127.0.0.99")
        assert len(tried) == 1 and "Connection timed out" in tried[0], tried
        from_the_front_end_past_deaf(lab)
        # DEAF's store driver does not answer either; the copy's next one does.
        lab.change(lambda: lab.database("DB9", ["POR1"], Active="POR1"))
        lab.wait_empty()
        lab.wait_message(DEAF, mail.ident)
