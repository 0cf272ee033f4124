"""Databases that are activated automatically: who holds one, when another copy
takes over, and what waits meanwhile. Partitions are in tests/faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import accounting, letter, wait
from tests.lab.accounting import Traffic
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.track import event, rows

PEOPLE = ("ana@letsexchange.com", "rui@letsexchange.com")
ANA, RUI = PEOPLE
GIL = "gil@letsexchange.com"  # whose database needs no lease
KEY = "posthub:database:DB5"
# Lease and heartbeat run out; on a busy machine.
TAKES_OVER = 40.0


def build(lab: Lab, hook: str = "", timeout: str = "60s", **fields: str) -> tuple[Host, Host]:
    """Two servers that see one store."""
    lab.share_store()
    lab.domain("letsexchange.com")
    for name in ("MBX1", "MBX2"):
        host = lab.host(name)
        host.set("delivery", "activation_hook", hook)
        host.set("delivery", "activation_timeout", timeout)
    auto = {"AutoActivation": "true", "Active": "MBX1"}
    lab.database("DB5", ["MBX1", "MBX2"], **(auto | fields))
    for address in PEOPLE:
        lab.mailbox(address, "DB5")
    lab.database("DB6", ["MBX1"])
    lab.mailbox(GIL, "DB6")
    lab.start()
    first, second = lab.hosts.values()
    return first, second


def shown(host: Host) -> dict[str, Any]:
    return dict(json.loads(host.cli("database", "show", "DB5", "--json").stdout))


def wait_holder(asked: Host, holder: Host) -> None:
    def held() -> bool:
        answer = shown(asked)
        return (answer["Holder"], answer["Lease"]) == (holder.name, "held")

    wait.until(f"{holder.name} to hold DB5", held, TAKES_OVER, 0.1)


@pytest.fixture
def pair(own_lab: Lab) -> Iterator[tuple[Host, Host]]:
    first, second = build(own_lab)
    wait_holder(first, first)
    yield first, second


def test_it_is_shown_who_holds_it(pair: tuple[Host, Host]) -> None:
    first, second = pair
    status = json.loads(second.cli("status", "--json").stdout)
    (database,) = (row for row in status["Databases"] if row["Database"] == "DB5")
    assert (database["Holder"], database["Lease"]) == ("MBX1", "held")
    assert "MBX1" in second.cli("database", "show", "DB5").stdout
    with second.down("delivery"):
        first.kill("delivery")
        wait.until("run out", lambda: shown(second)["Lease"] == "run out")
        wait.until("no lease", lambda: shown(second)["Lease"] == "none", TAKES_OVER)
        assert shown(second)["Holder"] is None
        first.start("delivery")
        wait_holder(second, first)
        first.stop("delivery")
        assert shown(second)["Lease"] == "free"
        first.start("delivery")


def test_a_move_is_followed_at_once(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    """Each lets go, so that nobody has to wait; nothing is lost or doubled."""
    first, second = pair
    with Traffic(accounting.site_of_lab(own_lab.directory, PEOPLE)) as flow:
        for target in (second, first, second):
            flow.after(10)
            target.cli("database", "move", "DB5", "--to", target.name)
            wait_holder(first, target)
    report = flow.report()
    assert report.ok(), report.text()


def test_killed_where_it_is_active(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    """The next one opens the same files."""
    first, second = pair
    with Traffic(accounting.site_of_lab(own_lab.directory, PEOPLE)) as flow:
        for victim, heir in ((first, second), (second, first)):
            flow.after(10)
            with victim.down("delivery"):
                wait_holder(heir, heir)
                flow.after(10)
    report = flow.report()
    assert report.ok(), report.text()
    assert own_lab.redis.call("HGET", KEY, "Epoch") == "2"


def test_a_lease_that_nobody_can_read(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    """It keeps nobody away, and what is done in spite of it is said to be done."""
    first, second = pair
    with first.down("delivery"):
        own_lab.redis.call("SET", "posthub:lease:db5", "rubbish")
        wait_holder(second, second)
    assert own_lab.redis.call("HGET", KEY, "Epoch") == "1"
    said = second.log_text("delivery")
    assert "the copy on MBX2 becomes the active one" in said
    assert "cannot activate" not in said


def test_a_second_copy_is_known_after_a_takeover(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    first, second = pair
    mail = letter.compose(ANA)
    assert letter.post(first, mail).accepted == {ANA}, mail.last
    own_lab.wait_message(ANA, mail.ident)
    with first.down("delivery"):
        wait_holder(second, second)
        again = letter.compose(ANA)
        again.ident, again.content = mail.ident, mail.content
        assert letter.post(second, again).accepted == {ANA}, again.last

        def recognised() -> bool:
            events = [event(row) for row in rows(second, mail.ident)]
            return "STOREDRIVER DUPLICATEDELIVER" in events

        wait.until("DUPLICATEDELIVER", recognised, 30)
    own_lab.wait_empty()
    assert len(own_lab.messages(ANA)) == 1


def test_a_server_that_is_ordered_away(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    """Inactive: it lets go, and another copy takes over; and never goes back
    to it by itself."""
    first, second = pair
    own_lab.put("server", "MBX1", State="Inactive")
    wait_holder(second, second)
    second.kill("delivery")
    wait.until("no lease", lambda: shown(first)["Lease"] == "none", TAKES_OVER)
    assert own_lab.redis.call("HGET", KEY, "Active") == "MBX2"
    second.start("delivery")
    wait_holder(second, second)


def test_the_outbox_waits_for_a_lease(own_lab: Lab, pair: tuple[Host, Host]) -> None:
    """What nobody holds is left alone by submission as well."""
    first, second = pair
    own_lab.make_outbox(ANA)
    own_lab.make_outbox(GIL)
    with first.down("delivery"), second.down("delivery"):
        wait.until("no lease", lambda: shown(first)["Lease"] == "none", TAKES_OVER)
        mail = letter.compose(RUI, sender=ANA)
        own_lab.outbox(ANA, b"\n".join(mail.content.split(b"\r\n")))
        # What came after it, in a database without lease, has been sent.
        other = letter.compose(RUI, sender=GIL)
        own_lab.outbox(GIL, b"\n".join(other.content.split(b"\r\n")))
        wait.until("the other one to be sent", lambda: own_lab.sent(GIL), 30)
        (path,) = own_lab.in_outbox(ANA)
        assert ".Outbox" in path.parts
    own_lab.wait_message(RUI, mail.ident, 60)
    wait.until("the Outbox to be empty", lambda: not own_lab.in_outbox(ANA))
    own_lab.wait_message(RUI, other.ident, 60)
    assert len(own_lab.messages(RUI)) == 2


# ---- the hook --------------------------------------------------------------

HOOK = """\
#!/bin/sh
echo "$POSTHUB_SERVER $POSTHUB_DATABASE $POSTHUB_EPOCH" >>{log}
while [ ! -e {directory}/$POSTHUB_SERVER ]; do sleep 0.1; done
"""


def write_hook(lab: Lab) -> tuple[Path, Path]:
    """It ends when there is a file of the server's name."""
    log = lab.directory / "hook.log"
    log.touch()
    log.chmod(0o666)
    path = lab.directory / "hook"
    path.write_text(HOOK.format(log=log, directory=lab.directory), encoding="ascii")
    path.chmod(0o755)
    return path, log


