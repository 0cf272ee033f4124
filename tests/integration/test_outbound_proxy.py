"""Send connectors with FrontendProxyEnabled: mail leaves through a front end,
which answers with the far end's words and queues nothing."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NUNO
from tests.lab import letter, ports, smtp_sink, wait
from tests.lab.dns import Dns
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail, Session
from tests.lab.smtp_sink import Sink, Taken
from tests.lab.track import event, rows

# The hosts of domains outside.
FIRST, SECOND, DEAD, PLAIN = "127.0.2.1", "127.0.2.2", "127.0.2.3", "127.0.2.4"
KEY = "posthub:sendconnector:Internet"


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class World:
    """MBX1, two front ends, DNS, and three hosts outside: mx1.test and
    mx2.test with TLS, the first's certificate of a known authority; plain.test
    without TLS or any other extension."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.domain("letsexchange.com")
        self.hub = lab.host("MBX1")
        lab.database("DB1", ["MBX1"])
        lab.mailbox(NUNO, "DB1")
        self.fronts = [lab.frontend("FE1"), lab.frontend("FE2")]
        self.port = ports.ask(FIRST)
        self.authority, key = self._certificate("mx1.test")
        other = self._certificate("mx2.test")
        extensions = ("8BITMIME", "SIZE 10000000", "SMTPUTF8", "DSN")
        self.first = Sink(FIRST, extensions, _context(self.authority, key), port=self.port)
        self.second = Sink(SECOND, extensions, _context(*other), port=self.port)
        self.plain = Sink(PLAIN, port=self.port)
        self.dns = Dns(
            lab.directory,
            lab.env,
            {"mx1.test": FIRST, "mx2.test": SECOND, "dead.test": DEAD, "plain.test": PLAIN},
            {
                "one.test": [(10, "mx1.test")],
                "two.test": [(10, "mx2.test"), (20, "mx1.test")],
                "fallback.test": [(20, "mx1.test"), (10, "dead.test"), (15, "nobody.test")],
                "ours.test": [(10, self.fronts[0].fqdn), (20, "mx1.test")],
            },
            ["null.test"],
        )
        for front in self.fronts:
            for name, value in (
                ("dns_servers", self.dns.endpoint),
                ("ca_file", str(self.authority)),
                ("outbound_connect_timeout", "2s"),
                ("outbound_timeout", "2s"),
                ("outbound_try_timeout", "6s"),
                ("final_timeout", "2s"),
            ):
                front.set("frontend", name, value)
        self.dns.start()
        self.connector()
        lab.start()

    def _certificate(self, name: str) -> tuple[Path, Path]:
        cert, key = (self.lab.directory / f"{name}.{what}" for what in ("pem", "key"))
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
        argv += ["ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}", "-addext"]
        argv += [f"subjectAltName=DNS:{name}", "-days", "2", "-keyout", str(key), "-out", str(cert)]
        subprocess.run(argv, check=True, capture_output=True)
        cert.chmod(0o644)
        return cert, key

    def connector(self, **fields: str) -> None:
        """As an administrator types it."""
        base = {"AddressSpaces": "*", "FrontendProxyEnabled": "true", "Port": str(self.port)}
        words = [word for pair in (base | fields).items() for word in pair]
        self.lab.redis.cli("HSET", KEY, *words)

    @contextmanager
    def changed(self, **fields: str) -> Iterator[None]:
        """The connector for a while; qmgr's answers of the map are no older
        than the connection that it asks by, so each test has its own domain."""
        self.lab.change(lambda: self.connector(**fields))
        try:
            yield
        finally:
            self.lab.change(lambda: self.lab.redis.cli("HDEL", KEY, *fields))

    def order(self) -> list[Host]:
        """The front ends as MBX1 tries them."""
        answer = self.hub.ask_map("transport", "x@one.test")
        assert answer.startswith("OK ph-proxy:"), answer
        hops = [f"[{front.address}]:{front.outbound}" for front in self.fronts]
        assert sorted(answer.removeprefix("OK ph-proxy:").split(", ")) == sorted(hops), answer
        return sorted(self.fronts, key=lambda front: answer.index(f"[{front.address}]"))

    def send(self, recipient: str, parameters: str = "", **more: str) -> Mail:
        """From Nuno, as a server of ours hands it in."""
        mail = letter.compose(recipient, sender=NUNO, headers={"X-PostHub-Test": "inside"}, **more)
        mail.parameters = parameters
        return self.post(mail)

    def post(self, mail: Mail) -> Mail:
        letter.post(self.hub, mail, source=self.hub.address)
        assert mail.accepted == set(mail.recipients), mail.last
        return mail

    def wait_again(self, sink: Sink, mail: Mail, host: Host | None = None) -> Taken:
        """A mail that was deferred, once it is outside. Asked for, because
        qmgr passes over for long what its scan met in the middle of a try."""
        postfix = (host or self.hub).postfix

        def taken() -> list[Taken]:
            if not sink.taken(mail.ident):
                postfix.flush()
            return sink.taken(mail.ident)

        return wait.until(f"{mail.ident} outside", taken, interval=0.3)[0]

    def wait_log(self, recipient: str, status: str, *texts: str) -> str:
        """MBX1's line about a recipient."""

        def found() -> list[str]:
            return [
                line
                for line in self.hub.log_text("postfix").splitlines()
                if f"to=<{recipient}>" in line
                and f"status={status}" in line
                and all(text in line for text in texts)
            ]

        return wait.until(f"{recipient} {status}, {texts}", found)[-1]

    def wait_report(self, mail: Mail, *texts: str) -> str:
        """What Nuno is told about a mail."""

        def found() -> list[str]:
            notes = [m.as_string() for m in self.lab.messages(NUNO)]
            return [n for n in notes if mail.ident in n and "delivery-status" in n]

        report = wait.until(f"a report about {mail.ident}", found)[0]
        assert all(text in report for text in texts), report
        return report


