"""A receiving MTA outside the organisation: it takes every mail and keeps it,
unless it was told otherwise."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from types import TracebackType

from tests.lab import wait


@dataclass
class Taken:
    """One transaction."""

    client: str  # address of the other end
    sender: str  # as MAIL had it, with angle brackets
    recipients: tuple[str, ...]
    message: Message
    content: bytes
    parameters: str  # of MAIL
    rcpt_parameters: tuple[str, ...]
    tls: str  # version, "" in clear
    login: str  # "user:password", "" of a stranger
    hello: str  # "EHLO name" or "HELO name", the last one
    certificate: str  # common name in the client's, "" without


# In place of an answer: the connection is closed, or nothing comes any more.
CLOSE, HANG = "close", "hang"


class _Session(socketserver.StreamRequestHandler):
    server: _Server
    timeout = 60

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _content(self) -> bytes:
        lines = []
        while True:
            line = self.rfile.readline(65536)
            if not line.endswith(b"\n"):
                raise ConnectionError("closed in the middle of a mail")
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line.removeprefix(b"."))

    def _answer(self, line: str) -> None:
        """One that the test may have chosen."""
        self.server.reached.append(line)
        if line == HANG:
            self.rfile.read()
        if line in (HANG, CLOSE):
            raise ConnectionError("as the test wants it")
        self._say(line)

    tls = login = hello = certificate = ""

    def _hello(self) -> None:
        lines = ["sink.test", *self.server.extensions]
        if self.server.tls is not None and not self.tls:
            lines.append("STARTTLS")
        elif self.server.login:
            lines.append("AUTH PLAIN")
        for line in lines[:-1]:
            self._say(f"250-{line}")
        self._say(f"250 {lines[-1]}")

    def _start_tls(self) -> None:
        assert self.server.tls is not None
        self._say("220 go ahead")
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.setup()
        self.tls = str(self.request.version())
        shown = self.request.getpeercert() or {}
        names = [value for part in shown.get("subject", ()) for name, value in part]
        self.certificate = names[-1] if names else ""

    def _log_in(self, words: str) -> str:
        _, user, password = base64.b64decode(words).decode().split("\0")
        if f"{user}:{password}" != self.server.login:
            return "535 5.7.8 no"
        self.login = f"{user}:{password}"
        return "235 2.7.0 welcome"

    def _refusal(self) -> str:
        if self.server.login and not self.login:
            return "530 5.7.0 Authentication required"
        return ""

    def _take(self, sender: str, recipients: list[str]) -> None:
        content = self._content()
        paths, words = zip(*(line.partition(" ")[::2] for line in recipients))
        path, _, parameters = sender.partition(" ")
        chosen = [self.server.finals[path] for path in paths if path in self.server.finals]
        if chosen:
            self._answer(chosen[0])
            return
        self.server.taken.append(
            Taken(
                str(self.client_address[0]),
                path,
                paths,
                message_from_bytes(content),
                content,
                parameters,
                words,
                self.tls,
                self.login,
                self.hello,
                self.certificate,
            )
        )
        self._say("250 ok")

    def handle(self) -> None:
        try:
            self._serve()
        except OSError:
            pass

    def _serve(self) -> None:
        sender, recipients = "", list[str]()
        self._say("220 sink.test ESMTP")
        while line := self.rfile.readline(4096).decode("utf-8", "replace").rstrip():
            verb = line.upper()
            if verb.startswith(("EHLO ", "HELO ")):
                self.hello = line
            if verb.startswith("EHLO "):
                self._hello()
                continue
            if verb == "STARTTLS":
                self._start_tls()
                continue
            if verb.startswith("AUTH PLAIN "):
                self._say(self._log_in(line[11:]))
                continue
            if verb.startswith("MAIL FROM:") and self._refusal():
                self._say(self._refusal())
                continue
            if verb.startswith("MAIL FROM:"):
                sender, recipients = line[10:], []
            elif verb.startswith("RCPT TO:"):
                chosen = self.server.answers.get(line[8:].partition(" ")[0])
                if chosen is not None:
                    self._answer(chosen)
                    continue
                recipients.append(line[8:])
            elif verb == "DATA":
                self._say("354 go on")
                self._take(sender, recipients)
                continue
            elif verb == "QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self,
        address: str,
        port: int,
        extensions: Sequence[str],
        tls: ssl.SSLContext | None,
        login: str,
    ) -> None:
        super().__init__((address, port), _Session)
        self.extensions = extensions
        self.tls = tls
        self.login = login
        self.answers: Mapping[str, str] = {}
        self.finals: Mapping[str, str] = {}
        self.reached: list[str] = []
        self.taken: list[Taken] = []


class Sink:
    """Listens from the start, on a port of its own, until it is left. With tls it
    offers STARTTLS, with a login it takes mail of nobody else."""

    def __init__(
        self,
        address: str = "127.0.0.1",
        extensions: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        login: str = "",
        port: int = 0,
    ) -> None:
        self._server = _Server(address, port, extensions, tls, login)
        self.address = address
        self.port = int(self._server.server_address[1])

    def answer(
        self, answers: Mapping[str, str] | None = None, finals: Mapping[str, str] | None = None
    ) -> None:
        """What RCPT and the final dot are answered with, by recipient (with
        angle brackets), from now on; others are taken."""
        self._server.answers = answers or {}
        self._server.finals = finals or {}
        self._server.reached = []

    def reached(self) -> list[str]:
        """Chosen answers that were due so far."""
        return list(self._server.reached)

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def all(self) -> list[Taken]:
        """The transactions so far."""
        return list(self._server.taken)

    def taken(self, message_id: str) -> list[Taken]:
        """Those that brought this message."""
        return [t for t in self.all() if t.message["Message-ID"] == message_id]

    def wait(self, message_id: str, timeout: float = wait.DEFAULT_TIMEOUT) -> Taken:
        """The transaction that brought this message, once it is here."""
        return wait.until(f"{message_id} outside", lambda: self.taken(message_id), timeout)[0]
