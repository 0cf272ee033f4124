"""One server of the organisation: its Postfix, its posthub daemons, its files."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from functools import partial
from pathlib import Path

from tests.lab import ports, protocols, wait
from tests.lab.postfix import Postfix
from tests.lab.process import Child

DAEMONS = (
    "posthub-policy",
    "posthub-transport",
    "posthub-delivery",
    "posthub-submission",
    "posthub-tracking",
)
FRONTEND_DAEMONS = ("posthub-policy", "posthub-frontend")
# What runs in each role, which is also the directory in postfix-conf.
ROLES = {"transport": DAEMONS, "frontend": FRONTEND_DAEMONS}
# Daemons started as root become this user. Every Debian has it; the package's
# own user does not exist on a machine where posthub is only tried out.
USER = "nobody"

CONF = """\
[server]
name = {name}
address = {address}
state_dir = {state}
postfix = {postfix}
user = {user}

[redis]
url = {redis}

[directory]
file = {state}/directory
map_size = 1GB

[tracking]
log_dir = {tracking}
maillog = {maillog}

[transport]
milter = unix:{sockets}/transport.sock
fork = unix:{sockets}/fork.sock
inject = unix:{queue}/public/posthub-inject

[policy]
policy = unix:{sockets}/policy.sock
map = unix:{sockets}/map.sock
expand = unix:{sockets}/expand.sock
inject = unix:{queue}/public/posthub-inject
members = unix:{queue}/public/posthub-members

[delivery]
lmtp = {address}:{lmtp}
store = {store}
postqueue =

[submission]
rescan = 2s
retry_min = 100ms
retry_max = 1s
"""

FRONTEND_CONF = """
[frontend]
milter = unix:{sockets}/frontend.sock
"""


def file_name(name: str) -> str:
    """A server's name as a file name and as part of an instance name."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name)


