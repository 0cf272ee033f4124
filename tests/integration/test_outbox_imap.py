"""What a mail program saves in the Outbox of an IMAP server is sent, once, and
is then in Sent; what cannot be sent is in Drafts, with the reason in the Inbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import faults, letter, wait
from tests.lab.dovecot import MASTER, Dovecot
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import rows

ANA = "ana@letsexchange.com"
NOBODY = "nobody@letsexchange.com"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        made.host("MBX1", fqdn="MBX1.letsexchange.com")
        made.database("DB1", ["MBX1"])
        for address in (NUNO, MOTA, ANA):
            made.mailbox(address, "DB1")
        yield made


@pytest.fixture(scope="module")
def imap(lab: Lab) -> Iterator[Dovecot]:
    """Outboxes of all are there; deliveries go to Maildirs as ever."""
    server = Dovecot(lab.directory / "dovecot", lab.env, master=True)
    for address in (NUNO, MOTA, ANA):
        server.add(address)
    with server:
        for address in (NUNO, MOTA, ANA):
            with server.imap(address) as client:
                client.create("Outbox")
        host = lab.hosts["MBX1"]
        settings = {
            "imap": server.imap_endpoint,
            "imap_user": MASTER,
            "imap_password_file": str(server.secret),
            "rescan": "1h",
        }
        for name, value in settings.items():
            host.set("submission", name, value)
        lab.start()
        yield server


def compose(*recipients: str, **headers: str) -> Mail:
    return letter.compose(*recipients, sender=NUNO, headers=headers)


def of(imap: Dovecot, folder: str, mail: Mail) -> list[tuple[set[str], Message]]:
    found = imap.messages(NUNO, folder)
    return [each for each in found if each[1]["Message-ID"] == mail.ident]


def notices(imap: Dovecot, mail: Mail) -> list[Message]:
    return [m for _, m in imap.messages(NUNO) if m["In-Reply-To"] == mail.ident]


def wait_gone(imap: Dovecot) -> None:
    wait.until("the Outbox to be empty", lambda: not imap.messages(NUNO, "Outbox"))


def count(lab: Lab, mail: Mail, address: str = MOTA) -> int:
    lab.wait_empty()
    return sum(m["Message-ID"] == mail.ident for m in lab.messages(address))


def test_saved_by_a_mail_program(lab: Lab, imap: Dovecot) -> None:
    """rescan is an hour: the server told of it."""
    mail = compose(MOTA, Bcc=f"<{ANA}>")
    imap.save(NUNO, mail.content)
    assert lab.wait_message(MOTA, mail.ident)["Bcc"] is None
    lab.wait_message(ANA, mail.ident)
    wait_gone(imap)
    ((flags, sent),) = of(imap, "Sent", mail)
    assert flags == {"\\Seen"} and sent["Bcc"] == f"<{ANA}>"
    assert not imap.messages(NUNO)
    assert count(lab, mail) == 1
    events = [row["event-id"] for row in rows(lab.hosts["MBX1"], mail.ident)]
    assert events.count("SUBMIT") == 1


def test_a_large_one(lab: Lab, imap: Dovecot) -> None:
    """In many pieces, byte for byte."""
    mail = letter.compose(MOTA, sender=NUNO, body="\n".join(f"line {n}" for n in range(200_000)))
    imap.save(NUNO, mail.content)
    message = lab.wait_message(MOTA, mail.ident)
    lines = message.get_payload().rstrip().splitlines()
    assert lines == [f"line {n}" for n in range(200_000)]
    wait_gone(imap)
    assert len(of(imap, "Sent", mail)) == 1


def test_one_of_two_recipients_is_refused(lab: Lab, imap: Dovecot) -> None:
    mail = compose(MOTA, NOBODY)
    imap.save(NUNO, mail.content)
    lab.wait_message(MOTA, mail.ident)
    wait_gone(imap)
    (report,) = notices(imap, mail)
    assert report.get_content_type() == "multipart/report"
    assert report.get_payload()[1].get_payload()[1]["Final-Recipient"] == f"rfc822; {NOBODY}"
    assert len(of(imap, "Sent", mail)) == 1 and not of(imap, "Drafts", mail)


def test_somebody_elses_from(lab: Lab, imap: Dovecot) -> None:
    mail = letter.compose(MOTA, sender=ANA)
    imap.save(NUNO, mail.content)
    wait_gone(imap)
    ((flags, _),) = of(imap, "Drafts", mail)
    assert flags == {"\\Draft", "\\Seen"}
    (notice,) = notices(imap, mail)
    assert "may not send as" in str(notice)
    assert not of(imap, "Sent", mail) and count(lab, mail) == 0


def test_without_message_id_and_date(lab: Lab, imap: Dovecot) -> None:
    mail = letter.compose(MOTA, sender=NUNO, subject="Without an identity")
    lines = mail.content.split(b"\r\n")
    bare = [x for x in lines if not x.startswith((b"Message-ID:", b"Date:"))]
    imap.save(NUNO, b"\r\n".join(bare))

    def sent() -> list[Message]:
        found = imap.messages(NUNO, "Sent")
        return [m for _, m in found if m["Subject"] == "Without an identity"]

    (kept,) = wait.until("it in Sent", sent)
    assert kept["Message-ID"] and kept["Date"]
    lab.wait_message(MOTA, kept["Message-ID"])
    wait_gone(imap)


def test_taken_back_while_it_waits(lab: Lab, imap: Dovecot) -> None:
    host = lab.hosts["MBX1"]
    mail = compose(MOTA)
    with host.down("postfix"):
        imap.save(NUNO, mail.content)
        wait.until(
            "SUBMITDEFER",
            lambda: "SUBMITDEFER" in [r["event-id"] for r in rows(host, mail.ident)],
        )

        def take() -> bool:
            """When it is not being tried at this moment."""
            with imap.imap(NUNO) as client:
                client.select("Outbox")
                uids = client.uid("SEARCH", "UNKEYWORD $PosthubClaimed")[1][0].split()
                for uid in uids:
                    client.uid("STORE", uid.decode(), "+FLAGS", "(\\Deleted)")
                client.expunge()
                return bool(uids)

        wait.until("it to be taken back", take)
    after = compose(MOTA)
    imap.save(NUNO, after.content)
    lab.wait_message(MOTA, after.ident)
    wait_gone(imap)
    assert count(lab, mail) == 0 and not of(imap, "Sent", mail)


def test_the_server_was_away(lab: Lab, imap: Dovecot) -> None:
    mail = compose(MOTA)
    with lab.hosts["MBX1"].down("submission"):
        imap.save(NUNO, mail.content)
        imap.stop()
    lab.hosts["MBX1"].wait_up("submission")
    imap.start()
    lab.wait_message(MOTA, mail.ident)
    wait_gone(imap)
    assert len(of(imap, "Sent", mail)) == 1 and count(lab, mail) == 1


@contextmanager
def named(host: Host, names: dict[str, str], usual: dict[str, str]) -> Iterator[None]:
    def use(values: dict[str, str]) -> None:
        for name, value in values.items():
            host.set("submission", name, value)
        host.restart("submission")

    use(names)
    try:
        yield
    finally:
        use(usual)


def test_folders_of_any_name(lab: Lab, imap: Dovecot) -> None:
    """As people write them, and as IMAP does: RFC 3501 section 5.1.3."""
    usual = {"imap_outbox": "Outbox", "imap_sent": "Sent", "imap_drafts": "Drafts"}
    names = {
        "imap_outbox": "Bo\u00eete d'envoi",
        "imap_sent": "Envoy\u00e9s & lus",
        "imap_drafts": "Entw&APw-rfe",
    }
    outbox = '"Bo&AO4-te d\'envoi"'
    good, bad = compose(MOTA), letter.compose(MOTA, sender=ANA)
    imap.save(NUNO, good.content, outbox)
    imap.save(NUNO, bad.content, outbox)
    with named(lab.hosts["MBX1"], names, usual):
        lab.wait_message(MOTA, good.ident)
        wait.until("the Outbox to be empty", lambda: not imap.messages(NUNO, outbox))
    assert len(of(imap, '"Envoy&AOk-s &- lus"', good)) == 1
    assert len(of(imap, "Entw&APw-rfe", bad)) == 1


@pytest.mark.parametrize("point", faults.points("submission"))
def test_dies_at_a_point(lab: Lab, imap: Dovecot, point: str) -> None:
    """Mota has it once, Nuno has it in Sent once, and one report."""
    host = lab.hosts["MBX1"]
    mail = compose(MOTA, NOBODY)
    lines = mail.content.split(b"\r\n")
    content = b"\r\n".join(line for line in lines if not line.startswith(b"Date:"))
    if point == "released":  # because nobody takes it
        with host.down("postfix"):
            die(host, point, imap, content)
    else:
        die(host, point, imap, content)
    host.start("submission")
    lab.wait_message(MOTA, mail.ident)
    wait_gone(imap)
    assert count(lab, mail) == 1
    assert len(of(imap, "Sent", mail)) == 1 and not of(imap, "Drafts", mail)
    assert len(notices(imap, mail)) == 1


def die(host: Host, point: str, imap: Dovecot, content: bytes) -> None:
    child = host.daemon("submission")
    kept = child.env
    host.kill("submission")
    imap.save(NUNO, content)
    child.env = kept | {"POSTHUB_FAULT": f"submission.{point}"}
    try:
        host.start("submission")
        wait.until(f"its end at {point}", lambda: not child.alive())
    finally:
        child.env = kept
