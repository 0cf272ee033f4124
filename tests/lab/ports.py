"""Free TCP ports on a host's address."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 10000
IP_FREEBIND = 15


def _below_ephemeral() -> int:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    return max(int(text.split()[0]), LOWEST + 1000)


def ask(address: str) -> int:
    """A port that nobody listens on.

    Asked for outside the kernel's ephemeral range: the port of a daemon that
    is killed must still be free when it comes back, and clients that bind the
    same address would take one of the ephemeral ports in the meantime.
    """
    highest = _below_ephemeral()
    for _ in range(200):
        port = random.randrange(LOWEST, highest)
        with socket.socket() as probe:
            # The address may be one of another network namespace.
            probe.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port on {address}")
