"""What Active Directory does and no other LDAP server here: long attributes
in ranges, short pages, entries found by distinguishedName. Just enough BER."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
PAGES = "1.2.840.113556.1.4.319"
SUFFIX = "dc=ad,dc=test"

Entry = dict[str, list[str]]
Item = tuple[int, bytes]


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
    while data:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
        yield tag, data[start : start + size]
        data = data[start + size :]


# ---- the server ------------------------------------------------------------------


def wanted(tag: int, data: bytes) -> set[tuple[str, str]] | None:
    """The pairs of which a filter wants one; None: it takes everybody. Known
    are or, equality and presence."""
    if tag == 0xA1:
        return {pair for item in items(data) for pair in wanted(*item) or set()}
    if tag == 0x87:
        return None
    assert tag == 0xA3, f"filter {tag:#x}"
    name, value = (part.decode().lower() for _, part in items(data))
    return {(name, value)}


def pairs(entry: Entry) -> set[tuple[str, str]]:
    return {(name.lower(), value.lower()) for name, values in entry.items() for value in values}


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
        try:
            while True:
                ident, (op, request), *more = items(self._message())
                if op == 0x42:
                    return
                controls = list(items(more[0][1])) if more else []
                answers = (
                    [tlv(0x61, number(0, 0x0A), text(""), text(""))]
                    if op == 0x60
                    else self._search(request, controls)
                )
                for answer in answers:
                    self.request.sendall(tlv(0x30, tlv(0x02, ident[1]), answer))
        except ConnectionError:
            return

    # A search request: base, scope, three limits, typesOnly, filter, attributes.
    def _search(self, request: bytes, controls: list[Item]) -> Iterator[bytes]:
        base, scope, _, _, _, _, asked, attributes = items(request)
        names = [name.decode() for _, name in items(attributes[1])]
        self.server.asked.extend(names)
        any_of = wanted(*asked)
        found = [
            (dn, entry)
            for dn, entry in self.server.entries.items()
            if (dn == base[1].decode() if scope[1] == b"\0" else dn)
            and (any_of is None or any_of & pairs(entry))
        ]
        start, paged = self._page(controls)
        end = start + self.server.page if paged else len(found)
        for dn, entry in found[start:end]:
            yield self._entry(dn, entry, names)
        done = tlv(0x65, number(0, 0x0A), text(""), text(""))
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
        return tlv(0x64, text(dn), tlv(0x30, *lists))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _Session)
        self.entries: dict[str, Entry] = {}
        self.asked: list[str] = []
        self.page = 50
        self.values = 100


class ActiveDirectory:
    """Served while the context lasts. asked: all attributes that were."""

    def __init__(self, address: str, port: int) -> None:
        self._server = _Server((address, port))
        self.uri = f"ldap://{address}:{port}"
        self.add("", supportedCapabilities=[ACTIVE_DIRECTORY])
        self.add(SUFFIX, objectClass=["domain"])

    @property
    def asked(self) -> list[str]:
        return self._server.asked

    def add(self, dn: str, **attributes: list[str]) -> str:
        self._server.entries[dn] = {"distinguishedName": [dn]} | attributes
        return dn

    def __enter__(self) -> ActiveDirectory:
        run: Callable[[], None] = self._server.serve_forever
        threading.Thread(target=run, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
