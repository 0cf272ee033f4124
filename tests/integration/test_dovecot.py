"""Dovecot and posthub work on the same Maildirs: what the store driver writes is
read by IMAP, and what a mail program does there is seen by the store driver."""

from __future__ import annotations

import imaplib
import json
import re
from collections.abc import Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, maildir, wait
from tests.lab.dovecot import Dovecot
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import rows

ANA = "ana@letsexchange.com"
RUI = "rui@letsexchange.com"
ADDRESSES = (NUNO, MOTA, ANA, RUI)
KB = 1024

QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
}
"""


class WithQuota(Dovecot):
    """It reads the limits that are in maildirsize, and has none of its own."""

    def _text(self) -> str:
        if self._version >= (2, 4):
            pytest.skip("written for the configuration of Dovecot 2.3")
        return super()._text() + QUOTA


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        host = made.host("MBX1")
        host.set("delivery", "extension", "make")
        made.database("DB1", ["MBX1"])
        for address in ADDRESSES:
            made.mailbox(address, "DB1")
        made.redis.call("HSET", "posthub:transportconfig", "AllowPlusAddressInRecipients", "true")
        made.start()
        yield made


@pytest.fixture(scope="module")
def dovecot(lab: Lab) -> Iterator[Dovecot]:
    made = WithQuota(lab.directory / "dovecot", lab.env)
    for address in ADDRESSES:
        made.add(address, lab.own_maildir(address))
    with made:
        yield made
    problems = [line for line in made.log().splitlines() if re.search("Error|Panic|Fatal", line)]
    assert not problems


def deliver(lab: Lab, mail: Mail, *owners: str) -> Mail:
    """Sent, taken, and in the mailboxes, in whichever folder."""
    letter.post(lab.hosts["MBX1"], mail)
    assert mail.accepted == set(mail.recipients), mail.last
    for owner in owners or mail.recipients:
        wait.until(f"{mail.ident} for {owner}", lambda owner=owner: find(lab, owner, mail))
    return mail


def find(lab: Lab, owner: str, mail: Mail) -> list[str]:
    """The folders that it is in, "" for the Inbox."""
    mailbox = lab.own_maildir(owner)
    folders = [mailbox, *mailbox.glob(".*/")] if mailbox.exists() else []
    return [
        folder.name if folder != mailbox else ""
        for folder in folders
        for _, message in maildir.messages(folder)
        if message["Message-ID"] == mail.ident
    ]


def numbers(client: imaplib.IMAP4, mail: Mail) -> list[bytes]:
    status, data = client.search(None, "HEADER", "Message-ID", f'"{mail.ident}"')
    assert status == "OK"
    return data[0].split()


def select(client: imaplib.IMAP4, folder: str = "INBOX") -> int:
    status, data = client.select(f'"{folder}"')
    assert status == "OK", data
    return int(data[0])


def fetch(client: imaplib.IMAP4, number: bytes, what: str) -> bytes:
    status, data = client.fetch(number.decode(), what)
    assert status == "OK"
    part = data[0]
    return part[1] if isinstance(part, tuple) else part


def folders(client: imaplib.IMAP4, command: str = "list") -> set[str]:
    _, data = getattr(client, command)('""', "*")
    return {line.decode().rpartition('"/" ')[2].strip('"') for line in data if line}


# ---- reading -----------------------------------------------------------------


def test_imap_shows_what_was_delivered(lab: Lab, dovecot: Dovecot) -> None:
    mail = deliver(lab, letter.compose(NUNO, body="line one\n.\nlast"))
    with dovecot.imap(NUNO) as client:
        select(client)
        (number,) = numbers(client, mail)
        assert fetch(client, number, "(BODY.PEEK[TEXT])") == b"line one\r\n.\r\nlast\r\n"
        flags = fetch(client, number, "(FLAGS)")
        assert b"\\Seen" not in flags
        # What a name says of its size is the file's.
        size = int(re.search(rb"RFC822.SIZE (\d+)", fetch(client, number, "(RFC822.SIZE)"))[1])
        assert size == len(fetch(client, number, "(BODY.PEEK[])"))


def test_a_client_that_is_there_is_told(lab: Lab, dovecot: Dovecot) -> None:
    with dovecot.imap(NUNO) as client:
        before = select(client)
        mail = deliver(lab, letter.compose(NUNO))

        def more() -> bool:
            client.noop()
            exists = client.response("EXISTS")[1]
            return bool(exists and exists[0] and int(exists[-1]) > before)

        wait.until("EXISTS", more)
        assert numbers(client, mail)


def test_flags_stay_while_mail_comes(lab: Lab, dovecot: Dovecot) -> None:
    first = deliver(lab, letter.compose(MOTA))
    with dovecot.imap(MOTA) as client:
        select(client)
        (number,) = numbers(client, first)
        client.store(number.decode(), "+FLAGS", r"(\Seen \Flagged)")
        uid = fetch(client, number, "(UID)")
    second = deliver(lab, letter.compose(MOTA))
    with dovecot.imap(MOTA) as client:
        select(client)
        (number,) = numbers(client, first)
        flags = fetch(client, number, "(FLAGS)")
        assert b"\\Seen" in flags and b"\\Flagged" in flags
        assert fetch(client, number, "(UID)") == uid
        assert len(numbers(client, second)) == 1


def test_a_second_copy_is_recognised_wherever_the_first_was_moved(
    lab: Lab, dovecot: Dovecot
) -> None:
    mail = deliver(lab, letter.compose(MOTA))
    with dovecot.imap(MOTA) as client:
        select(client)
        client.create("Archive")
        (number,) = numbers(client, mail)
        client.copy(number.decode(), "Archive")
        client.store(number.decode(), "+FLAGS", r"\Deleted")
        client.expunge()
    again = letter.compose(MOTA, ident=mail.ident)
    again.content = mail.content
    letter.post(lab.hosts["MBX1"], again)
    assert again.accepted == {MOTA}, again.last
    host = lab.hosts["MBX1"]
    wait.until(
        "DUPLICATEDELIVER",
        lambda: [r for r in rows(host, mail.ident) if r["event-id"] == "DUPLICATEDELIVER"],
    )
    assert find(lab, MOTA, mail) == [".Archive"]


# ---- folders -----------------------------------------------------------------


def test_junk_goes_to_its_folder_which_is_shown(lab: Lab, dovecot: Dovecot) -> None:
    """Above the threshold of 4, not at it."""
    for scl in ("4", "5"):
        rule = {"SubjectContainsWords": f"level{scl}", "SetSCL": scl, "Enabled": "true"}
        lab.change(lambda rule=rule, scl=scl: lab.rule(f"Level {scl}", **rule))
    inbox = deliver(lab, letter.compose(NUNO, subject="level4"))
    junk = deliver(lab, letter.compose(NUNO, subject="level5"))
    assert find(lab, NUNO, inbox) == [""]
    assert find(lab, NUNO, junk) == [".Junk"]
    with dovecot.imap(NUNO) as client:
        assert "Junk" in folders(client)
        assert "Junk" in folders(client, "lsub")
        select(client, "Junk")
        (number,) = numbers(client, junk)
        assert b"X-PostHub-SCL: 5" in fetch(client, number, "(BODY.PEEK[HEADER])")


def test_a_stranger_cannot_say_that_mail_is_no_junk(lab: Lab, dovecot: Dovecot) -> None:
    mail = letter.compose(NUNO, subject="level5", headers={"X-PostHub-SCL": "-1"})
    deliver(lab, mail)
    assert find(lab, NUNO, mail) == [".Junk"]
    harmless = deliver(lab, letter.compose(NUNO, headers={"X-PostHub-SCL": "9"}))
    assert find(lab, NUNO, harmless) == [""]


def test_an_extension_is_a_folder(lab: Lab, dovecot: Dovecot) -> None:
    with dovecot.imap(ANA) as client:
        client.create("Projects")
        client.create("Caf&AOk-")
    extended = {
        "Projects": ".Projects",
        "PROJECTS": ".Projects",
        "new.one": ".new.one",
        "inbox": "",
        # Nobody outside puts mail where it would be sent.
        "Outbox": "",
        "Sent": "",
        "posthub-submission": "",
        ".hidden": "",
    }
    for extension, folder in extended.items():
        mail = letter.compose(f"ana+{extension}@letsexchange.com")
        deliver(lab, mail, ANA)
        assert find(lab, ANA, mail) == [folder], extension
    with dovecot.imap(ANA) as client:
        assert {"Projects", "new/one"} <= folders(client)
        assert "new/one" in folders(client, "lsub")
        assert not {"Outbox", "Sent"} & folders(client)


def test_an_outbox_of_another_name_is_none_either(lab: Lab, dovecot: Dovecot) -> None:
    """What lies there would be sent in its owner's name."""
    host = lab.hosts["MBX1"]
    host.set("submission", "imap_outbox", "Zu senden \u2192")
    host.restart("delivery")
    try:
        for extension in ("zu.senden", "Ausgang", "Outbox"):
            mail = letter.compose(f"ana+{extension}@letsexchange.com")
            folder = "" if extension == "Outbox" else f".{extension}"
            assert find(lab, ANA, deliver(lab, mail, ANA)) == [folder]
        host.set("submission", "imap_outbox", "INBOX/Ausgang")
        host.restart("delivery")
        mail = deliver(lab, letter.compose("ana+ausgang@letsexchange.com"), ANA)
        assert find(lab, ANA, mail) == [""]
    finally:
        host.set("submission", "imap_outbox", "Outbox")
        host.restart("delivery")


