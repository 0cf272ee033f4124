"""A store that is full, read-only, slow, somebody else's, or damaged: each
message gets the right answer, none is lost, and the log says what is wrong,
where, and what to do about it."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab import letter, maildir, mounts, wait
from tests.lab.host import USER, Host
from tests.lab.lab import Lab
from tests.lab.protocols import Dialogue
from tests.lab.smtp_mta import Mail

DOMAIN = "letsexchange.com"
MB = 1024 * 1024


class Scene:
    """One server. Each test has a database and mailboxes of its own."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self.lab = lab
        self.host = host
        self.store = host.store
        self._logged = 0

    def database(self, name: str, *owners: str, **fields: str) -> Path:
        """Its directory, there and empty."""
        self.lab.database(name, ["MBX1"], **fields)
        for owner in owners:
            self.lab.mailbox(f"{owner}@{DOMAIN}", name)
        for owner in owners:
            wait.until(f"{owner} to be known", lambda owner=owner: self._knows(owner))
        path = self.store / name.lower()
        path.mkdir(mode=0o700)
        shutil.chown(path, USER)
        return path

    def _knows(self, owner: str) -> bool:
        with self.host.connect_lmtp() as dialogue:
            dialogue.command("LHLO test")
            dialogue.command("MAIL FROM:<>")
            return dialogue.command(f"RCPT TO:<{owner}@{DOMAIN}>").startswith("250 ")

    def mailbox(self, database: str, owner: str) -> Path:
        return self.store / database.lower() / DOMAIN / owner

    def deliver(self, mail: Mail, *owners: str) -> list[str]:
        """What is answered after the final dot, or to DATA for all."""
        with self.host.connect_lmtp() as dialogue:
            dialogue.command("LHLO test")
            dialogue.command(f"MAIL FROM:<{mail.sender}>")
            for owner in owners:
                answer = dialogue.command(f"RCPT TO:<{owner}@{DOMAIN}>")
                assert answer.startswith("250 "), answer
            answer = dialogue.command("DATA")
            if not answer.startswith("354 "):
                return [answer] * len(owners)
            dialogue.send(mail.content)
            dialogue.send(b".\r\n")
            return [dialogue.reply() for _ in owners]

    def begin(self, mail: Mail, owner: str) -> Dialogue:
        """All but the final dot."""
        talk = self.host.connect_lmtp()
        talk.command("LHLO test")
        talk.command(f"MAIL FROM:<{mail.sender}>")
        talk.command(f"RCPT TO:<{owner}@{DOMAIN}>")
        assert talk.command("DATA").startswith("354 ")
        talk.send(mail.content)
        return talk

    def unnamed(self) -> int:
        """Bytes of the messages that the daemon has in no mailbox yet."""
        directory = Path(f"/proc/{self.host.daemon('delivery').pid}/fd")
        links = [link for link in directory.iterdir() if "(deleted)" in os.readlink(link)]
        return sum(link.stat().st_size for link in links)

    def refused(self, answer: str, mail: Mail, owner: str, *logged: str) -> None:
        """Answered so, and nothing is left of it anywhere."""
        before = self.log_size()
        (got,) = self.deliver(mail, owner)
        assert got.startswith(answer), got
        assert str(self.store) not in got, "a sender is told the server's paths"
        lines = self.host.log_text("delivery")[before:].splitlines()
        for pattern in logged:
            assert any(re.search(pattern, line) for line in lines), (pattern, lines)
        assert not self.copies(mail)

    def taken(self, mail: Mail, owner: str) -> Path:
        """Answered 250, and it is there once."""
        (got,) = self.deliver(mail, owner)
        assert got.startswith("250 2.1.5 "), got
        (path,) = self.copies(mail)
        return path

    def copies(self, mail: Mail) -> list[Path]:
        """Files anywhere in the store that hold it, in tmp as well."""
        found = []
        for directory, _, names in os.walk(self.store):
            paths = (Path(directory, name) for name in names)
            found += [p for p in paths if p.is_file() and mail.ident.encode() in p.read_bytes()]
        return found

    def wait_logged(self, since: int, pattern: str) -> None:
        wait.until(
            pattern,
            lambda: re.search(pattern, self.host.log_text("delivery")[since:]),
            interval=0.2,
        )

    def log_size(self) -> int:
        return len(self.host.log_text("delivery"))


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Lab() as lab:
        lab.domain(DOMAIN)
        host = lab.host("MBX1")
        lab.database("DB1", ["MBX1"])
        lab.mailbox(f"nuno@{DOMAIN}", "DB1")
        lab.start()
        yield Scene(lab, host)


