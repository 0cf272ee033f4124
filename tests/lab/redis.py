"""A private Redis on a UNIX socket, and a client that needs no package."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab import wait
from tests.lab.process import Child

Reply = str | int | None | list["Reply"]


class RedisError(Exception):
    """An error reply of the server."""


class Client:
    """One connection, RESP2, blocking with a time limit."""

    def __init__(self, path: Path, timeout: float = 10.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def call(self, *args: object) -> Reply:
        words = [str(a).encode() for a in args]
        self._socket.sendall(
            b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        )
        return self._reply()

    def _reply(self) -> Reply:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if rest == b"-1":
                return None
            return self._file.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise RedisError(f"unexpected reply {line!r}")


class Redis:
    """The server: killed and started again, with its data or without."""

    def __init__(
        self,
        directory: Path,
        env: dict[str, str],
        persist: bool,
        inside: Sequence[str] = (),
        options: dict[str, str] | None = None,
    ) -> None:
        self.inside = inside
        self.options = options or {}
        self.directory = directory
        self.data = directory / "data"
        self.socket = directory / "redis.sock"
        self.persist = persist
        self.child = Child("redis", self._argv(), directory / "redis.log", env)

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def _argv(self) -> list[str]:
        # The title would overwrite the environment, and the lab's mark in it.
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "777",
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes" if self.persist else "no",
            "appendfsync": "always",
            "daemonize": "no",
            "set-proc-title": "no",
            "loglevel": "notice",
        }
        argv = [*self.inside, "redis-server"]
        for name, value in (options | self.options).items():
            argv += [f"--{name}", *value.split(" ")]
        return argv

    def start(self, empty: bool = False) -> None:
        if empty:
            shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True)
        os.chmod(self.directory, 0o755)
        self.child.start()
        wait.until("Redis to answer", self._answers)

    def _answers(self) -> bool:
        if not self.child.alive():
            raise RuntimeError(f"redis-server ended: {self.child.log.read_text()}")
        try:
            return self.call("PING") == "PONG"
        except RedisError:  # it is still loading its data
            return False

    def kill(self) -> None:
        self.child.kill()

    def call(self, *args: object) -> Reply:
        """One command on a connection of its own, so that a restart in between
        needs no care."""
        client = Client(self.socket)
        try:
            return client.call(*args)
        finally:
            client.close()

    def keys(self, pattern: str) -> list[str]:
        reply = self.call("KEYS", pattern)
        return [str(key) for key in reply] if isinstance(reply, list) else []

    def cli(self, *args: str) -> str:
        """The same by the program that an administrator would type."""
        command = ["redis-cli", "-s", str(self.socket), *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()
