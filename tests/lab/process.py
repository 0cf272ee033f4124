"""Processes of a lab: starting, killing, and leaving none behind.

Postfix's master and redis-server make processes of their own, and daemons
that give up root lose PR_SET_PDEATHSIG. So every process of a lab carries a
mark in its environment, which its children inherit, and whoever wants to end
the lab looks for the mark. A keeper process does that when the lab itself was
killed.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.lab import network, wait

MARK = "PHLAB"
PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Adopt orphans of the lab, so that they can be waited for."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone."""
    try:
        data = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (item.partition(b"=") for item in data.split(b"\0"))
    return {os.fsdecode(k): os.fsdecode(v) for k, _, v in pairs if k}


def find(matches: Callable[[dict[str, str]], bool]) -> list[int]:
    """Processes whose environment matches, this one and zombies excepted."""
    pids = (int(p) for p in os.listdir("/proc") if p.isdigit())
    return [p for p in pids if p != os.getpid() and matches(environment(p))]


def of_lab(directory: Path) -> Callable[[dict[str, str]], bool]:
    """Matches every process of the lab in this directory."""
    return lambda env: env.get(MARK) == str(directory)


def _kill(pid: int, matches: Callable[[dict[str, str]], bool]) -> None:
    """Kill a process and wait until it has let go of everything, unless its
    number belongs to somebody else by now.

    Process ids wrap quickly here; a pidfd taken before the second look cannot
    come to mean another process. A dying process has no environment any more
    while it still holds its locks and files.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if matches(environment(pid)):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [], 10)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def reap(known: Iterable[int] = ()) -> None:
    """Wait for adopted children that have ended; known ones are left to
    whoever started them."""
    keep = set(known)
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in keep:
            continue
        try:
            stat = Path(f"/proc/{entry}/stat").read_text(encoding="latin-1")
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                os.waitpid(int(entry), os.WNOHANG)
        except (OSError, ValueError):
            continue


def kill_all(matches: Callable[[dict[str, str]], bool], timeout: float = 10.0) -> None:
    """SIGKILL until none is left: a dying master may fork once more, and in
    the middle of an exec a process shows no environment, so one look is not
    enough to say that there is none."""
    empty_looks = 0

    def none_left() -> bool:
        nonlocal empty_looks
        pids = find(matches)
        for pid in pids:
            _kill(pid, matches)
        empty_looks = 0 if pids else empty_looks + 1
        return empty_looks > 1

    wait.until("processes to end", none_left, timeout)


class Child:
    """One process that the lab started itself, its output in a file."""

    def __init__(self, name: str, argv: list[str], log: Path, env: dict[str, str]) -> None:
        self.name = name
        self.argv = argv
        self.log = log
        self.env = env
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.pid

    def start(self) -> None:
        if self.alive():
            raise RuntimeError(f"{self.name} runs already")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                cwd="/",
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return None if self._popen is None else self._popen.poll()

    def watches(self) -> int:
        """How many files and directories it is told of by inotify."""
        texts = (path.read_text() for path in Path(f"/proc/{self.pid}/fdinfo").iterdir())
        return sum(text.count("inotify wd:") for text in texts)

    def signal(self, number: int) -> None:
        if self._popen is not None:
            self._popen.send_signal(number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections, because the kernel does, and says nothing."""
        self.signal(signal.SIGSTOP)
        try:
            wait.until(f"{self.name} to stand still", self._stands_still)
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _stands_still(self) -> bool:
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        stats = (task.joinpath("stat").read_text(encoding="latin-1") for task in tasks)
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    def wait(self, timeout: float = 15.0) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._popen.wait(timeout)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.alive():
            self.signal(signal.SIGKILL)
            self.wait()

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, and its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)


class Keeper:
    """Ends a lab whose process died before it could do so itself.

    It waits for the end of a pipe that only the lab holds open. One byte first
    means: leave everything as it is.
    """

    def __init__(self, directory: Path) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, __file__, str(directory)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )

    def release(self) -> None:
        if self._popen.stdin is not None:
            self._popen.stdin.write(b"k")
            self._popen.stdin.close()
        self._popen.wait(10)


def destroy(directory: Path) -> None:
    """Kill what runs in a lab and remove its directory."""
    kill_all(of_lab(directory))
    network.remove(directory)
    shutil.rmtree(directory, ignore_errors=True)


def _keep(directory: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if not sys.stdin.buffer.read(1):
        destroy(directory)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