def test_the_plain_address_and_one_with_an_extension_get_it_once(
    lab: Lab, dovecot: Dovecot
) -> None:
    mail = deliver(lab, letter.compose(RUI, "rui+Both@letsexchange.com"), RUI)
    lab.wait_empty()
    assert len(find(lab, RUI, mail)) == 1


# ---- quota -------------------------------------------------------------------


def quota(client: imaplib.IMAP4) -> tuple[int, int]:
    """Used and allowed, in KB, as Dovecot counts."""
    status, data = client.getquotaroot("INBOX")
    assert status == "OK"
    text = repr(data)
    found = re.search(r"STORAGE (\d+) (\d+)", text)
    assert found, text
    return int(found[1]), int(found[2])


def set_quota(host: Host, lab: Lab, address: str, size: int) -> None:
    """In force when the directory of the host has it."""
    lab.put("recipient", address, ProhibitSendReceiveQuota=str(size))

    def known() -> bool:
        found = json.loads(host.cli("resolve", address, "--json").stdout)[0]
        return found["Entry"].get("ProhibitSendReceiveQuota") in (size, str(size))

    wait.until(f"the quota of {address}", known)


def test_quota_is_counted_by_both(lab: Lab, dovecot: Dovecot) -> None:
    host = lab.hosts["MBX1"]
    set_quota(host, lab, RUI, 100 * KB)
    big = "x" * 70 + "\n"
    first = deliver(lab, letter.compose(RUI, body=big * (40 * KB // len(big))))
    with dovecot.imap(RUI) as client:
        used, allowed = quota(client)
        assert allowed == 100
        assert used >= 40
        # A message that a mail program saves counts for the store driver.
        client.append("INBOX", None, None, b"Subject: mine\r\n\r\n" + b"y" * 50 * KB)
        assert quota(client)[0] >= 90
    refused = letter.compose(RUI, body=big * (20 * KB // len(big)))
    answer = lmtp(host, refused, RUI)
    assert answer.startswith("552 5.2.2 "), answer
    with dovecot.imap(RUI) as client:
        select(client)
        (number,) = numbers(client, first)
        client.store(number.decode(), "+FLAGS", r"\Deleted")
        client.expunge()
        assert quota(client)[0] < 60
    answer = lmtp(host, refused, RUI)
    assert answer.startswith("250 2.1.5 "), answer
    with dovecot.imap(RUI) as client:
        assert 70 <= quota(client)[0] < 80


def test_a_quota_that_is_taken_away(lab: Lab, dovecot: Dovecot) -> None:
    """What stands in the file was the directory's, which names none any more."""
    host = lab.hosts["MBX1"]
    set_quota(host, lab, RUI, 10 * KB)
    mail = letter.compose(RUI, body="x" * 70 + "\n")
    large = letter.compose(RUI, body=("x" * 70 + "\n") * 1000)
    lmtp(host, mail, RUI)
    answer = lmtp(host, large, RUI)
    assert answer.startswith("552 5.2.2 "), answer
    host.cli("recipient", "unset", RUI, "ProhibitSendReceiveQuota")

    def unknown() -> bool:
        found = json.loads(host.cli("resolve", RUI, "--json").stdout)[0]
        return "ProhibitSendReceiveQuota" not in found["Entry"]

    wait.until("no quota", unknown)
    answer = lmtp(host, large, RUI)
    assert answer.startswith("250 2.1.5 "), answer


def test_the_command_shows_where_a_mailbox_is_and_how_full(lab: Lab, dovecot: Dovecot) -> None:
    host = lab.hosts["MBX1"]
    set_quota(host, lab, MOTA, 200 * KB)
    deliver(lab, letter.compose(MOTA))
    (found,) = json.loads(host.cli("mailbox", f"{MOTA.upper()}", "--json").stdout)
    assert found["Address"] == MOTA
    assert (found["Database"], found["Active"]) == ("DB1", "MBX1")
    assert found["Path"] == str(lab.own_maildir(MOTA))
    assert found["Quota"] == 200 * KB
    with dovecot.imap(MOTA) as client:
        # Dovecot shows whole KB.
        assert found["Bytes"] // KB <= quota(client)[0] <= found["Bytes"] // KB + 1
        assert found["Messages"] == sum(
            len(list(maildir.files(folder)))
            for folder in (lab.own_maildir(MOTA), *lab.own_maildir(MOTA).glob(".*/"))
        )
    table = host.cli("mailbox", MOTA, NUNO).stdout.splitlines()
    assert len(table) == 3 and str(lab.own_maildir(NUNO)) in table[2]
    nobody = host.cli("mailbox", "nobody@letsexchange.com", check=False)
    assert nobody.returncode == 1 and "nobody@letsexchange.com" in nobody.stderr


def lmtp(host: Host, mail: Mail, recipient: str) -> str:
    """What the store driver answers after the final dot."""
    with host.connect_lmtp() as dialogue:
        dialogue.command("LHLO test")
        dialogue.command(f"MAIL FROM:<{mail.sender}>")
        answer = dialogue.command(f"RCPT TO:<{recipient}>")
        assert answer.startswith("250 "), answer
        answer = dialogue.command("DATA")
        assert answer.startswith("354 "), answer
        dialogue.send(mail.content)
        return dialogue.command(".")
