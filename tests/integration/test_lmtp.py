"""The store driver as an LMTP server: what it offers to whom, and what becomes
of messages that come in unusual ways."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.lab import letter, maildir, protocols, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.protocols import Dialogue

DOMAIN = "letsexchange.com"
PEOPLE = [f"user{i}@{DOMAIN}" for i in range(198)]
AWAY, FILE, NOBODY = f"away@{DOMAIN}", f"file@{DOMAIN}", f"nobody@{DOMAIN}"


def unix_socket(host: Host) -> Path:
    return host.directory / "lmtp.sock"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain(DOMAIN)
        host = made.host("MBX1")
        made.database("DB1", ["MBX1"])
        made.database("DB2", ["MBX2"])
        for address in (*PEOPLE, FILE):
            made.mailbox(address, "DB1")
        made.mailbox(AWAY, "DB2")
        host.directory.chmod(0o777)
        host.set("delivery", "lmtp_socket", f"unix:{unix_socket(host)}")
        host.start("policy", "delivery")
        host.wait_up("policy", "delivery")
        for address in (PEOPLE[0], PEOPLE[-1], FILE, AWAY):
            host.wait_recipient(address)
        yield made


@pytest.fixture
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def local(host: Host) -> Dialogue:
    return Dialogue(protocols.connect(unix_socket(host)))


def offers(talk: Dialogue) -> set[str]:
    return {line[4:].split()[0] for line in talk.command("LHLO lab.test").splitlines()[1:]}


def begin(talk: Dialogue, *recipients: str) -> list[str]:
    """The answers to RCPT."""
    talk.command("LHLO lab.test")
    assert talk.command(f"MAIL FROM:<{letter.STRANGER}>").startswith("250 ")
    return [talk.command(f"RCPT TO:<{address}>") for address in recipients]


def found(lab: Lab, address: str, ident: str) -> list[bytes]:
    texts = [path.read_bytes() for path in maildir.files(lab.own_maildir(address))]
    return [text for text in texts if ident.encode() in text]


# ---- who is there --------------------------------------------------------------


def test_what_is_offered_depends_on_who_asks(host: Host) -> None:
    common = {"PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "SIZE", "ENHANCEDSTATUSCODES"}
    trusted = {"XFORWARD", "XCLIENT", "X-POSTHUB-REROUTED"}
    with host.connect_lmtp() as talk:
        assert offers(talk) == common
    with local(host) as talk:
        assert offers(talk) == common | trusted


def test_xclient_makes_a_stranger_of_the_client(lab: Lab, host: Host) -> None:
    mail = letter.compose(PEOPLE[0], headers={"X-PostHub-SCL": "9"})
    with local(host) as talk:
        talk.command("LHLO lab.test")
        assert talk.command("XCLIENT NAME=c.example ADDR=192.0.2.9").startswith("220 ")
        assert "XCLIENT" not in offers(talk)
        begin(talk, PEOPLE[0])
        assert talk.command("DATA").startswith("354 ")
        talk.send(mail.content + b".\r\n")
        assert talk.reply().startswith("250 2.1.5 ")
    (text,) = found(lab, PEOPLE[0], mail.ident)
    assert b"\nReceived: from c.example (192.0.2.9)\n" in text
    assert b"X-PostHub-SCL" not in text


# ---- messages ------------------------------------------------------------------


def test_a_message_in_chunks(lab: Lab, host: Host) -> None:
    mail = letter.compose(PEOPLE[1], body=".\n..\nQUIT")
    half = len(mail.content) // 2
    with local(host) as talk:
        begin(talk, PEOPLE[1])
        talk.send(b"BDAT %d\r\n" % half + mail.content[:half])
        assert talk.reply() == f"250 2.0.0 {half} octets"
        talk.send(b"BDAT %d LAST\r\n" % (len(mail.content) - half) + mail.content[half:])
        assert talk.reply() == f"250 2.1.5 <{PEOPLE[1]}> Delivered"
        assert talk.command("NOOP").startswith("250 ")
    (text,) = found(lab, PEOPLE[1], mail.ident)
    assert text.endswith(b"\n\n.\n..\nQUIT\n")


def test_three_of_200_fail_each_in_its_way(lab: Lab, host: Host) -> None:
    """Nobody's address, a database elsewhere, a mailbox that is a file."""
    place = lab.own_maildir(FILE)
    place.parent.mkdir(parents=True, exist_ok=True)
    for path in (place.parent.parent, place.parent):
        path.chmod(0o777)
    place.write_text("no directory")
    mail = letter.compose(*PEOPLE)
    with local(host) as talk:
        answers = begin(talk, NOBODY, *PEOPLE[:100], FILE, *PEOPLE[100:], AWAY)
        assert answers[0].startswith("550 5.1.1 ")
        assert re.match(r"4\d\d 4\.", answers[-1])
        taken = [a for a in answers if a.startswith("250 ")]
        assert len(taken) == len(PEOPLE) + 1
        assert talk.command("DATA").startswith("354 ")
        talk.send(mail.content + b".\r\n")
        done = [talk.reply() for _ in taken]
    expected = [f"250 2.1.5 <{address}> Delivered" for address in PEOPLE]
    assert done[:100] + done[101:] == expected
    assert done[100].startswith(f"451 4.3.0 <{FILE}> ")
    assert all(len(found(lab, address, mail.ident)) == 1 for address in PEOPLE)


