#!/usr/bin/python3
"""Send mail, break things, count.

Sends numbered messages as an MTA does, waits until the queues have settled,
reads the mailboxes and says of each message and recipient: accepted, in the
mailbox once, twice, missing, bounced and why. Exit status 0 only when what was
accepted is in its mailbox exactly once, unharmed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.utils import formatdate
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.lab import maildir, wait
from tests.lab.host import USER, maildir_files
from tests.lab.postfix import queued
from tests.lab.smtp_mta import Mail, Mta, Target

Pair = tuple[str, str]  # Message-ID and recipient

MESSAGE_ID = re.compile(r" (\w+): message-id=(<[^>]*>)")
BOUNCED = re.compile(
    r" (\w+): to=<([^>]*)>.* status=(?:bounced|expired)[^(]*\((.*)\)$", re.MULTILINE
)


@dataclass
class Site:
    """Where mail goes in and comes out: what the accounting has to know."""

    targets: list[Target]
    stores: list[Path]
    recipients: list[str]
    postfixes: list[Path] = field(default_factory=list)  # configuration directories
    queues: list[Path] = field(default_factory=list)
    maillogs: list[Path] = field(default_factory=list)
    # Mailboxes of those who send by saving in their Outbox, by address.
    owners: dict[str, Path] = field(default_factory=dict)


@dataclass
class Filing:
    """What became of the messages that owners saved in their Outboxes."""

    saved: set[str]  # Message-IDs
    sent: Counter[str]  # how often each is in its owner's Sent
    drafts: Counter[str]
    waiting: int  # in the Outbox, or claimed

    def ok(self) -> bool:
        """Each is in Sent, once, and nowhere else."""
        once = {ident for ident, n in self.sent.items() if n == 1}
        return bool(self.saved) and once == self.saved and not self.drafts and not self.waiting

    def text(self) -> str:
        counts = {
            "in Sent once": sum(n == 1 for n in self.sent.values()),
            "in Sent twice": sum(n > 1 for n in self.sent.values()),
            "in Drafts": len(self.drafts),
            "in the Outbox": self.waiting,
            "in no folder": len(self.saved - set(self.sent) - set(self.drafts)) - self.waiting,
        }
        return "\n".join(f"{name:>22}  {count}" for name, count in counts.items())


@dataclass
class Report:
    """What became of each (message, recipient)."""

    sent: int = 0
    attempts: int = 0
    accepted: set[Pair] = field(default_factory=set)
    refused: dict[Pair, str] = field(default_factory=dict)
    unsent: dict[Pair, str] = field(default_factory=dict)
    once: set[Pair] = field(default_factory=set)
    twice: set[Pair] = field(default_factory=set)
    missing: set[Pair] = field(default_factory=set)
    damaged: set[Pair] = field(default_factory=set)
    unasked: set[Pair] = field(default_factory=set)  # in a mailbox, never accepted
    bounced: dict[Pair, str] = field(default_factory=dict)
    queued: int = 0
    filing: Filing | None = None  # of what was sent from Outboxes

    def ok(self) -> bool:
        """All that was accepted is there once, and all was accepted."""
        bad = self.twice or self.missing or self.damaged or self.unsent or self.refused
        if self.filing is not None and not self.filing.ok():
            return False
        return bool(self.accepted) and not bad and self.accepted == self.once

    def text(self) -> str:
        """For people; the first few of each kind of trouble by name."""
        counts = {
            "messages sent": self.sent,
            "attempts": self.attempts,
            "accepted": len(self.accepted),
            "in the mailbox once": len(self.once),
            "twice": len(self.twice),
            "missing": len(self.missing),
            "damaged": len(self.damaged),
            "bounced": len(self.bounced),
            "refused": len(self.refused),
            "not accepted in time": len(self.unsent),
            "still queued": self.queued,
        }
        lines = [f"{name:>22}  {count}" for name, count in counts.items()]
        if self.filing is not None:
            lines.append(self.filing.text())
        for name in ("twice", "missing", "damaged", "bounced", "refused", "unsent"):
            pairs = getattr(self, name)
            reasons = pairs if isinstance(pairs, dict) else {}
            for pair in sorted(pairs)[:5]:
                lines.append(f"{name}: {pair[0]} to {pair[1]} {reasons.get(pair, '')}".rstrip())
        return "\n".join(lines)


def compose(run: str, number: int, sender: str, recipients: Sequence[str], size: int) -> Mail:
    """A message that can be recognised, and whose harm can be seen: its body
    ends with a line of its own."""
    ident = f"<{run}.{number}@sender.test>"
    lines = [
        f"From: <{sender}>",
        f"To: {', '.join(f'<{r}>' for r in recipients)}",
        f"Subject: accounting {run} {number}",
        f"Date: {formatdate(usegmt=True)}",
        f"Message-ID: {ident}",
        "",
        f"Message {number} of run {run}.",
        ".a line that begins with a dot",
    ]
    filler = "x" * 70
    lines += [filler] * max(0, (size - sum(map(len, lines))) // 72)
    lines += [f"End of {ident}", ""]
    return Mail(ident, sender, tuple(recipients), "\r\n".join(lines).encode())


def make_mails(site: Site, count: int, per_mail: int = 1, size: int = 1000) -> list[Mail]:
    """Mails to all recipients in turn, some to several at once."""
    run = uuid.uuid4().hex[:12]
    mails = []
    for number in range(count):
        many = random.randint(1, min(per_mail, len(site.recipients)))
        first = number % len(site.recipients)
        chosen = [site.recipients[(first + i) % len(site.recipients)] for i in range(many)]
        mails.append(compose(run, number, f"sender{number % 7}@sender.test", chosen, size))
    return mails


def flush(site: Site) -> None:
    for conf in site.postfixes:
        command = ["/usr/sbin/postqueue", "-c", str(conf), "-f"]
        subprocess.run(command, capture_output=True, timeout=60, check=False)


class Mailboxes:
    """What lies in the mailboxes of a site. Files of a Maildir do not change,
    so each is read once however often is asked."""

    def __init__(self, site: Site, mails: Sequence[Mail]) -> None:
        self._stores = site.stores
        self._known = {mail.ident: mail for mail in mails}
        self._read: dict[Path, Pair | None] = {}
        self.damaged: set[Pair] = set()

    def counts(self) -> Counter[Pair]:
        """How often each message is in each mailbox."""
        paths = [path for store in self._stores for path in maildir_files(store)]
        pairs = [self._pair(path) for path in paths]
        return Counter(pair for pair in pairs if pair is not None)

    def _pair(self, path: Path) -> Pair | None:
        if path not in self._read:
            self._read[path] = self._look(path)
        return self._read[path]

    def _look(self, path: Path) -> Pair | None:
        content = path.read_bytes()
        ident = str(message_from_bytes(content)["Message-ID"]).strip()
        if ident not in self._known:
            return None
        domain, local = path.parts[-4:-2]
        pair = (ident, f"{local}@{domain}")
        if not whole(content, self._known[ident].content):
            self.damaged.add(pair)
        return pair


def whole(stored: bytes, sent: bytes) -> bool:
    """Header fields are added on the way; the body arrives as it was."""
    body = sent.partition(b"\r\n\r\n")[2].replace(b"\r\n", b"\n")
    return stored.replace(b"\r\n", b"\n").partition(b"\n\n")[2] == body


def bounces(site: Site, known: set[str]) -> dict[Pair, str]:
    """Reasons of failed deliveries, from Postfix's logs."""
    result = {}
    for log in site.maillogs:
        text = log.read_text(encoding="utf-8", errors="replace")
        idents = dict(MESSAGE_ID.findall(text))
        for queue_id, recipient, reason in BOUNCED.findall(text):
            ident = idents.get(queue_id, "")
            if ident in known:
                result[ident, recipient] = reason
    return result