class Host:
    """What runs on one address. The names of daemons may be given without
    "posthub-"; "postfix" is one of them."""

    def __init__(
        self,
        directory: Path,
        binaries: Path,
        name: str,
        fqdn: str,
        address: str,
        redis_url: str,
        env: dict[str, str],
        role: str = "transport",
        store: Path | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        self.role = role
        self.inside = inside  # before a command, so that it runs on the host
        self.directory = directory
        self.binaries = binaries
        self.name = name
        self.fqdn = fqdn
        self.address = address
        self.hub = ports.ask(address)
        self.lmtp = ports.ask(address)
        self.outbound = ports.ask(address)
        self.redis_url = redis_url
        self.env = env
        self.conf = directory / "posthub.conf"
        self.state = directory / "state"
        self.store = store or directory / "store"
        self.tracking = directory / "tracking"
        self.postfix = Postfix(
            directory / "postfix",
            file_name(name),
            fqdn,
            address,
            (self.hub, self.outbound),
            env,
            role,
            inside,
        )
        self.daemons = {
            name: Child(name, self._argv(name), directory / f"{name}.log", env)
            for name in ROLES[role]
        }

    def _argv(self, daemon: str) -> list[str]:
        return [*self.inside, str(self.binaries / daemon), "-c", str(self.conf), "-f"]

    # ---- configuration -----------------------------------------------------

    def write(self) -> None:
        self.directory.mkdir(mode=0o755)
        for path in (self.state, self.store, self.tracking):
            path.mkdir(exist_ok=path == self.store)
            shutil.chown(path, USER)
        self.postfix.write(USER)
        self.conf.write_text(self.conf_text(), encoding="utf-8")

    def conf_text(self) -> str:
        text = CONF + (FRONTEND_CONF if self.role == "frontend" else "")
        return text.format(
            name=self.name,
            address=self.address,
            state=self.state,
            postfix=self.postfix.conf,
            user=USER,
            redis=self.redis_url,
            tracking=self.tracking,
            maillog=self.postfix.log,
            sockets=self.postfix.sockets,
            queue=self.postfix.queue_directory,
            lmtp=self.lmtp,
            store=self.store,
        )

    def set(self, section: str, name: str, value: str) -> None:
        """Change one setting; in force when a daemon is started again."""
        text = self.conf.read_text(encoding="utf-8")
        head = f"[{section}]\n"
        if head not in text:
            text += f"\n{head}"
        before, after = text.split(head, 1)
        body, rest = (after.split("\n[", 1) + [""])[:2]
        lines = [line for line in body.splitlines() if line.partition(" =")[0] != name]
        body = "\n".join([f"{name} = {value}", *lines])
        rest = f"\n[{rest}" if rest else ""
        self.conf.write_text(f"{before}{head}{body}\n{rest}", encoding="utf-8")

    @property
    def map_socket(self) -> Path:
        return self.postfix.sockets / "map.sock"

    @property
    def policy_socket(self) -> Path:
        return self.postfix.sockets / "policy.sock"

    @property
    def expand_socket(self) -> Path:
        return self.postfix.sockets / "expand.sock"

    @property
    def milter_socket(self) -> Path:
        return self.postfix.sockets / f"{self.role}.sock"

    # ---- life --------------------------------------------------------------

    def daemon(self, name: str) -> Child:
        return self.daemons[name if name.startswith("posthub-") else f"posthub-{name}"]

    def start(self, *names: str) -> None:
        """Start these, or everything; does not wait."""
        for name in names or (*self.daemons, "postfix"):
            if name == "postfix":
                self.postfix.start()
            else:
                self.daemon(name).start()

    def kill(self, *names: str) -> None:
        """SIGKILL."""
        for name in names or (*self.daemons, "postfix"):
            if name == "postfix":
                self.postfix.kill()
            else:
                self.daemon(name).kill()

    def stop(self, *names: str) -> None:
        """A stop in good order; an exit status other than 0 is an error."""
        for name in names:
            status = self.daemon(name).stop()
            if status != 0:
                raise AssertionError(f"{name} on {self.name} ended with {status}")

    @contextmanager
    def down(self, *names: str) -> Iterator[None]:
        """Killed for a while; back at the end, however that comes."""
        self.kill(*names)
        try:
            yield
        finally:
            self.start(*names)
            self.wait_up(*names)

    def restart(self, *names: str) -> None:
        self.kill(*names)
        self.start(*names)
        self.wait_up(*names)

    def _has_old_status(self, child: Child) -> bool:
        """What the process before it had in force says nothing of this one."""
        path = self.state / f"{child.name}.status"
        return path.exists() and json.loads(path.read_text(encoding="utf-8"))["pid"] != child.pid

    def _up(self, name: str) -> bool:
        if name == "postfix":
            return protocols.greeting(self.address, self.hub).startswith("220 ")
        child = self.daemon(name)
        if not child.alive():
            tail = child.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{name} on {self.name} ended with {child.status()}:\n{tail}")
        if self._has_old_status(child):
            return False
        if name.endswith("delivery"):
            return protocols.greeting(self.address, self.lmtp).startswith("220 ")
        if name.endswith(("transport", "frontend")):
            return protocols.accepts(self.milter_socket)
        if name.endswith("policy"):
            sockets = (self.map_socket, self.policy_socket, self.expand_socket)
            return all(protocols.accepts(path) for path in sockets)
        return True

    def wait_up(self, *names: str) -> None:
        """Until every socket of these, or of everything, is served."""
        for name in names or (*self.daemons, "postfix"):
            wait.until(f"{name} on {self.name} to serve", partial(self._up, name))

    def generations(self) -> dict[Path, int]:
        """How many states each daemon that is up has taken into force."""
        files = (self.state / f"{name}.status" for name in self.daemons)
        return {
            path: int(json.loads(path.read_text(encoding="utf-8"))["generation"])
            for path in files
            if path.exists()
        }

    def ask_map(self, table: str, key: str) -> str:
        return protocols.ask_map(self.map_socket, table, key)

    def wait_map(
        self,
        table: str,
        key: str,
        good: Callable[[str], bool],
        timeout: float = wait.DEFAULT_TIMEOUT,
    ) -> None:
        """Until a map here answers as it should."""
        what = f"{self.name}: {table} {key}"
        answers: list[str] = []

        def asked() -> bool:
            answers[:] = [self.ask_map(table, key)]
            return good(answers[0])

        try:
            wait.until(what, asked, timeout)
        except wait.TimedOut as error:
            raise wait.TimedOut(f"{what}: still {answers} after {timeout:g} s") from error

    def wait_recipient(
        self, address: str, answer: str = "OK ", timeout: float = wait.DEFAULT_TIMEOUT
    ) -> None:
        """Until the directory here knows (or, "NOTFOUND ", no longer knows) an
        address."""
        self.wait_map("recipient", address, lambda text: text.startswith(answer), timeout)

    def wait_route(self, address: str, timeout: float = wait.DEFAULT_TIMEOUT) -> None:
        """Until there is a way to an address from here."""
        self.wait_map("transport", address, lambda text: text.startswith("OK ph-"), timeout)

    # ---- what there is to look at ------------------------------------------

    def cli(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The posthub command on this host."""
        return subprocess.run(
            [*self.inside, str(self.binaries / "posthub"), "-c", str(self.conf), *args],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=self.env | {"NO_COLOR": "1"},
            timeout=60,
            check=check,
        )

    def logs(self) -> Iterator[tuple[str, Path]]:
        yield f"{self.name}/postfix", self.postfix.log
        for child in self.daemons.values():
            yield f"{self.name}/{child.name.removeprefix('posthub-')}", child.log

    def log_text(self, name: str) -> str:
        path = self.postfix.log if name == "postfix" else self.daemon(name).log
        return path.read_text(encoding="utf-8", errors="replace")

    def connect_lmtp(self) -> protocols.Dialogue:
        return protocols.Dialogue(socket.create_connection((self.address, self.lmtp), 10))

    def connect_hub(self) -> protocols.Dialogue:
        return protocols.Dialogue(socket.create_connection((self.address, self.hub), 10))


def maildir_files(store: Path) -> Iterator[Path]:
    """Every message in an Inbox below a store; other folders begin with a dot."""
    for directory, below, names in os.walk(store):
        below[:] = [name for name in below if not name.startswith(".")]
        if os.path.basename(directory) in ("new", "cur"):
            yield from (Path(directory, name) for name in names)


def delivered(store: Path) -> Iterator[tuple[Path, Message]]:
    """The same with their contents."""
    for path in maildir_files(store):
        yield path, message_from_bytes(path.read_bytes())
