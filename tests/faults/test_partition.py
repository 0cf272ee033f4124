"""The server with the active copy is cut off: from Redis, from the others, from
both. Another copy takes over or none does, and each message is in the copy
that is active in the end, exactly once.

Each server has a store of its own. What replicates them is the hook: it takes
what the copy that was active until then has. So a message that a server says
it has, and that it had no right to take any more, would be missing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import accounting, wait
from tests.lab.accounting import Traffic
from tests.lab.apart import MASTER, REPLICA, ApartLab
from tests.lab.host import Host
from tests.lab.lab import Lab

PEOPLE = tuple(f"{name}@letsexchange.com" for name in ("ana", "rui", "eva", "gil"))
DATABASE = "DB5"
KEY = f"posthub:database:{DATABASE}"
# Lease and heartbeat run out, the next copy is made ready; on a busy machine.
TAKES_OVER = 40.0

HOOK = """\
#!/bin/sh -e
# Takes over what the other copy has, if that was active later than this one.
own=$POSTHUB_STORE/{database}
epoch() {{ cat "$1/.posthub/epoch" 2>/dev/null || echo 0; }}
for other in {stores}; do
	[ $(epoch $other/{database}) -gt $(epoch $own) ] || continue
	rm -rf $own.new
	cp -a $other/{database} $own.new
	rm -rf $own
	mv $own.new $own