def mail_of(size: int = 10) -> Mail:
    line = "x" * 70 + "\n"
    return letter.compose(f"x@{DOMAIN}", body=(line * (size // len(line) + 1)).rstrip("\n"))


# ---- no room -----------------------------------------------------------------


def test_disk_full_in_the_middle_of_a_message(scene: Scene) -> None:
    path = scene.database("Full", "full")
    with mounts.tmpfs(path, "size=4m"):
        scene.taken(mail_of(), "full")
        filler = mounts.fill(path, leave=512 * 1024)
        big = mail_of(2 * MB)
        scene.refused(
            "452 4.3.1 ", big, "full", rf"error: {path}/.posthub/tmp: .*No space.*free some space"
        )
        scene.taken(mail_of(), "full")
        mounts.free(filler)
        scene.taken(big, "full")
        scene.host.restart("delivery")


def test_disk_full_for_one_of_two_databases(scene: Scene) -> None:
    path = scene.database("Small", "small")
    scene.database("Large", "large")
    big = mail_of(2 * MB)
    with mounts.tmpfs(path, "size=1m"):
        small, large = scene.deliver(big, "small", "large")
        assert small.startswith("452 4.3.1 "), small
        assert large.startswith("250 2.1.5 "), large
        (copy,) = scene.copies(big)
        assert scene.mailbox("Large", "large") in copy.parents
        scene.host.restart("delivery")


def test_no_inodes(scene: Scene) -> None:
    path = scene.database("Inodes", "inodes", "other")
    with mounts.tmpfs(path, "nr_inodes=60"):
        scene.taken(mail_of(), "inodes")
        filler = mounts.fill_inodes(path)
        scene.refused("452 4.3.1 ", mail_of(), "inodes", "no inodes left: remove files")
        # One is left for the message, but none for a new mailbox.
        (filler / "0").unlink()
        scene.refused("452 4.3.1 ", mail_of(), "other", "No space left")
        mounts.free(filler)
        scene.taken(mail_of(), "inodes")
        scene.taken(mail_of(), "other")
        scene.host.restart("delivery")


def test_read_only(scene: Scene) -> None:
    path = scene.database("Readonly", "readonly")
    with mounts.tmpfs(path, "size=4m"):
        mail = mail_of()
        mounts.remount(path, "ro")
        scene.refused(
            "451 4.3.0 ", mail, "readonly", rf"error: {path}: .*Read-only.*mount .* for writing"
        )
        mounts.remount(path, "rw")
        scene.taken(mail, "readonly")
        scene.host.restart("delivery")


def test_not_mounted(scene: Scene) -> None:
    """As after a restart of the host: what is there is an empty directory, and
    mail in it would be out of sight when the store is there again."""
    path = scene.database("Mount", "mount")
    image = scene.lab.directory / "mount.img"
    first, second = mail_of(), mail_of()
    with mounts.ext4(path, image, 16 * MB):
        scene.taken(first, "mount")
        scene.host.restart("delivery")
    scene.refused(
        "451 4.3.0 ", second, "mount", rf"error: {path}: .*was in this store.*; mount the store"
    )
    assert not list(path.iterdir())
    with mounts.image_again(path, image):
        scene.taken(second, "mount")
        assert len(scene.copies(first)) == 1
        scene.host.restart("delivery")


# ---- slow --------------------------------------------------------------------


def test_a_disk_that_does_not_answer_holds_up_its_own_database_alone(scene: Scene) -> None:
    path = scene.database("Slow", "slow")
    scene.database("Quick", "quick")
    image = scene.lab.directory / "slow.img"
    with mounts.ext4(path, image, 16 * MB):
        scene.taken(mail_of(), "slow")
        slow = mail_of()
        answers: list[list[str]] = []
        sender = threading.Thread(target=lambda: answers.append(scene.deliver(slow, "slow")))
        with mounts.frozen(path):
            sender.start()
            for _ in range(5):
                scene.taken(mail_of(), "quick")
            assert not answers, "it was answered before it was on disk"
        sender.join(30)
        assert answers and answers[0][0].startswith("250 2.1.5 ")
        assert len(scene.copies(slow)) == 1
        scene.host.restart("delivery")


def test_a_disk_that_does_not_answer_takes_no_more_than_it_has(scene: Scene) -> None:
    """Whoever waits for it stays there; nobody follows, and others have the
    turns that those have."""
    path = scene.database("Stuck", "stuck", "first")
    scene.database("Free", "free")
    image = scene.lab.directory / "stuck.img"
    scene.lab.put("mailboxtransport", "MBX1", MaxConcurrentMailboxDeliveries="2")
    mails = [mail_of(100_000) for _ in range(2)]
    with mounts.ext4(path, image, 16 * MB), ExitStack() as stack:
        scene.taken(mail_of(), "stuck")
        talks = [
            stack.enter_context(scene.begin(mail, owner))
            for mail, owner in zip(mails, ("stuck", "first"))
        ]
        wait.until("the content to be written", lambda: scene.unnamed() > 2 * 100_000)
        before = scene.log_size()
        with mounts.frozen(path):
            for talk in talks:
                talk.send(b".\r\n")
            scene.wait_logged(before, "error: database Stuck: its disk does not answer; .*see to")
            late = mail_of()
            (refused,) = scene.deliver(late, "stuck")
            assert refused.startswith("451 4.3.0 ") and "has not answered for" in refused
            for _ in range(3):
                scene.taken(mail_of(), "free")
            assert not any(scene.copies(mail) for mail in mails)
        assert [talk.reply()[:10] for talk in talks] == ["250 2.1.5 "] * 2
        assert [len(scene.copies(mail)) for mail in mails] == [1, 1]
        scene.wait_logged(before, "database Stuck: its disk answers again")
        scene.taken(late, "stuck")
        scene.host.restart("delivery")
    scene.lab.remove("mailboxtransport", "MBX1")


# ---- not as it should be -----------------------------------------------------


def test_wrong_owner(scene: Scene) -> None:
    scene.database("Owner", "owner")
    scene.taken(mail_of(), "owner")
    mailbox = scene.mailbox("Owner", "owner")
    shutil.chown(mailbox, "root")
    scene.refused(
        "451 4.3.0 ",
        mail_of(),
        "owner",
        rf"error: {mailbox}: .*Permission denied.*daemon's user must own",
    )
    shutil.chown(mailbox, USER)
    scene.taken(mail_of(), "owner")


def test_a_mailbox_that_is_a_symbolic_link(scene: Scene) -> None:
    scene.database("Link", "link", "first")
    scene.taken(mail_of(), "first")
    outside = scene.lab.directory / "outside"
    outside.mkdir()
    shutil.chown(outside, USER)
    mailbox = scene.mailbox("Link", "link")
    mailbox.symlink_to(outside)
    scene.refused(
        "451 4.3.0 ", mail_of(), "link", rf"error: {mailbox}: .*link is a symbolic link.*not followed"
    )
    assert not list(outside.iterdir())
    mailbox.unlink()
    scene.taken(mail_of(), "link")


@pytest.mark.parametrize("part", ["new", "tmp", "cur"])
def test_a_part_of_a_mailbox_that_is_a_link(scene: Scene, part: str) -> None:
    """As its owner could make it, to have mail written elsewhere."""
    name = f"part{part}"
    scene.database(name, name)
    outside = scene.lab.directory / f"outside.{part}"
    outside.mkdir()
    shutil.chown(outside, USER)
    mailbox = scene.mailbox(name, name)
    mailbox.mkdir(parents=True)
    for made in (mailbox.parent, mailbox):
        shutil.chown(made, USER)
    (mailbox / part).symlink_to(outside)
    scene.refused("451 4.3.0 ", mail_of(), name, f"{part} is a symbolic link")
    assert not list(outside.iterdir())


def test_a_mailbox_that_is_another_file_system(scene: Scene) -> None:
    """It gets a copy of its own."""
    scene.database("Mounted", "mounted", "beside")
    scene.taken(mail_of(), "mounted")
    mailbox = scene.mailbox("Mounted", "mounted")
    with mounts.tmpfs(mailbox, "size=1m"):
        path = scene.taken(mail_of(), "mounted")
        assert mailbox in path.parents and os.stat(path).st_nlink == 1
        both = mail_of(100_000)
        answers = scene.deliver(both, "beside", "mounted")
        assert [answer[:10] for answer in answers] == ["250 2.1.5 "] * 2
        assert len(scene.copies(both)) == 2
        assert not list((mailbox / "tmp").iterdir())
        scene.refused("452 4.3.1 ", mail_of(3 * MB), "mounted", "No space left")
        assert not list((mailbox / "tmp").iterdir())


def test_tmp_or_new_in_another_file_system(scene: Scene) -> None:
    scene.database("Parts", "parts")
    scene.taken(mail_of(), "parts")
    mailbox = scene.mailbox("Parts", "parts")
    with mounts.tmpfs(mailbox / "tmp", "size=1m"):
        scene.taken(mail_of(), "parts")
        with mounts.tmpfs(mailbox / "new", "size=1m"):
            scene.refused(
                "451 4.3.0 ",
                mail_of(),
                "parts",
                rf"error: {mailbox}: .*tmp, new and cur of a folder must be in one file system",
            )
    scene.taken(mail_of(), "parts")


def test_a_damaged_mailbox(scene: Scene) -> None:
    """What is missing is made again; a file in the way is for people."""
    scene.database("Damaged", "damaged")
    first = mail_of()
    scene.taken(first, "damaged")
    mailbox = scene.mailbox("Damaged", "damaged")
    for part in maildir.PARTS:
        shutil.rmtree(mailbox / part)
        scene.taken(mail_of(), "damaged")
    shutil.rmtree(mailbox / "new")
    (mailbox / "new").touch()
    scene.refused(
        "451 4.3.0 ",
        mail_of(),
        "damaged",
        rf"error: {mailbox}: .*directory new: Not a directory; put a directory in its place",
    )
    assert (mailbox / "new").is_file()
    (mailbox / "new").unlink()
    scene.taken(mail_of(), "damaged")


def test_the_same_is_not_logged_again_and_again(scene: Scene) -> None:
    scene.database("Often", "often")
    scene.store.joinpath("often", DOMAIN).touch()
    before = scene.log_size()
    for _ in range(5):
        (answer,) = scene.deliver(mail_of(), "often")
        assert answer.startswith("451 4.3.0 "), answer
    text = scene.host.log_text("delivery")[before:]
    assert text.count("put a directory in its place") == 1


# ---- quota -------------------------------------------------------------------


def set_quota(scene: Scene, owner: str, size: int) -> None:
    address = f"{owner}@{DOMAIN}"
    scene.lab.put("recipient", address, ProhibitSendReceiveQuota=str(size))

    def known() -> bool:
        found = json.loads(scene.host.cli("resolve", address, "--json").stdout)[0]
        return str(found["Entry"].get("ProhibitSendReceiveQuota")) == str(size)

    wait.until(f"the quota of {address}", known)


def test_quota_reached_exactly(scene: Scene) -> None:
    scene.database("Quota", "quota", "model")
    size = scene.taken(mail_of(5000), "model").stat().st_size
    set_quota(scene, "quota", 2 * size)
    scene.taken(mail_of(5000), "quota")
    # Room to the byte.
    last = scene.taken(mail_of(5000), "quota")
    assert last.stat().st_size == size
    scene.refused("552 5.2.2 ", mail_of(), "quota")
    # Others are not held up by it, and the sender hears of this one alone.
    both = mail_of()
    full, model = scene.deliver(both, "quota", "model")
    assert full.startswith("552 5.2.2 ") and model.startswith("250 2.1.5 ")
    last.unlink()
    (scene.mailbox("Quota", "quota") / "maildirsize").unlink()
    scene.taken(mail_of(5000), "quota")


def test_a_quota_of_the_database(scene: Scene) -> None:
    scene.database("Limited", "limited", "free", ProhibitSendReceiveQuota="1KB")
    scene.refused("552 5.2.2 ", mail_of(5000), "limited")
    set_quota(scene, "free", 100_000)
    scene.taken(mail_of(5000), "free")


def test_many_at_once_for_the_last_room(scene: Scene) -> None:
    scene.database("Race", "race", "pace")
    size = scene.taken(mail_of(5000), "pace").stat().st_size
    set_quota(scene, "race", 3 * size + size // 2)
    answers: list[str] = []
    senders = [
        threading.Thread(target=lambda: answers.extend(scene.deliver(mail_of(5000), "race")))
        for _ in range(12)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30)
    assert sorted(answer[:9] for answer in answers) == ["250 2.1.5"] * 3 + ["552 5.2.2"] * 9
    assert len(list(maildir.files(scene.mailbox("Race", "race")))) == 3


def test_quota_that_defers(scene: Scene) -> None:
    scene.database("Later", "later")
    set_quota(scene, "later", 100)
    scene.host.set("delivery", "mailbox_full", "defer")
    scene.host.restart("delivery")
    scene.refused("452 4.2.2 ", mail_of(), "later")
    scene.host.set("delivery", "mailbox_full", "refuse")
    scene.host.restart("delivery")
    scene.refused("552 5.2.2 ", mail_of(), "later")


def test_the_sender_is_told_that_a_mailbox_is_full(scene: Scene) -> None:
    """By Postfix, with the code of the store driver."""
    scene.database("Bounce", "bounce")
    set_quota(scene, "bounce", 100)
    mail = letter.post(scene.host, letter.compose(f"bounce@{DOMAIN}", sender=f"nuno@{DOMAIN}"))
    assert mail.accepted, mail.last

    def report() -> list[str]:
        found = [str(m) for m in scene.lab.messages(f"nuno@{DOMAIN}")]
        return [text for text in found if "bounce@" in text and "5.2.2" in text]

    (text,) = wait.until("the report", report)
    assert str(scene.store) not in text
