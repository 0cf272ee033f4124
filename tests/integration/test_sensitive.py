"""Sensitive information types: rules on real mail, packages, and the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, track, wait
from tests.lab.host import Host
from tests.lab.lab import ROOT, Lab

YES, NO, DATA = 0, 1, 65
CONDITION = "MessageContainsDataClassifications"
REASON = "No card numbers"
STAFF = "e1cc861e-3fe9-4a58-82df-4bd259eab378"
PACKAGE = f"""<?xml version="1.0" encoding="utf-16"?>
<RulePackage xmlns="http://schemas.microsoft.com/office/2011/mce"><Rules>
<Entity id="{STAFF}" patternsProximity="300" recommendedConfidence="75">
<Pattern confidenceLevel="75"><IdMatch idRef="Number"/><Match idRef="Word"/></Pattern></Entity>
<Regex id="Number">\\bE[0-9]{{6}}\\b</Regex>
<Keyword id="Word"><Group matchStyle="word"><Term>employee</Term></Group></Keyword>
<LocalizedStrings><Resource idRef="{STAFF}"><Name>Employee ID</Name></Resource></LocalizedStrings>
</Rules></RulePackage>"""


@pytest.fixture
def host(org: Lab) -> Iterator[Host]:
    """A server; no package is left behind."""
    yield org.hosts["MBX1"]
    for key in org.redis.keys("posthub:dataclassification:*"):
        org.redis.call("DEL", key)


def rule(lab: Lab, value: str) -> None:
    fields = {CONDITION: value, "RejectMessageReasonText": REASON}
    lab.change(lambda: lab.rule("Cards", **fields))


def is_refused(host: Host, body: str, subject: str = "Lunch") -> bool:
    mail = letter.post(host, letter.compose(MOTA, subject=subject, body=body))
    assert mail.accepted == {MOTA} or REASON in mail.refused[MOTA], mail.last
    return not mail.accepted


def put(lab: Lab, text: str) -> None:
    """As somebody types it, not the command."""
    lab.change(lambda: lab.redis.call("SET", "posthub:dataclassification:Staff", text))


def posthub(host: Host, *words: str, status: int = YES) -> Any:
    done = host.cli("dataclassification", *words, "--json", check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def test_a_number_alone_is_no_hit(org: Lab, host: Host) -> None:
    rule(org, "Credit Card Number")
    assert is_refused(host, "My Visa card: 4111 1111 1111 1111")
    assert is_refused(host, "4111 1111 1111 1111", subject="My Visa card")
    assert not is_refused(host, "Order 4111 1111 1111 1111")
    assert not is_refused(host, "My Visa card: 4111 1111 1111 1112")
    rule(org, "@{Name=Credit Card Number; minConfidence=65}")
    assert is_refused(host, "Order 4111 1111 1111 1111")


def notices(lab: Lab, ident: str) -> list[Message]:
    """What a sender was told about a message."""
    return [m for m in lab.messages(NUNO) if m["In-Reply-To"] == ident]


def tip(lab: Lab, word: str) -> None:
    fields = {CONDITION: "Credit Card Number", "NotifySender": word}
    lab.change(lambda: lab.rule("Cards", RejectMessageReasonText=REASON, **fields))


def send_own(lab: Lab, **headers: str) -> str:
    """From Nuno's Outbox: he is known."""
    mail = letter.compose(
        MOTA,
        sender=NUNO,
        subject="Lunch",
        body="My Visa card: 4111 1111 1111 1111",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    lab.outbox(NUNO, mail.content)
    return mail.ident


def test_the_sender_is_told(org: Lab, host: Host) -> None:
    """Once, in a notice that nobody answers and no rule sees; a stranger is not."""
    fields = {CONDITION: "Credit Card Number", "NotifySender": "NotifyOnly"}
    org.change(lambda: org.rule("Cards", **fields))
    org.change(lambda: org.rule("All", PrependSubject="[x] ", Enabled="true"))
    ident = send_own(org)
    message = org.wait_message(MOTA, ident)
    assert message["Subject"] == "[x] Lunch"
    notice = wait.until("the notice", lambda: notices(org, ident))[0]
    assert notice["Subject"] == "Notification: Lunch"
    assert notice["Return-Path"] in (None, "<>")
    assert notice["Auto-Submitted"] == "auto-generated"
    text = notice.get_payload(decode=True).decode()
    assert "Found: Credit Card Number" in text
    assert f"    {MOTA}\r\n" in text

    stranger = letter.compose(MOTA, body="My Visa card: 4111 1111 1111 1111")
    assert letter.post(host, stranger).accepted == {MOTA}
    org.wait_message(MOTA, stranger.ident)
    assert len(notices(org, ident)) == 1
    assert not notices(org, stranger.ident)


def test_the_sender_may_override(org: Lab, host: Host) -> None:
    tip(org, "RejectUnlessExplicitOverride")
    refused = [send_own(org), send_own(org, X_PostHub_Sender_Override="Override")]
    for ident in refused:
        report = wait.until("the report", lambda i=ident: notices(org, i))[0]
        assert REASON in report.as_string()
    why = send_own(org, X_PostHub_Sender_Override="The customer asked for it")
    org.wait_message(MOTA, why)
    # A stranger cannot say so.
    forged = letter.compose(
        MOTA,
        body="My Visa card: 4111 1111 1111 1111",
        headers={"X-PostHub-Sender-Override": "please"},
    )
    assert REASON in letter.post(host, forged).refused[MOTA]
    assert not set(refused) & {m["Message-ID"] for m in org.messages(MOTA)}
    said = [r["custom-data"] for each in org.hosts.values() for r in track.rows(each, why)]
    assert any("|sndOverride=or;" in text for text in said)


def test_a_package_is_in_force_within_a_second(org: Lab, host: Host) -> None:
    rule(org, "Employee ID")
    assert not is_refused(host, "employee E123456")
    put(org, PACKAGE)
    assert is_refused(host, "employee E123456")
    assert not is_refused(host, "E123456")


def test_a_bad_package_leaves_the_good_one(org: Lab, host: Host) -> None:
    rule(org, "Employee ID")
    put(org, PACKAGE)
    # Not XML; then XML with a reference that leads nowhere.
    put(org, PACKAGE.replace("</Entity>", ""))
    assert is_refused(host, "employee E123456")
    put(org, PACKAGE.replace('idRef="Word"', 'idRef="Wrod"'))
    assert is_refused(host, "employee E123456")
    put(org, PACKAGE.replace("E[0-9]", "F[0-9]"))
    assert not is_refused(host, "employee E123456")
    assert is_refused(host, "employee F123456")


def test_the_command_takes_utf_16_and_says_what_is_wrong(host: Host, tmp_path: Path) -> None:
    package = tmp_path / "staff.xml"
    package.write_bytes(PACKAGE.replace('idRef="Word"', 'idRef="Wrod"').encode("utf-16"))
    done = host.cli("dataclassification", "set", "Staff", f"@{package}", check=False)
    assert done.returncode == DATA
    assert "line 4" in done.stderr and "Wrod" in done.stderr
    package.write_bytes(PACKAGE.encode("utf-16"))
    host.cli("dataclassification", "set", "Staff", f"@{package}")
    types = posthub(host, "types")
    assert len(types) == 81
    assert {"Name": "Employee ID", "Confidence": "75", "Id": STAFF, "Package": "Staff"} in types


def test_what_is_found_and_where(host: Host, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("Hello,\nMy Visa card is 4111 1111 1111 1111.\n", encoding="utf-8")
    (found,) = [f for f in posthub(host, "test", str(text)) if f["Name"] == "Credit Card Number"]
    assert (found["Count"], found["Confidence"], found["Recommended"]) == (1, 94, 85)
    (place,) = found["Places"]
    assert (place["Text"], place["Line"], place["Confidence"]) == ("4111 1111 1111 1111", 2, 94)
    assert [(e["Id"], e["Text"]) for e in place["Evidence"]] == [("Keyword_cc_name", "Visa")]
    assert posthub(host, "test", "--text", "nothing", status=NO) == []
    shown = host.cli("dataclassification", "test", str(text)).stdout
    assert "text:2" in shown and '"Visa" (Keyword_cc_name)' in shown


def test_rule_test_says_the_same(org: Lab, host: Host, tmp_path: Path) -> None:
    rule(org, "Credit Card Number")
    message = tmp_path / "message.eml"
    message.write_bytes(letter.compose(MOTA, body="Visa 4111 1111 1111 1111").content)
    done = host.cli(
        "rule", "test", "--message", str(message), "--from", letter.STRANGER, check=False
    )
    assert done.returncode == NO and REASON in done.stdout


def test_cases_are_what_the_script_writes() -> None:
    command = ["/usr/bin/python3", str(ROOT / "tests/classify/make_cases.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
