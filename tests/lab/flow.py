"""The rows of one message as a picture: a column for each server, its services
from top to bottom, and an arrow for each SMTP connection from one to another.

For a message with one recipient; rows as posthub track --json prints them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 100
GAP = 3

SUBMISSION = "Mailbox Transport Submission"
DELIVERY = "Mailbox Transport Delivery"
TRANSPORT = "Transport"
FRONTEND = "Front End Transport"

Row = Mapping[str, Any]


@dataclass
class Visit:
    """One service at work; what led to it stands above its box."""

    server: str
    service: str
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def short(host: str) -> str:
    return host.partition(".")[0].upper()


def place(row: Row) -> tuple[str, str]:
    """Which service of which server wrote a row."""
    source, event = row["Source"], row["EventId"]
    client, server = short(row["ClientHostname"]), short(row["ServerHostname"])
    if source == "STOREDRIVER" and event == "RECEIVE":
        return server, SUBMISSION
    if source == "STOREDRIVER" and event.startswith("SUBMIT"):
        return client, SUBMISSION
    if source == "STOREDRIVER":
        return server, DELIVERY
    if event == "RECEIVE":
        delivery = "Mailbox Delivery" in row["ConnectorId"]
        return server, DELIVERY if delivery else TRANSPORT
    return client, TRANSPORT


def visits(rows: Sequence[Row], frontends: Sequence[str]) -> list[Visit]:
    """In the order of the rows, with the mailboxes at both ends. A front end
    writes no rows: it is the client of the first."""
    found: list[Visit] = []
    first = rows[0]
    if first["Source"] == "STOREDRIVER":
        found.append(Visit(place(first)[0], "Outbox"))
    elif short(first["ClientHostname"]) in frontends:
        found.append(Visit(short(first["ClientHostname"]), FRONTEND, ["from outside, by SMTP"]))
    for number, row in enumerate(rows, 1):
        here = place(row)
        if not found or here != (found[-1].server, found[-1].service):
            found.append(Visit(*here))
        side = found[-1].before if row["EventId"] == "RECEIVE" else found[-1].after
        side.append(f"{number} {row['Source']} {row['EventId']}")
    if rows[-1]["EventId"] == "DELIVER":
        found.append(Visit(place(rows[-1])[0], "Inbox"))
    return found


class Canvas:
    """Lines that are written from top to bottom, each at any column."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, at: int, text: str) -> None:
        self.lines.append(" " * at + text)

    def arrow(self, start: int, end: int, text: str) -> None:
        """From below the box at start to text at end."""
        if start < end:
            self.line(start, f"+{'-' * (end - start - 1)}> {text}")
        else:
            head = f"{text} <"
            self.line(end, f"{head}{'-' * (start - end - len(head))}+")


def draw(rows: Sequence[Row], frontends: Sequence[str] = ()) -> str:
    """Lines of at most WIDTH characters for up to three servers."""
    path = visits(rows, frontends)
    servers = sorted({visit.server for visit in path})
    step = min(40, (WIDTH - GAP) // len(servers))
    column = {server: number * step for number, server in enumerate(servers)}
    canvas = Canvas()
    canvas.lines.append("".join(f"{server:<{step}}" for server in servers).rstrip())
    canvas.lines.append("".join(f"{'=' * (step - GAP):<{step}}" for _ in servers).rstrip())
    last = None
    for visit in path:
        at = column[visit.server]
        before = list(visit.before)
        if last is not None and last != at:
            canvas.arrow(last + 2, at + 2, before.pop(0) if before else "")
        for text in before:
            canvas.line(at + 2, f"| {text}")
        canvas.line(at, f"[{visit.service}]")
        for text in visit.after:
            canvas.line(at + 2, f"| {text}")
        last = at
    return "\n".join(line.rstrip() for line in canvas.lines)
