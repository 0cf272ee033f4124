"""Mail that comes to the store driver of a server that no longer has the
mailbox: handed over in the same session, once."""

from __future__ import annotations

import re

from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import event, rows

ADDRESS = "mover@letsexchange.com"
SEND = "Intra-Organization SMTP Send Connector"


def place(lab: Lab, active: str) -> None:
    """A mailbox in a database that both servers have a copy of."""
    lab.database("DB5", ["MBX1", "MBX2"], Active=active)
    lab.mailbox(ADDRESS, "DB5")
    for host in lab.hosts.values():
        host.wait_recipient(ADDRESS)
        host.wait_route(ADDRESS)


def move(lab: Lab, to: Host) -> None:
    to.cli("database", "move", "DB5", "--to", to.name)
    for host in lab.hosts.values():
        host.wait_map("transport", ADDRESS, lambda text: f"[{to.address}]" in text)


def old_next_hop(host: Host, to: Host) -> None:
    """What qmgr had asked for before the move, made to last."""
    hop = f"ph-mailbox:[{to.address}]:{to.lmtp}"
    host.postfix.run("postconf", "-e", f"transport_maps=inline:{{ {{ {ADDRESS} = {hop} }} }}")
    host.postfix.run("postfix", "reload")


def copies(lab: Lab, ident: str) -> list[Host]:
    """The servers whose store has the message, one for each copy."""
    return [
        host
        for path in lab.maildirs(ADDRESS)
        for host in lab.hosts.values()
        if host.directory in path.parents
        for part in ("new", "cur")
        for file in (path / part).glob("*")
        if ident.encode() in file.read_bytes()
    ]


def test_queued_mail_follows_a_moved_database_to_its_server(own_org: Lab) -> None:
    first, second = own_org.hosts.values()
    place(own_org, "MBX1")
    old_next_hop(first, first)
    with first.down("delivery"):
        mail = letter.post(first, letter.compose(ADDRESS))
        assert mail.accepted == {ADDRESS}, mail.last
        wait.until("a deferral", lambda: "status=deferred" in first.log_text("postfix"))
        move(own_org, second)
    own_org.wait_message(ADDRESS, mail.ident)
    own_org.wait_empty()
    assert copies(own_org, mail.ident) == [second]
    log = first.log_text("postfix")
    assert re.search(rf"to=<{re.escape(ADDRESS)}>.*{first.address}.*status=sent \(250 ", log)
    check_rows(first, second, mail)


def check_rows(first: Host, second: Host, mail: Mail) -> None:
    """Whoever follows the message sees the detour."""
    wait.until("DELIVER", lambda: "STOREDRIVER DELIVER" in map(event, rows(second, mail.ident)))
    there = [row for row in rows(second, mail.ident) if row["source"] in ("SMTP", "STOREDRIVER")]
    assert [event(row) for row in there] == ["SMTP RECEIVE", "STOREDRIVER DELIVER"]
    assert there[0]["client-hostname"] == first.fqdn
    handed = [row for row in rows(first, mail.ident) if row["source-context"] == "Rerouted"]
    assert len(handed) == 1
    assert event(handed[0]) == "SMTP SEND"
    assert handed[0]["client-hostname"] == first.name
    assert handed[0]["server-hostname"] == second.fqdn
    assert handed[0]["connector-id"] == SEND
    assert handed[0]["recipient-address"] == ADDRESS
    ids = {row["network-message-id"] for row in there + handed}
    assert len(ids) == 1 and "" not in ids


def test_the_other_server_is_gone(own_org: Lab) -> None:
    """Deferred, neither kept nor refused; then it arrives once."""
    first, second = own_org.hosts.values()
    place(own_org, "MBX2")
    old_next_hop(first, first)
    with second.down("delivery"):
        mail = letter.post(first, letter.compose(ADDRESS))
        assert mail.accepted == {ADDRESS}, mail.last
        wait.until("a deferral", lambda: "432 4.3.2 " in first.log_text("postfix"))
    own_org.wait_message(ADDRESS, mail.ident)
    own_org.wait_empty()
    assert copies(own_org, mail.ident) == [second]
    assert "status=bounced" not in first.log_text("postfix")


def test_the_other_server_dies_before_it_answers(own_org: Lab) -> None:
    """It has the message; whoever asks again is told so."""
    first, second = own_org.hosts.values()
    place(own_org, "MBX2")
    old_next_hop(first, first)
    child = second.daemon("delivery")
    kept = child.env
    child.env = kept | {"POSTHUB_FAULT": "delivery.before-answer"}
    second.restart("delivery")
    child.env = kept
    mail = letter.post(first, letter.compose(ADDRESS))
    assert mail.accepted == {ADDRESS}, mail.last
    wait.until("the store driver to die", lambda: child.status() is not None)
    assert copies(own_org, mail.ident) == [second]
    wait.until("451", lambda: "451 4.4.2 " in first.log_text("postfix"))
    second.start("delivery")
    second.wait_up("delivery")
    own_org.wait_empty()
    assert copies(own_org, mail.ident) == [second]
    duplicates = [r for r in rows(second, mail.ident) if r["event-id"] == "DUPLICATEDELIVER"]
    assert [event(row) for row in duplicates] == ["STOREDRIVER DUPLICATEDELIVER"]


def test_nothing_is_lost_while_a_database_moves(own_org: Lab) -> None:
    """To and fro, with mail all the time, and a next hop that is right half of
    the time."""
    first, second = own_org.hosts.values()
    place(own_org, "MBX1")
    old_next_hop(first, first)
    mails = []
    for target in (second, first, second, first):
        mails += [letter.post(first, letter.compose(ADDRESS)) for _ in range(5)]
        target.cli("database", "move", "DB5", "--to", target.name)
        mails += [letter.post(first, letter.compose(ADDRESS)) for _ in range(5)]
    assert all(mail.accepted == {ADDRESS} for mail in mails), mails[-1].last
    for mail in mails:
        own_org.wait_message(ADDRESS, mail.ident, 60)
    own_org.wait_empty()
    counts = {mail.ident: len(copies(own_org, mail.ident)) for mail in mails}
    assert set(counts.values()) == {1}, counts


def test_by_setting_it_is_refused(own_org: Lab) -> None:
    first, _ = own_org.hosts.values()
    place(own_org, "MBX2")
    first.set("delivery", "inactive", "ndr")
    first.restart("delivery")
    with first.connect_lmtp() as lmtp:
        lmtp.command("LHLO hub.test")
        lmtp.command("MAIL FROM:<>")

        def refused() -> bool:
            return lmtp.command(f"RCPT TO:<{ADDRESS}>") == (
                "550 5.2.0 STOREDRV.Deliver; mailbox database is not active here"
            )

        wait.until("the refusal", refused)