@pytest.mark.parametrize("auto", ["true", "false"])
def test_the_copy_is_made_ready_first(own_lab: Lab, auto: str) -> None:
    hook, log = write_hook(own_lab)
    first, second = build(own_lab, str(hook), AutoActivation=auto)
    (own_lab.directory / "MBX1").touch()
    mail = letter.post(first, letter.compose(ANA))
    own_lab.wait_message(ANA, mail.ident, TAKES_OVER)
    second.cli("database", "move", "DB5", "--to", "MBX2")
    wait.until("the hook", lambda: "MBX2 DB5 1\n" in log.read_text())
    mail = letter.post(first, letter.compose(ANA))
    assert mail.accepted == {ANA}, mail.last
    wait.until("432", lambda: "copy of database DB5 is not ready" in logs(own_lab))
    assert len(own_lab.messages(ANA)) == 1
    (own_lab.directory / "MBX2").touch()
    own_lab.wait_message(ANA, mail.ident, TAKES_OVER)
    assert log.read_text().count("MBX2 DB5 1\n") == 1


def logs(lab: Lab) -> str:
    return "".join(host.log_text("postfix") for host in lab.hosts.values())


def test_a_copy_that_does_not_become_ready(own_lab: Lab) -> None:
    """Its time is over: the next one's turn."""
    hook, log = write_hook(own_lab)
    first, second = build(own_lab, str(hook), "2s")
    (own_lab.directory / "MBX2").touch()
    wait_holder(second, second)
    assert own_lab.redis.call("HGET", KEY, "Epoch") == "1"
    assert "not ready within 2000 ms" in first.log_text("delivery")
    mail = letter.post(first, letter.compose(ANA))
    own_lab.wait_message(ANA, mail.ident, 60)
