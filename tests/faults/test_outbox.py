"""200 mails from the Outboxes of two people while something is killed: each
once in every recipient's mailbox, once in Sent, none left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import MOTA, NUNO, two_sites
from tests.lab import accounting, faults, letter, wait
from tests.lab.accounting import Owners
from tests.lab.host import Host
from tests.lab.lab import Lab

MAILS = 200
OTHERS = ("ana@letsexchange.com", "rui@letsexchange.com")
NOBODY = "nobody@letsexchange.com"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Both databases can be moved."""
    with Lab() as made:
        made.share_store()
        made.mailbox(OTHERS[0], "DB1")
        made.mailbox(OTHERS[1], "DB2")
        two_sites(made)
        made.database("DB1", ["MBX1", "MBX2"])
        made.database("DB2", ["MBX2", "MBX1"])
        yield made


@pytest.fixture
def site(lab: Lab) -> accounting.Site:
    """Nuno's mailbox is on one server, Mota's on the other; both send."""
    made = accounting.site_of_lab(lab.directory, (NUNO, MOTA, *OTHERS))
    for owner in (NUNO, MOTA):
        lab.make_outbox(owner)
        made.owners[owner] = lab.own_maildir(owner)
    return made


def at(owners: Owners, part: float) -> None:
    """Wait until this part of the mails has left."""
    wait.until(f"{part:.0%} of the mails", lambda: owners.done >= MAILS * part, timeout=60)


def count(site: accounting.Site, meanwhile: Callable[[Owners], None] | None) -> None:
    report = accounting.run_outboxes(site, MAILS, per_mail=2, meanwhile=meanwhile)
    print(report.text())
    assert report.sent == MAILS
    assert report.ok(), report.text()


def test_nothing_is_killed(site: accounting.Site) -> None:
    count(site, None)


@pytest.mark.parametrize("name", ["submission", "transport", "policy", "delivery", "postfix"])
def test_sigkill(lab: Lab, site: accounting.Site, name: str) -> None:
    """On one server, then on the other, then on both."""

    def kill(owners: Owners) -> None:
        first, second = lab.hosts.values()
        for part, hosts in ((0.1, [first]), (0.35, [second]), (0.6, [first, second])):
            at(owners, part)
            for host in hosts:
                host.kill(name)
            for host in hosts:
                host.start(name)
                host.wait_up(name)

    count(site, kill)


def test_redis_killed_and_back(lab: Lab, site: accounting.Site) -> None:
    """Without it nobody knows more than before, which is enough."""

    def kill(owners: Owners) -> None:
        at(owners, 0.2)
        lab.redis.kill()
        at(owners, 0.6)
        lab.redis.start()

    count(site, kill)


def test_databases_move(lab: Lab, site: accounting.Site) -> None:
    """Both owners' and all recipients' mailboxes change their server, and come
    back, while their mail flows."""
    host = lab.hosts["MBX1"]

    def move(owners: Owners) -> None:
        for part, servers in ((0.15, ("MBX2", "MBX1")), (0.5, ("MBX1", "MBX2"))):
            at(owners, part)
            for database, server in zip(("DB1", "DB2"), servers, strict=True):
                host.cli("database", "move", database, "--to", server)

    count(site, move)
    assert lab.redis.call("HGET", "posthub:database:DB1", "Epoch") == "2"


@pytest.mark.parametrize("point", faults.points("submission"))
def test_dies_at_a_point(lab: Lab, point: str) -> None:
    """One recipient takes it, one is refused: Mota has it once, Nuno has it in
    Sent once, and is told of the refusal once."""
    first, second = lab.hosts.values()
    mail = letter.compose(MOTA, NOBODY, sender=NUNO)
    lines = mail.content.split(b"\r\n")
    lab.make_outbox(NUNO)
    content = b"\n".join(line for line in lines if not line.startswith(b"Date:"))
    if point == "released":  # back into the Outbox, because nobody takes it
        with first.down("postfix"), second.down("postfix"):
            die(first, point, lambda: lab.outbox(NUNO, content))
    else:
        die(first, point, lambda: lab.outbox(NUNO, content))
    first.start("submission")
    wait.until("the Outbox to be empty", lambda: not lab.in_outbox(NUNO))
    lab.wait_message(MOTA, mail.ident)
    lab.wait_empty()
    assert [m["Message-ID"] for m in lab.messages(MOTA)].count(mail.ident) == 1
    assert [m["Message-ID"] for _, m in lab.sent(NUNO)].count(mail.ident) == 1
    assert [m["In-Reply-To"] for m in lab.messages(NUNO)].count(mail.ident) == 1
    assert mail.ident not in [m["Message-ID"] for _, m in lab.drafts(NUNO)]


def die(host: Host, point: str, save: Callable[[], object]) -> None:
    """posthub-submission, dead by its own hand; it stays down."""
    child = host.daemon("submission")
    kept = child.env
    host.kill("submission")
    child.env = kept | {"POSTHUB_FAULT": f"submission.{point}"}
    try:
        host.start("submission")
        # What is there before it looks counts as half written for 2 s.
        wait.until("it to watch Outboxes", child.watches)
        save()
        wait.until(f"its end at {point}", lambda: not child.alive())
    finally:
        child.env = kept
    assert child.status() == -signal.SIGKILL
