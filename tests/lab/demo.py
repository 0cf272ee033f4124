#!/usr/bin/python3
"""A small organisation that you can watch and talk to.

    make demo                      shows it, and leaves nothing running
    make demo KEEP=1               leaves it running, and says how to talk to it
    python3 tests/lab/demo.py stop stops what was left running
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import uuid
from email.message import Message
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.lab import flow, letter, maildir, process, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import SEVEN_ROWS, by_command, cells

NUNO = "nuno@letsexchange.com"
MOTA = "mota@letsexchange.com"
RITA = "rita@letsexchange.com"
SARA = "sara@letsexchange.com"
KEPT = "kept-by-demo"  # a file in the directory of a lab that was left running

INTRA = "Intra-Organization SMTP Send Connector"
FE1, MBX1, MBX2 = (f"{name}.letsexchange.com" for name in ("FE1", "MBX1", "MBX2"))

# From the Internet: Transport on MBX2 knows the front end as its client.
FROM_OUTSIDE = [(FE1, *SEVEN_ROWS[2][1:]), *SEVEN_ROWS[3:]]

# From Nuno to Mota when both databases are on MBX1.
AFTER_MOVE = [
    (MBX1, "MBX1", "", "STOREDRIVER", "RECEIVE"),
    ("MBX1", MBX1, "", "STOREDRIVER", "SUBMIT"),
    (MBX1, "MBX1", r"MBX1\Default MBX1", "SMTP", "RECEIVE"),
    ("MBX1", "", "", "AGENT", "AGENTINFO"),
    ("MBX1", MBX1, INTRA, "SMTP", "SEND"),
    (MBX1, "MBX1", r"MBX1\Default Mailbox Delivery MBX1", "SMTP", "RECEIVE"),
    ("MBX1", "MBX1", "", "STOREDRIVER", "DELIVER"),
]

# What Get-MessageTrackingLog is mostly asked for.
COLUMNS = "ClientHostname,ServerHostname,ConnectorId,Source,EventId"

PICTURE = """
          site Lisbon                              site Porto

  SMTP    FE1   front end    {fe1}
 ----->
          MBX1  Transport    {hub1:<16}      MBX2  Transport    {hub2}
                store driver {lmtp1:<16}            store driver {lmtp2}
                DB1  {nuno:<24}            DB2  {mota}