@pytest.fixture(scope="module")
def made() -> Iterator[World]:
    with Lab() as lab:
        world = World(lab)
        with world.first, world.second, world.plain:
            yield world


@pytest.fixture
def world(made: World) -> Iterator[World]:
    """Its front ends' queues are looked into after every test."""
    yield made
    for sink in (made.first, made.second, made.plain):
        sink.answer()
    made.hub.postfix.wait_empty()
    for front in made.fronts:
        assert front.postfix.queued() == 0
        shown = front.postfix.run("postqueue", "-p").stdout
        assert shown.strip() == "Mail queue is empty", shown


# ---- it arrives ------------------------------------------------------------


def test_mail_leaves_through_a_front_end(world: World) -> None:
    front = world.order()[0]
    body = ".\n..\n.dot\n\u00e7 8bit\n\nend"
    mail = world.send("a@one.test", "BODY=8BITMIME", body=body)
    taken = world.first.wait(mail.ident)
    assert (taken.sender, taken.recipients) == (f"<{NUNO}>", ("<a@one.test>",))
    assert taken.client == front.address
    assert taken.tls, "TLS was offered"
    assert "BODY=8BITMIME" in taken.parameters and "SIZE=" in taken.parameters
    assert not [name for name in taken.message if name.lower().startswith("x-posthub-")]
    assert taken.content.endswith(b"\r\n\r\n" + mail.content.partition(b"\r\n\r\n")[2])
    received = [" ".join(text.split()) for text in taken.message.get_all("Received", [])]
    assert f"by {front.fqdn} " in received[0] and "via Frontend Transport" in received[0]
    line = world.wait_log("a@one.test", "sent", f":{front.outbound},")
    assert front.address in line


