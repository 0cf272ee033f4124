"""Sensitive information types: rules on real mail, packages, and the command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MOTA
from tests.lab import letter
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
