"""posthub-delivery dies at each point at which it can be told to, with mail all
the time, while the database moves to it and away: each message is there once.

The points are those of the table in the code, so that a new one is walked as
well.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.lab import accounting, wait
from tests.lab.accounting import Traffic
from tests.lab.host import Host
from tests.lab.lab import ROOT, Lab

PEOPLE = tuple(f"{name}@letsexchange.com" for name in ("ana", "rui", "eva", "gil"))
DATABASE = "DB5"
TABLE = (ROOT / "lib/base/fault.c").read_text(encoding="utf-8")
POINTS = re.findall(r'= "(delivery\.[a-z-]+)",', TABLE)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Two servers that see one store."""
    with Lab() as made:
        made.share_store()
        made.domain("letsexchange.com")
        for name in ("MBX1", "MBX2"):
            made.host(name)
        made.database(DATABASE, ["MBX1", "MBX2"], Active="MBX2")
        for address in PEOPLE:
            made.mailbox(address, DATABASE)
        made.start()
        yield made


def traffic(lab: Lab) -> Traffic:
    return Traffic(accounting.site_of_lab(lab.directory, PEOPLE))


def move(lab: Lab, to: str) -> None:
    lab.hosts[to].cli("database", "move", DATABASE, "--to", to)


def count(flow: Traffic) -> None:
    report = flow.report()
    print(report.text())
    assert report.ok(), report.text()


def arm(host: Host, point: str) -> None:
    """From now on it dies there."""
    child = host.daemon("delivery")
    kept = child.env
    host.kill("delivery")
    child.env = kept | {"POSTHUB_FAULT": point}
    try:
        host.start("delivery")
    finally:
        child.env = kept


def test_the_table_is_read() -> None:
    assert "delivery.after-link" in POINTS and len(POINTS) > 10


@pytest.mark.parametrize("point", POINTS)
def test_dies_at_a_point(lab: Lab, point: str) -> None:
    victim = lab.hosts["MBX1"]
    child = victim.daemon("delivery")
    move(lab, "MBX2")
    arm(victim, point)

    def died() -> bool:
        """On the way there and back, at the latest."""
        for to in ("MBX1", "MBX2"):
            move(lab, to)
            flow.after(10)
            if not child.alive():
                return True
        return False

    with traffic(lab) as flow:
        flow.after(5)
        wait.until(f"its end at {point}", died, 60)
        assert child.status() == -signal.SIGKILL
        victim.start("delivery")
        victim.wait_up("delivery")
        move(lab, "MBX1")
        flow.after(10)
    count(flow)


def test_moves_with_kills(lab: Lab) -> None:
    """To and fro, and whoever has it, or is to get it, is killed on the way."""
    servers = ("MBX1", "MBX2")
    with traffic(lab) as flow:
        for number in range(8):
            old, new = servers[number % 2], servers[(number + 1) % 2]
            move(lab, old)
            flow.after(5)
            move(lab, new)
            victim = lab.hosts[old if number % 4 < 2 else new]
            victim.kill("delivery")
            victim.start("delivery")
            victim.wait_up("delivery")
            flow.after(5)
    count(flow)


def test_moves_in_a_row(lab: Lab) -> None:
    """Faster than anybody follows."""
    with traffic(lab) as flow:
        for number in range(30):
            move(lab, f"MBX{number % 2 + 1}")
        flow.after(10)
    count(flow)
