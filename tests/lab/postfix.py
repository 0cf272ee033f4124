"""A private Postfix instance made of the files in postfix-conf."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab import process, wait

CONF = Path(__file__).resolve().parents[2] / "postfix-conf"
# The listeners of each role, whose ports become those of the lab.
SERVICES = {"transport": ("2525",), "frontend": ("25", "717")}
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")
# What Debian copies into the chroot when Postfix starts.
CHROOT_FILES = ("localtime", "services", "hosts", "nsswitch.conf", "resolv.conf")

# inet_interfaces must name an address that an interface has, and adding those
# of the hosts would need more than root in a container has. Loopback addresses
# work without: listeners and clients of Postfix name the host's own.
LOCAL = """\
queue_directory = {directory}/queue
data_directory = {directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
multi_instance_name = postfix-{name}
multi_instance_enable = yes
maillog_file = {log}
maillog_file_prefixes = {directory}
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME {mark}
myhostname = {fqdn}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = {address}
lmtp_bind_address = {address}
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_dns_support_level = disabled
lmtp_host_lookup = native
smtpd_peername_lookup = no
notify_classes =
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
"""


def queued(queue_directory: Path) -> int:
    """How many messages are in the queues. A file that cleanup(8) has not
    finished is none: it lacks the permission that says so, nobody was told
    that it was taken, and Postfix removes it some day."""
    files = (
        Path(directory, name)
        for queue in QUEUES
        for directory, _, names in os.walk(queue_directory / queue)
        for name in names
    )
    return sum(1 for path in files if _finished(path))


def _finished(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:  # on its way to another queue, or delivered
        return False


class Postfix:
    """One instance. Its role's main.cf is used word for word after a few local
    lines; in master.cf only the listener's port becomes an address of the lab."""

    def __init__(
        self,
        directory: Path,
        name: str,
        fqdn: str,
        address: str,
        listeners: Sequence[int],
        env: dict[str, str],
        role: str = "transport",
        inside: Sequence[str] = (),
    ) -> None:
        self.inside = inside
        self.directory = directory
        self.conf = directory / "conf"
        self.queue_directory = directory / "queue"
        self.sockets = self.queue_directory / "posthub"
        self.log = directory / "mail.log"
        self.name = name
        self.fqdn = fqdn
        self.address = address
        self.listeners = listeners
        self.role = role
        self.env = env

    # ---- configuration -----------------------------------------------------

    def write(self, owner: str) -> None:
        """Directories and files. The daemons' user owns the socket directory;
        its group lets Postfix in and nobody else."""
        for path in (self.directory, self.conf, self.queue_directory):
            path.mkdir(mode=0o755, parents=True)
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        shutil.chown(data, "postfix")
        self.sockets.mkdir()
        shutil.chown(self.sockets, owner, "postfix")
        self.sockets.chmod(0o2750)
        # postlogd would make it readable by root alone; and postsuper, which
        # has something to say after a SIGKILL and runs as the owner of the
        # queue while there is no postlogd, could not write to it.
        self.log.touch(mode=0o644)
        shutil.chown(self.log, "postfix")
        etc = self.queue_directory / "etc"
        etc.mkdir()
        for name in CHROOT_FILES:
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), etc / name)
        self._write_conf()

    def _write_conf(self) -> None:
        shipped = CONF / self.role
        for path in shipped.iterdir():
            shutil.copy(path, self.conf / path.name)
        local = LOCAL.format(
            directory=self.directory,
            name=self.name,
            log=self.log,
            mark=process.MARK,
            fqdn=self.fqdn,
            address=self.address,
        )
        main = (shipped / "main.cf").read_text(encoding="utf-8")
        (self.conf / "main.cf").write_text(local + main, encoding="utf-8")
        master = (shipped / "master.cf").read_text(encoding="utf-8")
        for service, listener in zip(SERVICES[self.role], self.listeners):
            port = f"\n{service} "
            if master.count(port) != 1:
                raise RuntimeError(f"{shipped}/master.cf has not exactly one service {service}")
            master = master.replace(port, f"\n{self.address}:{listener} ")
        # A deferred message that qmgr finds still locked goes back to incoming
        # for a minute, and until somebody has it look there.
        master = re.sub(r"^(qmgr .* )300( )", r"\g<1>5\g<2>", master, flags=re.MULTILINE)
        (self.conf / "master.cf").write_text(master, encoding="utf-8")

    def run(self, program: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A Postfix command for this instance."""
        return subprocess.run(
            [*self.inside, program, "-c", str(self.conf), *args],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=self.env | {"MAIL_CONFIG": str(self.conf)},
            timeout=60,
            check=check,
        )

    # ---- life --------------------------------------------------------------

    def start(self) -> None:
        done = self.run("postfix", "start", check=False)
        if done.returncode != 0:
            raise RuntimeError(f"postfix start: {done.stderr}{self.log.read_text()[-2000:]}")
        # For members of postdrop alone; the lab's user is in no group of ours.
        public = self.queue_directory / "public"
        if public.exists():
            public.chmod(0o711)

    def stop(self) -> None:
        self.run("postfix", "stop", check=False)
        process.reap()

    def _mine(self, env: dict[str, str]) -> bool:
        return env.get("MAIL_CONFIG") == str(self.conf)

    def kill(self) -> None:
        """SIGKILL to master and all that it started."""
        process.kill_all(self._mine)
        process.reap()

    def running(self) -> bool:
        return bool(process.find(self._mine))

    # ---- the queue ---------------------------------------------------------

    def queued(self) -> int:
        """How many messages are here; works when Postfix does not run."""
        return queued(self.queue_directory)

    def flush(self) -> None:
        """Try deferred mail at once; does nothing when Postfix is down."""
        self.run("postqueue", "-f", check=False)

    def wait_empty(self, timeout: float = 30.0) -> None:
        def empty() -> bool:
            if not self.queued():
                return True
            self.flush()
            return False

        wait.until(f"queue of {self.name} to be empty", empty, timeout, interval=0.2)
