"""Real clamd and rspamd judge messages; the mail keeps its promises when they
are killed."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from functools import partial

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import attachment, letter, maildir, sasl, track, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scanners import (
    EICAR,
    EICAR_NAME,
    SPAM,
    STREAM_LIMIT,
    VIRUS,
    VIRUS_NAME,
    WORST,
    Clamd,
    Rspamd,
)
from tests.lab.smtp_mta import Mail

DAEMON = "posthub-transport"
REFUSED = f"550 5.7.1 Message refused: malware found ({VIRUS_NAME})"


@dataclass
class Office:
    """One server with both scanners."""

    lab: Lab
    clamd: Clamd
    rspamd: Rspamd

    @property
    def host(self) -> Host:
        return self.lab.hosts["MBX1"]

    def settings(self, section: str, **values: str) -> None:
        for name, value in values.items():
            self.host.set(section, name, value)
        self.host.daemon(DAEMON).stop()
        self.host.start(DAEMON)
        self.lab.wait_up()

    @contextmanager
    def action(self, action: str) -> Iterator[None]:
        self.settings("malware", action=action)
        try:
            yield
        finally:
            self.settings("malware", action="reject")


@pytest.fixture(scope="module")
def running() -> Iterator[Office]:
    with Lab() as lab:
        lab.domain("letsexchange.com")
        host = lab.host("MBX1")
        lab.host("MBX2")
        lab.database("DB1", ["MBX1"])
        lab.database("DB2", ["MBX2"])
        lab.mailbox(NUNO, "DB1")
        lab.mailbox(MOTA, "DB2")
        sasl.enable(host, [NUNO])
        office = Office(
            lab,
            Clamd(lab.directory / "clamd", lab.env),
            Rspamd(lab.directory / "rspamd", lab.env),
        )
        host.set("malware", "clamd", f"unix:{office.clamd.socket}")
        host.set("spam", "rspamd", f"unix:{office.rspamd.socket}")
        office.clamd.start()
        office.rspamd.start()
        lab.start()
        yield office
        office.rspamd.kill()


@pytest.fixture
def office(running: Office) -> Iterator[Office]:
    """As it was, whatever a test has done."""
    yield running
    for scanner in (running.clamd, running.rspamd):
        if not scanner.child.alive():
            scanner.start()
    keys = running.lab.redis.keys("posthub:rule:*")
    if keys:
        running.lab.redis.call("DEL", *keys)


def zipped(text: str, depth: int) -> str:
    data, name = text.encode(), "text.txt"
    for _ in range(depth):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data, name = packed.getvalue(), "inner.zip"
    return base64.encodebytes(data).decode()


def attached(depth: int) -> Mail:
    """Malware in an archive in an archive, so many of them."""
    headers = {
        "MIME-Version": "1.0",
        "Content-Type": "application/zip; name=a.zip",
        "Content-Transfer-Encoding": "base64",
    }
    return letter.compose(NUNO, body=zipped(VIRUS, depth), headers=headers)


def infected() -> bytes:
    """An archive, the same each time."""
    return attachment.zipped({"eicar.com": EICAR})


def with_files(files: Mapping[str, bytes], *recipients: str) -> Mail:
    """A text and attachments; an .eml is an attached message."""
    head, _, _ = letter.compose(*(recipients or (NUNO,))).content.partition(b"\r\n\r\n")
    message = message_from_bytes(head + b"\r\n\r\n", policy=SMTP)
    assert isinstance(message, EmailMessage)
    message.set_content("See the files.\r\n")
    for name, data in files.items():
        if name.endswith(".eml"):
            message.add_attachment(message_from_bytes(data, policy=SMTP), filename=name)
        else:
            message.add_attachment(
                data, maintype="application", subtype="octet-stream", filename=name
            )
    ident = str(message["Message-ID"])
    return Mail(ident, letter.STRANGER, recipients or (NUNO,), message.as_bytes())


def attached_alone(data: bytes) -> Mail:
    headers = {
        "MIME-Version": "1.0",
        "Content-Type": "application/zip; name=a.zip",
        "Content-Disposition": "attachment",
        "Content-Transfer-Encoding": "base64",
    }
    return letter.compose(NUNO, body=base64.encodebytes(data).decode(), headers=headers)


def parts(message: Message) -> list[tuple[str, bytes]]:
    """File name and content of each part that is none itself."""
    return [
        (part.get_filename() or "", part.get_payload(decode=True))
        for part in message.walk()
        if not part.is_multipart()
    ]


def after_strip(office: Office, mail: Mail) -> Message:
    assert letter.post(office.host, mail).accepted == {NUNO}
    return office.lab.wait_message(NUNO, mail.ident)


def check_notice(text: bytes, words: str) -> None:
    for each in (words, f"Found:  {EICAR_NAME}", "Server: mbx1.letsexchange.com", "Date:"):
        assert each in text.decode(), text


def find(office: Office, mail: Mail, to: str) -> tuple[str, Message] | None:
    for box in office.lab.maildirs(to):
        for name in ("Inbox", "Junk"):
            folder = box if name == "Inbox" else box / f".{name}"
            for _, message in maildir.messages(folder):
                if message["Message-ID"] == mail.ident:
                    return name, message
    return None


def stored(office: Office, mail: Mail, to: str = NUNO) -> tuple[str, Message]:
    """The folder that it is in, and what is there."""
    found = wait.until(f"{mail.ident} in the mailbox", partial(find, office, mail, to))
    assert found is not None
    return found


def level(office: Office, mail: Mail, to: str = NUNO) -> str | None:
    return stored(office, mail, to)[1]["X-PostHub-SCL"]


# ---- malware -------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 3])
def test_malware_is_refused_in_the_session(office: Office, depth: int) -> None:
    mail = letter.post(office.host, attached(depth))
    assert mail.refused == {NUNO: REFUSED}
    assert mail.ident not in {m["Message-ID"] for m in office.lab.messages(NUNO)}
    rows = [r for r in track.rows(office.host, mail.ident) if r["event-id"] == "FAIL"]
    assert [r["source"] for r in rows] == ["AGENT"]


@pytest.mark.parametrize("name", ["MZ", "GIF89a", "Rar!", "BZh", "%PDF-1.4", "{\\rtf1"])
def test_a_message_that_begins_like_a_file_is_mail(office: Office, name: str) -> None:
    mail = attached(1)
    mail.content = f"{name}: x\r\n".encode() + mail.content
    refused = letter.post(office.host, mail).refused[NUNO]
    assert refused.startswith("550 5.7.1") and VIRUS_NAME in refused


def test_clean_mail_goes_on(office: Office) -> None:
    mail = letter.post(office.host, letter.compose(NUNO))
    message = office.lab.wait_message(NUNO, mail.ident)
    assert message["X-PostHub-Malware"] is None


def test_marked_for_rules(office: Office) -> None:
    office.settings("malware", action="mark")
    office.lab.change(
        lambda: office.lab.rule(
            "quarantine",
            HeaderContainsMessageHeader="X-PostHub-Malware",
            HeaderContainsWords="Posthub",
            RedirectMessageTo=MOTA,
        )
    )
    try:
        mail = letter.post(office.host, attached(1))
        message = office.lab.wait_message(MOTA, mail.ident)
        assert message["X-PostHub-Malware"] == VIRUS_NAME
    finally:
        office.settings("malware", action="reject")


def test_deleted(office: Office) -> None:
    office.settings("malware", action="delete")
    try:
        mail = letter.post(office.host, attached(2))
        assert mail.accepted == {NUNO}
        after = letter.post(office.host, letter.compose(NUNO))
        office.lab.wait_message(NUNO, after.ident)
        assert mail.ident not in {m["Message-ID"] for m in office.lab.messages(NUNO)}
    finally:
        office.settings("malware", action="reject")


def test_put_aside(office: Office) -> None:
    """On another server, whole, and no rule sees it; both hear of nothing."""
    office.host.set("transport", "quarantine_mailbox", MOTA)
    with office.action("quarantine"):
        office.lab.change(lambda: office.lab.rule("later", PrependSubject="[x] "))
        mail = letter.post(office.host, with_files({"x.zip": infected()}))
        assert mail.accepted == {NUNO}
        message = office.lab.wait_message(MOTA, mail.ident)
        assert message["X-PostHub-Malware"] == EICAR_NAME
        assert message["X-PostHub-Quarantine-Recipients"] == NUNO
        assert message["Subject"] == "Testing Mail Flow"
        assert parts(message)[1] == ("x.zip", infected())
    assert mail.ident not in {m["Message-ID"] for m in office.lab.messages(NUNO)}
    rows = {track.event(row): row for row in track.rows(office.host, mail.ident)}
    assert "S:AMA=SUM|v=1|action=q|" in rows["AGENT AGENTINFO"]["custom-data"]
    moved = rows["ROUTING REDIRECT"]
    assert (moved["recipient-address"], moved["related-recipient-address"]) == (MOTA, NUNO)


def test_put_aside_for_nobody(office: Office) -> None:
    """It waits at the sender rather than in a queue that would lose it."""
    office.host.set("transport", "quarantine_mailbox", "nobody@letsexchange.com")
    with office.action("quarantine"):
        mail = letter.post(office.host, with_files({"x.zip": infected()}))
        assert mail.pending == {NUNO}
        assert mail.last.startswith("451 4.3.5 ")
    office.host.set("transport", "quarantine_mailbox", MOTA)


def test_a_rule_puts_aside(office: Office) -> None:
    office.host.set("transport", "quarantine_mailbox", MOTA)
    office.settings("malware", action="reject")
    office.lab.change(
        lambda: office.lab.rule("aside", SubjectContainsWords="secret", Quarantine="true")
    )
    mail = letter.post(office.host, letter.compose(NUNO, subject="A secret"))
    message = office.lab.wait_message(MOTA, mail.ident)
    assert message["X-PostHub-Quarantine-Recipients"] == NUNO
    assert mail.ident not in {m["Message-ID"] for m in office.lab.messages(NUNO)}


def test_stripped(office: Office) -> None:
    """The infected file alone, wherever in it the malware is; also in copies
    that rules make; and nothing at all while clamd is away."""
    clean = bytes(range(256)) * 9
    deep = attachment.zipped({"inner.zip": infected()})
    attached = with_files({"x.zip": infected()}).content
    with office.action("strip"):
        for name, data in {"x.zip": infected(), "deep.zip": deep, "x.eml": attached}.items():
            mail = with_files({"a.bin": clean, name: data, "b.bin": clean})
            message = after_strip(office, mail)
            assert not message.defects
            assert message["X-PostHub-Malware"] == EICAR_NAME
            found = parts(message)
            assert [found[0], found[1], found[3]] == [
                ("", b"See the files.\n"),
                ("a.bin", clean),
                ("b.bin", clean),
            ]
            check_notice(found[2][1], f"Name:   {name}")

        # Nothing but the file: no part could be taken out.
        message = after_strip(office, attached_alone(infected()))
        assert message.get_content_type() == "text/plain"
        check_notice(parts(message)[0][1], "The content of this message")

        # A copy with another subject.
        office.lab.change(
            lambda: office.lab.rule("mark", SentTo=MOTA, PrependSubject="[marked] ")
        )
        mail = letter.post(office.host, with_files({"x.zip": infected()}, NUNO, MOTA))
        for to, subject in {NUNO: "Testing Mail Flow", MOTA: "[marked] Testing Mail Flow"}.items():
            message = office.lab.wait_message(to, mail.ident)
            assert message["Subject"] == subject
            check_notice(parts(message)[1][1], "Name:   x.zip")

        office.clamd.kill()
        mail = letter.post(office.host, with_files({"x.zip": infected()}))
        assert mail.pending == {NUNO}
        assert mail.last.startswith("451 4.7.1 ")
        office.clamd.start()
        check_notice(parts(after_strip(office, mail))[1][1], "Name:   x.zip")


def test_clamd_is_away(office: Office) -> None:
    """The mail is put off, whatever is in it, and comes when clamd is back; by
    the setting it goes on."""
    office.clamd.kill()
    mail = letter.post(office.host, letter.compose(NUNO, body="while it is away"))
    assert mail.pending == {NUNO}
    assert mail.last.startswith("451 4.7.1 The message cannot be scanned now")
    office.clamd.start()
    letter.post(office.host, mail)
    office.lab.wait_message(NUNO, mail.ident)
    office.settings("malware", on_error="skip")
    try:
        office.clamd.kill()
        mail = letter.post(office.host, letter.compose(NUNO, body="not even seen"))
        office.lab.wait_message(NUNO, mail.ident)
    finally:
        office.settings("malware", on_error="defer")


def test_larger_than_clamd_takes(office: Office) -> None:
    body = "\n".join(["x" * 70] * (2 * STREAM_LIMIT // 72))
    mail = letter.post(office.host, letter.compose(NUNO, body=body))
    assert mail.refused == {NUNO: "552 5.3.4 Message is too large to be scanned"}


# ---- spam ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "scl", "folder"),
    [("Hello.", "0", "Inbox"), (SPAM, "5", "Junk"), (WORST, "9", "Junk")],
)
def test_level_of_a_stranger(office: Office, body: str, scl: str, folder: str) -> None:
    """Above SCLJunkThreshold, 4, it is junk."""
    mail = letter.post(office.host, letter.compose(NUNO, body=body))
    where, message = stored(office, mail)
    assert (message["X-PostHub-SCL"], where) == (scl, folder)
    # Who sends and from where was told.
    assert "ENVELOPE" in message["X-PostHub-Spam-Report"]


def test_one_level_in_the_organisation(office: Office) -> None:
    """A second server, which has no scanner, passes on what the first found; a
    stranger's own level is nothing."""
    mail = letter.compose(MOTA, body=SPAM, headers={"X-PostHub-SCL": "-1"})
    assert level(office, letter.post(office.host, mail), MOTA) == "5"


