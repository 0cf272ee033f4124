"""Servers with odd names, and databases that move."""

from __future__ import annotations

from functools import partial

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host, delivered
from tests.lab.lab import Lab


def test_names_with_blanks(own_lab: Lab) -> None:
    """Fine for sites, links, databases and rules; a server has a host name."""
    own_lab.domain("letsexchange.com")
    first = own_lab.host("MBX1", site="New York")
    own_lab.host("MBX2", site="Old Town")
    own_lab.sitelink("over the sea", ["New York", "Old Town"])
    own_lab.database("Data Base 2", ["MBX2"])
    own_lab.mailbox(MOTA, "Data Base 2")
    own_lab.put("server", "Mail Box 3", Fqdn="mbx3.letsexchange.com", Site="New York")
    own_lab.start()
    mail = letter.post(first, letter.compose(MOTA))
    assert mail.accepted, mail.last
    own_lab.wait_message(MOTA, mail.ident)
    status = first.cli("status").stdout
    assert "server:Mail Box 3" in status, status


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
        # qmgr keeps its last answer, and no more than one, for 30 s: with two
        # recipients waiting, it asks each time.
        mail = letter.post(first, letter.compose(address, NUNO))
        wait.until("a deferral", lambda: f"to=<{address}>" in first.log_text("postfix"))
        first.cli("database", "move", "DB4", "--to", "MBX2")
        org.wait_message(address, mail.ident)
    assert [p for p in org.maildirs(address) if second.directory in p.parents]


def test_route_and_resolve_say_what_happens(org: Lab) -> None:
    host = org.hosts["MBX1"]
    assert "MBX2" in host.cli("route", MOTA).stdout
    assert MOTA in host.cli("resolve", "luis.mota@letsexchange.com").stdout
    assert host.cli("resolve", "nobody@letsexchange.com", check=False).returncode == 1


def logged(host: Host, text: str) -> bool:
    return text in host.log_text("policy")


def test_recipients_whose_keys_differ_in_case_alone_are_an_error(org: Lab) -> None:
    """Neither is taken over; what was good before stays."""
    twin = "NUNO@letsexchange.com"
    host = org.hosts["MBX1"]
    org.put("recipient", twin, RecipientType="UserMailbox", Database="DB2")
    try:
        for key in (twin, NUNO):
            text = f"recipient:{key}: not taken over"
            wait.until(f"{text} in the log", partial(logged, host, text))
        mail = letter.post(host, letter.compose(NUNO))
        org.wait_message(NUNO, mail.ident)
        assert [host.directory in path.parents for path in org.maildirs(NUNO)] == [True]
    finally:
        org.remove("recipient", twin)