"""


class DemoFailed(Exception):
    """Something that should be there is not."""


def title(number: int, text: str) -> None:
    print(f"\n\n{number}. {text}\n", flush=True)


def say(text: str = "") -> None:
    print(f"   {text}".rstrip(), flush=True)


def show(output: str) -> None:
    for line in output.rstrip().splitlines():
        say(line)
    say()


class Demo:
    """The steps, in the order in which they are shown."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.redis_cli = f"redis-cli -s {lab.redis.socket}"

    # ---- commands as one would type them -----------------------------------

    def redis(self, *words: str) -> None:
        say(f"$ {self.redis_cli} {shlex.join(words)}")
        show(self.lab.redis.cli(*words))

    def posthub(self, host: Host, *words: str) -> str:
        done = host.cli(*words, check=False)
        if done.returncode != 0:
            raise DemoFailed(f"posthub {shlex.join(words)}: {done.stderr}{done.stdout}")
        say(f"$ posthub {shlex.join(words)}")
        show(done.stdout)
        return done.stdout

    # ---- mail ---------------------------------------------------------------

    def from_outbox(self, subject: str) -> Mail:
        """Nuno's mail program saves a message, as IMAP servers do."""
        mail = letter.compose(
            MOTA,
            sender=NUNO,
            subject=subject,
            body="Hello Mota,\nsee you on Friday.\nNuno",
            ident=f"<{uuid.uuid4().hex}@letsexchange.com>",
        )
        mail.content = mail.content.replace(b"\r\n", b"\n")
        path = self.lab.outbox(NUNO, mail.content)
        say(f"Nuno's mail program saves this in his Outbox, {path.parent}:")
        say()
        show(mail.content.decode())
        return mail

    def from_outside(self, subject: str) -> Mail:
        front = self.lab.hosts["FE1"]
        mail = letter.compose(MOTA, subject=subject, body="Hello Mota,\nsee you on Friday.\nAlice")
        say(f"{letter.STRANGER} to {MOTA}, by SMTP to {front.name} ({front.address}:{front.hub})")
        letter.post(front, mail)
        say(f"   {mail.last}")
        say()
        if mail.accepted != {MOTA}:
            raise DemoFailed(f"{front.name} did not take the mail: {mail.last}")
        return mail

    def inbox(self, mail: Mail) -> Message:
        """Mota's copy: the only one."""
        self.lab.wait_message(MOTA, mail.ident)
        mailbox = self.lab.own_maildir(MOTA)
        found = [m for m in maildir.messages(mailbox) if m[1]["Message-ID"] == mail.ident]
        if len(found) != 1:
            raise DemoFailed(f"{mail.ident} is in Mota's Inbox {len(found)} times")
        self.file("Mota's Inbox", *found[0])
        return found[0][1]

    def sent(self, mail: Mail) -> None:
        """Nuno's copy."""

        def filed() -> list[tuple[Path, Message]]:
            return [m for m in self.lab.sent(NUNO) if m[1]["Message-ID"] == mail.ident]

        found = wait.until("the mail in Nuno's Sent folder", filed)
        if len(found) != 1 or self.lab.in_outbox(NUNO):
            raise DemoFailed(f"in Sent {len(found)} times, Outbox: {self.lab.in_outbox(NUNO)}")
        self.file("Nuno's Sent folder", *found[0])

    def file(self, folder: str, path: Path, message: Message) -> None:
        say(f"{folder}, {path.parent}:")
        for name in ("From", "To", "Subject"):
            say(f"   {name}: {message[name]}")
        say()

    def trace(self, mail: Mail, expected: list[tuple[str, ...]]) -> None:
        """The rows of all servers; they must be exactly those expected."""
        host = self.lab.hosts["MBX1"]
        rows: list[dict[str, Any]] = []

        def complete() -> bool:
            rows[:] = by_command(host, "--message-id", mail.ident)
            return len(rows) >= len(expected)

        try:
            wait.until("the trace", complete)
        except wait.TimedOut:
            pass  # the comparison says what is missing
        compare([cells(row) for row in rows], expected)
        self.posthub(host, "track", "--message-id", mail.ident, "--columns", COLUMNS)
        say("The same as a picture:")
        say()
        show(flow.draw(rows, ["FE1"]))

    # ---- the steps ---------------------------------------------------------

    def build(self) -> None:
        title(1, "A front end and two mailbox servers in two sites, a mailbox on each")
        lab = self.lab
        lab.domain("letsexchange.com")
        lab.share_store()
        front = lab.frontend("FE1", site="Lisbon", fqdn=FE1)
        first = lab.host("MBX1", site="Lisbon", fqdn=MBX1)
        second = lab.host("MBX2", site="Porto", fqdn=MBX2)
        lab.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
        lab.database("DB1", ["MBX1"])
        lab.database("DB2", ["MBX2", "MBX1"])
        lab.mailbox(NUNO, "DB1")
        say("The organisation is a handful of hashes in Redis, each written like this one:")
        self.redis(
            "HSET", f"posthub:recipient:{MOTA}", "RecipientType", "UserMailbox",
            "PrimarySmtpAddress", MOTA, "Database", "DB2",
        )  # fmt: skip
        lab.make_outbox(NUNO)
        lab.start()
        hubs = [f"{h.address}:{h.hub}" for h in (front, first, second)]
        lmtp = [f"{h.address}:{h.lmtp}" for h in (first, second)]
        print(PICTURE.format(
            fe1=hubs[0], hub1=hubs[1], hub2=hubs[2], lmtp1=lmtp[0], lmtp2=lmtp[1],
            nuno=NUNO, mota=MOTA,
        ))  # fmt: skip

    def outbox(self) -> None:
        title(2, "From Nuno's Outbox to Mota's Inbox")
        mail = self.from_outbox("Testing Mail Flow")
        self.inbox(mail)
        self.sent(mail)
        title(3, "Where it went: the message tracking log of all servers, seven rows")
        self.trace(mail, SEVEN_ROWS)

    def internet(self) -> None:
        title(4, "A mail from the Internet, through the front end")
        self.posthub(self.lab.hosts["MBX1"], "route", MOTA)
        mail = self.from_outside("Testing the front end")
        self.inbox(mail)
        self.trace(mail, FROM_OUTSIDE)
        queued = self.lab.hosts["FE1"].postfix.queued()
        if queued:
            raise DemoFailed(f"the front end has {queued} messages in its queue")

    def rule(self) -> None:
        title(5, "A transport rule, added while mail flows")
        say("Field names are the parameters of New-TransportRule.")
        say()
        fields = ("FromScope", "NotInOrganization", "PrependSubject", "[EXTERNAL] ")
        self.lab.change(lambda: self.redis("HSET", "posthub:rule:Mark external mail", *fields))
        say("It is in force on every server within a second.")
        self.posthub(self.lab.hosts["MBX2"], "rule", "list")
        message = self.inbox(self.from_outside("Testing the rule"))
        if message["Subject"] != "[EXTERNAL] Testing the rule":
            raise DemoFailed(f"the rule was not obeyed: Subject: {message['Subject']}")

    def copies(self) -> None:
        title(6, "One mail, three recipients, each under a different rule")
        lab, host = self.lab, self.lab.hosts["MBX1"]
        for address in (RITA, SARA):
            lab.mailbox(address, "DB1")
        self.rule_for(MOTA, "PrependSubject", "[PORTO] ")
        self.rule_for(RITA, "SubjectContainsWords", "salaries", "RejectMessageReasonText",
                      "Salaries are not for Rita")  # fmt: skip
        lab.change(lambda: self.rule_for(SARA, "SetHeaderName", "X-Seen", "SetHeaderValue", "yes"))
        mail = letter.compose(
            MOTA, RITA, SARA, sender=NUNO, subject="The salaries of 2026",
            ident=f"<{uuid.uuid4().hex}@letsexchange.com>",
        )  # fmt: skip
        say("What would become of it? Nothing is sent:")
        say()
        path = lab.directory / "salaries.eml"
        path.write_bytes(mail.content)
        self.would_be(host, "rule", "test", "--message", str(path), "--auth", "Internal")
        say("Now Nuno sends it:")
        say()
        lab.outbox(NUNO, mail.content.replace(b"\r\n", b"\n"))
        for address, field, value in (
            (MOTA, "Subject", "[PORTO] The salaries of 2026"),
            (SARA, "X-Seen", "yes"),
        ):
            got = lab.wait_message(address, mail.ident)
            if got[field] != value:
                raise DemoFailed(f"{address} has {field}: {got[field]}")
            say(f"{address}: Subject: {got['Subject']}, X-Seen: {got['X-Seen']}")
        report = wait.until("the report", lambda: self.reports(NUNO))[0]
        say(f"{NUNO}: Subject: {report['Subject']}, about {RITA}")
        say()
        self.posthub(host, "track", "--message-id", mail.ident, "--columns", f"{COLUMNS},Recipients")

    def rule_for(self, address: str, *fields: str) -> None:
        name = f"posthub:rule:For {address.partition('@')[0]}"
        self.redis("HSET", name, "SentTo", address, *fields)

    def would_be(self, host: Host, *words: str) -> None:
        """A command that answers no: somebody would not get it."""
        say(f"$ posthub {shlex.join(words)}")
        show(host.cli(*words, check=False).stdout)

    def reports(self, address: str) -> list[Message]:
        found = maildir.messages(self.lab.own_maildir(address))
        return [m for _, m in found if m.get_content_type() == "multipart/report"]

    def move(self) -> None:
        title(7, "Mota's database moves to the other server, and the next mail follows it")
        say("DB2 is on storage that MBX2 and MBX1 share; the first of its servers is active.")
        say()
        move = ("database", "move", "DB2", "--to", "MBX1")
        self.lab.change(lambda: self.posthub(self.lab.hosts["MBX1"], *move))
        self.lab.wait_released("DB2")
        self.posthub(self.lab.hosts["MBX1"], "database", "show", "DB2")
        say("That, too, is known everywhere within a second.")
        say()
        mail = self.from_outbox("Testing the move")
        self.inbox(mail)
        self.sent(mail)
        self.trace(mail, AFTER_MOVE)

    def run(self) -> None:
        self.build()
        self.outbox()
        self.internet()
        self.rule()
        self.copies()
        self.move()

    def how_to_talk(self) -> None:
        front, first = self.lab.hosts["FE1"], self.lab.hosts["MBX1"]
        title(8, "It is still running: talk to it")
        say(f"$ alias posthub='{first.binaries}/posthub -c {first.conf}'")
        say("$ posthub status")
        say("$ posthub track")
        say(f"$ {self.redis_cli} KEYS 'posthub:*'")
        say("# with swaks, if you have it:")
        say(f"$ swaks --server {front.address}:{front.hub} --from {letter.STRANGER} --to {MOTA}")
        say("# from Nuno's Outbox; a file appears there whole, by rename:")
        outbox = self.lab.make_outbox(NUNO)
        say(f"$ printf 'From: {NUNO}\\nTo: {MOTA}\\nSubject: Hello\\n\\nHello.\\n' >{outbox}/tmp/1")
        say(f"$ mv {outbox}/tmp/1 {outbox}/new/")
        say(f"$ tail -f {first.postfix.log}")
        say(f"$ tests/lab/accounting.py --lab {self.lab.directory} --recipient {MOTA}")
        say()
        say(f"Stop it: python3 {os.path.relpath(__file__)} stop")