def test_rows_on_both_servers(world: World) -> None:
    front = world.order()[0]
    mail = world.send("rows@one.test")
    world.first.wait(mail.ident)

    def sent(host: Host) -> list[dict[str, str]]:
        return [row for row in rows(host, mail.ident) if event(row) == "SMTP SEND"]

    here = wait.until("the hub's row", lambda: sent(world.hub))
    there = wait.until("the front end's row", lambda: sent(front))
    assert len(here) == len(there) == 1
    assert here[0]["server-hostname"] == front.fqdn
    assert here[0]["recipient-address"] == there[0]["recipient-address"] == "rows@one.test"
    assert there[0]["client-hostname"] == front.name
    assert there[0]["server-hostname"] == "mx1.test" and there[0]["server-ip"] == FIRST
    assert there[0]["connector-id"] == "Internet"
    assert there[0]["network-message-id"] == here[0]["network-message-id"] != ""
    assert there[0]["message-subject"] == "Testing Mail Flow"


def test_one_recipient_a_transaction(world: World) -> None:
    mail = letter.compose("c1@one.test", "c2@one.test", "c3@one.test", sender=NUNO)
    world.first.answer({"<c2@one.test>": "550 5.1.1 c2 is not here"})
    world.post(mail)
    wait.until("two copies", lambda: len(world.first.taken(mail.ident)) == 2)
    assert all(len(taken.recipients) == 1 for taken in world.first.taken(mail.ident))
    report = world.wait_report(mail, "c2 is not here")
    assert "c1@one.test" not in report.partition("delivery-status")[2].partition("rfc822")[0]


@pytest.mark.parametrize("domain", ["fallback.test", "plain.test"])
def test_hosts_are_found(world: World, domain: str) -> None:
    """The best MX is down and the next one has no address; no MX at all."""
    mail = world.send(f"d@{domain}")
    sink = world.plain if domain == "plain.test" else world.first
    offered = domain != "plain.test"
    assert ("ORCPT=" in sink.wait(mail.ident).rcpt_parameters[0]) == offered


def test_smart_host_without_dns(world: World) -> None:
    with world.changed(SmartHosts=f"{DEAD}:{world.port},{SECOND}:{world.port}"):
        mail = world.send("e@smart.test")
        assert world.second.wait(mail.ident).recipients == ("<e@smart.test>",)


def test_a_smart_host_that_wants_a_login(world: World) -> None:
    """Each front end has the password in a file; over TLS alone."""
    context = _context(world.authority, world.authority.with_suffix(".key"))
    directory = world.lab.directory / "credentials"
    directory.mkdir()
    with Sink(FIRST, tls=context, login="us:pass:word") as smart:
        fields = {
            "SmartHosts": f"{FIRST}:{smart.port}",
            "SmartHostAuthMechanism": "BasicAuthRequireTLS",
            "AuthenticationCredential": "smart",
        }
        for front in world.fronts:
            front.set("policy", "credentials", str(directory))
            front.restart("frontend")
        with world.changed(**fields):
            mail = world.send("a@login.test")
            line = world.wait_log("a@login.test", "deferred", "4.7.8", "cannot be read")
            assert "user:password" in line
            (directory / "smart").write_text("us:pass:word\n", encoding="ascii")
            taken = world.wait_again(smart, mail)
            assert taken.login == "us:pass:word" and taken.tls
    assert not any("pass:word" in front.log_text("frontend") for front in world.fronts)


def test_helo_and_a_name_of_its_own(world: World) -> None:
    fields = {"SmartHosts": f"{FIRST}:{world.port}", "ForceHELO": "true", "Fqdn": "out.test"}
    with world.changed(**fields):
        mail = world.send("a@helo.test")
        taken = world.first.wait(mail.ident)
        assert taken.hello == "HELO out.test" and not taken.parameters and not taken.tls


def test_dsn_parameters_are_handed_on(world: World) -> None:
    mail = letter.compose("f@one.test", sender=NUNO)
    mail.parameters = "RET=HDRS ENVID=abc"
    mail.rcpt_parameters["f@one.test"] = "NOTIFY=FAILURE ORCPT=rfc822;g@one.test"
    world.post(mail)
    taken = world.first.wait(mail.ident)
    assert "RET=HDRS" in taken.parameters and "ENVID=abc" in taken.parameters
    assert "NOTIFY=FAILURE" in taken.rcpt_parameters[0]
    assert "ORCPT=rfc822;g@one.test" in taken.rcpt_parameters[0]


