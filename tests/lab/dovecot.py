"""A Dovecot of its own: IMAP for what posthub has written, and LMTP into
mailboxes of its own."""

from __future__ import annotations

import imaplib
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.lab import ports, protocols, wait
from tests.lab.host import USER
from tests.lab.process import Child

ADDRESS = "127.0.0.1"
PASSWORD = "secret"

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
    """The server. Mailboxes are its own, or Maildirs that are told."""

    def __init__(self, directory: Path, env: dict[str, str], lmtp_processes: int = 0) -> None:
        self.directory = directory
        self.imap_port = ports.ask(ADDRESS)
        self.lmtp_port = ports.ask(ADDRESS)
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

    def add(self, address: str, path: Path | None = None) -> None:
        """A user; path: where the Maildir is, if it is not Dovecot's own."""
        entry = pwd.getpwnam(USER)
        extra = ""
        if path is not None:
            new = self._version >= (2, 4)
            extra = f"userdb_mail_path={path}" if new else f"userdb_mail=maildir:{path}"
        with (self.directory / "users").open("a", encoding="utf-8") as file:
            file.write(f"{address}:{{PLAIN}}{PASSWORD}:{entry.pw_uid}:{entry.pw_gid}::::{extra}\n")

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
