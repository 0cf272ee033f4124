"""A sending MTA in small: it keeps what was not taken, and tries again.

What an MTA promises is kept here, because the accounting stands on it: a
recipient is done when the server said 250 after the dot or refused it with a
5xx; everything else (4xx, a closed connection, no answer) is tried again with
the same Message-ID, Date and body.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.lab import wait

Target = tuple[str, int]

FIRST_DELAY = 0.05
LAST_DELAY = 1.0


@dataclass
class Mail:
    """One message, its recipients, and what became of each."""

    ident: str  # Message-ID with angle brackets
    sender: str
    recipients: tuple[str, ...]
    content: bytes  # with CRLF line ends
    parameters: str = ""  # of MAIL: "BODY=8BITMIME SMTPUTF8"
    rcpt_parameters: dict[str, str] = field(default_factory=dict)  # by recipient
    pending: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    # Given to a server that never answered: it may arrive all the same.
    uncertain: set[str] = field(default_factory=set)
    attempts: int = 0
    last: str = ""
    not_before: float = 0.0

    def __post_init__(self) -> None:
        self.pending = set(self.recipients)


class Session:
    """One SMTP connection; any trouble is an OSError and ends it."""

    def __init__(self, target: Target, source: str, timeout: float) -> None:
        self._socket = socket.create_connection(target, timeout, (source, 0))
        self._file = self._socket.makefile("rb")
        try:
            self._expect(self._reply())
            self._expect(self.command("EHLO sender.test"))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _reply(self) -> str:
        lines = []
        while True:
            line = self._file.readline(4096)
            if not line.endswith(b"\n"):
                raise ConnectionError("connection closed instead of an answer")
            lines.append(line.decode("utf-8", "replace").rstrip())
            if line[3:4] != b"-":
                break
        if lines[-1].startswith("421"):
            raise ConnectionError(lines[-1])
        return "\n".join(lines)

    @staticmethod
    def _expect(reply: str) -> None:
        if not reply.startswith("2"):
            raise ConnectionError(reply)

    def command(self, line: str) -> str:
        self._socket.sendall(line.encode() + b"\r\n")
        return self._reply()

    def send(self, mail: Mail) -> None:
        """One transaction for what is pending; the outcome is in the mail."""
        reply = self.command(f"MAIL FROM:<{mail.sender}> {mail.parameters}".rstrip())
        if not reply.startswith("2"):
            self._settle(mail, sorted(mail.pending), reply)
            # Nothing about the mail was wrong yet, so it is the session: one
            # that has lost its milter answers 451 as long as it lives.
            raise ConnectionError(reply)
        taken = []
        for recipient in sorted(mail.pending):
            parameters = mail.rcpt_parameters.get(recipient, "")
            reply = self.command(f"RCPT TO:<{recipient}> {parameters}".rstrip())
            if reply.startswith("2"):
                taken.append(recipient)
            else:
                self._settle(mail, [recipient], reply)
        if not taken:
            self.command("RSET")
            return
        reply = self.command("DATA")
        if not reply.startswith("354"):
            self._settle(mail, taken, reply)
            self.command("RSET")
            return
        mail.uncertain.update(taken)
        self._socket.sendall(dot_stuffed(mail.content))
        reply = self._reply()
        mail.uncertain.difference_update(taken)
        self._settle(mail, taken, reply)

    @staticmethod
    def _settle(mail: Mail, recipients: Iterable[str], reply: str) -> None:
        mail.last = reply
        for recipient in recipients:
            if reply.startswith("2"):
                mail.pending.discard(recipient)
                mail.accepted.add(recipient)
            elif reply.startswith("5"):
                mail.pending.discard(recipient)
                mail.refused[recipient] = reply


def dot_stuffed(content: bytes) -> bytes:
    body = content.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + b".\r\n"


class Mta:
    """Sends mails over a bounded number of connections until each recipient
    is accepted or refused, or the time is up."""

    def __init__(
        self,
        targets: Sequence[Target],
        connections: int = 5,
        source: str = "127.0.0.1",
        timeout: float = 30.0,
    ) -> None:
        self._targets = list(targets)
        self._connections = connections
        self._source = source
        self._timeout = timeout
        self._lock = threading.Lock()
        self._waiting: deque[Mail] = deque()
        self._open = 0
        self.done = 0  # mails with nothing pending: progress for the caller

    def run(self, mails: Iterable[Mail], deadline: float = 120.0) -> None:
        """Returns when nothing is pending or after deadline seconds."""
        self._waiting.extend(mails)
        self._open = len(self._waiting)
        until = time.monotonic() + deadline
        threads = [
            threading.Thread(target=self._work, args=(number, until), daemon=True)
            for number in range(self._connections)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _take(self) -> Mail | None:
        """A mail whose turn it is; they are kept in order of their next try
        closely enough that looking at the first will do."""
        with self._lock:
            if self._waiting and self._waiting[0].not_before <= time.monotonic():
                return self._waiting.popleft()
        return None

    def _finish(self, mail: Mail) -> None:
        with self._lock:
            if mail.pending:
                delay = min(LAST_DELAY, FIRST_DELAY * 2 ** min(mail.attempts, 10))
                mail.not_before = time.monotonic() + delay * random.uniform(0.5, 1)
                self._waiting.append(mail)
            else:
                self._open -= 1
                self.done += 1

    def _work(self, number: int, until: float) -> None:
        session: Session | None = None
        turn = number
        while self._open > 0 and time.monotonic() < until:
            mail = self._take()
            if mail is None:
                wait.pause(FIRST_DELAY / 5)
                continue
            mail.attempts += 1
            try:
                if session is None:
                    target = self._targets[turn % len(self._targets)]
                    session = Session(target, self._source, self._timeout)
                session.send(mail)
            except OSError as error:
                mail.last = str(error)
                turn += 1
                if session is not None:
                    session.close()
                    session = None
            self._finish(mail)
        if session is not None:
            session.close()
