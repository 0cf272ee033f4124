"""Connectors of a server as an administrator sets them up: typed into Redis,
then "posthub setup connectors --apply" where its Postfix is."""

from __future__ import annotations

import random
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.authority import Authority
from tests.lab.host import Host
from tests.lab.lab import PREFIX, Lab
from tests.lab.protocols import Dialogue


def run_setup(host: Host, *options: str) -> subprocess.CompletedProcess[str]:
    return host.cli("setup", "connectors", *options, check=False)


def apply(lab: Lab, host: Host) -> None:
    """Wait until every daemon knows that it was done."""

    def run() -> None:
        done = run_setup(host, "--apply")
        assert done.returncode == 0, done.stderr

    lab.change(run)


@contextmanager
def connector(lab: Lab, host: Host, kind: str, name: str, **fields: str) -> Iterator[None]:
    """In force, and gone from Postfix as well at the end."""
    lab.change(lambda: lab.put(kind, name, **fields))
    try:
        apply(lab, host)
        yield
    finally:
        lab.change(lambda: lab.redis.call("DEL", f"{PREFIX}{kind}:{name}"))
        apply(lab, host)


def address_with(port: int) -> str:
    """A loopback address at which nobody listens on a port that must be this
    one."""
    for _ in range(200):
        address = f"127.{random.randrange(128, 255)}.{random.randrange(256)}.77"
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return address
    raise RuntimeError(f"no address with port {port}")


def connect(address: str, port: int, source: str = "127.0.0.1") -> Dialogue:
    """A client outside the organisation."""
    return Dialogue(socket.create_connection((address, port), 10, (source, 0)))


def connect_tls(address: str, port: int, context: ssl.SSLContext, name: str) -> Dialogue:
    """One that speaks TLS from the first byte."""
    plain = socket.create_connection((address, port), 10, ("127.0.0.1", 0))
    return Dialogue(context.wrap_socket(plain, server_hostname=name))


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.ca))


def keep_certificate(host: Host, authority: Authority, name: str) -> str:
    """Put one where posthub setup looks for it; its TlsCertificateName."""
    directory = host.directory / "certificates"
    directory.mkdir(exist_ok=True)
    cert, key = authority.issue(name)
    both = key.read_text(encoding="ascii") + cert.read_text(encoding="ascii")
    Path(directory, f"{name}.pem").write_text(both, encoding="ascii")
    host.set("server", "certificates", str(directory))
    return f"<I>CN=Lab<S>CN={name}"
