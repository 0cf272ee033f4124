"""Garbage, too much and too little on each socket: the next one is served."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.conftest import MOTA
from tests.lab import protocols
from tests.lab.host import Host
from tests.lab.lab import Lab

MEGABYTE = 1 << 20


def map_answers(host: Host) -> bool:
    return host.ask_map("recipient", MOTA).startswith("OK ")


def policy_answers(host: Host) -> bool:
    attributes = {"sender": "a@sender.test", "recipient": MOTA, "client_address": "192.0.2.1"}
    return protocols.ask_policy(host.policy_socket, **attributes).upper().startswith("DUNNO")


def milter_answers(host: Host) -> bool:
    return protocols.negotiate_milter(host.milter_socket) == b"O"


def expand_answers(host: Host) -> bool:
    with protocols.Dialogue(protocols.connect(host.expand_socket)) as talk:
        return talk.command("LHLO sender.test").startswith("250")


def lmtp_answers(host: Host) -> bool:
    with host.connect_lmtp() as lmtp:
        return lmtp.command("LHLO tester").startswith("250")


@dataclass
class Socket:
    """A socket of a daemon, and how to see that it is well."""

    daemon: str
    connect: Callable[[Host], socket.socket]
    answers: Callable[[Host], bool]


SOCKETS = {
    "map": Socket("policy", lambda h: protocols.connect(h.map_socket), map_answers),
    "policy": Socket("policy", lambda h: protocols.connect(h.policy_socket), policy_answers),
    "expand": Socket("policy", lambda h: protocols.connect(h.expand_socket), expand_answers),
    "milter": Socket("transport", lambda h: protocols.connect(h.milter_socket), milter_answers),
    "lmtp": Socket(
        "delivery", lambda h: socket.create_connection((h.address, h.lmtp), 10), lmtp_answers
    ),
}

GARBAGE = {
    "zeros": bytes(4096),
    "high bytes": bytes(range(256)) * 16,
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "long line": b"a" * MEGABYTE,
    "long line with its end": b"a" * MEGABYTE + b"\r\n\n",
    "huge netstring": b"999999999999999999999:",
    "netstring without comma": b"11:recipient a;",
    "netstring with leading zero": b"007:x y z a,",
    "attribute without value": b"request\n\n",
    "endless attributes": b"name=value\n" * 100_000,
    "huge milter packet": b"\xff\xff\xff\xffO",
    "milter packet of no bytes": b"\0\0\0\0",
    "milter out of order": protocols.milter_packet(b"E") * 50,
    "lmtp out of order": b"DATA\r\nRCPT TO:<a@b>\r\nMAIL\r\n" * 200,
    "lmtp control characters": b"LHLO \0\x01\x02\r\nMAIL FROM:<\0>\r\n",
    "nothing": b"",
}
TRUNCATED = {
    "map": [protocols.netstring(f"recipient {MOTA}".encode())],
    "policy": [f"request=smtpd_access_policy\nrecipient={MOTA}\n\n".encode()],
    "milter": [protocols.milter_packet(b"O", bytes(12))],
    "expand": [
        f"LHLO a\r\nMAIL FROM:<> RET=HDRS\r\nRCPT TO:<{MOTA}> NOTIFY=NEVER\r\n"
        "DATA\r\nSubject: x\r\n\r\n.".encode()
    ],
    "lmtp": [f"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{MOTA}>\r\nDATA\r\nSubject: x\r\n\r\n.".encode()],
}


def throw(sock: socket.socket, data: bytes) -> None:
    """Send, say that no more comes, read to the end: the daemon must close."""
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    except OSError as error:
        # Closed while we were still talking, as it may.
        if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
            raise
    finally:
        sock.close()


@pytest.mark.parametrize("name", SOCKETS)
def test_garbage(org: Lab, name: str) -> None:
    host, target = org.hosts["MBX2"], SOCKETS[name]
    pid = host.daemon(target.daemon).pid
    for what, data in GARBAGE.items():
        throw(target.connect(host), data)
        assert target.answers(host), what
    assert host.daemon(target.daemon).alive() and host.daemon(target.daemon).pid == pid


@pytest.mark.parametrize("name", SOCKETS)
def test_request_cut_at_every_position(org: Lab, name: str) -> None:
    host, target = org.hosts["MBX2"], SOCKETS[name]
    for data in TRUNCATED[name]:
        for size in range(1, len(data)):
            throw(target.connect(host), data[:size])
    assert target.answers(host)


def test_map_and_key_at_the_limit(org: Lab) -> None:
    host = org.hosts["MBX2"]
    longest = "a" * (10_000 - len("recipient "))
    assert host.ask_map("recipient", longest).split()[0] in ("NOTFOUND", "PERM")
    with pytest.raises(ConnectionError):
        host.ask_map("recipient", longest + "a")
    assert map_answers(host)


def test_unknown_map_is_an_error_and_not_an_answer(org: Lab) -> None:
    assert org.hosts["MBX2"].ask_map("nosuchmap", "x").split()[0] in ("PERM", "TEMP")


def test_lmtp_takes_no_mail_without_a_recipient(org: Lab) -> None:
    with org.hosts["MBX2"].connect_lmtp() as lmtp:
        assert lmtp.command("LHLO tester").startswith("250")
        assert lmtp.command("MAIL FROM:<>").startswith("250")
        assert lmtp.command("RCPT TO:<nobody@letsexchange.com>").startswith("550 5.1.1")
        assert lmtp.command("DATA").startswith("503")


def test_lmtp_mail_cut_before_its_end_is_not_delivered(org: Lab) -> None:
    host = org.hosts["MBX2"]
    ident = "<cut-before-its-end@sender.test>"
    lmtp = host.connect_lmtp()
    for command in ("LHLO tester", "MAIL FROM:<>", f"RCPT TO:<{MOTA}>"):
        assert lmtp.command(command).startswith("250")
    assert lmtp.command("DATA").startswith("354")
    lmtp.send(f"Message-ID: {ident}\r\n\r\nhalf a mess".encode())
    lmtp.close()
    assert lmtp_answers(host)
    assert not [m for m in org.messages(MOTA) if m["Message-ID"] == ident]
