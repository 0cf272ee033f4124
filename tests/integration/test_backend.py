"""Mailboxes that are another server's: the store driver hands messages to
Dovecot by LMTP, and its answers on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import letter, wait
from tests.lab.dovecot import Dovecot
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import Row, event, rows

ANA, RUI = "ana@letsexchange.com", "rui@letsexchange.com"
# In the directory, but nobody's at the mailbox server.
GHOST = "ghost@letsexchange.com"


def build(lab: Lab) -> Dovecot:
    lab.domain("letsexchange.com")
    host = lab.host("MBX1")
    lab.database("DB1", ["MBX1"])
    for address in (ANA, RUI, GHOST):
        lab.mailbox(address, "DB1")
    server = Dovecot(lab.directory / "dovecot", lab.env)
    for address in (ANA, RUI):
        server.add(address)
    host.set("delivery", "backend", "lmtp")
    host.set("delivery", "backend_address", f"127.0.0.1:{server.lmtp_port}")
    return server


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Lab, Dovecot]]:
    with Lab() as lab, build(lab) as server:
        lab.start()
        yield lab, server


@pytest.fixture
def host(shared: tuple[Lab, Dovecot]) -> Host:
    return shared[0].hosts["MBX1"]


@pytest.fixture
def dovecot(shared: tuple[Lab, Dovecot]) -> Dovecot:
    return shared[1]


def found(dovecot: Dovecot, address: str, ident: str) -> list[bytes]:
    """What a mail program sees with this Message-ID."""
    with dovecot.imap(address) as client:
        client.select("INBOX", readonly=True)
        _, (numbers,) = client.search(None, "HEADER", "Message-ID", ident)
        texts = []
        for number in numbers.split():
            _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
            assert isinstance(parts[0], tuple)
            texts.append(parts[0][1])
        return texts


def wait_found(dovecot: Dovecot, address: str, mail: Mail) -> bytes:
    texts = wait.until("the message by IMAP", lambda: found(dovecot, address, mail.ident))
    assert len(texts) == 1
    return texts[0]


def deliver(host: Host, mail: Mail) -> list[str]:
    """By LMTP, past Postfix: the answer to MAIL, to each RCPT, to DATA and, if
    that was 354, to each recipient that was taken."""
    with host.connect_lmtp() as talk:
        talk.command("LHLO lab.test")
        answers = [talk.command(f"MAIL FROM:<{mail.sender}>")]
        answers += [talk.command(f"RCPT TO:<{address}>") for address in mail.recipients]
        taken = sum(answer.startswith("250") for answer in answers[1:])
        answers.append(talk.command("DATA"))
        if answers[-1].startswith("354"):
            talk.send(mail.content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            answers += [talk.reply() for _ in range(taken)]
        return answers


def delivered(host: Host, mail: Mail) -> list[Row]:
    return [row for row in rows(host, mail.ident) if row["event-id"] == "DELIVER"]


# ---- messages ----------------------------------------------------------------


def test_a_message_is_in_the_mailbox_as_it_was_sent(host: Host, dovecot: Dovecot) -> None:
    body = ".dot\n..two\n" + "x" * 990 + "\nç\n."
    mail = letter.post(host, letter.compose(ANA, body=body))
    assert mail.accepted == {ANA}, mail.last
    text = wait_found(dovecot, ANA, mail)
    assert text.partition(b"\r\n\r\n")[2] == mail.content.partition(b"\r\n\r\n")[2]
    assert text.count(b"Return-Path:") == 1
    row = wait.until("DELIVER", lambda: delivered(host, mail))[0]
    assert event(row) == "STOREDRIVER DELIVER" and row["recipient-address"] == ANA


def test_each_recipient_has_the_answer_of_the_server(host: Host, dovecot: Dovecot) -> None:
    """Word for word: what it is, only the server knows."""
    mail = letter.compose(ANA, GHOST, RUI)
    answers = deliver(host, mail)
    assert [answer[:3] for answer in answers[:5]] == ["250", "250", "250", "250", "354"]
    ana, ghost, rui = answers[5:]
    assert ana.startswith(f"250 2.0.0 <{ANA}> ") and ana.endswith(" Saved")
    assert ghost.startswith(f"550 5.1.1 <{GHOST}> User doesn't exist")
    assert rui.startswith(f"250 2.0.0 <{RUI}> ")
    assert len(found(dovecot, ANA, mail.ident)) == len(found(dovecot, RUI, mail.ident)) == 1
    assert {row["recipient-address"] for row in delivered(host, mail)} == {f"{ANA};{RUI}"}


def test_a_second_copy_is_recognised(host: Host, dovecot: Dovecot) -> None:
    mail = letter.compose(ANA)
    deliver(host, mail)
    mail.recipients = (ANA, RUI)
    ana, rui = deliver(host, mail)[-2:]
    assert ana == f"250 2.1.5 <{ANA}> Delivered before"
    assert rui.startswith("250 2.0.0 ")
    assert len(found(dovecot, ANA, mail.ident)) == len(found(dovecot, RUI, mail.ident)) == 1


def test_a_second_copy_is_recognised_after_a_kill(host: Host, dovecot: Dovecot) -> None:
    mail = letter.compose(ANA)
    deliver(host, mail)
    host.restart("delivery")
    assert deliver(host, mail)[-1] == f"250 2.1.5 <{ANA}> Delivered before"
    assert len(found(dovecot, ANA, mail.ident)) == 1


def test_large_messages_pass(host: Host, dovecot: Dovecot) -> None:
    mail = letter.compose(ANA, body="\n".join(["y" * 70] * 50000))
    assert deliver(host, mail)[-1].startswith("250 2.0.0 ")
    text = found(dovecot, ANA, mail.ident)[0]
    assert text.partition(b"\r\n\r\n")[2] == mail.content.partition(b"\r\n\r\n")[2]


def test_connections_are_kept(host: Host, dovecot: Dovecot) -> None:
    """A session of the server's takes one message after the other."""
    mails = [letter.compose(ANA) for _ in range(3)]
    for mail in mails:
        deliver(host, mail)
    sessions = [
        re.findall(rf"<(\S+):T\d+>: Info: msgid={re.escape(mail.ident)}: saved", dovecot.log())
        for mail in mails
    ]
    assert len(sessions[0]) == 1
    assert sessions[0] == sessions[1] == sessions[2]


def test_smtp_source_in_many_sessions(host: Host, dovecot: Dovecot) -> None:
    with dovecot.imap(RUI) as client:
        before = int(client.select("INBOX")[1][0] or b"0")
    subprocess.run(
        ["smtp-source", "-L", "-d", "-s", "10", "-m", "100", "-f", "s@sender.test", "-t", RUI]
        + [f"inet:{host.address}:{host.lmtp}"],
        check=True,
        timeout=60,
    )
    with dovecot.imap(RUI) as client:
        assert int(client.select("INBOX")[1][0] or b"0") == before + 100


# ---- when the server is gone ---------------------------------------------------


def test_mail_waits_while_the_server_is_gone(host: Host, dovecot: Dovecot) -> None:
    """Kept connections are dead then: it is not the mail's fault."""
    deliver(host, letter.compose(ANA))
    dovecot.stop()
    mail = letter.compose(ANA)
    try:
        answer = deliver(host, mail)[-1]
        assert answer.startswith(f"451 4.3.0 <{ANA}> Mailbox store failed: "), answer
    finally:
        dovecot.start()
    assert deliver(host, mail)[-1].startswith("250 2.0.0 ")
    assert len(found(dovecot, ANA, mail.ident)) == 1
