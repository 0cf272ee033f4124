"""What the tests in the lab share: an organisation, and its logs on failure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab.command import World
from tests.lab.lab import Lab

# Tests that several suites have in common.
pytest.register_assert_rewrite("tests.lab.office_tests")

NUNO = "nuno@letsexchange.com"
MOTA = "mota@letsexchange.com"
STARTED = pytest.StashKey[datetime]()


def two_sites(lab: Lab) -> Lab:
    """The organisation of most tests: a mailbox server in each of two sites."""
    lab.domain("letsexchange.com")
    lab.host("MBX1", site="Lisbon")
    lab.host("MBX2", site="Porto")
    lab.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
    lab.database("DB1", ["MBX1"])
    lab.database("DB2", ["MBX2"])
    lab.mailbox(NUNO, "DB1")
    lab.mailbox(MOTA, "DB2", EmailAddresses="luis.mota@letsexchange.com")
    lab.start()
    return lab


ANA, RUI, BOSS = "ana@letsexchange.com", "rui@letsexchange.com", "boss@letsexchange.com"


def office(lab: Lab) -> Lab:
    """Two sites and three more people, one of them Ana's boss."""
    lab.mailbox(ANA, "DB1", Manager=BOSS)
    lab.mailbox(RUI, "DB2")
    lab.mailbox(BOSS, "DB1")
    two_sites(lab)
    return lab


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """For the command alone."""
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def shared_lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield two_sites(lab)


@pytest.fixture
def org(shared_lab: Lab) -> Iterator[Lab]:
    """The shared organisation, for tests that leave everything running as they
    found it. Rules are removed here."""
    yield shared_lab
    keys = shared_lab.redis.keys("posthub:rule:*")
    if keys:
        shared_lab.redis.call("DEL", *keys)


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """An empty lab for a test that breaks things; nothing is started yet."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def own_org(own_lab: Lab) -> Lab:
    """Two sites for a test that breaks things."""
    return two_sites(own_lab)


# ---- logs of all actors in the report of a failed test ----------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Log times are whole seconds.
    item.stash[STARTED] = datetime.now().replace(microsecond=0) - timedelta(seconds=1)


@pytest.hookimpl(hookwrapper=True)  # type: ignore[misc]
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if not report.failed or report.when == "teardown":
        return
    labs = [v for v in getattr(item, "funcargs", {}).values() if isinstance(v, Lab)]
    for lab in dict.fromkeys(labs):
        text = lab.logs(item.stash[STARTED])
        report.sections.append((f"logs of {lab.directory}", text[-20000:]))