def settle(
    site: Site, mails: Sequence[Mail], boxes: Mailboxes, deadline: float, quiet: float
) -> None:
    """Until the queues are empty and every accepted message is somewhere, or
    nothing has changed for long enough that nothing will."""
    wanted = {(mail.ident, r) for mail in mails for r in mail.accepted}
    last: tuple[int, int] = (-1, -1)
    changed = time.monotonic()

    def settled() -> bool:
        nonlocal last, changed
        counts = boxes.counts()
        now = (sum(map(queued, site.queues)), sum(counts.values()))
        if now != last:
            last, changed = now, time.monotonic()
        if now[0] == 0 and wanted <= set(counts):
            return True
        flush(site)
        return time.monotonic() - changed > quiet

    try:
        wait.until("the queues to settle", settled, deadline, interval=0.3)
    except wait.TimedOut:
        pass  # the report says what is left


def judge(site: Site, mails: Sequence[Mail], boxes: Mailboxes) -> Report:
    counts = boxes.counts()
    report = Report(sent=len(mails), damaged=boxes.damaged, queued=sum(map(queued, site.queues)))
    for mail in mails:
        report.attempts += mail.attempts
        report.accepted |= {(mail.ident, r) for r in mail.accepted}
        report.refused |= {(mail.ident, r): why for r, why in mail.refused.items()}
        report.unsent |= {(mail.ident, r): mail.last for r in mail.pending}
    report.once = {pair for pair, n in counts.items() if n == 1}
    report.twice = {pair for pair, n in counts.items() if n > 1}
    report.missing = report.accepted - set(counts)
    report.unasked = set(counts) - report.accepted
    report.bounced = bounces(site, {mail.ident for mail in mails})
    return report


