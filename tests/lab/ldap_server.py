"""An LDAP server that does what none of Debian's can be made to do: it gives
long attributes in ranges and results in pages without being asked, as Active
Directory does, is slow, talks nonsense, sends one round in circles. It stands
in for no server that there is: what slapd or Samba can show is asked of them.
Just enough BER for that (RFC 4511)."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from tests.lab import ports
from tests.lab.ldap import Ldap

ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
PAGES = "1.2.840.113556.1.4.319"
SUFFIX = "dc=ad,dc=test"
ADDRESS = "127.0.1.202"

Entry = dict[str, list[str]]
Item = tuple[int, bytes]

BIND, BOUND, UNBIND = 0x60, 0x61, 0x42
ENTRY, DONE, REFERENCE = 0x64, 0x65, 0x73
# Before what goes out as it is.
RAW = b"\0raw"
SUCCESS, SIZE_LIMIT, REFERRAL, NO_SUCH_OBJECT = 0, 4, 10, 32


# ---- BER -----------------------------------------------------------------------


def tlv(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return bytes([tag, 0x84]) + len(data).to_bytes(4, "big") + data


def number(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(4, "big"))


def text(value: str | bytes, tag: int = 0x04) -> bytes:
    return tlv(tag, value.encode() if isinstance(value, str) else value)


def items(data: bytes) -> Iterator[Item]:
    """The elements of a constructed value."""
    at = 0
    while at < len(data):
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[at + 2 : start], "big")
        yield tag, data[start : start + size]
        at = start + size


def result(tag: int, code: int, more: bytes = b"") -> bytes:
    return tlv(tag, number(code, 0x0A), text(""), text(""), more)


# ---- filters ---------------------------------------------------------------------

Pair = tuple[str, str]


def wanted(tag: int, data: bytes) -> set[Pair] | None:
    """The pairs of which a filter wants one; None: it takes everybody. Known
    are or, equality and presence."""
    if tag == 0xA1:
        return {pair for item in items(data) for pair in wanted(*item) or set()}
    if tag == 0x87:
        return None
    assert tag == 0xA3, f"filter {tag:#x}"
    name, value = (part.decode().lower() for _, part in items(data))
    return {(name, value)}


# ---- the server ------------------------------------------------------------------


class _Session(socketserver.BaseRequestHandler):
    server: _Server

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.request.recv(size - len(data))
            if not piece:
                raise ConnectionError("closed")
            data += piece
        return data

    def _message(self) -> bytes:
        size = self._receive(2)[1]
        if size & 0x80:
            size = int.from_bytes(self._receive(size & 0x7F), "big")
        return self._receive(size)

    def handle(self) -> None:
        # Else each answer waits for the acknowledgement of the one before.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.opened += 1
        try:
            while True:
                ident, (op, request), *more = items(self._message())
                if op == UNBIND:
                    break
                controls = list(items(more[0][1])) if more else []
                for answer in self._answers(op, request, controls):
                    raw = answer.startswith(RAW)
                    message = tlv(0x30, tlv(0x02, ident[1]), answer)
                    self.request.sendall(answer[len(RAW) :] if raw else message)
        except ConnectionError:
            pass
        self.server.closed += 1

    def _answers(self, op: int, request: bytes, controls: list[Item]) -> Iterator[bytes]:
        """Who owns an address, or has a name, is asked below the base: that is
        what the mood is about."""
        if op == BIND:
            yield result(BOUND, SUCCESS)
        elif list(items(request))[1][1] == b"\0":
            yield from self._search(request, controls)
        else:
            self.server.searches += 1
            yield from self.server.mood(self.server, self._search(request, controls))

    # A search request: base, scope, three limits, typesOnly, filter, attributes.
    def _search(self, request: bytes, controls: list[Item]) -> Iterator[bytes]:
        base, scope, _, _, _, _, asked, attributes = items(request)
        names = [name.decode() for _, name in items(attributes[1])]
        self.server.asked.extend(names)
        if scope[1] == b"\0":
            found = self.server.named(base[1].decode())
        else:
            found = self.server.matching(wanted(*asked))
        start, paged = self._page(controls)
        end = start + self.server.page if paged else len(found)
        for dn, entry in found[start:end]:
            yield self._entry(dn, entry, names)
        gone = scope[1] == b"\0" and not found
        done = result(DONE, NO_SUCH_OBJECT if gone else SUCCESS)
        if paged:
            cookie = str(end) if end < len(found) else ""
            value = tlv(0x30, number(len(found)), text(cookie))
            done += tlv(0xA0, tlv(0x30, text(PAGES), text(value)))
        yield done

    @staticmethod
    def _page(controls: list[Item]) -> tuple[int, bool]:
        for _, control in controls:
            oid, *_, value = items(control)
            if oid[1].decode() == PAGES:
                _, cookie = items(next(items(value[1]))[1])
                return int(cookie[1] or b"0"), True
        return 0, False

    def _entry(self, dn: str, entry: Entry, names: list[str]) -> bytes:
        lists = []
        for name in names:
            plain, _, option = name.partition(";range=")
            values = entry.get(plain, [])
            first = int(option.partition("-")[0] or 0)
            part = values[first : first + self.server.values]
            if len(part) < len(values):
                last = first + len(part) - 1
                end = "*" if last == len(values) - 1 else str(last)
                plain = f"{plain};range={first}-{end}"
            if part:
                lists.append(tlv(0x30, text(plain), tlv(0x31, *map(text, part))))
        return tlv(ENTRY, text(dn), tlv(0x30, *lists))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Session)
        self.entries: dict[str, tuple[str, Entry]] = {}
        self.index: dict[Pair, list[str]] = {}
        self.imagined: Callable[[str], Entry | None] = lambda dn: None
        self.asked: list[str] = []
        self.opened = self.closed = self.searches = 0
        self.page = 1000
        self.values = 1500
        self.mood: Mood = good
        self.stopping = threading.Event()

    def put(self, dn: str, entry: Entry) -> None:
        entry = {"distinguishedName": [dn]} | entry
        self.entries[dn.lower()] = (dn, entry)
        for value in entry.get("proxyAddresses", []):
            self.index.setdefault(("proxyaddresses", value.lower()), []).append(dn.lower())

    def named(self, dn: str) -> list[tuple[str, Entry]]:
        if dn.lower() in self.entries:
            return [self.entries[dn.lower()]]
        entry = self.imagined(dn)
        return [(dn, entry)] if entry else []

    def matching(self, any_of: set[Pair] | None) -> list[tuple[str, Entry]]:
        if any_of is None:
            return [pair for dn, pair in self.entries.items() if dn]
        found = {dn for pair in any_of for dn in self.index.get(pair, [])}
        found |= {value for name, value in any_of if name == "distinguishedname"}
        return [pair for dn in sorted(found) for pair in self.named(dn)]


# ---- moods: what becomes of an answer ---------------------------------------------

Mood = Callable[[_Server, Iterator[bytes]], Iterator[bytes]]


def good(_: _Server, answers: Iterator[bytes]) -> Iterator[bytes]:
    return answers


def slow(server: _Server, answers: Iterator[bytes]) -> Iterator[bytes]:
    """Half a minute: longer than anybody may wait."""
    server.stopping.wait(30)
    yield from answers


def garbage(_: _Server, __: Iterator[bytes]) -> Iterator[bytes]:
    yield RAW + b"HTTP/1.1 400 Bad Request\r\n\r\n"


def endless(_: _Server, __: Iterator[bytes]) -> Iterator[bytes]:
    """The beginning of a message of almost 4 GB."""
    yield RAW + b"\x30\x84\xff\xff\xff\xf0\x02\x01"


def refer(server: _Server, _: Iterator[bytes]) -> Iterator[bytes]:
    """Elsewhere, which is here, and each time a little further on."""
    yield result(DONE, REFERRAL, tlv(0xA3, text(_url(server))))


def refer_on(server: _Server, answers: Iterator[bytes]) -> Iterator[bytes]:
    """As Active Directory does of its other partitions: an answer, and where
    there may be more of it."""
    yield tlv(REFERENCE, text(_url(server)))
    yield from answers


def too_many(_: _Server, answers: Iterator[bytes]) -> Iterator[bytes]:
    """What was found, and that it is not all."""
    yield from (answer for answer in answers if answer[0] == ENTRY)
    yield result(DONE, SIZE_LIMIT)


def _url(server: _Server) -> str:
    host, port = server.server_address[:2]
    return f"ldap://{host!s}:{port}/ou={server.searches},{SUFFIX}??sub"


class LdapServer(Ldap):
    """Served while the context lasts."""

    suffix = people = SUFFIX
    databases = f"cn=Databases,{SUFFIX}"
    reader = f"cn=posthub,{SUFFIX}"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, {})
        directory.mkdir(mode=0o755)
        self.password_file.write_text("any\n", encoding="utf-8")
        self.server = _Server((ADDRESS, ports.ask(ADDRESS)))
        self.uri = f"ldap://{ADDRESS}:{self.server.server_address[1]}"
        self.server.put("", {"supportedCapabilities": [ACTIVE_DIRECTORY]})
        self.server.put(SUFFIX, {"objectClass": ["domain"]})

    def load(self, text: str) -> None:
        for block in text.strip().split("\n\n"):
            entry: Entry = {}
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                encoded = value.startswith(":")
                value = base64.b64decode(value[1:]).decode() if encoded else value.strip()
                entry.setdefault(name, []).append(value)
            (dn,) = entry.pop("dn")
            self.server.put(dn, entry)

    def __enter__(self) -> LdapServer:
        run: Callable[[], None] = self.server.serve_forever
        threading.Thread(target=run, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.stopping.set()
        self.server.shutdown()
        self.server.server_close()
