"""Every stage of a mail's way is a row."""

from __future__ import annotations

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import COLUMNS, Row, by_command, event, rows

MBX1, MBX2 = "MBX1.letsexchange.com", "MBX2.letsexchange.com"
INTRA = "Intra-Organization SMTP Send Connector"
DEFAULT_1, DEFAULT_2 = r"MBX1\Default MBX1", r"MBX2\Default MBX2"
DELIVERY_2 = r"MBX2\Default Mailbox Delivery MBX2"

# A mail from outside to MBX1, for a mailbox on MBX2, in the columns of COLUMNS;
# the stranger's host name is not known here.
CROSS_SITE = [
    (None, "MBX1", DEFAULT_1, "SMTP", "RECEIVE"),
    ("MBX1", "", "", "AGENT", "AGENTINFO"),
    ("MBX1", MBX2, INTRA, "SMTP", "SEND"),
    (MBX1, "MBX2", DEFAULT_2, "SMTP", "RECEIVE"),
    ("MBX2", MBX2, INTRA, "SMTP", "SEND"),
    (MBX2, "MBX2", DELIVERY_2, "SMTP", "RECEIVE"),
    ("MBX2", "MBX2", "", "STOREDRIVER", "DELIVER"),
]


def complete(lab: Lab, mail: Mail, count: int = len(CROSS_SITE)) -> list[Row]:
    """All rows of a message; SEND comes a little later, from Postfix's log.

    AGENTINFO of the second server is left out: there the rules have run.
    """

    def all_rows() -> list[Row]:
        found = [row for host in lab.hosts.values() for row in rows(host, mail.ident)]
        return found if len(found) >= count else []

    return wait.until(f"{count} rows of {mail.ident}", all_rows)


def cells(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in COLUMNS)


def same(row: tuple[str, ...], expected: tuple[str | None, ...]) -> bool:
    """Host names have no case; None stands for anything."""
    return all(e is None or r.lower() == e.lower() for r, e in zip(row, expected, strict=True))


def test_rows_of_a_mail_across_two_servers(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA))
    org.wait_message(MOTA, mail.ident)
    found = [cells(row) for row in complete(org, mail)]
    for expected in CROSS_SITE:
        assert any(same(row, expected) for row in found), (expected, found)


def test_rows_share_one_network_message_id(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA))
    message = org.wait_message(MOTA, mail.ident)
    ids = {row["network-message-id"] for row in complete(org, mail)}
    assert ids == {message["X-PostHub-Network-Message-Id"]}


def test_rows_say_who_and_what(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, subject='Who, and "what"'))
    org.wait_message(MOTA, mail.ident)
    for row in complete(org, mail):
        assert row["recipient-address"] == MOTA, row
        assert row["sender-address"] == letter.STRANGER, row
        assert row["return-path"] == letter.STRANGER, row
        assert row["message-subject"] == 'Who, and "what"', row


def test_the_command_shows_them_in_order_of_cause(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA))
    org.wait_message(MOTA, mail.ident)
    complete(org, mail)
    columns = [name.title().replace("-", "") for name in COLUMNS]

    def shown() -> list[tuple[str, ...]]:
        answer = by_command(org.hosts["MBX1"], "--message-id", mail.ident)
        table = [tuple(str(row[name]) for name in columns) for row in answer]
        return table if len(table) >= len(CROSS_SITE) else []

    table = wait.until("all rows in Redis", shown)
    essential = [row for row in table if (row[3], row[4], row[0]) != ("AGENT", "AGENTINFO", "MBX2")]
    assert len(essential) == len(CROSS_SITE), table
    for row, expected in zip(essential, CROSS_SITE, strict=True):
        assert same(row, expected), (expected, table)


def test_the_command_filters(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(NUNO, subject="A rare subject"))
    org.wait_message(NUNO, mail.ident)
    host = org.hosts["MBX2"]
    filters = ("--recipients", NUNO, "--subject", "rare", "--event-id", "DELIVER")
    answer = wait.until("the DELIVER row in Redis", lambda: by_command(host, *filters))
    assert [row["MessageId"] for row in answer] == [mail.ident]
    assert not by_command(host, "--sender", "someone.else@sender.test")


def test_a_mail_that_waits_has_a_defer_row(org: Lab) -> None:
    host = org.hosts["MBX2"]
    with host.down("delivery"):
        mail = letter.post(host, letter.compose(MOTA))
        assert mail.accepted, mail.last
        wait.until("DEFER", lambda: [r for r in rows(host, mail.ident) if r["event-id"] == "DEFER"])
    host.postfix.wait_empty()
    org.wait_message(MOTA, mail.ident)
    events = [event(row) for row in rows(host, mail.ident)]
    assert events.count("STOREDRIVER DELIVER") == 1


def test_nothing_is_lost_or_repeated_when_tracking_is_killed(org: Lab) -> None:
    host = org.hosts["MBX2"]
    before = letter.post(host, letter.compose(MOTA))
    org.wait_message(MOTA, before.ident)
    wait.until("SEND", lambda: _sends(host, before) == 1)
    with host.down("tracking"):
        unseen = letter.post(host, letter.compose(MOTA))
        org.wait_message(MOTA, unseen.ident)
    wait.until("SEND of what was missed", lambda: _sends(host, unseen) == 1)
    after = letter.post(host, letter.compose(MOTA))
    wait.until("SEND of what came later", lambda: _sends(host, after) == 1)
    assert [_sends(host, mail) for mail in (before, unseen, after)] == [1, 1, 1]


def _sends(host: Host, mail: Mail) -> int:
    return sum(1 for row in rows(host, mail.ident) if row["event-id"] == "SEND")
