"""Rules written with plain redis-cli, obeyed by the next mail."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import rows


def hset(lab: Lab, name: str, **fields: str) -> None:
    """As an administrator types it."""
    words = [word for pair in fields.items() for word in pair]
    lab.change(lambda: lab.redis.cli("HSET", f"posthub:rule:{name}", *words))


def deliver(lab: Lab, host: str, **letter_fields: Any) -> tuple[Mail, Message]:
    mail = letter.post(lab.hosts[host], letter.compose(MOTA, **letter_fields))
    assert mail.accepted == {MOTA}, mail.last
    return mail, lab.wait_message(MOTA, mail.ident)


def subject_of(lab: Lab, host: str, **letter_fields: Any) -> str:
    _, message = deliver(lab, host, **letter_fields)
    return str(message["Subject"])


def test_reject_on_every_server_within_a_second(org: Lab) -> None:
    hset(
        org,
        "No merger",
        SubjectContainsWords="merger",
        RejectMessageReasonText="Not by mail, please",
        RejectMessageEnhancedStatusCode="5.7.900",
    )
    for host in org.hosts.values():
        mail = letter.post(host, letter.compose(MOTA, subject="The Merger."))
        assert "5.7.900" in mail.refused[MOTA] and "Not by mail, please" in mail.refused[MOTA]
        assert mail.refused[MOTA].startswith("550 ")
    subject_of(org, "MBX1", subject="Submerger is another word")


def test_rejected_mail_has_a_fail_row(org: Lab) -> None:
    hset(org, "No", SubjectContainsWords="forbidden", RejectMessageReasonText="No")
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, subject="forbidden"))
    assert mail.refused
    found = wait.until("a FAIL row", lambda: list(rows(org.hosts["MBX1"], mail.ident)))
    fails = [row for row in found if row["event-id"] == "FAIL"]
    assert [row["source"] for row in fails] == ["AGENT"]
    assert "550 5.7.1" in fails[0]["recipient-status"]


def test_delete_takes_the_mail_and_drops_it(org: Lab) -> None:
    hset(org, "Drop", SubjectContainsWords="unwanted", DeleteMessage="true")
    dropped = letter.post(org.hosts["MBX1"], letter.compose(MOTA, subject="unwanted"))
    assert dropped.accepted == {MOTA}
    deliver(org, "MBX1", subject="wanted")
    org.wait_empty()
    assert not [m for m in org.messages(MOTA) if m["Message-ID"] == dropped.ident]


def test_header_is_set_and_replaces_a_forged_one(org: Lab) -> None:
    hset(org, "Mark", SetHeaderName="X-Checked", SetHeaderValue="by posthub", Enabled="true")
    _, message = deliver(org, "MBX1", headers={"X-Checked": "by the sender"})
    assert message.get_all("X-Checked") == ["by posthub"]


def test_prepended_subject_stands_once_after_two_hops(org: Lab) -> None:
    hset(org, "Mark", FromScope="NotInOrganization", PrependSubject="[EXTERNAL] ")
    assert subject_of(org, "MBX1", subject="Hello") == "[EXTERNAL] Hello"


def test_exception_beats_condition(org: Lab) -> None:
    hset(
        org,
        "Mark",
        FromScope="NotInOrganization",
        ExceptIfSubjectContainsWords="newsletter,digest",
        PrependSubject="[EXTERNAL] ",
    )
    assert subject_of(org, "MBX1", subject="Your Digest") == "Your Digest"
    assert subject_of(org, "MBX1", subject="Hello") == "[EXTERNAL] Hello"


def test_header_condition(org: Lab) -> None:
    hset(
        org,
        "Bulk",
        HeaderContainsMessageHeader="Precedence",
        HeaderContainsWords="bulk,junk",
        PrependSubject="[BULK] ",
    )
    assert subject_of(org, "MBX2", headers={"Precedence": "Bulk"}, subject="a") == "[BULK] a"
    assert subject_of(org, "MBX2", headers={"Precedence": "list"}, subject="a") == "a"


def test_priority_and_stop(org: Lab) -> None:
    hset(org, "Second", Priority="1", PrependSubject="second ", Enabled="true")
    hset(org, "First", Priority="0", PrependSubject="first ", SubjectContainsWords="a")
    assert subject_of(org, "MBX2", subject="a") == "second first a"
    hset(org, "First", StopRuleProcessing="true")
    assert subject_of(org, "MBX2", subject="a") == "first a"


@pytest.mark.parametrize("fields", [{"Enabled": "false"}, {"Mode": "Audit"}])
def test_rule_that_is_not_enforced_changes_nothing(org: Lab, fields: dict[str, str]) -> None:
    hset(org, "Off", SubjectContainsWords="a", RejectMessageReasonText="no", **fields)
    assert subject_of(org, "MBX2", subject="a") == "a"


def test_draft_rejects_nobody(org: Lab) -> None:
    """Typed one field at a time: the action first."""
    hset(org, "Draft", RejectMessageReasonText="no")
    assert subject_of(org, "MBX2", subject="secret") == "secret"
    hset(org, "Draft", SubjectContainsWords="secret")
    mail = letter.post(org.hosts["MBX2"], letter.compose(MOTA, subject="secret"))
    assert mail.refused


def test_bad_edit_keeps_the_last_good_rule(org: Lab) -> None:
    hset(org, "Guard", SubjectContainsWords="secret", RejectMessageReasonText="no")
    org.redis.cli("HSET", "posthub:rule:Guard", "Priority", "soon")
    host = org.hosts["MBX1"]
    wait.until(
        "the error in the status",
        lambda: "rule:Guard" in host.cli("status", check=False).stdout,
    )
    mail = letter.post(host, letter.compose(MOTA, subject="secret"))
    assert mail.refused, "the rule as it was must still be in force"
    log = host.log_text("transport")
    assert log.count("Priority") == 1, "reported once"
    org.change(lambda: org.redis.cli("HSET", "posthub:rule:Guard", "Priority", "5"))
    assert letter.post(host, letter.compose(MOTA, subject="secret")).refused


def test_removed_rule_is_gone(org: Lab) -> None:
    hset(org, "Guard", SubjectContainsWords="secret", RejectMessageReasonText="no")
    org.change(lambda: org.redis.cli("DEL", "posthub:rule:Guard"))
    assert subject_of(org, "MBX1", subject="secret") == "secret"


def test_rules_that_differ_in_case_alone_are_an_error(org: Lab) -> None:
    hset(org, "Twin", SubjectContainsWords="one", RejectMessageReasonText="no")
    org.redis.cli(
        "HSET", "posthub:rule:TWIN", "SubjectContainsWords", "two", "RejectMessageReasonText", "no"
    )
    host = org.hosts["MBX1"]

    def both_shown() -> bool:
        shown = host.cli("status", check=False).stdout
        return "rule:Twin" in shown and "rule:TWIN" in shown

    wait.until("both keys in the status", both_shown)
    assert subject_of(org, "MBX1", subject="two") == "two", "neither may win"


def test_several_changes_in_one_transaction_come_together(org: Lab) -> None:
    script = (
        "redis.call('HSET','posthub:rule:A','SubjectContainsWords','x','PrependSubject','A ')"
        "redis.call('HSET','posthub:rule:B','SubjectContainsWords','x','PrependSubject','B ')"
    )
    org.change(lambda: org.redis.cli("EVAL", script, "0"))
    assert subject_of(org, "MBX2", subject="x") == "B A x"


def test_the_command_writes_rules_too(org: Lab) -> None:
    host = org.hosts["MBX1"]
    org.change(
        lambda: host.cli(
            "rule", "set", "By command", "SubjectContainsWords=secret", "RejectMessageReasonText=no"
        ),
    )
    assert letter.post(host, letter.compose(NUNO, subject="secret")).refused
    org.change(lambda: host.cli("rule", "disable", "By command"))
    assert letter.post(host, letter.compose(NUNO, subject="secret")).accepted
    refused = host.cli("rule", "set", "By command", "SubjectContansWords=x", check=False)
    assert refused.returncode != 0 and "SubjectContainsWords" in refused.stderr