def test_a_client_that_leaves_before_the_answers(lab: Lab, host: Host) -> None:
    """The message may be there: when it comes again, that is known."""
    mail = letter.compose(PEOPLE[2])
    with closing(protocols.connect(unix_socket(host))) as sock:
        talk = Dialogue(sock)
        begin(talk, PEOPLE[2])
        talk.command("DATA")
        talk.send(mail.content + b".\r\n")
        talk.close()
    wait.until("the message", lambda: found(lab, PEOPLE[2], mail.ident))
    with local(host) as talk:
        begin(talk, PEOPLE[2])
        talk.command("DATA")
        talk.send(mail.content + b".\r\n")
        assert talk.reply() == f"250 2.1.5 <{PEOPLE[2]}> Delivered before"
    assert len(found(lab, PEOPLE[2], mail.ident)) == 1


# ---- limits --------------------------------------------------------------------


def test_deliveries_above_the_limit_wait(lab: Lab, host: Host) -> None:
    """MaxConcurrentMailboxDeliveries: nobody is refused."""
    lab.put("mailboxtransport", "MBX1", MaxConcurrentMailboxDeliveries="1")
    to = PEOPLE[3]
    before = len(list(maildir.files(lab.own_maildir(to))))
    subprocess.run(
        ["smtp-source", "-L", "-d", "-s", "8", "-m", "200", "-f", "s@sender.test", "-t", to]
        + [f"inet:{host.address}:{host.lmtp}"],
        check=True,
        timeout=60,
    )
    assert len(list(maildir.files(lab.own_maildir(to)))) == before + 200
    lab.remove("mailboxtransport", "MBX1")


def test_connections_are_limited(host: Host) -> None:
    """The server's own probe has one of them, now and then."""
    host.set("delivery", "connections", "2")
    host.restart("delivery")
    with host.connect_lmtp() as one, host.connect_lmtp() as two, host.connect_lmtp() as three:
        greetings = [talk.greeting for talk in (one, two, three)]
        assert "421 4.3.2 Too many connections" in greetings
        # The other socket has as many of its own.
        with local(host) as talk:
            assert talk.greeting.startswith("220 ")


def test_sizes_are_limited(host: Host) -> None:
    host.set("delivery", "max_message_size", "10KB")
    host.restart("delivery")
    with local(host) as talk:
        talk.command("LHLO lab.test")
        assert talk.command("MAIL FROM:<> SIZE=10241").startswith("552 5.3.4 ")
        begin(talk, PEOPLE[4])
        assert talk.command("DATA").startswith("354 ")
        talk.send(b"A: b\r\n\r\n" + b"x" * 10240 + b"\r\n.\r\n")
        assert talk.reply().startswith("552 5.3.4 ")
        assert talk.command("NOOP").startswith("250 ")
