"""A Dovecot of its own: IMAP for what posthub has written, LMTP into mailboxes
of its own, and a master user who sends what is in their Outboxes."""

from __future__ import annotations

import imaplib
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from types import TracebackType

from tests.lab import ports, protocols, wait
from tests.lab.host import USER
from tests.lab.process import Child

ADDRESS = "127.0.0.1"
PASSWORD = "secret"
MASTER = "posthub"

COMMON = """\
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
listen = 127.0.0.1
ssl = no
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
mail_fsync = always
mail_max_userip_connections = 1000
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
protocol lmtp {{
  postmaster_address = postmaster@lab.test
}}
"""

# 2.3, Debian 12; 2.4, Debian 13: neither reads the other's file.
VERSION_2_3 = """\
protocols = imap lmtp
disable_plaintext_auth = no
mail_location = maildir:{dir}/mail/%Ld/%Ln
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {dir}/users
  default_fields = uid={user} gid={group} home={dir}/mail/%Ld/%Ln
}}
service lmtp {{
  process_min_avail = {lmtp_processes}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""
VERSION_2_4 = """\
protocols {{
  imap = yes
  lmtp = yes
}}
auth_allow_cleartext = yes
mail_driver = maildir
mail_home = {dir}/mail/%{{user | domain | lower}}/%{{user | username | lower}}
mail_path = %{{home}}
passdb masters {{
  driver = passwd-file
  default_password_scheme = PLAIN
  passwd_file_path = {dir}/masters
  master = yes
}}
passdb passwd-file {{
  default_password_scheme = PLAIN
  passwd_file_path = {dir}/users
}}
userdb passwd-file {{
  passwd_file_path = {dir}/users
}}
service lmtp {{
  process_min_avail = {lmtp_processes}
  inet_listener lmtp {{
    listen = 127.0.0.1
    port = {lmtp}
  }}
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""


def _version() -> tuple[int, ...]:
    done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in done.stdout.split()[0].split(".")[:2])


class Dovecot:
    """The server. Mailboxes are its own, or Maildirs that are told; master: one
    of its users may log in as any other, with the password in the file secret."""

    def __init__(
        self,
        directory: Path,
        env: dict[str, str],
        lmtp_processes: int = 0,
        master: bool = False,
    ) -> None:
        self.directory = directory
        self.imap_port = ports.ask(ADDRESS)
        self.lmtp_port = ports.ask(ADDRESS)
        self.imap_endpoint = f"{ADDRESS}:{self.imap_port}"
        self.secret = directory / "secret"
        self.conf = directory / "dovecot.conf"
        self.socket = directory / "run" / "lmtp"
        self._version = _version()
        self._lmtp_processes = lmtp_processes
        # Its title covers the environment, and the lab's mark in it.
        argv = ["setpriv", "--pdeathsig", "TERM", "dovecot", "-F", "-c", str(self.conf)]
        self.child = Child("dovecot", argv, directory / "output", env)
        directory.mkdir(mode=0o755)
        (directory / "mail").mkdir()
        shutil.chown(directory / "mail", USER)
        (directory / "users").touch()
        (directory / "masters").write_text(f"{MASTER}:{{PLAIN}}{PASSWORD}\n" if master else "")
        self.secret.write_text(f"{PASSWORD}\n", encoding="utf-8")
        self.conf.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        new = self._version >= (2, 4)
        text = (VERSION_2_4 if new else VERSION_2_3) + COMMON
        if new:
            number = ".".join(map(str, self._version))
            kinds = ("config", "storage")
            text = "".join(f"dovecot_{kind}_version = {number}.0\n" for kind in kinds) + text
        entry = pwd.getpwnam(USER)
        return text.format(
            dir=self.directory,
            user=entry.pw_uid,
            group=entry.pw_gid,
            imap=self.imap_port,
            lmtp=self.lmtp_port,
            lmtp_processes=self._lmtp_processes,
        )

    def add(self, address: str, path: Path | None = None, owner: str = "") -> None:
        """A user; path: where the Maildir is, if it is not Dovecot's own; owner:
        "uid:gid" of who has it, if not the lab's user."""
        if not owner:
            entry = pwd.getpwnam(USER)
            owner = f"{entry.pw_uid}:{entry.pw_gid}"
        extra = ""
        if path is not None:
            new = self._version >= (2, 4)
            extra = f"userdb_mail_path={path}" if new else f"userdb_mail=maildir:{path}"
        with (self.directory / "users").open("a", encoding="utf-8") as file:
            file.write(f"{address}:{{PLAIN}}{PASSWORD}:{owner}::::{extra}\n")

    # ---- life ----------------------------------------------------------------

    def __enter__(self) -> Dovecot:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.child.alive():
            self.stop()

    def start(self) -> None:
        self.child.start()
        wait.until("Dovecot to serve", self._up)

    def _up(self) -> bool:
        if not self.child.alive():
            raise RuntimeError(f"dovecot ended: {self.child.log.read_text()}")
        return protocols.greeting(ADDRESS, self.lmtp_port).startswith("220 ") and bool(
            protocols.greeting(ADDRESS, self.imap_port)
        )

    def stop(self) -> None:
        self.child.stop()

    # ---- contents ------------------------------------------------------------

    def own(self, address: str) -> Path:
        """The Maildir that Dovecot keeps itself."""
        local, _, domain = address.lower().partition("@")
        return self.directory / "mail" / domain / local

    def log(self) -> str:
        return (self.directory / "dovecot.log").read_text(encoding="utf-8", errors="replace")

    @contextmanager
    def imap(self, address: str) -> Iterator[imaplib.IMAP4]:
        """A mail program that has logged in."""
        with imaplib.IMAP4(ADDRESS, self.imap_port, timeout=20) as client:
            client.login(address, PASSWORD)
            yield client

    def save(self, address: str, content: bytes, folder: str = "Outbox") -> None:
        with self.imap(address) as client:
            client.create(folder)
            answer = client.append(folder, "(\\Seen)", "", content)
            if answer[0] != "OK":
                raise RuntimeError(f"APPEND: {answer}")

    def messages(self, address: str, folder: str = "INBOX") -> list[tuple[set[str], Message]]:
        """Flags and content of each."""
        with self.imap(address) as client:
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