def test_a_host_without_8bitmime_is_not_sent_8_bits(world: World) -> None:
    mail = world.send("g@plain.test", "BODY=8BITMIME", body="\u00e7")
    world.wait_report(mail, "5.6.3")
    assert not world.plain.taken(mail.ident)


# ---- what the far end says -------------------------------------------------


@pytest.mark.parametrize("when", ["answers", "finals"])
def test_no_is_the_senders_to_read(world: World, when: str) -> None:
    name = f"no-{when}@one.test"
    world.first.answer(**{when: {f"<{name}>": "550 5.7.13 We know you 100%"}})
    mail = world.send(name)
    world.wait_report(mail, "5.7.13", "We know you 100%")
    assert len(world.first.reached()) == 1, "no is an answer: no other host is asked"


@pytest.mark.parametrize("when", ["answers", "finals"])
def test_later_is_later(world: World, when: str) -> None:
    name = f"later-{when}@one.test"
    world.first.answer(**{when: {f"<{name}>": "450 4.2.1 Come back later"}})
    mail = world.send(name)
    world.wait_log(name, "deferred", "4.2.1", "Come back later")
    world.first.answer()
    world.wait_again(world.first, mail)
    world.hub.postfix.wait_empty()
    assert len(world.first.taken(mail.ident)) == 1


@pytest.mark.parametrize("how", [smtp_sink.CLOSE, smtp_sink.HANG])
@pytest.mark.parametrize("when", ["answers", "finals"])
def test_a_far_end_that_does_not_answer(world: World, when: str, how: str) -> None:
    name = f"{how}-{when}@one.test"
    world.first.answer(**{when: {f"<{name}>": how}})
    mail = world.send(name)
    world.wait_log(name, "deferred", " said: 451 4.4.2 ")
    world.first.answer()
    world.wait_again(world.first, mail)


def test_a_later_of_one_host_is_asked_of_the_next(world: World) -> None:
    world.second.answer({"<h@two.test>": "451 4.3.0 not now"})
    mail = world.send("h@two.test")
    assert world.first.wait(mail.ident)
    assert world.second.reached()


# ---- DNS -------------------------------------------------------------------


def test_null_mx(world: World) -> None:
    world.wait_report(world.send("i@null.test"), "5.1.10", "does not accept mail")


def test_no_such_domain(world: World) -> None:
    world.wait_report(world.send("j@nowhere.test"), "5.4.4", "nowhere.test")


def test_an_mx_that_is_ours(world: World) -> None:
    world.wait_report(world.send("k@ours.test"), "5.4.6", "loops back")


def test_dns_cannot_say(world: World) -> None:
    """Answers for what is not below test are refused: mail waits."""
    mail = world.send("l@example.invalid")
    world.wait_log("l@example.invalid", "deferred", "4.4.3")
    assert mail.accepted
    world.hub.postfix.run("postsuper", "-d", "ALL")


# ---- TLS -------------------------------------------------------------------


def test_starttls_is_ignored(world: World) -> None:
    with world.changed(IgnoreSTARTTLS="true"):
        mail = world.send("m@one.test")
        assert not world.first.wait(mail.ident).tls


def test_tls_that_is_required_and_not_offered(world: World) -> None:
    with world.changed(RequireTLS="true"):
        world.send("n@plain.test")
        world.wait_log("n@plain.test", "deferred", "4.7.5", "TLS is required")
        world.hub.postfix.run("postsuper", "-d", "ALL")
        mail = world.send("n@two.test")
        assert world.second.wait(mail.ident).tls, "any certificate will do"


def test_a_certificate_that_is_looked_at(world: World) -> None:
    fields = {"RequireTLS": "true", "TlsAuthLevel": "DomainValidation"}
    with world.changed(TlsDomain="mx1.test", **fields):
        mail = world.send("o@two.test")
        assert world.first.wait(mail.ident).tls, "mx2.test is of no known authority"
    with world.changed(**fields):
        world.send("o@one.test")
        world.wait_log("o@one.test", "deferred", "4.7.5", "certificate")
        world.hub.postfix.run("postsuper", "-d", "ALL")
    assert not world.second.taken(mail.ident)


