"""Maildir++ as an IMAP server keeps it: folders of a mailbox, and saving into them."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

OUTBOX, SENT, DRAFTS = ".Outbox", ".Sent", ".Drafts"
CLAIMED = ".posthub-submission/items"
PARTS = ("tmp", "new", "cur")
_numbers = itertools.count(1)


def make(folder: Path, owner: str) -> None:
    """A folder, and the mailbox around it, with their owner."""
    for path in (*reversed(folder.parents[:3]), folder, *(folder / part for part in PARTS)):
        if not path.exists():
            path.mkdir(mode=0o700)
            shutil.chown(path, owner)


def unique_name() -> str:
    return f"{time.time_ns() // 1_000_000_000}.L{next(_numbers)}P{os.getpid()}.lab"


def save(folder: Path, content: bytes, owner: str, flags: str | None = "S") -> Path:
    """Into tmp, then by rename into cur; flags None: into new."""
    make(folder, owner)
    name = unique_name()
    written = folder / "tmp" / name
    written.write_bytes(content)
    shutil.chown(written, owner)
    final = folder / "new" / name if flags is None else folder / "cur" / f"{name}:2,{flags}"
    written.rename(final)
    return final


def files(folder: Path) -> Iterator[Path]:
    """Messages of a folder, or of the Inbox if it is the mailbox itself; what
    goes away meanwhile is left out."""
    for part in ("new", "cur"):
        try:
            yield from (folder / part / name for name in os.listdir(folder / part))
        except FileNotFoundError:
            continue


def messages(folder: Path) -> list[tuple[Path, Message]]:
    found = []
    for path in files(folder):
        try:
            found.append((path, message_from_bytes(path.read_bytes())))
        except FileNotFoundError:
            continue
    return found


def flags(path: Path) -> str:
    return path.name.partition(":2,")[2]
