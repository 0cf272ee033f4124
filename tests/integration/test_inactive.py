"""Mail for a mailbox that is not here: each cause has its own answer, by
setting, and whoever follows the message sees which."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab import letter, mounts, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import Row, event, rows

ADDRESS = "mover@letsexchange.com"
KEY = "posthub:database:DB5"


def build(lab: Lab, **settings: str) -> tuple[Host, Host]:
    """A mailbox whose database both servers have a copy of; it is on the
    first, and Postfix there goes on thinking so."""
    lab.domain("letsexchange.com")
    lab.host("MBX1")
    lab.host("MBX2")
    lab.database("DB5", ["MBX1", "MBX2"], Active="MBX1")
    lab.mailbox(ADDRESS, "DB5")
    first, second = lab.hosts.values()
    for name, value in settings.items():
        first.set("delivery", name, value)
    lab.start()
    hop = f"ph-mailbox:[{first.address}]:{first.lmtp}"
    maps = f"transport_maps=inline:{{ {{ {ADDRESS} = {hop} }} }}"
    first.postfix.run("postconf", "-e", maps)
    first.postfix.run("postfix", "reload")
    return first, second


def post_and_change(first: Host, change: Callable[[], object]) -> Mail:
    """The mail is in the queue when the change comes; the store driver starts
    with it, and not with what it has kept of before."""
    with first.down("delivery"):
        mail = letter.post(first, letter.compose(ADDRESS))
        assert mail.accepted == {ADDRESS}, mail.last
        change()
        (first.state / "posthub-delivery.snapshot").unlink()
    return mail


def wait_row(host: Host, mail: Mail, wanted: str, status: str) -> Row:
    """A row of this event with this in its recipient-status."""

    def found() -> list[Row]:
        return [
            row
            for row in rows(host, mail.ident)
            if event(row) == wanted and status in row["recipient-status"]
        ]

    # qmgr puts a message that is still being delivered aside for a minute.
    return wait.until(f"{wanted} with {status}", found, 90)[0]


def elsewhere(lab: Lab) -> None:
    lab.redis.call("HSET", KEY, "Active", "MBX2", "Epoch", "1")


def no_copy(lab: Lab) -> None:
    lab.redis.call("HSET", KEY, "Active", "MBX9", "Servers", "MBX9")


def gone(lab: Lab) -> None:
    lab.redis.call("DEL", KEY)


CAUSES = {
    "elsewhere": ("inactive", elsewhere, "432 4.3.2 ", "550 5.2.0 STOREDRV.Deliver"),
    "no copy": ("no_active_copy", no_copy, "432 4.3.2 ", "550 5.2.0 STOREDRV.Deliver"),
    "gone": ("no_database", gone, "451 4.3.0 ", "550 5.2.1 STOREDRV.Deliver"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_retry(own_lab: Lab, cause: str) -> None:
    """Deferred with the reason, and delivered when the cause is gone."""
    setting, change, answer, _ = CAUSES[cause]
    first, _ = build(own_lab, **{setting: "retry"})
    mail = post_and_change(first, lambda: change(own_lab))
    row = wait_row(first, mail, "SMTP DEFER", answer)
    assert "DB5" in row["recipient-status"]
    own_lab.redis.call("HSET", KEY, "Active", "MBX1", "Servers", "MBX1,MBX2", "Epoch", "2")
    own_lab.wait_message(ADDRESS, mail.ident, 60)
    own_lab.wait_empty()
    assert len(own_lab.messages(ADDRESS)) == 1


@pytest.mark.parametrize("cause", CAUSES)
def test_ndr(own_lab: Lab, cause: str) -> None:
    """Returned to its sender, with the reason."""
    setting, change, _, answer = CAUSES[cause]
    first, _ = build(own_lab, **{setting: "ndr"})
    mail = post_and_change(first, lambda: change(own_lab))
    wait_row(first, mail, "SMTP FAIL", answer)
    assert own_lab.messages(ADDRESS) == []


@pytest.mark.parametrize("cause", ["no copy", "gone"])
def test_unless_told_otherwise_an_error_of_the_administrator_waits(
    own_lab: Lab, cause: str
) -> None:
    _, change, answer, _ = CAUSES[cause]
    first, _ = build(own_lab)
    mail = post_and_change(first, lambda: change(own_lab))
    wait_row(first, mail, "SMTP DEFER", answer)
    assert "status=bounced" not in first.log_text("postfix")


def test_an_epoch_of_before_is_refused(own_lab: Lab) -> None:
    """Redis comes back with older data: who has seen the move does not store,
    over a restart as well."""
    first, second = build(own_lab)
    own_lab.change(lambda: own_lab.redis.call("HSET", KEY, "Epoch", "7"))
    noted = first.state / "epochs"
    wait.until("the Epoch on disk", lambda: "7 " in noted.read_text(encoding="utf-8"))
    mail = post_and_change(first, lambda: own_lab.redis.call("HSET", KEY, "Epoch", "6"))
    row = wait_row(first, mail, "SMTP DEFER", "432 4.3.2 ")
    assert "Epoch 6 is below 7" in row["recipient-status"]
    second.cli("database", "move", "DB5", "--to", "MBX2")
    own_lab.wait_message(ADDRESS, mail.ident, 60)


def patient(host: Host) -> None:
    """Postfix would try again in an hour."""
    for name in ("minimal_backoff_time", "maximal_backoff_time", "queue_run_delay"):
        host.postfix.run("postconf", "-e", f"{name}=3600s")
    host.set("delivery", "postqueue", f"/usr/sbin/postqueue -c {host.postfix.conf}")
    # Postfix lets nobody but root name another configuration directory.
    host.set("server", "user", "")


def deferred(host: Host, mail: Mail) -> bool:
    return any(event(row) == "SMTP DEFER" for row in rows(host, mail.ident))


@pytest.mark.parametrize("back", ["the server", "the database"])
def test_deferred_mail_is_asked_for(own_lab: Lab, back: str) -> None:
    own_lab.domain("letsexchange.com")
    for name in ("MBX1", "MBX2"):
        patient(own_lab.host(name))
    own_lab.database("DB5", ["MBX1", "MBX2"], Active="MBX2")
    own_lab.mailbox(ADDRESS, "DB5")
    own_lab.start()
    first, second = own_lab.hosts.values()
    alive = "posthub:alive:MBX2:delivery"
    wait.until("a heartbeat", lambda: own_lab.redis.call("EXISTS", alive))
    second.kill("delivery")
    mail = letter.post(first, letter.compose(ADDRESS))
    assert mail.accepted == {ADDRESS}, mail.last
    wait.until("a deferral", lambda: deferred(first, mail))
    wait.until("its end", lambda: not own_lab.redis.call("EXISTS", alive))
    if back == "the server":
        second.start("delivery")
    else:
        first.cli("database", "move", "DB5", "--to", "MBX1")
    own_lab.wait_message(ADDRESS, mail.ident, 40)
    second.daemon("delivery").kill()


def test_mail_that_a_disk_put_off_is_asked_for(own_lab: Lab) -> None:
    own_lab.domain("letsexchange.com")
    host = own_lab.host("MBX1")
    patient(host)
    own_lab.database("DB5", ["MBX1"])
    own_lab.mailbox(ADDRESS, "DB5")
    own_lab.start()
    path = host.store / "db5"
    path.mkdir()
    with mounts.ext4(path, own_lab.directory / "disk.img", 16 * 1024 * 1024):
        with mounts.frozen(path):
            first = letter.post(host, letter.compose(ADDRESS))
            wait.until(
                "the disk to be missed",
                lambda: "disk does not answer" in host.log_text("delivery"),
                interval=0.2,
            )
            second = letter.post(host, letter.compose(ADDRESS))
            wait.until("a deferral", lambda: deferred(host, second))
        for mail in (first, second):
            own_lab.wait_message(ADDRESS, mail.ident, 40)
        assert len(own_lab.messages(ADDRESS)) == 2
        host.daemon("delivery").kill()