def test_a_rule_requires_tls(world: World) -> None:
    fields = {"SubjectContainsWords": "secret", "RouteMessageOutboundRequireTls": "true"}
    world.lab.change(lambda: world.lab.rule("Secrets", Enabled="true", **fields))
    try:
        world.send("p@plain.test", subject="a secret")
        world.wait_log("p@plain.test", "deferred", "4.7.5", "TLS is required")
        world.hub.postfix.run("postsuper", "-d", "ALL")
        open_ = world.send("p@plain.test", subject="nothing")
        world.plain.wait(open_.ident)
    finally:
        world.lab.change(lambda: world.lab.remove("rule", "Secrets"))


# ---- front ends that are not there -----------------------------------------


def test_the_other_front_end(world: World) -> None:
    first, second = world.order()
    with first.down("postfix"):
        mail = world.send("q@one.test")
        assert world.first.wait(mail.ident).client == second.address


def test_a_front_end_is_killed_in_the_middle(world: World) -> None:
    """Both are without their milter while the far end thinks."""
    first, second = world.order()
    world.first.answer(finals={"<r@one.test>": smtp_sink.HANG})
    mail = world.send("r@one.test")
    wait.until("the content to be there", world.first.reached)
    with first.down("frontend"), second.down("frontend"):
        world.wait_log("r@one.test", "deferred")
        world.first.answer()
    world.wait_again(world.first, mail)
    world.hub.postfix.wait_empty()
    assert len(world.first.taken(mail.ident)) == 1


# ---- who may come ----------------------------------------------------------


def test_strangers_may_not_come(world: World) -> None:
    front = world.fronts[0]
    session = Session((front.address, front.outbound), "127.0.0.1", 10)
    try:
        assert session.command(f"MAIL FROM:<{NUNO}>")[4:].startswith("5.7.1 ")
    finally:
        session.close()


def test_a_second_recipient_has_to_come_again(world: World) -> None:
    front = world.fronts[0]
    session = Session((front.address, front.outbound), world.hub.address, 10)
    try:
        session.command(f"MAIL FROM:<{NUNO}>")
        assert session.command("RCPT TO:<t@one.test>").startswith("250 ")
        assert session.command("RCPT TO:<u@one.test>").startswith("452 4.5.3 ")
    finally:
        session.close()


# ---- a front end that has a queue ------------------------------------------


@contextmanager
def relaying(front: Host) -> Iterator[None]:
    """As postfix-conf/frontend/main.cf says, for a while."""
    main = front.postfix.conf / "main.cf"
    before = main.read_text(encoding="utf-8")
    line = "transport_maps = socketmap:unix:posthub/map.sock:outbound\n"
    assert f"#{line}" in before
    main.write_text(before.replace(f"#{line}", line), encoding="utf-8")
    front.set("frontend", "outbound", "relay")
    front.restart("frontend", "postfix")
    try:
        yield
    finally:
        front.postfix.wait_empty()
        main.write_text(before, encoding="utf-8")
        front.set("frontend", "outbound", "proxy")
        front.restart("frontend", "postfix")


def test_a_front_end_that_queues(world: World) -> None:
    first, second = world.order()
    smart = f"{FIRST}:{world.port}"
    later, no = "<v@queue.test>", "<w@queue.test>"
    world.first.answer({later: "450 4.2.1 Come back later", no: "550 5.1.1 no such user"})
    with world.changed(SmartHosts=smart), second.down("postfix"), relaying(first):
        mail = world.send("v@queue.test")
        world.wait_log("v@queue.test", "sent", f":{first.outbound},")
        wait.until("the host to be asked", world.first.reached)
        wait.until("it to be queued", lambda: first.postfix.queued() == 1)
        world.wait_report(world.send("w@queue.test"), "no such user", first.fqdn)
        world.first.answer()
        taken = world.wait_again(world.first, mail, first)
        assert taken.client == first.address
        assert not [name for name in taken.message if name.lower().startswith("x-posthub-")]
