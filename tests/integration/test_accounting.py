"""The accounting can tell what went wrong: a false server does it on purpose."""

from __future__ import annotations

import itertools
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import accounting, maildir, wait

BOX = "box@false.test"

# What the server does with the n-th message it was given: it returns how often
# the message is stored, and the answer; None closes the connection instead.
Behaviour = Callable[[int], tuple[int, str | None]]
OK = "250 2.0.0 Ok"


class FalseServer(socketserver.ThreadingTCPServer):
    """Stores what it gets in a Maildir, as badly as it was told to."""

    daemon_threads = True

    def __init__(self, store: Path, behave: Behaviour, rcpt: Callable[[int], str]) -> None:
        super().__init__(("127.0.0.1", 0), Dialogue)
        self.new = store / "db" / "false.test" / "box" / "new"
        self.new.mkdir(parents=True)
        self.behave = behave
        self.rcpt = rcpt
        self.messages = itertools.count()
        self.recipients = itertools.count()
        self.files = itertools.count()
        self.damage = False

    def keep(self, content: bytes) -> None:
        if self.damage:
            content = content.replace(b"Message ", b"Massage ")
        (self.new / str(next(self.files))).write_bytes(b"Received: here\r\n" + content)


class Dialogue(socketserver.StreamRequestHandler):
    """Just enough SMTP."""

    server: FalseServer

    def answer(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.answer("220 false.test")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                self.answer(self.server.rcpt(next(self.server.recipients)))
            elif verb == b"DATA":
                self.answer("354 go on")
                if not self.content():
                    return
            else:
                self.answer(OK)

    def content(self) -> bool:
        lines = itertools.takewhile(lambda line: line != b".\r\n", self.rfile)
        text = b"".join(line[1:] if line.startswith(b".") else line for line in lines)
        copies, reply = self.server.behave(next(self.server.messages))
        for _ in range(copies):
            self.server.keep(text)
        if reply is not None:
            self.answer(reply)
        return reply is not None


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., accounting.Report]]:
    servers: list[FalseServer] = []

    def run_with(
        behave: Behaviour,
        rcpt: Callable[[int], str] = lambda n: OK,
        damage: bool = False,
        deadline: float = 20,
    ) -> accounting.Report:
        server = FalseServer(tmp_path, behave, rcpt)
        server.damage = damage
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.server_address[:2]
        site = accounting.Site([(str(host), port)], [tmp_path], [BOX])
        return accounting.run(site, 20, connections=3, deadline=deadline, quiet=0.5)

    yield run_with
    for server in servers:
        server.shutdown()
        server.server_close()


def test_all_is_well(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (1, OK))
    assert report.ok() and len(report.once) == report.attempts == 20


def test_what_got_4xx_is_tried_again(run: Callable[..., accounting.Report]) -> None:
    report = run(
        lambda n: (0, "451 4.3.0 later") if n % 3 == 0 else (1, OK),
        rcpt=lambda n: "450 4.2.0 later" if n % 5 == 0 else OK,
    )
    assert report.ok() and report.attempts > 20


def test_what_got_no_answer_is_tried_again(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (0, None) if n % 4 == 0 else (1, OK))
    assert report.ok() and report.attempts > 20


def test_stored_but_not_answered_is_twice(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (1, None if n == 7 else OK))
    assert not report.ok() and len(report.twice) == 1


def test_accepted_and_lost_is_missing(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (0 if n == 7 else 1, OK))
    assert not report.ok() and len(report.missing) == 1 and len(report.once) == 19


def test_refused_is_not_accepted(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (1, OK), rcpt=lambda n: "550 5.1.1 no" if n == 3 else OK)
    assert not report.ok() and list(report.refused.values()) == ["550 5.1.1 no"]


def test_never_accepted_is_said(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (0, "451 4.3.0 later"), deadline=1)
    assert not report.ok() and len(report.unsent) == 20
    assert set(report.unsent.values()) == {"451 4.3.0 later"}


def test_damage_is_seen(run: Callable[..., accounting.Report]) -> None:
    report = run(lambda n: (1, OK), damage=True)
    assert not report.ok() and len(report.damaged) == 20


# ---- from Outboxes ----------------------------------------------------------


def run_outboxes(tmp_path: Path, file: Callable[[int, Path, Path], None]) -> accounting.Report:
    """A false submission: it delivers what is in the Outbox, then files it as
    badly as it was told to."""
    mailbox = tmp_path / "db" / "false.test" / "box"
    maildir.make(mailbox / maildir.OUTBOX, "root")
    maildir.make(mailbox / maildir.SENT, "root")
    maildir.make(mailbox / maildir.DRAFTS, "root")
    (mailbox / "new").mkdir()
    site = accounting.Site([], [tmp_path], [BOX], owners={BOX: mailbox})

    def submit(owners: accounting.Owners) -> None:
        for number in range(20):
            waiting = wait.until("a message", lambda: list((mailbox / ".Outbox/cur").iterdir()))
            (mailbox / "new" / waiting[0].name).write_bytes(waiting[0].read_bytes())
            file(number, waiting[0], mailbox / ".Sent" / "cur" / waiting[0].name)

    return accounting.run_outboxes(site, 20, deadline=1, quiet=0.5, meanwhile=submit)


def test_filed_in_sent(tmp_path: Path) -> None:
    def move(number: int, path: Path, sent: Path) -> None:
        path.rename(sent)

    report = run_outboxes(tmp_path, move)
    assert report.ok(), report.text()
    assert report.filing is not None and len(report.filing.sent) == 20


def test_filed_nowhere(tmp_path: Path) -> None:
    def lose(number: int, path: Path, sent: Path) -> None:
        if number == 7:
            path.unlink()
        else:
            path.rename(sent)

    report = run_outboxes(tmp_path, lose)
    assert not report.ok() and "in no folder  1" in report.text(), report.text()


def test_filed_twice(tmp_path: Path) -> None:
    def copy(number: int, path: Path, sent: Path) -> None:
        if number == 7:
            sent.with_name("copy").write_bytes(path.read_bytes())
        path.rename(sent)

    report = run_outboxes(tmp_path, copy)
    assert not report.ok() and "in Sent twice  1" in report.text(), report.text()


def test_filed_in_drafts(tmp_path: Path) -> None:
    def draft(number: int, path: Path, sent: Path) -> None:
        folder = maildir.DRAFTS if number == 7 else maildir.SENT
        path.rename(sent.parents[2] / folder / "cur" / sent.name)

    report = run_outboxes(tmp_path, draft)
    assert not report.ok() and "in Drafts  1" in report.text(), report.text()


def test_left_in_the_outbox(tmp_path: Path) -> None:
    def leave(number: int, path: Path, sent: Path) -> None:
        path.rename(path.parents[1] / "new" / path.name if number == 7 else sent)

    report = run_outboxes(tmp_path, leave)
    assert not report.ok() and "in the Outbox  1" in report.text(), report.text()


def test_bounces_are_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text(
        "Nov 21 10:00:00 h postfix-A/cleanup[1]: 4F1: message-id=<1@sender.test>\n"
        "Nov 21 10:00:01 h postfix-A/ph-mailbox/lmtp[2]: 4F1: to=<box@false.test>, relay=x, "
        "delay=1, delays=0/0/0/1, dsn=5.2.1, status=bounced (host x said: 550 5.2.1 (closed))\n",
        encoding="utf-8",
    )
    site = accounting.Site([], [], [BOX], maillogs=[log])
    assert accounting.bounces(site, {"<1@sender.test>"}) == {
        ("<1@sender.test>", BOX): "host x said: 550 5.2.1 (closed)"
    }