def run(
    site: Site,
    count: int,
    per_mail: int = 1,
    connections: int = 5,
    size: int = 1000,
    deadline: float = 90.0,
    meanwhile: Callable[[Mta], None] | None = None,
    quiet: float = 20.0,
) -> Report:
    """Send, let meanwhile break things while mail flows, wait, count. When
    nothing changes for quiet seconds, nothing will."""
    mails = make_mails(site, count, per_mail, size)
    mta = Mta(site.targets, connections)
    if meanwhile is None:
        mta.run(mails, deadline)
    else:
        _run_with(mta, mails, deadline, meanwhile)
    boxes = Mailboxes(site, mails)
    settle(site, mails, boxes, deadline, quiet)
    return judge(site, mails, boxes)


def _run_with(
    mta: Mta, mails: Sequence[Mail], deadline: float, meanwhile: Callable[[Mta], None]
) -> None:
    sender = threading.Thread(target=mta.run, args=(mails, deadline), daemon=True)
    sender.start()
    try:
        meanwhile(mta)
    finally:
        sender.join()


class Traffic:
    """Mail all the time, in small portions, until it is stopped; then it is
    counted.

        with Traffic(site) as traffic:
            ... break things, wait for traffic.after(20) ...
        report = traffic.report()
    """

    PORTION = 5

    def __init__(self, site: Site, per_mail: int = 2, source: str = "127.0.0.1") -> None:
        self.site = site
        self._per_mail = per_mail
        self._source = source
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._flow, daemon=True)
        self.mails: list[Mail] = []

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()

    def _flow(self) -> None:
        while not self._stop.is_set():
            portion = make_mails(self.site, self.PORTION, self._per_mail)
            Mta(self.site.targets, self.PORTION, self._source).run(portion, 60.0)
            self.mails += portion
            wait.pause(0.1)

    def after(self, more: int) -> None:
        """Wait until so many more have been sent."""
        wanted = len(self.mails) + more
        wait.until(f"{more} more mails", lambda: len(self.mails) >= wanted, 60.0)

    def report(self, deadline: float = 90.0, quiet: float = 20.0) -> Report:
        boxes = Mailboxes(self.site, self.mails)
        settle(self.site, self.mails, boxes, deadline, quiet)
        return judge(self.site, self.mails, boxes)


# ---- by way of Outboxes ----------------------------------------------------


