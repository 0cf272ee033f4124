"""What a Kerberos client of the lab is told: krb5.conf, and a keytab."""

from __future__ import annotations

import struct
from pathlib import Path

AES256 = 18
PRINCIPAL = 1  # KRB5_NT_PRINCIPAL


def configure(path: Path, realm: str, server: str) -> None:
    """krb5.conf, for a server that is found by nothing else."""
    path.write_text(
        "[libdefaults]\n"
        f"  default_realm = {realm}\n"
        "  dns_lookup_kdc = false\n  dns_lookup_realm = false\n"
        "  dns_canonicalize_hostname = false\n  rdns = false\n"
        f"[realms]\n  {realm} = {{\n    kdc = {server}\n  }}\n",
        encoding="ascii",
    )


def write_keytab(path: Path, name: str, realm: str) -> None:
    """A key that no server knows (MIT's format, version 2)."""

    def counted(data: bytes) -> bytes:
        return struct.pack(">H", len(data)) + data

    entry = struct.pack(">H", 1) + counted(realm.encode()) + counted(name.encode())
    entry += struct.pack(">IIBH", PRINCIPAL, 0, 1, AES256) + counted(bytes(range(32)))
    path.write_bytes(b"\x05\x02" + struct.pack(">i", len(entry)) + entry)
