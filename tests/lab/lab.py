"""A lab: hosts, objects in Redis, mail in, mailboxes out.

    with Lab() as lab:
        lab.domain("letsexchange.com")
        lab.host("MBX1", site="Lisbon")
        lab.database("DB1", ["MBX1"])
        lab.mailbox("nuno@letsexchange.com", "DB1")
        lab.start()
        ...
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from email.message import Message
from functools import partial
from pathlib import Path
from types import TracebackType

from tests.lab import host as hosts
from tests.lab import logs, maildir, network, process, wait
from tests.lab.host import DAEMONS, FRONTEND_DAEMONS, USER, Host
from tests.lab.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "posthub:"
NETWORK = "127.0.1."
# Seconds: qmgr may let a message wait a minute that it found locked.
DELIVERED = 90.0


def binaries() -> Path:
    """Where the programs were built: BUILD, as for make."""
    path = ROOT / os.environ.get("BUILD", "build") / "bin"
    names = (*DAEMONS, *FRONTEND_DAEMONS, "posthub")
    missing = [name for name in names if not (path / name).exists()]
    if missing:
        raise FileNotFoundError(f'{path} has no {", ".join(missing)}: run "make all"')
    return path


def _newer(host: Host, before: dict[Path, int]) -> bool:
    return all(n > before.get(path, 0) for path, n in host.generations().items())


class Lab:
    """The organisation. Everything of it is below one directory."""

    def __init__(self, domain: str = "letsexchange.com", persist: bool = True) -> None:
        if os.geteuid() != 0:
            raise PermissionError("the lab needs root, because Postfix does")
        self.binaries = binaries()
        process.become_subreaper()
        # Short, for the limit of 108 bytes on the path of a UNIX socket.
        self.directory = Path(tempfile.mkdtemp(prefix="phlab.", dir="/tmp"))
        self.directory.chmod(0o755)
        self.domain_name = domain
        self.env = self._environment()
        self._keeper = process.Keeper(self.directory)
        self._detached = False
        self.hosts: dict[str, Host] = {}
        self._store: Path | None = None
        self.redis = Redis(self.directory / "redis", self.env, persist)
        self.redis.directory.mkdir()

    def _environment(self) -> dict[str, str]:
        kept = {
            k: v for k, v in os.environ.items() if k in ("PATH", "TZ") or k.endswith("SAN_OPTIONS")
        }
        path = kept.get("PATH", "/usr/bin:/bin")
        return kept | {process.MARK: str(self.directory), "PATH": f"/usr/sbin:/sbin:{path}"}

    def __enter__(self) -> Lab:
        self.redis.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill everything and remove the directory; PHLAB_KEEP_FILES=1 leaves
        the files, for a look at them."""
        if self._detached:
            return
        process.kill_all(process.of_lab(self.directory))
        process.reap()
        self._keeper.release()
        network.remove(self.directory)
        if not os.environ.get("PHLAB_KEEP_FILES"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def detach(self) -> None:
        """Leave it running when this process ends."""
        self.describe()
        self._detached = True
        self._keeper.release()

    # ---- the organisation --------------------------------------------------

    def put(self, kind: str, name: str, /, **fields: str) -> None:
        """Write an object, as an administrator would with redis-cli HSET."""
        words = [word for pair in fields.items() for word in pair]
        self.redis.call("HSET", f"{PREFIX}{kind}:{name}", *words)

    def remove(self, kind: str, name: str) -> None:
        self.redis.call("DEL", f"{PREFIX}{kind}:{name}")

    def share_store(self, store: Path | None = None) -> None:
        """Before there are hosts: one store that all of them see, as on a file
        server. A database can then be moved."""
        self._store = store or self.directory / "store"

    def host(self, name: str, site: str = "Lisbon", fqdn: str | None = None, **fields: str) -> Host:
        """A mailbox server; its site is made when it is new."""
        return self._host("transport", name, site, fqdn, fields)

    def frontend(
        self, name: str, site: str = "Lisbon", fqdn: str | None = None, **fields: str
    ) -> Host:
        """A front-end server; its "hub" is where the outside connects."""
        return self._host("frontend", name, site, fqdn, fields)

    def _host(
        self, role: str, name: str, site: str, fqdn: str | None, fields: dict[str, str]
    ) -> Host:
        number = len(self.hosts) + 1
        fqdn = fqdn or f"{hosts.file_name(name).lower()}.{self.domain_name}"
        address, inside = self._place(name, number)
        directory = self.directory / f"h{number}"
        made = Host(
            directory,
            self.binaries,
            name,
            fqdn,
            address,
            self.redis.url,
            self.env,
            role,
            self._store,
            inside,
        )
        made.write()
        self.hosts[name] = made
        self.put("site", site, InboundMailEnabled="true")
        self.put("server", name, **self._server_fields(made, site) | fields)
        return made

    def _place(self, name: str, number: int) -> tuple[str, Sequence[str]]:
        """The address of a new host, and what to put before a command so that
        it runs there."""
        return f"{NETWORK}{number}", ()

    @staticmethod
    def _server_fields(made: Host, site: str) -> dict[str, str]:
        common = {"Fqdn": made.fqdn, "Site": site}
        if made.role == "frontend":
            return common | {
                "Roles": "FrontendTransport",
                "Frontend": f"{made.address}:{made.hub}",
                "OutboundProxy": f"{made.address}:{made.outbound}",
            }
        return common | {
            "Roles": "HubTransport,Mailbox",
            "Transport": f"{made.address}:{made.hub}",
            "Delivery": f"{made.address}:{made.lmtp}",
        }

    def sitelink(self, name: str, sites: Iterable[str], cost: int = 100) -> None:
        self.put("sitelink", name, Sites=",".join(sites), Cost=str(cost))

    def domain(self, name: str, kind: str = "Authoritative") -> None:
        self.put("domain", name, DomainType=kind)

    def database(self, name: str, servers: Iterable[str], **fields: str) -> None:
        self.put("database", name, Servers=",".join(servers), **fields)

    def mailbox(self, address: str, database: str, **fields: str) -> None:
        self.put(
            "recipient",
            address,
            RecipientType="UserMailbox",
            PrimarySmtpAddress=address,
            Database=database,
            **fields,
        )

    def rule(self, name: str, **fields: str) -> None:
        self.put("rule", name, **fields)

    def change(self, what: Callable[[], object]) -> None:
        """Make a change of the shared state, and wait until every daemon on
        every host has taken it into force."""
        before = {path: n for each in self.hosts.values() for path, n in each.generations().items()}
        what()
        for each in self.hosts.values():
            wait.until(f"the change on {each.name}", partial(_newer, each, before))

    def wait_released(self, database: str) -> None:
        """Until no store driver holds a database of the shared store: one that
        it moved away from lets it go within half a second, and until then the
        next one answers 4xx."""
        assert self._store is not None
        lock = self._store / database.lower() / ".posthub" / "lock"

        def free() -> bool:
            with lock.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
            return True

        wait.until(f"{database} to be let go", free)

    # ---- life --------------------------------------------------------------

    def start(self) -> None:
        """Start all hosts and wait until each knows every recipient."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Host.start, self.hosts.values()))
        self.wait_up()
        self.describe()

    def wait_up(self) -> None:
        for each in self.hosts.values():
            each.wait_up()
        for address in self.recipients():
            for each in self.hosts.values():
                each.wait_recipient(address)

    def recipients(self) -> list[str]:
        prefix = f"{PREFIX}recipient:"
        return sorted(key.removeprefix(prefix) for key in self.redis.keys(f"{prefix}*"))

    def describe(self) -> Path:
        """What other programs need to talk to this lab, as JSON."""
        path = self.directory / "lab.json"
        described = {
            "directory": str(self.directory),
            "redis": str(self.redis.socket),
            "hosts": [
                {
                    "name": each.name,
                    "address": each.address,
                    "hub": each.hub,
                    "lmtp": each.lmtp,
                    "store": str(each.store),
                    "postfix": str(each.postfix.conf),
                    "maillog": str(each.postfix.log),
                    "posthub": f"{each.binaries}/posthub -c {each.conf}",
                }
                for each in self.hosts.values()
            ],
        }
        path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        return path

    # ---- what there is to look at ------------------------------------------

    def maildirs(self, address: str) -> list[Path]:
        """The mailbox of an address; several when its database was moved."""
        local, _, domain = address.lower().partition("@")
        stores = dict.fromkeys(each.store for each in self.hosts.values())
        return [path for store in stores for path in store.glob(f"*/{domain}/{local}")]

    def messages(self, address: str) -> list[Message]:
        """What lies in a mailbox, on whichever host."""
        return [m for path in self.maildirs(address) for _, m in hosts.delivered(path)]

    def wait_message(
        self, address: str, message_id: str, timeout: float = DELIVERED
    ) -> Message:
        """The message with this id, once it is in a mailbox."""

        def arrived() -> list[Message]:
            return [m for m in self.messages(address) if m["Message-ID"] == message_id]

        return wait.until(f"{message_id} in the mailbox of {address}", arrived, timeout)[0]

    # ---- what an owner does with a mail program -----------------------------

    def own_maildir(self, address: str) -> Path:
        """Where the mailbox is kept now, whether or not it was made."""
        local, _, domain = address.lower().partition("@")
        database = str(self.redis.call("HGET", f"{PREFIX}recipient:{address}", "Database"))
        key = f"{PREFIX}database:{database}"
        servers = str(self.redis.call("HGET", key, "Servers")).split(",")
        active = self.redis.call("HGET", key, "Active") or servers[0]
        return self.hosts[str(active)].store / database.lower() / domain / local

    def make_outbox(self, address: str) -> Path:
        """The Outbox folder, as at the first login of its owner."""
        folder = self.own_maildir(address) / maildir.OUTBOX
        maildir.make(folder, USER)
        return folder

    def outbox(self, address: str, content: bytes, flags: str | None = "S") -> Path:
        """Save a message in the Outbox; flags None: in new/ instead of cur/."""
        folder = self.own_maildir(address) / maildir.OUTBOX
        return maildir.save(folder, content, USER, flags)

    def in_outbox(self, address: str) -> list[Path]:
        """What waits there, or is being sent."""
        mailbox = self.own_maildir(address)
        claimed = mailbox / maildir.CLAIMED
        waiting = list(maildir.files(mailbox / maildir.OUTBOX))
        return waiting + (list(claimed.iterdir()) if claimed.exists() else [])

    def sent(self, address: str) -> list[tuple[Path, Message]]:
        return maildir.messages(self.own_maildir(address) / maildir.SENT)

    def drafts(self, address: str) -> list[tuple[Path, Message]]:
        return maildir.messages(self.own_maildir(address) / maildir.DRAFTS)

    def wait_empty(self, timeout: float = DELIVERED) -> None:
        """Until no host has mail in its queue. What goes from one to another
        may be where one has just looked, so all are looked at twice."""
        postfixes = [each.postfix for each in self.hosts.values()]

        def empty() -> bool:
            if not any(postfix.queued() for postfix in (*postfixes, *postfixes)):
                return True
            for postfix in postfixes:
                postfix.flush()
            return False

        wait.until("all queues to be empty", empty, timeout, interval=0.1)

    def logs(self, since: datetime | None = None) -> str:
        """The logs of all actors, interleaved."""
        files = [("redis", self.redis.child.log)]
        for each in self.hosts.values():
            files += each.logs()
        return "\n".join(logs.merge(files, since))
