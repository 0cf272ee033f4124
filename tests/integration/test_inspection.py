"""Rules about attachments, on real mail, and the processes that look into
them: whatever becomes of these, mail goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest

from tests.conftest import MOTA
from tests.lab import attachment, letter, wait
from tests.lab.attachment import PROGRAM, protected, zipped
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail

DOCUMENTS = Path(__file__).resolve().parents[1] / "files" / "documents"
SWITCH = b"--inspect-attachments"


def rule(lab: Lab, name: str, **fields: str) -> None:
    lab.change(lambda: lab.rule(name, **fields))


def mark(lab: Lab, name: str, **fields: str) -> None:
    """A rule that is seen in the header of the mail that it is true for."""
    rule(lab, name, SetHeaderName=f"X-{name}", SetHeaderValue="yes", **fields)


def post(lab: Lab, **files: bytes) -> Mail:
    named = {name.replace("_", "."): data for name, data in files.items()}
    return letter.post(lab.hosts["MBX1"], attachment.compose(MOTA, files=named))


def deliver(lab: Lab, **files: bytes) -> Message:
    mail = post(lab, **files)
    assert mail.accepted == {MOTA}, mail.last
    return lab.wait_message(MOTA, mail.ident)


# ---- rules -------------------------------------------------------------------


def test_program_in_a_zip_is_refused(org: Lab) -> None:
    rule(
        org,
        "No programs",
        AttachmentHasExecutableContent="true",
        RejectMessageReasonText="No programs, please",
    )
    mail = post(org, a_zip=zipped({"in/b.zip": zipped({"picture.png": PROGRAM})}))
    assert "No programs, please" in mail.refused.get(MOTA, ""), mail.last
    deliver(org, a_zip=zipped({"run.exe": b"just words"}))


def test_password_is_refused(org: Lab) -> None:
    rule(
        org,
        "No passwords",
        AttachmentIsPasswordProtected="true",
        RejectMessageReasonText="We cannot read this",
    )
    for name in ("text-password.docx", "text-password.pdf", "table-password.xls"):
        mail = post(org, file_bin=(DOCUMENTS / name).read_bytes())
        assert "We cannot read this" in mail.refused.get(MOTA, ""), (name, mail.last)
    mail = post(org, a_zip=zipped({"b.zip": protected("secret.txt")}))
    assert "We cannot read this" in mail.refused.get(MOTA, ""), mail.last
    deliver(org, a_docx=(DOCUMENTS / "text.docx").read_bytes())


def test_names_and_words_in_archives(org: Lab) -> None:
    mark(org, "Extension", AttachmentExtensionMatchesWords="js")
    mark(org, "Words", AttachmentContainsWords="merger")
    message = deliver(org, a_zip=zipped({"x/run.js": b"about the merger"}))
    assert message["X-Extension"] == "yes"
    assert message["X-Words"] == "yes"
    message = deliver(org, a_zip=zipped({"x/run.txt": b"about lunch"}))
    assert message["X-Extension"] is None
    assert message["X-Words"] is None


def test_unsupported_and_limit(org: Lab) -> None:
    mark(org, "Unsupported", AttachmentIsUnsupported="true")
    mark(org, "Limit", AttachmentProcessingLimitExceeded="true")
    message = deliver(org, a_bin=bytes(range(256)) * 4)
    assert (message["X-Unsupported"], message["X-Limit"]) == ("yes", None)
    message = deliver(org, a_zip=zipped({"zeros.txt": b"0" * (40 << 20)}))
    assert message["X-Limit"] == "yes"
    message = deliver(org, a_txt=b"a text")
    assert (message["X-Unsupported"], message["X-Limit"]) == (None, None)


# ---- processes -----------------------------------------------------------------


def parents() -> dict[int, int]:
    """Of processes that look into attachments, or fork those: pid to parent."""
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        fields = status.rpartition(")")[2].split()
        if SWITCH in command.split(b"\0") and fields[0] != "Z":
            found[pid] = int(fields[1])
    return found


def forker(host: Host) -> int:
    daemon = host.daemon("transport").pid
    found = [pid for pid, parent in parents().items() if parent == daemon]
    assert len(found) == 1
    return found[0]


def workers(host: Host) -> list[int]:
    parent = forker(host)
    return [pid for pid, above in parents().items() if above == parent]


def cpu(pid: int) -> int:
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    return int(status.rpartition(")")[2].split()[11])


@pytest.fixture
def host(org: Lab) -> Iterator[Host]:
    yield org.hosts["MBX1"]
    for pid in parents():
        os.kill(pid, signal.SIGCONT)


def test_nobody_is_asked_without_a_rule_about_attachments(org: Lab, host: Host) -> None:
    rule(org, "Subject", SubjectContainsWords="lunch", PrependSubject="[lunch] ")
    found = set(workers(host))
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    deliver(org, a_zip=zipped({"run.exe": PROGRAM}))
    # One that had been asked would have been given up by then, and killed.
    assert set(workers(host)) == found


def test_worker_is_in_a_sandbox(org: Lab, host: Host) -> None:
    mark(org, "Program", AttachmentHasExecutableContent="true")
    deliver(org, a_zip=zipped({"run.exe": PROGRAM}))
    found = workers(host)
    assert found
    for pid in found:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["Seccomp"] == "2"
        assert fields["NoNewPrivs"] == "1"
        assert fields["CapEff"] == fields["CapPrm"] == "0" * 16
        assert "0" not in fields["Uid"].split()
        # A channel beside three that lead nowhere.
        assert len(os.listdir(f"/proc/{pid}/fd")) == 4


def test_worker_is_killed_while_it_works(org: Lab, host: Host) -> None:
    """The attachment that it was at is not known; the next one is."""
    mark(org, "Limit", AttachmentProcessingLimitExceeded="true")
    mark(org, "Program", AttachmentHasExecutableContent="true")
    slow = zipped({f"{i}.bin": os.urandom(300) for i in range(9000)})
    before = {pid: cpu(pid) for pid in workers(host)}
    mails: list[Mail] = []
    sender = threading.Thread(
        target=lambda: mails.append(post(org, slow_zip=slow, b_zip=zipped({"x": PROGRAM})))
    )
    sender.start()

    def busy() -> int:
        """More than it takes to be handed the message."""
        for pid in workers(host):
            if cpu(pid) > before.get(pid, 0) + 5:
                return pid
        return 0

    os.kill(wait.until("a worker at work", busy, interval=0.005), signal.SIGKILL)
    sender.join()
    assert mails[0].accepted == {MOTA}, mails[0].last
    message = org.wait_message(MOTA, mails[0].ident)
    assert message["X-Limit"] == "yes"
    assert message["X-Program"] == "yes"
    assert "inspection: attachment 1: the worker crashed" in host.log_text("transport")


def test_all_are_killed_between_two_mails(org: Lab, host: Host) -> None:
    mark(org, "Program", AttachmentHasExecutableContent="true")
    first = forker(host)
    for pid in [*workers(host), first]:
        os.kill(pid, signal.SIGKILL)
    message = deliver(org, a_zip=zipped({"x": PROGRAM}))
    assert message["X-Program"] == "yes"
    assert forker(host) != first


def test_cannot_say_is_an_error_of_the_rule(own_org: Lab) -> None:
    """A hanging worker ends the wait; RuleErrorAction decides."""
    host = own_org.hosts["MBX1"]
    with host.conf.open("a", encoding="utf-8") as conf:
        conf.write("\n[inspect]\ntimeout = 500ms\n")
    host.restart("transport")
    mark(own_org, "Limit", AttachmentProcessingLimitExceeded="true")
    rule(
        own_org,
        "Program",
        AttachmentHasExecutableContent="true",
        RuleErrorAction="Defer",
        DeleteMessage="true",
    )
    for pid in workers(host):
        os.kill(pid, signal.SIGSTOP)
    mail = post(own_org, a_txt=b"a text")
    assert "451 4.7.1" in mail.last, mail.last
    own_org.change(lambda: own_org.rule("Program", RuleErrorAction="Ignore"))
    assert deliver(own_org, a_txt=b"a text")["X-Limit"] is None
    for pid in workers(host):
        os.kill(pid, signal.SIGSTOP)
    assert deliver(own_org, a_txt=b"a text")["X-Limit"] == "yes"


def test_they_end_with_the_program(own_org: Lab) -> None:
    host = own_org.hosts["MBX1"]
    for end in (host.stop, host.kill):
        left = {forker(host), *workers(host)}
        end("transport")
        wait.until("none is left", lambda left=left: not left & set(parents()))
        host.start("transport")
        host.wait_up("transport")
