"""Hosts in network namespaces of their own, that can be cut off from each other.

A bridge joins them; each has one address. A cut drops what goes to an address
in silence, as a broken line does, in both directions. The namespace that the
tests run in reaches all of them, always: it is not part of what is tested.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from itertools import count, product
from pathlib import Path

# What to remove when a lab was killed: a line each.
LIST = "network"
# The kernel takes a while to remove a namespace and what was in it, so that no
# name is used twice.
_NUMBERS = count(1)


def ip(*args: str, check: bool = True) -> None:
    subprocess.run(["ip", *args], check=check, timeout=30, capture_output=True)


def remove(directory: Path) -> None:
    """Everything that a network below this directory has made."""
    path = directory / LIST
    if not path.exists():
        return
    for line in path.read_text(encoding="ascii").splitlines():
        kind, name = line.split()
        ip(*(("netns", "del") if kind == "netns" else ("link", "del")), name, check=False)


class Network:
    """One bridge and those on it, by name."""

    def __init__(self, directory: Path) -> None:
        pid = os.getpid()
        self._directory = directory
        self._bridge = f"phb{pid % 1000000}.{next(_NUMBERS)}"
        self._net = f"10.{64 + pid % 128}.{pid // 128 % 256}."
        self._spaces: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self._note("link", self._bridge)
        ip("link", "add", self._bridge, "type", "bridge")
        ip("addr", "add", f"{self._net}254/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")

    def _note(self, kind: str, name: str) -> None:
        with (self._directory / LIST).open("a", encoding="ascii") as file:
            file.write(f"{kind} {name}\n")

    def add(self, name: str) -> str:
        """A new namespace; its address."""
        number = len(self._spaces) + 1
        unique = f"{os.getpid() % 1000000}.{next(_NUMBERS)}"
        space, outside = f"ph{unique}", f"phv{unique}"
        self._note("netns", space)
        ip("netns", "add", space)
        ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("link", "set", outside, "master", self._bridge, "up")
        ip("-n", space, "link", "set", "lo", "up")
        ip("-n", space, "link", "set", "eth0", "up")
        self._spaces[name] = space
        self.addresses[name] = f"{self._net}{number}"
        self._give(name, self.addresses[name])
        return self.addresses[name]

    def _give(self, name: str, address: str) -> None:
        ip("-n", self._spaces[name], "addr", "add", f"{address}/24", "dev", "eth0")

    def inside(self, name: str) -> tuple[str, ...]:
        """What to put before a command so that it runs there."""
        return ("nsenter", f"--net=/run/netns/{self._spaces[name]}")

    def take_address(self, old: str, new: str) -> None:
        """One takes over the address of another, which has none any more."""
        address = self.addresses.pop(old)
        ip("-n", self._spaces[old], "addr", "flush", "dev", "eth0")
        self._give(new, address)
        self.addresses[old] = self.addresses[new]
        for space in self._spaces.values():
            ip("-n", space, "neigh", "flush", "all")
        ip("neigh", "flush", "dev", self._bridge)

    def _route(self, verb: str, here: str, there: str) -> None:
        address = self.addresses[there]
        ip("-n", self._spaces[here], "route", verb, "blackhole", f"{address}/32", check=verb == "add")

    def cut(self, some: Iterable[str], others: Iterable[str]) -> None:
        """Nothing passes between any of these and any of those."""
        for one, other in product(list(some), list(others)):
            self._route("add", one, other)
            self._route("add", other, one)

    def heal(self) -> None:
        for one, other in product(self._spaces, self._spaces):
            if one != other:
                self._route("del", one, other)
