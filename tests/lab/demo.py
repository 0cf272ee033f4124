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
from email.message import Message
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.lab import letter, process, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail

NUNO = "nuno@letsexchange.com"
MOTA = "mota@letsexchange.com"
KEPT = "kept-by-demo"  # a file in the directory of a lab that was left running

# Client, source and event of the rows that the first mail must leave.
EXPECTED = [
    ("sender", "SMTP", "RECEIVE"),
    ("MBX1", "AGENT", "AGENTINFO"),
    ("MBX1", "SMTP", "SEND"),
    ("MBX1", "SMTP", "RECEIVE"),
    ("MBX2", "SMTP", "SEND"),
    ("MBX2", "SMTP", "RECEIVE"),
    ("MBX2", "STOREDRIVER", "DELIVER"),
]

# What Get-MessageTrackingLog is mostly asked for.
COLUMNS = "ClientHostname,ServerHostname,ConnectorId,Source,EventId"

PICTURE = """
    SMTP        site Lisbon                      site Porto
   ------>  MBX1  hub {hub1:<16}  ------>  MBX2  hub {hub2}
                  store driver, DB1                store driver, DB2
                  {nuno:<22}           {mota}
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

    def send(self, host: Host, subject: str) -> Mail:
        mail = letter.compose(MOTA, subject=subject, body="Hello Mota,\nsee you on Friday.\nAlice")
        say(f"{letter.STRANGER} to {MOTA}, by SMTP to {host.name} ({host.address}:{host.hub})")
        letter.post(host, mail)
        say(f"   {mail.last}")
        say()
        if mail.accepted != {MOTA}:
            raise DemoFailed(f"{host.name} did not take the mail: {mail.last}")
        return mail

    def mailbox(self, mail: Mail) -> Message:
        message = self.lab.wait_message(MOTA, mail.ident)
        path = self.lab.maildirs(MOTA)[0]
        say(f"in the mailbox, below {path}:")
        for name in ("From", "To", "Subject"):
            say(f"   {name}: {message[name]}")
        say()
        return message

    # ---- the steps ---------------------------------------------------------

    def build(self) -> None:
        title(1, "Two mailbox servers in two sites, and a mailbox on each")
        lab = self.lab
        lab.domain("letsexchange.com")
        first = lab.host("MBX1", site="Lisbon")
        second = lab.host("MBX2", site="Porto")
        lab.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
        lab.database("DB1", ["MBX1"])
        lab.database("DB2", ["MBX2"])
        lab.mailbox(NUNO, "DB1")
        say("The organisation is a handful of hashes in Redis, each written like this one:")
        self.redis(
            "HSET", f"posthub:recipient:{MOTA}", "RecipientType", "UserMailbox",
            "PrimarySmtpAddress", MOTA, "Database", "DB2",
        )  # fmt: skip
        lab.start()
        hubs = [f"{h.address}:{h.hub}" for h in (first, second)]
        print(PICTURE.format(hub1=hubs[0], hub2=hubs[1], nuno=NUNO, mota=MOTA))

    def deliver(self) -> None:
        title(2, "A mail for a mailbox that is on the other server")
        first = self.lab.hosts["MBX1"]
        self.posthub(first, "route", MOTA)
        mail = self.send(first, "Testing Mail Flow")
        self.mailbox(mail)
        title(3, "Where it went: the message tracking log of all servers")
        self.trace(first, mail)

    def trace(self, host: Host, mail: Mail) -> None:
        words = ("track", "--message-id", mail.ident, "--columns", COLUMNS)
        table = ""

        def complete() -> bool:
            nonlocal table
            table = host.cli(*words, check=False).stdout
            return not missing(table)

        try:
            wait.until("the trace", complete)
        except wait.TimedOut:
            rows = ", ".join(" ".join(row) for row in missing(table))
            raise DemoFailed(f"the trace lacks {rows}:\n{table}") from None
        self.posthub(host, *words)

    def rule(self) -> None:
        title(4, "A transport rule, added while mail flows")
        say("Field names are the parameters of New-TransportRule.")
        say()
        self.redis(
            "HSET", "posthub:rule:Mark external mail", "FromScope", "NotInOrganization",
            "PrependSubject", "[EXTERNAL] ",
        )  # fmt: skip
        say("It is in force on every server within a second.")
        wait.pause(1)
        self.posthub(self.lab.hosts["MBX2"], "rule", "list")
        mail = self.send(self.lab.hosts["MBX1"], "Testing the rule")
        message = self.mailbox(mail)
        if message["Subject"] != "[EXTERNAL] Testing the rule":
            raise DemoFailed(f"the rule was not obeyed: Subject: {message['Subject']}")

    def run(self) -> None:
        self.build()
        self.deliver()
        self.rule()

    def how_to_talk(self) -> None:
        first = self.lab.hosts["MBX1"]
        title(5, "It is still running: talk to it")
        say(f"$ alias posthub='{first.binaries}/posthub -c {first.conf}'")
        say("$ posthub status")
        say("$ posthub track")
        say(f"$ {self.redis_cli} KEYS 'posthub:*'")
        say("# with swaks, if you have it:")
        say(f"$ swaks --server {first.address}:{first.hub} --from {letter.STRANGER} --to {MOTA}")
        say(f"$ tail -f {first.postfix.log}")
        say(f"$ tests/lab/accounting.py --lab {self.lab.directory} --recipient {MOTA}")
        say()
        say(f"Stop it: python3 {os.path.relpath(__file__)} stop")


def missing(table: str) -> list[tuple[str, str, str]]:
    """Rows of EXPECTED that no line of the table shows."""
    lines = [line.split() for line in table.splitlines()]
    return [row for row in EXPECTED if not any(shows(line, row) for line in lines)]


def shows(words: list[str], row: tuple[str, str, str]) -> bool:
    """The client is the first column, source and event are the last two."""
    client, source, event = row
    return words[-2:] == [source, event] and same_host(words[0], client)


def same_host(shown: str, name: str) -> bool:
    return shown.partition(".")[0].lower() == name.lower()


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
