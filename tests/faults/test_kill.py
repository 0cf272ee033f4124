"""500 mails while something is killed: none missing, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import MOTA, NUNO, two_sites
from tests.lab import accounting, wait
from tests.lab.host import DAEMONS
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mta

MAILS = 500
# Mail from outside does not pass this one; its own test is test_outbox.py.
NOT_ON_THE_WAY = "posthub-submission"
OTHERS = ("ana@letsexchange.com", "rui@letsexchange.com")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.mailbox(OTHERS[0], "DB1")
        made.mailbox(OTHERS[1], "DB2")
        yield two_sites(made)


@pytest.fixture
def site(lab: Lab) -> accounting.Site:
    return accounting.site_of_lab(lab.directory, (NUNO, MOTA, *OTHERS))


def at(mta: Mta, part: float) -> None:
    """Wait until this part of the mails is done."""
    wait.until(f"{part:.0%} of the mails", lambda: mta.done >= MAILS * part, timeout=90)


def count(site: accounting.Site, meanwhile: Callable[[Mta], None] | None) -> None:
    report = accounting.run(site, MAILS, per_mail=2, connections=8, meanwhile=meanwhile)
    print(report.text())
    assert report.sent == MAILS
    assert report.ok(), report.text()


def test_nothing_is_killed(lab: Lab, site: accounting.Site) -> None:
    """The accounting itself, and the run that the others are compared with."""
    count(site, None)


@pytest.mark.parametrize("name", [*(d for d in DAEMONS if d != NOT_ON_THE_WAY), "postfix"])
def test_sigkill(lab: Lab, site: accounting.Site, name: str) -> None:
    """On one server, then on the other, then on both."""

    def kill(mta: Mta) -> None:
        first, second = lab.hosts.values()
        for part, hosts in ((0.1, [first]), (0.35, [second]), (0.6, [first, second])):
            at(mta, part)
            for host in hosts:
                host.kill(name)
            for host in hosts:
                host.start(name)
                host.wait_up(name)

    count(site, kill)


def test_redis_killed_and_back_empty(lab: Lab, site: accounting.Site) -> None:
    def kill(mta: Mta) -> None:
        at(mta, 0.2)
        lab.redis.kill()
        at(mta, 0.5)
        lab.redis.start(empty=True)

    count(site, kill)
    lab.hosts["MBX1"].cli("status", check=False)
    assert not lab.redis.call("EXISTS", f"posthub:recipient:{NUNO}")
