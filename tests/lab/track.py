"""Rows of the message tracking logs, as files and as the command shows them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from tests.lab.host import Host

Row = dict[str, str]

# What Get-MessageTrackingLog is mostly asked for.
COLUMNS = ("client-hostname", "server-hostname", "connector-id", "source", "event-id")

_MBX1, _MBX2 = "MBX1.letsexchange.com", "MBX2.letsexchange.com"

# From Nuno's Outbox, on MBX1, to Mota's Inbox, on MBX2.
SEVEN_ROWS = [
    (_MBX1, "MBX1", "", "STOREDRIVER", "RECEIVE"),
    ("MBX1", _MBX2, "", "STOREDRIVER", "SUBMIT"),
    (_MBX1, "MBX2", r"MBX2\Default MBX2", "SMTP", "RECEIVE"),
    ("MBX2", "", "", "AGENT", "AGENTINFO"),
    ("MBX2", _MBX2, "Intra-Organization SMTP Send Connector", "SMTP", "SEND"),
    (_MBX2, "MBX2", r"MBX2\Default Mailbox Delivery MBX2", "SMTP", "RECEIVE"),
    ("MBX2", "MBX2", "", "STOREDRIVER", "DELIVER"),
]


def rows(host: Host, message_id: str | None = None) -> Iterator[Row]:
    """Rows that were written on a host, file by file."""
    for path in sorted(host.tracking.glob("*.LOG")):
        names: list[str] = []
        # newline="" keeps what the writer wrote; the reader takes CRLF.
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line in file:
                if line.startswith("#Fields: "):
                    names = line.removeprefix("#Fields: ").strip().split(",")
                elif not line.startswith("#") and line.endswith("\n"):
                    row = dict(zip(names, next(csv.reader([line.rstrip("\r\n")]))))
                    if message_id is None or row.get("message-id") == message_id:
                        yield row


def event(row: Row) -> str:
    """ "SMTP RECEIVE": what happened, in two words."""
    return f"{row['source']} {row['event-id']}"


def by_command(host: Host, *filters: str) -> list[dict[str, Any]]:
    """The same rows by posthub track, in its order; none is its answer "no",
    exit status 1."""
    answer = host.cli("track", *filters, "--json", check=False)
    if answer.returncode not in (0, 1):
        raise RuntimeError(f"posthub track {filters}: {answer.returncode}: {answer.stderr}")
    found = list(json.loads(answer.stdout))
    if bool(found) != (answer.returncode == 0):
        raise RuntimeError(f"posthub track: {len(found)} rows, status {answer.returncode}")
    return found


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """COLUMNS of a row that the command printed."""
    return tuple(str(row[name.title().replace("-", "")]) for name in COLUMNS)