class Owners:
    """Those who save messages in their Outboxes, a few ahead of what is sent,
    so that some are there whenever something is killed."""

    AHEAD = 40

    def __init__(self, site: Site, mails: Sequence[Mail]) -> None:
        self._mailboxes = site.owners
        self._mails = mails
        self._before = self._filed()

    def _filed(self) -> int:
        folders = (maildir.SENT, maildir.DRAFTS)
        boxes = self._mailboxes.values()
        return sum(1 for box in boxes for name in folders for _ in maildir.files(box / name))

    @property
    def done(self) -> int:
        """Messages that have left: progress for the caller."""
        return self._filed() - self._before

    def waiting(self) -> int:
        """In Outboxes, or claimed."""
        count = 0
        for box in self._mailboxes.values():
            count += sum(1 for _ in maildir.files(box / maildir.OUTBOX))
            claimed = box / maildir.CLAIMED
            count += len(list(claimed.iterdir())) if claimed.exists() else 0
        return count

    def save(self, deadline: float) -> None:
        """Save all; what there was no time for stays pending."""
        until = time.monotonic() + deadline
        for number, mail in enumerate(self._mails):
            while number - self.done >= self.AHEAD:
                if time.monotonic() > until:
                    return
                wait.pause(0.02)
            maildir.save(self._mailboxes[mail.sender] / maildir.OUTBOX, mail.content, USER)
            mail.attempts = 1
            mail.accepted, mail.pending = mail.pending, set()

    def filing(self) -> Filing:
        saved = {mail.ident for mail in self._mails if mail.accepted}
        return Filing(
            saved, self._in(maildir.SENT, saved), self._in(maildir.DRAFTS, saved), self.waiting()
        )

    def _in(self, folder: str, saved: set[str]) -> Counter[str]:
        found = [m for box in self._mailboxes.values() for m in maildir.messages(box / folder)]
        idents = (str(message["Message-ID"]) for _, message in found)
        return Counter(ident for ident in idents if ident in saved)


def make_letters(site: Site, count: int, per_mail: int, size: int) -> list[Mail]:
    """Mails of all owners in turn to all recipients."""
    mails = make_mails(site, count, per_mail, size)
    owners = list(site.owners)
    letters = []
    for number, mail in enumerate(mails):
        run, _, rest = mail.ident.strip("<>").partition(".")
        sender = owners[number % len(owners)]
        letters.append(compose(run, int(rest.partition("@")[0]), sender, mail.recipients, size))
    return letters


def run_outboxes(
    site: Site,
    count: int,
    per_mail: int = 1,
    size: int = 1000,
    deadline: float = 90.0,
    meanwhile: Callable[[Owners], None] | None = None,
    quiet: float = 20.0,
) -> Report:
    """As run, with what the owners of the site save in their Outboxes."""
    mails = make_letters(site, count, per_mail, size)
    owners = Owners(site, mails)
    saver = threading.Thread(target=owners.save, args=(deadline,), daemon=True)
    saver.start()
    try:
        if meanwhile is not None:
            meanwhile(owners)
    finally:
        saver.join()
    try:
        wait.until("the Outboxes to be empty", lambda: not owners.waiting(), deadline, 0.1)
    except wait.TimedOut:
        pass  # the report says what is left
    boxes = Mailboxes(site, mails)
    settle(site, mails, boxes, deadline, quiet)
    report = judge(site, mails, boxes)
    report.filing = owners.filing()
    return report


def site_of_lab(directory: Path, recipients: Sequence[str]) -> Site:
    """From the description that every lab writes."""
    lab = json.loads((directory / "lab.json").read_text(encoding="utf-8"))
    hosts = lab["hosts"]
    return Site(
        targets=[(host["address"], host["hub"]) for host in hosts],
        stores=[Path(store) for store in dict.fromkeys(host["store"] for host in hosts)],
        recipients=list(recipients),
        postfixes=[Path(host["postfix"]) for host in hosts],
        queues=[Path(host["postfix"]).parent / "queue" for host in hosts],
        maillogs=[Path(host["maillog"]) for host in hosts],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[1])
    parser.add_argument("--lab", type=Path, required=True, help="directory of a running lab")
    parser.add_argument(
        "--recipient", action="append", required=True, help="a mailbox; may be repeated"
    )
    parser.add_argument("--count", type=int, default=100, help="messages (100)")
    parser.add_argument("--per-mail", type=int, default=1, help="recipients of one at most (1)")
    parser.add_argument("--connections", type=int, default=5, help="at once (5)")
    parser.add_argument("--size", type=int, default=1000, help="bytes of a message (1000)")
    parser.add_argument(
        "--deadline", type=float, default=90, help="seconds to send, to settle (90)"
    )
    args = parser.parse_args()
    site = site_of_lab(args.lab, args.recipient)
    report = run(site, args.count, args.per_mail, args.connections, args.size, args.deadline)
    print(report.text())
    return 0 if report.ok() else 1


if __name__ == "__main__":
    sys.exit(main())
