"""Mailboxes that belong to somebody else than the daemon, which is not root:
each person's own, as the directory says, read by Dovecot as that person."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.dovecot import Dovecot
from tests.lab.lab import Lab

OWNERS = {NUNO: 25001, MOTA: 25002}
GROUP = 25100


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        host = made.host("MBX1")
        host.set("delivery", "mailbox_user", "{uidNumber}")
        host.set("delivery", "mailbox_group", str(GROUP))
        host.set("delivery", "mailbox_mode", "0640")
        made.database("DB1", ["MBX1"])
        for address, uid in OWNERS.items():
            made.mailbox(address, "DB1", uidNumber=str(uid))
        made.start()
        yield made


@pytest.fixture(scope="module")
def dovecot(lab: Lab) -> Iterator[Dovecot]:
    made = Dovecot(lab.directory / "dovecot", lab.env)
    for address, uid in OWNERS.items():
        made.add(address, lab.own_maildir(address), owner=f"{uid}:{GROUP}")
    with made:
        yield made


def below(path: Path) -> Iterator[Path]:
    yield path
    for directory, folders, files in os.walk(path):
        yield from (Path(directory, name) for name in (*folders, *files))


def test_the_daemon_is_not_root(lab: Lab) -> None:
    text = Path(f"/proc/{lab.hosts['MBX1'].daemon('delivery').pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert 0 not in map(int, fields["Uid"].split())
    # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID.
    assert int(fields["CapEff"], 16) == int(fields["CapPrm"], 16) == 0b11011
    policy = Path(f"/proc/{lab.hosts['MBX1'].daemon('policy').pid}/status").read_text()
    assert "CapEff:\t0000000000000000" in policy


def test_each_persons_mailbox_is_theirs(lab: Lab, dovecot: Dovecot) -> None:
    mail = letter.post(lab.hosts["MBX1"], letter.compose(*OWNERS))
    assert mail.accepted == set(OWNERS), mail.last
    for address, uid in OWNERS.items():
        lab.wait_message(address, mail.ident)
        for path in below(lab.own_maildir(address)):
            status = path.stat()
            assert (status.st_uid, status.st_gid) == (uid, GROUP), path
            assert status.st_mode & 0o7777 == (0o2750 if path.is_dir() else 0o640), path
    for address in OWNERS:
        with dovecot.imap(address) as client:
            assert client.select("INBOX")[1] == [b"1"]
            client.store("1", "+FLAGS", r"\Seen")
            client.create("Mine")
    # And on it goes, in what Dovecot has changed meanwhile.
    again = letter.post(lab.hosts["MBX1"], letter.compose(*OWNERS))
    for address in OWNERS:
        lab.wait_message(address, again.ident)
        with dovecot.imap(address) as client:
            assert client.select("INBOX")[1] == [b"2"]
            assert b"\\Seen" in client.fetch("1", "(FLAGS)")[1][0]


def test_what_they_send_is_theirs(lab: Lab, dovecot: Dovecot) -> None:
    """The Sent copy and the report; not how far a message is, which its owner
    must not change."""
    mail = letter.compose(MOTA, "nobody@letsexchange.com", sender=NUNO)
    dovecot.save(NUNO, mail.content)
    lab.wait_message(MOTA, mail.ident)
    box, host = lab.own_maildir(NUNO), lab.hosts["MBX1"]
    wait.until("it in Sent", lambda: lab.sent(NUNO))
    own = box / ".posthub-submission"
    daemon = Path(f"/proc/{host.daemon('submission').pid}").stat().st_uid
    for path in below(box):
        status = path.stat()
        if own in (path, *path.parents):
            assert status.st_uid == daemon and status.st_mode & 0o77 == 0, path
        else:
            assert (status.st_uid, status.st_gid) == (OWNERS[NUNO], GROUP), path
    reports = [m for _, m in dovecot.messages(NUNO) if m["In-Reply-To"] == mail.ident]
    assert len(reports) == 1 and len(dovecot.messages(NUNO, "Sent")) == 1
    with dovecot.imap(NUNO) as client:
        client.select("Sent")
        client.store("1", "+FLAGS", r"\Deleted")
        assert client.expunge()[0] == "OK"


def test_somebody_without_a_number_waits(lab: Lab) -> None:
    address = "ana@letsexchange.com"
    lab.mailbox(address, "DB1")
    host = lab.hosts["MBX1"]
    host.wait_recipient(address)
    with host.connect_lmtp() as dialogue:
        dialogue.command("LHLO test")
        dialogue.command("MAIL FROM:<>")
        dialogue.command(f"RCPT TO:<{address}>")
        assert dialogue.command("DATA").startswith("354 ")
        answer = dialogue.command("Subject: x\r\n\r\nx\r\n.")
    assert answer.startswith("451 4.3.0 "), answer
    assert "uidNumber of the recipient is not set" in host.log_text("delivery")
    assert not lab.own_maildir(address).exists()
