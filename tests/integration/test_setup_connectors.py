"""posthub setup connectors: what Postfix reads only from master.cf."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import frontend, letter, ports, protocols, sasl, wait
from tests.lab.authority import Authority
from tests.lab.connectors import (
    address_with,
    apply,
    connect,
    connect_tls,
    connector,
    keep_certificate,
    run_setup,
    trusting,
)
from tests.lab.host import Host
from tests.lab.lab import PREFIX, Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

NAME, OUT = "mail.letsexchange.com", "out.letsexchange.com"
# qmgr puts a message that is being delivered when it is reloaded aside for a minute.
PUT_ASIDE = 90.0
RECEIVE, SEND = "receiveconnector", "sendconnector"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        host = made.host("MBX1")
        made.database("DB1", ["MBX1"])
        made.mailbox(NUNO, "DB1")
        made.mailbox(MOTA, "DB1")
        sasl.enable(host, [NUNO], "")
        made.start()
        yield made


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


@pytest.fixture(scope="module")
def authority(lab: Lab) -> Authority:
    made = Authority(lab.directory / "authority", lab.env)
    for name in (NAME, OUT):
        keep_certificate(lab.hosts["MBX1"], made, name)
    return made


def master(host: Host) -> Path:
    return host.postfix.conf / "master.cf"


def pending(host: Host) -> set[tuple[str, str]]:
    rows = json.loads(host.cli("status", "--json").stdout)["Pending"]
    return {(row["Connector"], row["Change"]) for row in rows}


def greeting(address: str, port: int, words: str) -> None:
    def greeted() -> bool:
        return words in protocols.greeting(address, port)

    wait.until(f"a greeting with {words}", greeted)


def test_nothing_to_do(host: Host) -> None:
    done = run_setup(host)
    assert done.returncode == 0 and "says what the connectors say" in done.stdout


def test_shown_then_applied_then_taken_back(lab: Lab, host: Host) -> None:
    port = ports.ask(host.address)
    before = master(host).read_bytes()
    fields = {"Server": "MBX1", "Bindings": f"{host.address}:{port}", "Banner": "220 A one"}
    lab.change(lambda: lab.put(RECEIVE, "New", **fields))
    assert pending(host) == {("receiveconnector:new", "new")}
    shown = run_setup(host)
    assert shown.returncode == 1, shown.stderr
    assert f"+{host.address}:{port} inet" in shown.stdout
    assert "smtpd_banner = A one" in shown.stdout
    assert master(host).read_bytes() == before, "only shown"
    apply(lab, host)
    greeting(host.address, port, "220 A one")
    assert not pending(host)
    assert (host.postfix.conf / "master.cf.posthub-backup").read_bytes() == before

    # Again is the same.
    applied = master(host).read_bytes()
    assert run_setup(host).returncode == 0
    apply(lab, host)
    assert master(host).read_bytes() == applied

    lab.change(lambda: lab.put(RECEIVE, "New", Banner="220 Another $myhostname"))
    assert pending(host) == {("receiveconnector:new", "changed")}
    apply(lab, host)
    greeting(host.address, port, "220 Another $myhostname")

    lab.change(lambda: lab.remove(RECEIVE, "New"))
    assert pending(host) == {("receiveconnector:new", "removed")}
    apply(lab, host)
    assert master(host).read_bytes() == before
    assert not pending(host)


def test_a_listener_that_is_there(lab: Lab, host: Host) -> None:
    """Its own lines stay in force, and come back. What is noted of the server's
    other Postfix instance, which is set up by itself, stays."""
    before = master(host).read_text(encoding="utf-8")
    setup, theirs = f"{PREFIX}setup:MBX1", "receiveconnector:theirs=0123456789abcdef"
    lab.redis.call("HSET", setup, "AppliedFrontend", theirs)
    fields = {"Bindings": f"{host.address}:{host.hub}", "Banner": "220 Hub"}
    with connector(lab, host, RECEIVE, "Default MBX1", **fields):
        greeting(host.address, host.hub, "220 Hub")
        name = f"{host.address}:{host.hub}/inet"
        options = host.postfix.run("postconf", "-P", name).stdout
        assert "smtpd_timeout = 600s" in options and "smtpd_banner = Hub" in options
        assert f"\n#posthub: {host.address}:{host.hub} " in master(host).read_text()
        mail = letter.post(host, letter.compose(NUNO))
        assert mail.accepted == {NUNO}, mail.last
        lab.wait_message(NUNO, mail.ident)
        assert str(lab.redis.call("HGET", setup, "Applied")).startswith(f"{RECEIVE}:default mbx1=")
    assert lab.redis.call("HGET", setup, "AppliedFrontend") == theirs
    assert lab.redis.call("HGET", setup, "Applied") is None
    lab.change(lambda: lab.redis.call("DEL", setup))
    assert master(host).read_text(encoding="utf-8") == before
    greeting(host.address, host.hub, host.fqdn)


def test_what_a_listener_can_be_told(lab: Lab, host: Host, authority: Authority) -> None:
    port = ports.ask(host.address)
    fields = {
        "Bindings": f"{host.address}:{port}",
        "Fqdn": NAME,
        "TlsCertificateName": f"<I>cn=lab<S>CN={NAME}",
        "AuthMechanism": "Tls,BasicAuthRequireTLS",
        "MaxInboundConnectionPerSource": "2",
        "MaxInboundConnection": "7",
        "MaxProtocolErrors": "2",
        "MaxHopCount": "3",
        "MaxHeaderSize": "4KB",
        "ChunkingEnabled": "false",
        "SizeEnabled": "Disabled",
        "ConnectionInactivityTimeout": "90s",
    }
    with connector(lab, host, RECEIVE, "Client MBX1", **fields):
        greeting(host.address, port, f"220 {NAME} ")
        service = f"{host.address}:{port}/inet"
        assert host.postfix.run("postconf", "-M", service).stdout.split()[6] == "7"
        options = host.postfix.run("postconf", "-P", service).stdout
        assert "smtpd_timeout = 90s" in options
        with connect(host.address, port) as client:
            offered = client.command("EHLO client.test")
            assert "STARTTLS" in offered and "AUTH" not in offered
            assert "CHUNKING" not in offered and "SIZE" not in offered and "DSN" in offered
            assert client.command("STARTTLS").startswith("220")
            client.start_tls(trusting(authority), NAME)
            assert "AUTH PLAIN" in client.command("EHLO client.test")
            # Two connections of one address, and errors.
            with connect(host.address, port) as second:
                assert second.greeting.startswith("220")
                with connect(host.address, port) as third:
                    assert third.greeting.startswith("421"), third.greeting
            assert client.command("BOGUS").startswith("5")
            assert client.command("BOGUS").startswith("5")
            assert client.reply().startswith("421")
        hops = {f"Received: from {n}.test by {n}.test; x\r\nX": "1" for n in range(4)}
        mail = letter.compose(NUNO, headers=hops)
        with connect(host.address, port) as client:
            client.command("EHLO client.test")
            frontend.begin(client, mail)
            assert "5.4.0" in frontend.content(client, mail)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"Bindings": "192.0.2.1:2525", "Banner": "220 x"}, "cannot listen at 192.0.2.1:2525"),
        ({"Bindings": "{busy}"}, "cannot listen at"),
        ({"Bindings": "0.0.0.0:{port},127.0.0.1:{port}"}, "as well as at"),
        ({"Bindings": "{free}", "TlsCertificateName": "<I>CN=Lab<S>CN=none"}, "has no *.pem"),
        ({"Bindings": "{free}", "TlsCertificateName": "mine"}, "no name of a certificate"),
    ],
)
def test_what_would_stop_postfix_is_not_applied(
    lab: Lab, host: Host, authority: Authority, fields: dict[str, str], text: str
) -> None:
    places = {"busy": f"{host.address}:{host.lmtp}"}
    places["port"] = str(ports.ask(host.address))
    places["free"] = f"{host.address}:{places['port']}"
    before = master(host).read_bytes()
    written = {name: value.format(**places) for name, value in fields.items()}
    lab.change(lambda: lab.put(RECEIVE, "Bad", **written))
    try:
        done = run_setup(host, "--apply")
        assert done.returncode == 65 and text in done.stderr, done.stderr
        assert master(host).read_bytes() == before
        assert pending(host) == {("receiveconnector:bad", "new")}
    finally:
        lab.change(lambda: lab.remove(RECEIVE, "Bad"))


def test_a_backup_that_cannot_be_replaced(lab: Lab, host: Host) -> None:
    """The reason is said, not that the file is there; nothing is changed."""
    before = master(host).read_bytes()
    backup = host.postfix.conf / "master.cf.posthub-backup"
    fields = {"Bindings": f"{host.address}:{ports.ask(host.address)}"}
    lab.change(lambda: lab.put(RECEIVE, "New", Server="MBX1", **fields))
    backup.unlink(missing_ok=True)
    backup.mkdir()
    try:
        done = run_setup(host, "--apply")
        assert done.returncode == 69 and "Is a directory" in done.stderr, done.stderr
        assert master(host).read_bytes() == before
    finally:
        backup.rmdir()
        lab.change(lambda: lab.remove(RECEIVE, "New"))


def test_a_port_of_another_program(lab: Lab, host: Host) -> None:
    """postscreen would not start with what is made for smtpd."""
    good = master(host).read_text(encoding="utf-8")
    place = f"{host.address}:{ports.ask(host.address)}"
    screened = good + f"{place} inet n - y - 1 postscreen\n"
    lab.change(
        lambda: lab.put(RECEIVE, "Screened", Bindings=place, MaxInboundConnection="7")
    )
    try:
        master(host).write_text(screened, encoding="utf-8")
        done = run_setup(host, "--apply")
        assert done.returncode == 65 and "postscreen's, not smtpd's" in done.stderr, done.stderr
        assert master(host).read_text(encoding="utf-8") == screened
    finally:
        master(host).write_text(good, encoding="utf-8")
        lab.change(lambda: lab.remove(RECEIVE, "Screened"))


def test_a_file_that_postfix_does_not_understand(lab: Lab, host: Host) -> None:
    """It stays as it is."""
    good = master(host).read_text(encoding="utf-8")
    bad = good + "broken inet n - y - many smtpd\n"
    fields = {"Bindings": f"{host.address}:{ports.ask(host.address)}"}
    lab.change(lambda: lab.put(RECEIVE, "Some", **fields))
    try:
        master(host).write_text(bad, encoding="utf-8")
        done = run_setup(host, "--apply")
        assert done.returncode == 65 and "fatal" in done.stderr, done.stderr
        assert master(host).read_text(encoding="utf-8") == bad
    finally:
        master(host).write_text(good, encoding="utf-8")
        lab.change(lambda: lab.remove(RECEIVE, "Some"))


def test_tls_from_the_first_byte(lab: Lab, host: Host, authority: Authority) -> None:
    """Port 465, which has to be that one: at an address that nobody has."""
    address = address_with(465)
    fields = {
        "Bindings": f"{address}:465",
        "AuthMechanism": "BasicAuth,Tls",
        "PermissionGroups": "ExchangeUsers",
        "TlsCertificateName": f"<I>CN=Lab<S>CN={NAME}",
    }
    with connector(lab, host, RECEIVE, "Submissions", **fields):

        def greeted() -> bool:
            with connect_tls(address, 465, trusting(authority), NAME) as client:
                return client.greeting.startswith("220")

        wait.until("the listener", greeted)
        mail = letter.compose(MOTA, sender=NUNO)
        with connect_tls(address, 465, trusting(authority), NAME) as client:
            assert "AUTH PLAIN" in client.command("EHLO client.test")
            assert frontend.begin(client, mail)[0].startswith("530 5.7.1")
            client.command("RSET")
            assert sasl.answer(client, NUNO, "wrong").startswith("535")
            assert sasl.answer(client, NUNO).startswith("235")
            assert frontend.begin(client, mail) == ["250 2.1.5 Ok"]
            assert frontend.content(client, mail).startswith("250")
        lab.wait_message(MOTA, mail.ident)


def test_a_send_connector_of_its_own(lab: Lab, host: Host, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("smart.test"))
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    with Sink(tls=context) as sink:
        fields = {
            "AddressSpaces": "bank.test",
            "SmartHosts": f"{sink.address}:{sink.port}",
            "Fqdn": OUT,
            "TlsCertificateName": f"<I>CN=Lab<S>CN={OUT}",
        }
        lab.change(lambda: lab.put(SEND, "To the Bank", **fields))
        try:
            plain = host.ask_map("transport", "x@bank.test")
            assert plain.startswith("OK ph-out:"), "until then it goes as all others"
            apply(lab, host)
            own = host.ask_map("transport", "x@bank.test")
            assert own.startswith("OK ph-out-for-to-the-bank-"), own
            mail = letter.post(host, letter.compose("x@bank.test"), source=host.address)
            taken = sink.wait(mail.ident)
            assert (taken.hello, taken.certificate) == (f"EHLO {OUT}", OUT)

            lab.change(lambda: lab.put(SEND, "To the Bank", ForceHELO="true"))
            apply(lab, host)
            mail = letter.post(host, letter.compose("x@bank.test"), source=host.address)
            assert sink.wait(mail.ident).hello == f"HELO {OUT}"
        finally:
            lab.change(lambda: lab.redis.call("DEL", f"{PREFIX}{SEND}:To the Bank"))
            apply(lab, host)
    assert "-for-" not in master(host).read_text(encoding="utf-8")


def test_tls_is_not_lowered(lab: Lab, host: Host) -> None:
    good = master(host).read_text(encoding="utf-8")
    strict = f"{host.address}:{ports.ask(host.address)}"
    submissions = f"{address_with(465)}:465"
    entry = f"{strict} inet n - y - - smtpd -o smtpd_tls_security_level=encrypt\n"
    fields = {"Bindings": f"{strict},{submissions}", "Server": "MBX1"}
    level = "smtpd_tls_security_level="
    try:
        master(host).write_text(good + entry, encoding="utf-8")
        for mechanism, told in (("Tls", False), ("Integrated", True)):
            lab.change(lambda: lab.put(RECEIVE, "TLS", AuthMechanism=mechanism, **fields))
            shown = run_setup(host)
            added = [line for line in shown.stdout.splitlines() if line.startswith("+  ")]
            assert [line.strip("+ ") for line in added if level in line] == [
                f"-o {level}encrypt",
                f"-o {level}encrypt",
            ], shown.stdout
            assert ("stays encrypt" in shown.stderr) == told, shown.stderr
    finally:
        master(host).write_text(good, encoding="utf-8")
        lab.change(lambda: lab.remove(RECEIVE, "TLS"))


@contextmanager
def connector_that_is_gone(lab: Lab, host: Host, sink: Sink) -> Iterator[Mail]:
    """The mail that a rule sent over it, which waits."""
    smart = f"{sink.address}:{sink.port}"
    sink.answer({"<x@held.test>": "450 4.7.1 later"})

    def put() -> None:
        lab.put(SEND, "Other", AddressSpaces="*", SmartHosts=smart)
        lab.put(SEND, "Held", AddressSpaces="none.test", SmartHosts=smart, Fqdn=OUT)
        lab.rule("Way", SubjectContainsWords="Flow", RouteMessageOutboundConnector="Held")

    def remove() -> None:
        lab.redis.call("DEL", f"{PREFIX}rule:Way", f"{PREFIX}{SEND}:Held")

    lab.change(put)
    try:
        apply(lab, host)
        mail = letter.post(host, letter.compose("x@held.test"), source=host.address)
        assert mail.accepted == {"x@held.test"}, mail.last
        wait.until("a first try", sink.reached)
        lab.change(remove)
        yield mail
        lab.wait_empty()
    finally:
        remove()
        lab.change(lambda: lab.redis.call("DEL", f"{PREFIX}{SEND}:Other"))
        apply(lab, host)
    assert "-for-" not in master(host).read_text(encoding="utf-8")


def test_mail_that_a_rule_sent_over_a_connector_that_is_gone(lab: Lab, host: Host) -> None:
    """The queue names its transport, which stays as long."""
    with Sink() as sink, connector_that_is_gone(lab, host, sink) as mail:
        done = run_setup(host, "--apply")
        assert done.returncode == 0 and "transport ph-out-for-held stays" in done.stderr
        assert "\nph-out-for-held unix" in master(host).read_text(encoding="utf-8")
        assert "ph-out-tls-for-held" not in master(host).read_text(encoding="utf-8")
        assert not pending(host)
        sink.answer({})
        assert sink.wait(mail.ident, PUT_ASIDE).hello == f"EHLO {OUT}"


def write_postfix(directory: Path, first: str) -> None:
    """A postfix(1) that does something before it does what it is told."""
    script = directory / "postfix"
    script.write_text(f'#!/bin/sh\n{first}\nexec /usr/sbin/postfix "$@"\n', encoding="ascii")
    script.chmod(0o755)


def test_postfix_does_not_read_it_again(
    lab: Lab, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is in its place, but nothing is said to be in force before
    Postfix knows of it."""
    port = ports.ask(host.address)
    place = f"{host.address}:{port}"
    fields = {"Server": "MBX1", "Bindings": place, "Banner": "220 Late"}
    lab.change(lambda: lab.put(RECEIVE, "Late", **fields))
    write_postfix(tmp_path, '[ "$3" = reload ] && { echo later; exit 75; }')
    with monkeypatch.context() as patch:
        patch.setitem(host.env, "PATH", f"{tmp_path}:{host.env['PATH']}")
        done = run_setup(host, "--apply")
        assert done.returncode != 0 and "does not read it again: later" in done.stderr
        assert place in master(host).read_text(encoding="utf-8")
        assert pending(host) == {("receiveconnector:late", "new")}
    apply(lab, host)
    greeting(host.address, port, "220 Late")
    assert not pending(host)
    lab.change(lambda: lab.remove(RECEIVE, "Late"))
    apply(lab, host)


