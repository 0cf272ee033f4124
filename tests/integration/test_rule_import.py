"""posthub rule import: what Export-TransportRuleCollection wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter
from tests.lab.host import Host
from tests.lab.lab import Lab

YES, DATA, NO_INPUT = 0, 65, 66

SECRET = (
    "Keep it in",
    "New-TransportRule -Name 'Keep it in' -Comments '\n' -Mode Enforce"
    " -SentToScope InOrganization -SubjectContainsWords 'secret','for you, alone'"
    " -RejectMessageReasonText 'It''s not for everybody' -RejectMessageEnhancedStatusCode '5.7.1'",
)
NUMBERS = (
    "Numbers",
    "New-TransportRule -Name 'Numbers' -Enabled $false"
    " -SubjectOrBodyMatchesPatterns '\\d{3,5}','[a,b]' -ExceptIfFrom 'nuno@letsexchange.com'"
    " -SetSCL -1 -StopRuleProcessing $true",
)


def remove_rules(lab: Lab) -> None:
    if keys := lab.redis.keys("posthub:rule:*"):
        lab.change(lambda: lab.redis.call("DEL", *keys))


@pytest.fixture
def host(org: Lab) -> Iterator[Host]:
    remove_rules(org)
    yield org.hosts["MBX1"]
    remove_rules(org)


def write(path: Path, *rules: tuple[str, str], encoding: str = "utf-16") -> str:
    blocks = "".join(
        f"  <rule name={quoteattr(name)} id='{number}' format='cmdlet'>\r\n"
        f"    <version requiredMinVersion='15.0.3.0'>\r\n"
        f"      <commandBlock><![CDATA[{command}]]></commandBlock>\r\n    </version>\r\n  </rule>\r\n"
        for number, (name, command) in enumerate(rules)
    )
    text = (
        f'<?xml version="1.0" encoding="{encoding}" standalone="yes"?>\r\n'
        f'<rules name="TransportVersioned">\r\n{blocks}</rules>\r\n'
    )
    path.write_bytes(text.encode(encoding))
    return str(path)


def run(host: Host, *words: str, status: int = YES) -> dict[str, Any]:
    done = host.cli("rule", "import", *words, "--json", check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(lab: Lab, name: str) -> dict[str, str]:
    flat = lab.redis.call("HGETALL", f"posthub:rule:{name}")
    assert isinstance(flat, list)
    return dict(zip(map(str, flat[::2]), map(str, flat[1::2])))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_rules_come_into_force(org: Lab, host: Host, tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "rules.xml", SECRET, NUMBERS, encoding=encoding)
    dry = run(host, path, "--dry-run")
    assert dry["Added"] == ["Keep it in", "Numbers"]
    assert not org.redis.keys("posthub:rule:*")
    org.change(lambda: run(host, path))
    assert stored(org, "Keep it in") == {
        "Enabled": "true",
        "Mode": "Enforce",
        "Priority": "0",
        "RejectMessageEnhancedStatusCode": "5.7.1",
        "RejectMessageReasonText": "It's not for everybody",
        "SentToScope": "InOrganization",
        "SubjectContainsWords": 'secret,"for you, alone"',
    }
    numbers = stored(org, "Numbers")
    assert json.loads(numbers["SubjectOrBodyMatchesPatterns"]) == ["\\d{3,5}", "[a,b]"]
    assert (numbers["Enabled"], numbers["Priority"], numbers["SetSCL"]) == ("false", "1", "-1")
    mail = letter.post(host, letter.compose(NUNO, subject="It is for you, alone"))
    assert mail.refused and "5.7.1" in mail.last and "not for everybody" in mail.last
    mail = letter.post(host, letter.compose(NUNO, subject="It is for you"))
    assert mail.accepted == {NUNO}, mail.last


def test_again_is_no_change(org: Lab, host: Host, tmp_path: Path) -> None:
    path = write(tmp_path / "rules.xml", SECRET, NUMBERS)
    org.change(lambda: run(host, path))
    again = run(host, path)
    assert again["Unchanged"] == ["Keep it in", "Numbers"] and not again["Changed"]
    changed = (SECRET[0], SECRET[1].replace("-Mode Enforce", "-Mode Audit -Priority 7"))
    org.change(lambda: run(host, write(tmp_path / "rules.xml", changed)))
    assert stored(org, "Keep it in")["Mode"] == "Audit"
    assert stored(org, "Keep it in")["Priority"] == "0", "it keeps its place"
    fewer = (SECRET[0], SECRET[1].replace(" -SentToScope InOrganization", ""))
    org.change(lambda: run(host, write(tmp_path / "rules.xml", fewer)))
    assert "SentToScope" not in stored(org, "Keep it in")


def test_new_ones_come_behind_those_there_are(org: Lab, host: Host, tmp_path: Path) -> None:
    org.change(lambda: org.rule("Own", Priority="4", SubjectContainsWords="x", SetSCL="1"))
    path = write(tmp_path / "rules.xml", SECRET, NUMBERS)
    org.change(lambda: run(host, path))
    assert stored(org, "Keep it in")["Priority"] == "5"
    assert stored(org, "Numbers")["Priority"] == "6"
    assert stored(org, "Own")


def test_replaced(org: Lab, host: Host, tmp_path: Path) -> None:
    org.change(lambda: org.rule("Own", Priority="4", SubjectContainsWords="x", SetSCL="1"))
    org.redis.call("HSET", "posthub:rule:Bad", "SetSCL", "77", "SubjectContainsWords", "x")
    path = write(tmp_path / "rules.xml", NUMBERS, SECRET)
    dry = run(host, path, "--replace", "--dry-run")
    assert (dry["Removed"], stored(org, "Own")["SetSCL"]) == (["Own", "Bad"], "1")
    org.change(lambda: run(host, path, "--replace"))
    assert not stored(org, "Own") and not stored(org, "Bad")
    assert stored(org, "Numbers")["Priority"] == "0"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("New-TransportRule -Name Bad -SubjectContainsWords 'x", "a quote is not closed"),
        ("New-TransportRule -Name Bad -SubjectContainsWord 'x'", "no parameter -SubjectContainsWord"),
        ("New-TransportRule -Name Bad -SetSCL 77 -SubjectContainsWords 'x'", "SetSCL"),
        ("New-TransportRule -Name Bad -SetSCL 1,2", "-SetSCL has several values"),
        ("New-TransportRule -Name Bad -ApplyHtmlDisclaimerText 'x'", "not supported by this version"),
        ("Remove-Mailbox -Name Bad", "expected New-TransportRule"),
    ],
)
def test_one_that_cannot_be(
    org: Lab, host: Host, tmp_path: Path, command: str, problem: str
) -> None:
    """The others are imported all the same, unless that would lose it."""
    path = write(tmp_path / "rules.xml", ("Bad", command), SECRET)
    (row,) = run(host, path, "--dry-run", status=DATA)["Rejected"]
    assert row["Rule"] == "Bad" and problem in row["Problem"]
    done = host.cli("rule", "import", path, "--replace", check=False)
    assert done.returncode == DATA and "nothing was changed" in done.stderr
    assert not org.redis.keys("posthub:rule:*")
    org.change(lambda: run(host, path, status=DATA))
    assert stored(org, "Keep it in") and not stored(org, "Bad")


def without_order(rules: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a rule does."""
    apart = ("Priority", "State", "Enabled", "Draft")
    return [{k: v for k, v in rule.items() if k not in apart} for rule in rules]


