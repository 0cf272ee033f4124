"""A DNS server of the lab's own: dnsmasq, which knows the names below "test"
that it was told, and refuses to say anything about others."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from tests.lab import ports, wait
from tests.lab.process import Child

ADDRESS = "127.0.0.53"


class Dns:
    def __init__(
        self,
        directory: Path,
        env: dict[str, str],
        hosts: Mapping[str, str],
        exchangers: Mapping[str, list[tuple[int, str]]],
        null: list[str],
    ) -> None:
        """Addresses of hosts, MX of domains, and domains with a null MX."""
        self.port = ports.ask(ADDRESS)
        argv = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"]
        argv += ["--no-hosts", "--bind-interfaces", f"--listen-address={ADDRESS}"]
        argv += [f"--port={self.port}", "--local=/test/", "--user=root", "--pid-file="]
        argv += [f"--host-record={name},{address}" for name, address in hosts.items()]
        argv += [
            f"--mx-host={domain},{host},{preference}"
            for domain, list_ in exchangers.items()
            for preference, host in list_
        ]
        # Type 15, preference 0, the root.
        argv += [f"--dns-rr={domain},15,000000" for domain in null]
        self.child = Child("dnsmasq", argv, directory / "dnsmasq.log", env)

    @property
    def endpoint(self) -> str:
        return f"{ADDRESS}:{self.port}"

    def start(self) -> None:
        self.child.start()
        wait.until("dnsmasq to serve", self._up)

    def _up(self) -> bool:
        with socket.create_connection((ADDRESS, self.port), 5):
            return True
