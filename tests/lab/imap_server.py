"""A private IMAP server: Dovecot 2.3, with a master user for posthub."""

from __future__ import annotations

import imaplib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from tests.lab import ports, wait
from tests.lab.process import Child

ADDRESS = "127.0.1.201"
MASTER, PASSWORD = "posthub", "a secret of ours"
USER, GROUP = "nobody", "nogroup"

CONF = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = imap
listen = {address}
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{directory}/mail/%d/%n
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
mail_max_userip_connections = 1000
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {directory}/users
  default_fields = uid={user} gid={group} home={directory}/mail/%d/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def usable() -> bool:
    """Is it there, and does it read this configuration?"""
    if shutil.which("dovecot", path="/usr/sbin:/usr/bin") is None:
        return False
    argv = ["/usr/sbin/dovecot", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.startswith("2.3.")


class Dovecot:
    """Mailboxes of the users that were added; a client of each is imaplib's."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.port = ports.ask(ADDRESS)
        self.endpoint = f"{ADDRESS}:{self.port}"
        self.conf = directory / "dovecot.conf"
        self.users = directory / "users"
        self.secret = directory / "secret"
        argv = ["/usr/sbin/dovecot", "-F", "-c", str(self.conf)]
        self.child = Child("dovecot", argv, directory / "out.log", env)

    def make(self) -> None:
        self.directory.mkdir()
        self.directory.chmod(0o755)
        mail = self.directory / "mail"
        mail.mkdir()
        shutil.chown(mail, USER, GROUP)
        self.secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
        masters = self.directory / "masters"
        masters.write_text(f"{MASTER}:{{PLAIN}}{PASSWORD}\n", encoding="utf-8")
        self.users.write_text("", encoding="utf-8")
        text = CONF.format(
            directory=self.directory, address=ADDRESS, port=self.port, user=USER, group=GROUP
        )
        self.conf.write_text(text, encoding="utf-8")

    def add(self, address: str) -> None:
        with self.users.open("a", encoding="utf-8") as file:
            file.write(f"{address}:{{PLAIN}}{PASSWORD}::::::\n")

    def start(self) -> None:
        self.child.start()
        wait.until("Dovecot to answer", self._answers)

    def _answers(self) -> bool:
        if not self.child.alive():
            log = self.directory / "dovecot.log"
            raise RuntimeError(f"Dovecot ended: {self.child.log.read_text()}{log.read_text()}")
        with imaplib.IMAP4(ADDRESS, self.port, timeout=2):
            return True

    def stop(self) -> None:
        if self.child.alive():
            self.child.stop()

    # ---- what a mail program does --------------------------------------------

    @contextmanager
    def client(self, address: str) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4(ADDRESS, self.port, timeout=30) as client:
            client.login(address, PASSWORD)
            yield client

    def save(self, address: str, content: bytes, folder: str = "Outbox") -> None:
        with self.client(address) as client:
            client.create(folder)
            answer = client.append(folder, "(\\Seen)", "", content)
            if answer[0] != "OK":
                raise RuntimeError(f"APPEND: {answer}")

    def messages(self, address: str, folder: str = "INBOX") -> list[tuple[set[str], Message]]:
        """Flags and content of each."""
        with self.client(address) as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            found = []
            for number in client.search(None, "ALL")[1][0].split():
                data = client.fetch(number, "(FLAGS BODY.PEEK[])")[1]
                parts = [part for part in data if isinstance(part, tuple)]
                if not parts:  # moved meanwhile
                    continue
                head, content = parts[0]
                rest = b" ".join(part for part in data if isinstance(part, bytes))
                flags = imaplib.ParseFlags(head) or imaplib.ParseFlags(rest)
                names = {flag.decode() for flag in flags} - {"\\Recent"}
                found.append((names, message_from_bytes(content)))
            return found