def test_rules_see_the_level(office: Office) -> None:
    office.lab.change(
        lambda: office.lab.rule("spam", SCLOver="9", RejectMessageReasonText="No spam")
    )
    mail = letter.post(office.host, letter.compose(NUNO, body=WORST))
    assert mail.refused == {NUNO: "550 5.7.1 No spam"}
    mail = letter.post(office.host, letter.compose(NUNO, body=SPAM))
    assert level(office, mail) == "5"


def test_whoever_has_logged_in_is_trusted(office: Office) -> None:
    mail = letter.compose(NUNO, sender=NUNO, body=WORST)
    with sasl.login(office.host, NUNO) as client:
        for command in (f"MAIL FROM:<{NUNO}>", f"RCPT TO:<{NUNO}>", "DATA"):
            assert client.command(command)[0] in "23"
        assert client.command(f"{mail.content.decode()}.").startswith("250")
    assert level(office, mail) == "-1"


def test_rspamd_is_away(office: Office) -> None:
    office.rspamd.kill()
    mail = letter.post(office.host, letter.compose(NUNO, body=SPAM))
    assert level(office, mail) is None
    office.settings("spam", on_error="defer")
    try:
        mail = letter.post(office.host, letter.compose(NUNO, body=SPAM))
        assert mail.pending == {NUNO}
        office.rspamd.start()
        letter.post(office.host, mail)
        assert level(office, mail) == "5"
    finally:
        office.settings("spam", on_error="skip")
