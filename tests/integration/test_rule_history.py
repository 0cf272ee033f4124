"""posthub rule history and rollback: who changed what, and back again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import NUNO
from tests.lab import letter
from tests.lab.host import Host
from tests.lab.lab import Lab

NO, DATA = 1, 65


@pytest.fixture
def host(org: Lab) -> Iterator[Host]:
    """Nothing is known of what other tests did; no daemon follows the history."""
    org.redis.call("DEL", "posthub:history:rule")
    yield org.hosts["MBX1"]
    if keys := org.redis.keys("posthub:rule:*"):
        org.change(lambda: org.redis.call("DEL", *keys))


def history(host: Host, *words: str) -> list[dict[str, Any]]:
    return list(json.loads(host.cli("rule", "history", *words, "--json").stdout))


def stored(lab: Lab, name: str) -> dict[str, str]:
    flat = lab.redis.call("HGETALL", f"posthub:rule:{name}")
    assert isinstance(flat, list)
    return dict(zip(map(str, flat[::2]), map(str, flat[1::2])))


def test_who_changed_what(org: Lab, host: Host) -> None:
    host.cli("rule", "set", "One", "SubjectContainsWords=secret", "SetSCL=1")
    host.cli("rule", "set", "One", "SetSCL=5", "Mode=Audit")
    host.cli("rule", "set", "Two", "SubjectContainsWords=x", "SetSCL=2")
    host.cli("rule", "unset", "One", "Mode")
    host.cli("rule", "remove", "Two")
    rows = history(host)
    assert [(row["Verb"], row["Rule"]) for row in rows] == [
        ("remove", "Two"),
        ("unset", "One"),
        ("set", "Two"),
        ("set", "One"),
        ("set", "One"),
    ]
    assert rows[0]["After"] == {} and rows[2]["After"] == rows[0]["Before"]
    assert rows[4]["Before"] == {} and rows[3]["Before"] == rows[4]["After"]
    assert (rows[3]["Before"]["SetSCL"], rows[3]["After"]["SetSCL"]) == ("1", "5")
    assert rows[1]["After"] == stored(org, "One")
    assert all(row["Who"] and row["Date"].endswith("Z") for row in rows)
    text = host.cli("rule", "history", "one").stdout
    assert "SetSCL=1 -> 5; Mode=Audit" in text and "Mode=Audit -> unset" in text
    assert "Two" not in text
    assert [row["Rule"] for row in history(host, "two")] == ["Two", "Two"]
    done = host.cli("rule", "history", "Three", check=False)
    assert done.returncode == NO and "no history" in done.stderr


def test_back_again(org: Lab, host: Host) -> None:
    """In force at once, as any other change; and itself in the history."""
    set_words = ("SubjectContainsWords=secret", "RejectMessageReasonText=no")
    org.change(lambda: host.cli("rule", "set", "Guard", *set_words))
    first = stored(org, "Guard")
    org.change(lambda: host.cli("rule", "set", "Guard", "SubjectContainsWords=other", "Mode=Audit"))
    mail = letter.post(host, letter.compose(NUNO, subject="secret"))
    assert mail.accepted == {NUNO}, mail.last
    org.change(lambda: host.cli("rule", "rollback", "guard"))
    assert stored(org, "Guard") == first
    assert letter.post(host, letter.compose(NUNO, subject="secret")).refused
    assert history(host)[0]["Verb"] == "rollback"
    org.change(lambda: host.cli("rule", "rollback", "Guard"))
    assert stored(org, "Guard")["Mode"] == "Audit"


def test_a_rule_that_was_removed(org: Lab, host: Host) -> None:
    host.cli("rule", "set", "Guard", "SubjectContainsWords=a", "SetSCL=1")
    before = stored(org, "Guard")
    host.cli("rule", "remove", "Guard")
    host.cli("rule", "rollback", "guard")
    assert stored(org, "Guard") == before
    # And further back: before there was any.
    first = history(host)[-1]["Id"]
    host.cli("rule", "rollback", "Guard", "--to", first)
    assert not stored(org, "Guard")


def test_an_entry_that_nobody_can_read(org: Lab, host: Host) -> None:
    """It does not say that there was no rule."""
    host.cli("rule", "set", "Guard", "SubjectContainsWords=a", "SetSCL=1")
    words = ("rule", "Guard", "verb", "set", "who", "x", "when", "x", "before", "rubbish")
    org.redis.call("XADD", "posthub:history:rule", "*", *words)
    before = stored(org, "Guard")
    assert history(host)[0]["Before"] is None
    done = host.cli("rule", "rollback", "Guard", check=False)
    assert done.returncode == DATA and "does not say what rule Guard was" in done.stderr
    assert stored(org, "Guard") == before


def test_nothing_to_go_back_to(org: Lab, host: Host) -> None:
    org.redis.call("HSET", "posthub:rule:Typed", "SubjectContainsWords", "x", "SetSCL", "1")
    done = host.cli("rule", "rollback", "Typed", check=False)
    assert done.returncode == NO and "rule Typed has no history" in done.stderr
    host.cli("rule", "set", "Typed", "SetSCL=2")
    done = host.cli("rule", "rollback", "Typed", "--to", "1-1", check=False)
    assert done.returncode == NO and "has no change 1-1" in done.stderr
    # What redis-cli did before the first change is what it goes back to.
    host.cli("rule", "rollback", "Typed")
    assert stored(org, "Typed") == {"SubjectContainsWords": "x", "SetSCL": "1"}
