"""What the store driver puts into a Maildir, as Dovecot serves it by IMAP."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator

import pytest

from tests.lab import letter, maildir
from tests.lab.dovecot import Dovecot
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail


PEOPLE = [f"imap.{name}@letsexchange.com" for name in ("one", "two", "three", "four", "five")]


@pytest.fixture(scope="module")
def server(shared_lab: Lab) -> Iterator[Dovecot]:
    """It reads its users anew once a second at most, so it has all at once."""
    made = Dovecot(shared_lab.directory / "dovecot", shared_lab.env)
    for address in PEOPLE:
        shared_lab.mailbox(address, "DB1")
        made.add(address, shared_lab.own_maildir(address))
    for address in PEOPLE:
        for host in shared_lab.hosts.values():
            host.wait_recipient(address)
    with made:
        yield made


@pytest.fixture
def dovecot(server: Dovecot) -> Iterator[Dovecot]:
    yield server
    assert "Error:" not in server.log(), server.log()


@pytest.fixture
def host(org: Lab) -> Host:
    return org.hosts["MBX1"]


def deliver(org: Lab, host: Host, address: str, body: str = "Hello.") -> Mail:
    mail = letter.post(host, letter.compose(address, body=body))
    org.wait_message(address, mail.ident)
    return mail


def listed(client: imaplib.IMAP4, folder: str = "INBOX") -> dict[int, tuple[str, set[str], int]]:
    """UID: Message-ID, flags without \\Recent, and size."""
    client.select(folder, readonly=True)
    _, parts = client.uid(
        "FETCH", "1:*", "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
    )
    found = {}
    for part in parts:
        if not isinstance(part, tuple):
            continue
        head, text = part[0].decode(), part[1].decode()
        uid, size = (
            int(re.search(rf"{name} (\d+)", head)[1])  # type: ignore[index]
            for name in ("UID", "RFC822.SIZE")
        )
        flags = set(re.search(r"FLAGS \((.*?)\)", head)[1].split())  # type: ignore[index]
        found[uid] = (text.split()[1], flags - {"\\Recent"}, size)
    return found


def test_uids_follow_the_order_of_arrival(org: Lab, host: Host, dovecot: Dovecot) -> None:
    address = PEOPLE[0]
    mails = [deliver(org, host, address)]
    with dovecot.imap(address) as client:
        assert {uid: row[0] for uid, row in listed(client).items()} == {1: mails[0].ident}
        # While a mail program is there, too.
        mails += [deliver(org, host, address) for _ in range(2)]
        client.noop()
        idents = {uid: row[0] for uid, row in listed(client).items()}
    assert idents == {i + 1: mail.ident for i, mail in enumerate(mails)}


def test_sizes_and_content_are_exact(org: Lab, host: Host, dovecot: Dovecot) -> None:
    """A size in the file name is believed by the server."""
    address = PEOPLE[1]
    mail = deliver(org, host, address, body="äöü\n.\n" + ("x" * 900 + "\n") * 9)
    with dovecot.imap(address) as client:
        ((_, _, size),) = listed(client).values()
        _, parts = client.uid("FETCH", "1", "(BODY.PEEK[])")
        assert isinstance(parts[0], tuple)
        text = parts[0][1]
    assert len(text) == size
    assert text.partition(b"\r\n\r\n")[2] == mail.content.partition(b"\r\n\r\n")[2]
    (stored,) = maildir.files(org.own_maildir(address))
    assert stored.name.endswith(f",S={stored.stat().st_size}")


def test_flags_and_folders_of_a_mail_program_stay(org: Lab, host: Host, dovecot: Dovecot) -> None:
    address = PEOPLE[2]
    first, second = deliver(org, host, address), deliver(org, host, address)
    with dovecot.imap(address) as client:
        client.create("Projects/Lisbon")
        client.select("INBOX")
        client.uid("STORE", "1", "+FLAGS", "(\\Seen \\Answered)")
        client.uid("COPY", "2", "Projects/Lisbon")
        client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        client.expunge()
    third = deliver(org, host, address)
    with dovecot.imap(address) as client:
        inbox = listed(client)
        folder = listed(client, "Projects/Lisbon")
    assert {uid: row[:2] for uid, row in inbox.items()} == {
        1: (first.ident, {"\\Seen", "\\Answered"}),
        3: (third.ident, set()),
    }
    assert [row[0] for row in folder.values()] == [second.ident]


def test_a_copy_of_what_was_read_and_moved_is_recognised(
    org: Lab, host: Host, dovecot: Dovecot
) -> None:
    """It is not in new/ any more, nor in the Inbox."""
    address = PEOPLE[3]
    mail = deliver(org, host, address)
    with dovecot.imap(address) as client:
        client.create("Done")
        client.select("INBOX")
        client.uid("COPY", "1", "Done")
        client.uid("STORE", "1", "+FLAGS", "(\\Deleted)")
        client.expunge()
    again = letter.compose(address, ident=mail.ident)
    again.content = mail.content
    assert letter.post(host, again).accepted, again.last
    org.wait_empty()
    with dovecot.imap(address) as client:
        assert listed(client) == {}
        assert [row[0] for row in listed(client, "Done").values()] == [mail.ident]


def test_a_mailbox_that_dovecot_made_takes_mail(org: Lab, host: Host, dovecot: Dovecot) -> None:
    address = PEOPLE[4]
    with dovecot.imap(address) as client:
        client.select("INBOX")
        own = b"Message-ID: <own@x>\r\n\r\nSaved.\r\n"
        client.append("INBOX", "(\\Seen)", None, own)  # type: ignore[arg-type]
    mail = deliver(org, host, address)
    with dovecot.imap(address) as client:
        assert {uid: row[:2] for uid, row in listed(client).items()} == {
            1: ("<own@x>", {"\\Seen"}),
            2: (mail.ident, set()),
        }
