"""The server with the active copy is cut off: from Redis, from the others, from
both. Another copy takes over or none does, and each message is in the copy
that is active in the end, exactly once.

Each server has a store of its own. What replicates them is the hook: it takes
what the copy that was active until then has. So a message that a server says
it has, and that it had no right to take any more, would be missing.
"""

from __future__ import annotations

import os
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


def never_two(lab: ApartLab) -> bool:
    return sum(held(host) for host in lab.hosts.values()) <= 1


CUTS = {
    "from Redis": [MASTER],
    "from the other server": ["MBX2"],
    "from both": [MASTER, "MBX2"],
}


@pytest.mark.parametrize("cut", CUTS)
def test_cut_off(apart: ApartLab, cut: str) -> None:
    """Cut off from Redis it loses the database; from the others alone not."""
    lost = MASTER in CUTS[cut]
    with traffic(apart) as flow:
        flow.after(20)
        apart.network.cut(["MBX1"], CUTS[cut])
        if lost:
            wait_held(apart, "MBX2")
            assert not held(apart.hosts["MBX1"])
        flow.after(40)
        assert active(apart).name == ("MBX2" if lost else "MBX1")
        apart.network.heal()
        flow.after(20)
    count(apart, flow)
    assert epoch(apart) == (6 if lost else 5)
    assert never_two(apart)
