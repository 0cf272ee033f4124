"""Just enough of each protocol to ask a daemon what Postfix would ask."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path
from types import TracebackType

TIMEOUT = 10.0


def connect(path: Path, timeout: float = TIMEOUT) -> socket.socket:
    """A connection to a UNIX socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    try:
        sock.connect(str(path))
    except OSError:
        sock.close()
        raise
    return sock


def accepts(path: Path) -> bool:
    connect(path).close()
    return True


def read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError(f"closed after {len(data)} of {size} bytes")
        data += piece
    return data


# ---- SMTP and LMTP ---------------------------------------------------------


class Dialogue:
    """A line conversation; commands return the whole reply."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.settimeout(TIMEOUT)
        self._file = sock.makefile("rb")
        self.greeting = self.reply()

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def reply(self) -> str:
        """Lines joined by a line break; "" when the other end has closed."""
        lines = []
        while True:
            line = self._file.readline(65536)
            if not line.endswith(b"\n"):
                return ""
            lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def command(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """After the answer to STARTTLS."""
        self._file.close()
        self._socket = context.wrap_socket(self._socket, server_hostname=name)
        self._file = self._socket.makefile("rb")


def greeting(address: str, port: int) -> str:
    with socket.create_connection((address, port), 5) as sock:
        return sock.makefile("rb").readline().decode("utf-8", "replace")


# ---- socketmap -------------------------------------------------------------


def netstring(data: bytes) -> bytes:
    return b"%d:%s," % (len(data), data)


def read_netstring(sock: socket.socket) -> bytes:
    digits = b""
    while not digits.endswith(b":"):
        digits += read_exactly(sock, 1)
        if len(digits) > 10:
            raise ConnectionError(f"not a netstring: {digits!r}")
    data = read_exactly(sock, int(digits[:-1]) + 1)
    if data[-1:] != b",":
        raise ConnectionError(f"netstring without its comma: {data!r}")
    return data[:-1]


def ask_map(path: Path, table: str, key: str) -> str:
    """The answer of a socketmap, status word first: "OK text"."""
    with connect(path) as sock:
        sock.sendall(netstring(f"{table} {key}".encode()))
        return read_netstring(sock).decode("utf-8", "replace")


# ---- policy delegation -----------------------------------------------------


def ask_policy(path: Path, **attributes: str) -> str:
    """The action for one request of smtpd."""
    fields = {"request": "smtpd_access_policy", "protocol_state": "RCPT"} | attributes
    text = "".join(f"{name}={value}\n" for name, value in fields.items())
    with connect(path) as sock:
        sock.sendall(text.encode() + b"\n")
        with sock.makefile("rb") as answer:
            line = answer.readline().decode("utf-8", "replace").strip()
            if answer.readline() != b"\n":
                raise ConnectionError(f"no empty line after {line!r}")
    name, _, action = line.partition("=")
    if name != "action":
        raise ConnectionError(f"not an action: {line!r}")
    return action


# ---- milter ----------------------------------------------------------------


def milter_packet(command: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data) + 1) + command + data


def read_milter(sock: socket.socket) -> tuple[bytes, bytes]:
    size = struct.unpack(">I", read_exactly(sock, 4))[0]
    packet = read_exactly(sock, size)
    return packet[:1], packet[1:]


def negotiate_milter(path: Path) -> bytes:
    """Option negotiation as Postfix does it; the command of the answer."""
    with connect(path) as sock:
        sock.sendall(milter_packet(b"O", struct.pack(">III", 6, 0x1FF, 0x1FFFFF)))
        return read_milter(sock)[0]