def test_exported_and_imported(org: Lab, host: Host, tmp_path: Path) -> None:
    """All is as before, whatever is in it."""

    def put() -> None:
        org.rule(
            "One's <own> & \"all\"",
            Priority="3",
            SubjectContainsWords="a'b,\"c, d\"",
            PrependSubject="[x]]> ",
            StopRuleProcessing="false",
        )
        org.rule(
            "Two",
            Priority="1",
            SubjectMatchesPatterns="\\d{1,2},[a,']",
            SetSCL="-1",
            ExceptIfFrom=NUNO,
            Enabled="false",
        )
        org.redis.call("HSET", "posthub:rule:Draft", "SetSCL", "3")
        org.redis.call("HSET", "posthub:rule:Bad", "SetSCL", "77", "SubjectContainsWords", "x")

    org.change(put)
    shown = json.loads(host.cli("rule", "list", "--json").stdout)
    done = host.cli("rule", "export", check=False)
    assert done.returncode == DATA and "not exported: rule Bad" in done.stderr
    path = tmp_path / "rules.xml"
    path.write_text(done.stdout, encoding="utf-8")
    names = [row["Name"] for row in shown if row["State"] != "Error"]
    assert names == ["Two", "One's <own> & \"all\"", "Draft"]
    org.change(lambda: org.redis.call("DEL", *org.redis.keys("posthub:rule:*")))
    org.change(lambda: run(host, str(path)))
    after = json.loads(host.cli("rule", "list", "--json").stdout)
    assert [row["Name"] for row in after] == names
    assert [row["State"] for row in after] == ["Disabled", "Enabled", "Disabled"]
    assert without_order(after) == without_order(row for row in shown if row["Name"] in names)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<rules/>", "there is no rule in it"),
        (b"<rulePackage/>", "expected <rules>"),
        (b"<rules><rule", "line 1"),
        (b"no XML", "line 1"),
        (b"\xff\xfe<\x00\xd8", "UTF-16"),
    ],
)
def test_no_export(host: Host, tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "rules.xml"
    path.write_bytes(content)
    done = host.cli("rule", "import", str(path), check=False)
    assert done.returncode == DATA and problem.lower() in done.stderr.lower(), done.stderr
    done = host.cli("rule", "import", str(tmp_path / "none.xml"), check=False)
    assert done.returncode == NO_INPUT and "none.xml" in done.stderr