def test_postfix_does_not_read_again_what_is_gone(
    lab: Lab, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file nor a connector tells of it any more, but Postfix still
    listens there."""
    port = ports.ask(host.address)
    fields = {"Server": "MBX1", "Bindings": f"{host.address}:{port}", "Banner": "220 Gone"}
    lab.change(lambda: lab.put(RECEIVE, "Gone", **fields))
    apply(lab, host)
    greeting(host.address, port, "220 Gone")
    lab.change(lambda: lab.remove(RECEIVE, "Gone"))
    write_postfix(tmp_path, '[ "$3" = reload ] && { echo later; exit 75; }')
    with monkeypatch.context() as patch:
        patch.setitem(host.env, "PATH", f"{tmp_path}:{host.env['PATH']}")
        done = run_setup(host, "--apply")
        assert done.returncode != 0 and "does not read it again: later" in done.stderr
    shown = run_setup(host)
    assert shown.returncode == 1 and "may not have read" in shown.stdout
    apply(lab, host)

    def is_closed() -> bool:
        try:
            return not protocols.greeting(host.address, port)
        except OSError:
            return True

    wait.until("nobody listens there", is_closed)
    done = run_setup(host)
    assert done.returncode == 0 and "says what the connectors say" in done.stdout


def test_mail_that_comes_into_the_queue_meanwhile(
    lab: Lab, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the queue and the new master.cf: the transport that
    it names is put back."""
    with Sink() as sink, connector_that_is_gone(lab, host, sink) as mail:
        hold = host.postfix.queue_directory / "hold"
        aside = host.postfix.directory / "aside"
        before = master(host).read_text(encoding="utf-8")

        def is_held() -> bool:
            host.postfix.run("postsuper", "-h", "ALL")
            return any(hold.iterdir())

        wait.until("the message on hold", is_held)
        hold.rename(aside)
        hold.mkdir()
        # It is there when the new file is checked.
        moved = f'rmdir "{hold}"; mv "{aside}" "{hold}"'
        write_postfix(tmp_path, f'[ "$3" = check ] && [ -d "{aside}" ] && {{ {moved}; }}')
        with monkeypatch.context() as patch:
            patch.setitem(host.env, "PATH", f"{tmp_path}:{host.env['PATH']}")
            done = run_setup(host, "--apply")
        assert done.returncode == 0, done.stderr
        assert "transport ph-out-for-held stays" in done.stderr
        assert "\n-ph-out-tls-for-held unix" in done.stdout
        assert "\n-ph-out-for-held unix" not in done.stdout
        assert "\nph-out-for-held unix" in master(host).read_text(encoding="utf-8")
        assert "ph-out-tls-for-held" not in master(host).read_text(encoding="utf-8")
        backup = host.postfix.conf / "master.cf.posthub-backup"
        assert backup.read_text(encoding="utf-8") == before
        assert not pending(host)
        sink.answer({})
        host.postfix.run("postsuper", "-H", "ALL")
        assert sink.wait(mail.ident, PUT_ASIDE).hello == f"EHLO {OUT}"