done
"""


def write_hook(lab: Lab) -> Path:
    path = lab.directory / "hook"
    stores = " ".join(str(host.store) for host in lab.hosts.values())
    path.write_text(HOOK.format(database=DATABASE.lower(), stores=stores), encoding="ascii")
    path.chmod(0o755)
    return path


def build(lab: ApartLab) -> ApartLab:
    """Two servers in one DAG; the database can be on either."""
    lab.domain("letsexchange.com")
    for name in ("MBX1", "MBX2"):
        lab.host(name, DatabaseAvailabilityGroup="DAG1")
    lab.put("dag", "DAG1", Servers="MBX1,MBX2")
    hook = write_hook(lab)
    for host in lab.hosts.values():
        host.set("delivery", "activation_hook", str(hook))
    lab.database(DATABASE, ["MBX1", "MBX2"], Active="MBX1", Epoch="5", AutoActivation="true")
    for address in PEOPLE:
        lab.mailbox(address, DATABASE)
    lab.start()
    wait_held(lab, "MBX1")
    return lab


@pytest.fixture
def apart() -> Iterator[ApartLab]:
    with ApartLab() as made:
        yield build(made)


@pytest.fixture
def replicated() -> Iterator[ApartLab]:
    with ApartLab(replica=True) as made:
        yield build(made)


def active(lab: Lab) -> Host:
    return lab.hosts[str(lab.redis.call("HGET", KEY, "Active"))]


def held(host: Host) -> bool:
    """What the host tells its own programs."""
    path = host.state / "held"
    lines = path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []
    now = wait.monotonic_ms()
    return any(int(line.split()[1]) > now for line in lines)


def wait_held(lab: Lab, name: str) -> None:
    host = lab.hosts[name]
    wait.until(f"{name} to hold {DATABASE}", lambda: held(host), TAKES_OVER)


def epoch(lab: Lab) -> int:
    return int(str(lab.redis.call("HGET", KEY, "Epoch")))


def traffic(lab: ApartLab) -> Traffic:
    return Traffic(accounting.site_of_lab(lab.directory, PEOPLE), source="0.0.0.0")


def count(lab: ApartLab, flow: Traffic) -> None:
    """In the store of the active copy alone."""
    flow.site.stores = [active(lab).store]
    report = flow.report()
    print(report.text())
    assert report.ok(), report.text()


class Watcher:
    """Looks all the time who holds the database."""

    def __init__(self, lab: Lab) -> None:
        self._hosts = list(lab.hosts.values())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.looks = 0
        self.both = 0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        one, other = self._hosts
        while not self._stop.is_set():
            # The one before and after the other: then both at one moment.
            self.both += held(one) and held(other) and held(one)
            self.looks += 1
            wait.pause(0.02)


def check(lab: ApartLab, flow: Traffic, watcher: Watcher) -> None:
    count(lab, flow)
    assert watcher.looks > 50
    assert watcher.both == 0


CUTS = {
    "from Redis": [MASTER],
    "from the other server": ["MBX2"],
    "from both": [MASTER, "MBX2"],
}


@pytest.mark.parametrize("cut", CUTS)
def test_cut_off(apart: ApartLab, cut: str) -> None:
    """Cut off from Redis it loses the database; from the others alone not."""
    lost = MASTER in CUTS[cut]
    with Watcher(apart) as watcher, traffic(apart) as flow:
        flow.after(20)
        apart.network.cut(["MBX1"], CUTS[cut])
        if lost:
            wait_held(apart, "MBX2")
            assert not held(apart.hosts["MBX1"])
        flow.after(40)
        assert active(apart).name == ("MBX2" if lost else "MBX1")
        apart.network.heal()
        flow.after(20)
    check(apart, flow, watcher)
    assert epoch(apart) == (6 if lost else 5)


def test_stands_still(apart: ApartLab) -> None:
    """Stopped for longer than its lease, in the middle of its work; what it
    does when it goes on counts for nothing."""
    with Watcher(apart) as watcher, traffic(apart) as flow:
        flow.after(20)
        child = apart.hosts["MBX1"].daemon("delivery")
        with child.frozen():
            wait_held(apart, "MBX2")
        flow.after(40)
    check(apart, flow, watcher)
    assert epoch(apart) == 6


def test_to_and_fro(apart: ApartLab) -> None:
    """Killed where it is active, again and again; each time the other one
    takes over, and has all."""
    with Watcher(apart) as watcher, traffic(apart) as flow:
        for victim, heir in (("MBX1", "MBX2"), ("MBX2", "MBX1"), ("MBX1", "MBX2")):
            flow.after(15)
            with apart.hosts[victim].down("delivery"):
                wait_held(apart, heir)
                flow.after(15)
    check(apart, flow, watcher)
    assert epoch(apart) == 8


def test_keys_expire_early(apart: ApartLab) -> None:
    """The clock of Redis jumps, again and again for 8 s: what it takes for old is
    gone, but the lease of before could not have expired, and nothing happens. The
    heartbeat of the other server stays, so that it could take over."""
    keys = ("lease:db5", "lock:leader", "alive:MBX1:delivery")
    with Watcher(apart) as watcher, traffic(apart) as flow:
        flow.after(10)
        first = lease_count(apart)
        # Who leads must have seen it, looking each second.
        wait.until("three renewals", lambda: lease_count(apart) > first + 3)
        for _ in range(40):
            apart.redis.call("DEL", *(f"posthub:{key}" for key in keys))
            wait.pause(0.2)
        flow.after(10)
        wait_held(apart, "MBX1")
    check(apart, flow, watcher)
    assert epoch(apart) == 5


def test_redis_fails_over(replicated: ApartLab) -> None:
    """To its replica, under load."""
    with Watcher(replicated) as watcher, traffic(replicated) as flow:
        flow.after(20)
        replicated.fail_over()
        flow.after(20)
        wait.until("a lease in the new one", lambda: lease_count(replicated) > 0, TAKES_OVER)
        first = lease_count(replicated)
        wait.until("its renewal", lambda: lease_count(replicated) > first, TAKES_OVER)
        flow.after(20)
    check(replicated, flow, watcher)


def lease_count(lab: Lab) -> int:
    text = lab.redis.call("GET", "posthub:lease:db5")
    return int(json.loads(text).get("count", 0)) if isinstance(text, str) else 0


def test_two_masters(replicated: ApartLab) -> None:
    """Each half has a server and a Redis that takes writes. The lease of the
    one that was active is given by a master without replica: it does not
    count. Then the halves find together."""
    lab = replicated
    assert lab.replica is not None
    second = lab.hosts["MBX2"]
    second.set("redis", "url", lab.url_of(REPLICA))
    second.restart("delivery", "policy", "transport")
    with Watcher(lab) as watcher, traffic(lab) as flow:
        flow.after(20)
        lab.network.cut(["MBX1", MASTER], ["MBX2", REPLICA])
        lab.replica.call("REPLICAOF", "NO", "ONE")
        wait_held(lab, "MBX2")
        assert not held(lab.hosts["MBX1"])
        flow.after(30)
        lab.redis.call("PING")  # the old master lives, and takes writes
        lab.network.heal()
        lab.redis.call("REPLICAOF", lab.network.addresses[REPLICA], lab.port)
        lab.redis = lab.replica
        flow.after(30)
    check(lab, flow, watcher)
    assert epoch(lab) == 6
