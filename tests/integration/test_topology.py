"""Servers with odd names, and databases that move."""

from __future__ import annotations

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import delivered
from tests.lab.lab import Lab
from tests.lab.track import rows


def test_server_name_with_spaces(own_lab: Lab) -> None:
    own_lab.domain("letsexchange.com")
    own_lab.host("Mail Box 1", site="New York")
    host = own_lab.host("Mail Box 2", site="Old Town")
    own_lab.sitelink("a link", ["New York", "Old Town"])
    own_lab.database("DB 2", ["Mail Box 2"])
    own_lab.mailbox(MOTA, "DB 2")
    own_lab.start()
    mail = letter.post(own_lab.hosts["Mail Box 1"], letter.compose(MOTA))
    assert mail.accepted, mail.last
    own_lab.wait_message(MOTA, mail.ident)
    connectors = {row["connector-id"] for row in rows(host, mail.ident)}
    assert r"Mail Box 2\Default Mail Box 2" in connectors, connectors


def test_next_mail_follows_a_moved_database(org: Lab) -> None:
    address = "mover@letsexchange.com"
    org.database("DB3", ["MBX1", "MBX2"], Active="MBX1")
    org.mailbox(address, "DB3")
    first, second = org.hosts.values()
    for host in (first, second):
        host.wait_recipient(address)
        host.wait_route(address)
    before = letter.post(second, letter.compose(address))
    org.wait_message(address, before.ident)
    assert [p for p in org.maildirs(address) if first.directory in p.parents]

    first.cli("database", "move", "DB3", "--to", "MBX2")
    for host in (first, second):
        host.wait_map("transport", address, lambda text: f"[{second.address}]" in text, 1)
    after = letter.post(first, letter.compose(address))
    org.wait_message(address, after.ident)
    assert [m["Message-ID"] for _, m in delivered(second.store / "db3")] == [after.ident]


def test_mail_on_its_way_follows_a_moved_database(org: Lab) -> None:
    """Queued for a store driver that is gone; the move sends it elsewhere."""
    address = "chased@letsexchange.com"
    org.database("DB4", ["MBX1", "MBX2"], Active="MBX1")
    org.mailbox(address, "DB4")
    first, second = org.hosts.values()
    for host in (first, second):
        host.wait_recipient(address)
        host.wait_route(address)
    with first.down("delivery"):
        mail = letter.post(first, letter.compose(address))
        wait.until("a deferral", lambda: f"to=<{address}>" in first.log_text("postfix"))
        first.cli("database", "move", "DB4", "--to", "MBX2")
        org.wait_empty()
        org.wait_message(address, mail.ident)
    assert [p for p in org.maildirs(address) if second.directory in p.parents]


def test_route_and_resolve_say_what_happens(org: Lab) -> None:
    host = org.hosts["MBX1"]
    assert "MBX2" in host.cli("route", MOTA).stdout
    assert MOTA in host.cli("resolve", "luis.mota@letsexchange.com").stdout
    assert host.cli("resolve", "nobody@letsexchange.com", check=False).returncode == 1


def test_recipients_whose_keys_differ_in_case_alone_are_an_error(org: Lab) -> None:
    """Neither is taken over; what was good before stays."""
    org.put("recipient", "NUNO@letsexchange.com", RecipientType="UserMailbox", Database="DB2")
    host = org.hosts["MBX1"]
    try:
        wait.until(
            "the key in the status",
            lambda: "NUNO@letsexchange.com" in host.cli("status", check=False).stdout,
        )
        mail = letter.post(host, letter.compose(NUNO))
        assert not mail.refused, mail.last
        if mail.accepted:
            org.wait_message(NUNO, mail.ident)
            assert not [p for p in org.maildirs(NUNO) if org.hosts["MBX2"].directory in p.parents]
    finally:
        org.remove("recipient", "NUNO@letsexchange.com")
        org.put("recipient", NUNO, RecipientType="UserMailbox")
        host.wait_recipient(NUNO)