def compare(rows: list[tuple[str, ...]], expected: list[tuple[str, ...]]) -> None:
    """Exactly the rows expected, in their order."""
    if rows == expected:
        return
    lines = ["the trace is not as expected", "expected:"]
    lines += [f"   {' | '.join(row)}" for row in expected]
    lines += ["found:", *(f"   {' | '.join(row)}" for row in rows)]
    raise DemoFailed("\n".join(lines))


def stop() -> int:
    """End every lab that a demo left running."""
    kept = [path.parent for path in Path("/tmp").glob(f"phlab.*/{KEPT}")]
    for directory in kept:
        process.destroy(directory)
        print(f"stopped: {directory}")
    if not kept:
        print("no demo is running")
    return 0


def demo() -> int:
    keep = os.environ.get("KEEP", "") not in ("", "0", "no")
    with Lab() as lab:
        steps = Demo(lab)
        try:
            steps.run()
        except (DemoFailed, OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as e:
            print(f"\n--- logs ---\n{lab.logs()}\n\nmake demo FAILED: {e}", file=sys.stderr)
            return 1
        if keep:
            (lab.directory / KEPT).touch()
            steps.how_to_talk()
            lab.detach()
    print("\nmake demo: all as expected" + ("." if keep else "; nothing is left running."))
    return 0


def main() -> int:
    if sys.argv[1:] == ["stop"]:
        return stop()
    if sys.argv[1:]:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 64
    try:
        return demo()
    except (PermissionError, FileNotFoundError) as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
