"""A lab whose hosts are in network namespaces: it can be torn apart.

Redis, too, has a host of its own, and a second one with a replica, which can
take over with the master's address. The tests themselves reach everything, by
UNIX sockets and over the bridge.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.lab import ports, wait
from tests.lab.lab import Lab
from tests.lab.network import Network
from tests.lab.redis import Redis

MASTER, REPLICA = "redis", "replica"


class NetRedis(Redis):
    """Reached over TCP by the hosts."""

    def __init__(self, *args: object, url: str, **options: object) -> None:
        self._url = url
        super().__init__(*args, **options)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        return self._url


class ApartLab(Lab):
    """Cut with lab.network.cut, heal with lab.network.heal."""

    def __init__(self, replica: bool = False) -> None:
        super().__init__()
        self.network = Network(self.directory)
        address = self.network.add(MASTER)
        self.port = ports.ask(address)
        self._redis_address = address
        self.redis = self._server(MASTER)
        self.replica: Redis | None = None
        if replica:
            self.network.add(REPLICA)
            self.replica = self._server(REPLICA, replicaof=f"{address} {self.port}")

    def _server(self, name: str, **more: str) -> Redis:
        options = {"port": str(self.port), "bind": "0.0.0.0", "protected-mode": "no"} | more
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return NetRedis(
            directory,
            self.env,
            True,
            self.network.inside(name),
            options,
            url=f"redis://{self._redis_address}:{self.port}",
        )

    def url_of(self, name: str) -> str:
        return f"redis://{self.network.addresses[name]}:{self.port}"

    def __enter__(self) -> ApartLab:
        super().__enter__()
        if self.replica is not None:
            self.replica.start()
            self.wait_replica()
        return self

    def wait_replica(self) -> None:
        assert self.replica is not None
        replica = self.replica
        wait.until(
            "the replica to follow",
            lambda: "master_link_status:up" in str(replica.call("INFO", "replication")),
        )

    def fail_over(self) -> None:
        """The master's host is gone, the replica takes its place. What follows
        looks at the new one."""
        assert self.replica is not None
        self.redis.kill()
        self.network.take_address(MASTER, REPLICA)
        self.replica.call("REPLICAOF", "NO", "ONE")
        self.redis, self.replica = self.replica, None

    def _place(self, name: str, number: int) -> tuple[str, Sequence[str]]:
        return self.network.add(name), self.network.inside(name)
