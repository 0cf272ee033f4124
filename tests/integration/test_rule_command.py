"""posthub rule test, explain, move and stats, beside real mail."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.track import rows

STRANGER = letter.STRANGER
OUTSIDE = "bob@elsewhere.test"
YES, NO, USAGE, DATA, NO_INPUT, TEMPORARY = 0, 1, 64, 65, 66, 75


@pytest.fixture(autouse=True)
def no_counts(org: Lab) -> Iterator[None]:
    """Names come again; what one test counted is nothing to the next."""
    yield
    if keys := org.redis.keys("posthub:stats:rule:*"):
        org.redis.call("DEL", *keys)


def put(lab: Lab, name: str, **fields: str) -> None:
    lab.change(lambda: lab.rule(name, **fields))


@pytest.fixture
def message(tmp_path: Path) -> Path:
    path = tmp_path / "message.eml"
    path.write_bytes(letter.compose(MOTA, subject="Lunch", body="About the Merger.").content)
    return path


def asked(
    host: Host, verb: str, message: Path | str, *words: str, status: int = YES
) -> dict[str, Any]:
    done = host.cli(
        "rule", verb, "--message", str(message), "--from", STRANGER, "--json", *words, check=False
    )
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def results(found: dict[str, Any]) -> dict[str, str]:
    return {r["Given"]: r["Result"] for r in found["Recipients"]}


def files(directory: Path) -> dict[str, int]:
    return {
        str(p): p.stat().st_mtime_ns for p in directory.rglob("*") if stat.S_ISREG(p.stat().st_mode)
    }


# ---- test -------------------------------------------------------------------


def test_what_it_says_is_what_happens(org: Lab, message: Path) -> None:
    put(org, "Mark", FromScope="NotInOrganization", PrependSubject="[EXTERNAL] ", Priority="0")
    put(
        org,
        "No merger",
        SubjectOrBodyContainsWords="merger",
        SentTo=NUNO,
        RejectMessageReasonText="Not by mail",
        Priority="1",
    )
    host = org.hosts["MBX1"]
    found = asked(host, "test", message, "--to", MOTA, "--to", NUNO, status=NO)
    assert results(found) == {MOTA: "Delivered", NUNO: "Refused"}
    mota, nuno = found["Recipients"]
    assert mota["Changes"] == ["- Subject: Lunch", "+ Subject: [EXTERNAL] Lunch"]
    assert [rule["Name"] for rule in nuno["Rules"]] == ["Mark", "No merger"]
    assert (nuno["Code"], nuno["EnhancedCode"], nuno["Text"]) == ("550", "5.7.1", "Not by mail")
    sent = letter.post(host, letter.compose(MOTA, subject="Lunch", body="About the Merger."))
    assert org.wait_message(MOTA, sent.ident)["Subject"] == "[EXTERNAL] Lunch"
    refused = letter.post(host, letter.compose(NUNO, subject="Lunch", body="About the Merger."))
    assert refused.refused[NUNO].startswith("550 5.7.1 Not by mail")


def test_it_sends_and_changes_nothing(org: Lab, message: Path) -> None:
    put(org, "Copy", SubjectContainsWords="lunch", BlindCopyTo=NUNO, Priority="0")
    put(org, "Drop", SubjectContainsWords="lunch", DeleteMessage="true", Priority="1")
    org.wait_empty()
    host = org.hosts["MBX1"]
    spool = Path(
        subprocess.run(
            ["postconf", "-c", str(host.postfix.conf), "-h", "queue_directory"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )

    def state() -> Any:
        keys = {
            key: org.redis.call("HGETALL", key)
            # Of these two, because what others have hit is counted a second later.
            for name in ("Copy", "Drop")
            for key in org.redis.keys(f"posthub:*rule:{name}")
        }
        queue = [
            p
            for name in ("incoming", "active", "deferred", "hold", "maildrop")
            for p in files(spool / name)
        ]
        boxes = [sorted(files(p)) for a in (MOTA, NUNO) for p in org.maildirs(a)]
        return keys, queue, boxes, sum(1 for _ in rows(host))

    before = state()
    for verb in ("test", "explain"):
        asked(host, verb, message, "--to", MOTA, status=NO)
    assert state() == before
    # Had it been posted: then there is a row at once, and a count.
    mail = letter.post(host, letter.compose(MOTA, subject="Lunch"))
    assert mail.accepted
    wait.until("a row", lambda: list(rows(host, mail.ident)))
    wait.until("a count", lambda: org.redis.keys("posthub:stats:rule:Drop"))
    org.wait_empty()


def test_recipients_are_those_of_the_message(org: Lab, tmp_path: Path) -> None:
    """A proxy address is resolved, one who is nobody is refused before the
    rules, one outside goes on."""
    path = tmp_path / "m"
    path.write_text(
        "Return-Path: <carol@sender.test>\nFrom: x@y.test\nSubject: a\n"
        f"To: Luis <luis.mota@letsexchange.com>, {OUTSIDE}\nBcc: nobody@letsexchange.com\n\nx\n"
    )
    done = org.hosts["MBX1"].cli("rule", "test", "--message", str(path), "--json", check=False)
    assert done.returncode == NO
    found = json.loads(done.stdout)
    assert found["Sender"] == "carol@sender.test"
    assert [(r["Result"], r.get("Address")) for r in found["Recipients"]] == [
        ("Delivered", MOTA),
        ("Delivered", OUTSIDE),
        ("Unknown", None),
    ]
    assert "5.1.1" in found["Recipients"][2]["Explanation"]


@pytest.mark.parametrize(
    "fields, result, status",
    [
        ({"RedirectMessageTo": NUNO}, "Redirected", NO),
        ({"DeleteMessage": "true"}, "Dropped", NO),
        ({"RejectMessageReasonText": "no"}, "Refused", NO),
        (
            {"SmtpRejectMessageRejectText": "no", "SmtpRejectMessageRejectStatusCode": "450"},
            "Deferred",
            TEMPORARY,
        ),
        ({"DeleteMessage": "true", "Mode": "Audit"}, "Delivered", YES),
        ({"DeleteMessage": "true", "Enabled": "false"}, "Delivered", YES),
        ({"BlindCopyTo": "nobody@letsexchange.com"}, "Delivered", NO),
    ],
)
def test_exit_codes(
    org: Lab, message: Path, fields: dict[str, str], result: str, status: int
) -> None:
    put(org, "R", SubjectContainsWords="lunch", **fields)
    found = asked(org.hosts["MBX1"], "test", message, "--to", MOTA, status=status)
    assert results(found)[MOTA] == result


def test_one_rule_alone_as_if_enabled(org: Lab, message: Path) -> None:
    put(org, "First", SubjectContainsWords="lunch", StopRuleProcessing="true", Priority="0")
    put(org, "Off", SubjectContainsWords="lunch", DeleteMessage="true", Enabled="false")
    host = org.hosts["MBX1"]
    assert results(asked(host, "test", message, "--to", MOTA)) == {MOTA: "Delivered"}
    found = asked(host, "test", message, "--to", MOTA, "--rule", "off", status=NO)
    assert results(found) == {MOTA: "Dropped"}
    assert asked(host, "explain", message, "--to", MOTA, "--rule", "off")["Explained"][0][
        "Answers"
    ] == [
        {"Recipient": MOTA, "Copy": 1, "Answer": "TRUE", "Done": False, "Note": "it is disabled"}
    ]


def test_a_header_field_of_5_mb_is_seen_whole(org: Lab, tmp_path: Path) -> None:
    put(
        org,
        "Big",
        HeaderContainsMessageHeader="X-Big",
        HeaderContainsWords="needle",
        DeleteMessage="true",
    )
    path = tmp_path / "big"
    path.write_text(f"From: a@b.test\nX-Big: {'hay ' * 1310720}needle\n\nx\n")
    found = asked(org.hosts["MBX1"], "test", path, "--to", MOTA, status=NO)
    assert results(found) == {MOTA: "Dropped"}


@pytest.mark.parametrize(
    "status, said, words",
    [
        (USAGE, "--message is missing", []),
        (NO_INPUT, "No such file", ["--message", "/nonexistent"]),
        (NO_INPUT, "Is a directory", ["--message", "/"]),
        (DATA, "is empty", ["--message", "/dev/null"]),
        (USAGE, '"bob" is not an address', ["--message", "FILE", "--to", "bob"]),
        (USAGE, '"bob" is not an address', ["--message", "FILE", "--from", "bob"]),
        (USAGE, "Anonymous, Internal", ["--message", "FILE", "--auth", "Nobody"]),
        (USAGE, "not an IP address", ["--message", "FILE", "--client-ip", "1.2.3"]),
        (USAGE, "given twice", ["--message", "FILE", "--from", STRANGER, "--from", STRANGER]),
        (NO, "rule Nope does not exist", ["--message", "FILE", "--rule", "Nope"]),
    ],
)
@pytest.mark.parametrize("verb", ["test", "explain"])
def test_bad_input(
    org: Lab, message: Path, verb: str, status: int, said: str, words: list[str]
) -> None:
    words = [str(message) if word == "FILE" else word for word in words]
    done = org.hosts["MBX1"].cli("rule", verb, *words, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("posthub: ") and said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_message_that_is_too_large(org: Lab, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"From: a@b.test\n\n")
        os.truncate(path, 64 * 1024 * 1024 + 1)
    done = org.hosts["MBX1"].cli(
        "rule", "test", "--message", str(path), "--to", MOTA, check=False
    )
    assert done.returncode == DATA and "64 MB" in done.stderr


def test_without_redis_the_last_good_rules(own_org: Lab, message: Path) -> None:
    put(own_org, "Drop", SubjectContainsWords="lunch", DeleteMessage="true")
    own_org.redis.kill()
    done = own_org.hosts["MBX1"].cli(
        "rule", "test", "--message", str(message), "--to", MOTA, check=False
    )
    assert done.returncode == NO, done.stderr
    assert "dropped" in done.stdout
    assert "using" in done.stderr and ".snapshot" in done.stderr


# ---- explain ----------------------------------------------------------------


def test_explain_shows_what_matched_and_where(org: Lab, message: Path) -> None:
    put(org, "Other", SubjectContainsWords="dinner", DeleteMessage="true", Priority="0")
    put(org, "Body", SubjectOrBodyContainsWords="merger", PrependSubject="x ", Priority="1")
    host = org.hosts["MBX1"]
    other, body = asked(host, "explain", message, "--to", MOTA)["Explained"]
    assert other["Conditions"][0]["Answer"] == "FALSE"
    assert other["Conditions"][0]["Looked"] == "Lunch"
    assert "Matched" not in other["Conditions"][0]
    assert body["Conditions"][0]["Matched"] == "merger"
    assert body["Conditions"][0]["Where"] == "body, character 11"
    assert body["Answers"][0]["Done"]
    shown = host.cli(
        "rule", "explain", "--message", str(message), "--from", STRANGER, "--to", MOTA
    ).stdout
    lines = [line for line in shown.splitlines() if line.startswith("0  Other")]
    assert lines == ['0  Other: FALSE; SubjectContainsWords=dinner: no, looked at "Lunch"']
    assert '"merger" in body, character 11' in shown


def test_explain_accounts_for_every_rule_on_every_recipient(org: Lab, message: Path) -> None:
    put(org, "1", SentTo=MOTA, DeleteMessage="true", Priority="1")
    put(org, "2", SubjectContainsWords="lunch", StopRuleProcessing="true", Priority="2")
    put(org, "3", RecipientDomainIs="elsewhere.test", PrependSubject="x", Priority="3")
    put(org, "4", SubjectContainsWords="lunch", DeleteMessage="true", Enabled="false")
    put(org, "5", DeleteMessage="true")
    put(
        org,
        "6",
        SubjectContainsWords="lunch",
        DeleteMessage="true",
        ExpiryDate="2001-01-01",
    )
    found = asked(
        org.hosts["MBX1"],
        "explain",
        message,
        *("--to", MOTA, "--to", NUNO, "--to", OUTSIDE),
        status=NO,
    )
    assert results(found) == {MOTA: "Dropped", NUNO: "Delivered", OUTSIDE: "Delivered"}
    for rule in found["Explained"]:
        people = sorted(answer["Recipient"] for answer in rule["Answers"])
        assert people == sorted([MOTA, NUNO, OUTSIDE]), rule
    explained = {rule["Name"]: rule for rule in found["Explained"]}
    assert sorted(explained) == ["1", "2", "3", "4", "5", "6"]
    third = {a["Recipient"]: a for a in explained["3"]["Answers"]}
    assert third[OUTSIDE]["Answer"] == "TRUE" and third[NUNO]["Answer"] == "FALSE"
    assert {a["Note"] for a in third.values()} == {"an earlier rule ended processing"}
    notes = {name: explained[name]["Answers"][0]["Note"] for name in ("4", "5", "6")}
    assert "disabled" in notes["4"] and "draft" in notes["5"] and "ExpiryDate" in notes["6"]
    assert not any(a["Done"] for name in "3456" for a in explained[name]["Answers"])


def test_invalid_rule_stays_out_and_the_previous_one_in_force(org: Lab, message: Path) -> None:
    put(org, "Guard", SubjectContainsWords="lunch", RejectMessageReasonText="no")
    host = org.hosts["MBX1"]
    org.redis.cli("HSET", "posthub:rule:Guard", "Mode", "Loud")
    org.redis.cli("HSET", "posthub:rule:New", "Mode", "Loud")
    wait.until(
        "both errors in the status",
        lambda: "rule:New" in host.cli("status", check=False).stdout,
    )
    listed = {r["Name"]: r for r in json.loads(host.cli("rule", "list", "--json").stdout)}
    assert listed["Guard"]["State"] == "Error" and "Mode" in listed["Guard"]["Problem"]
    assert listed["Guard"]["PreviousInForce"] and not listed["New"]["PreviousInForce"]
    shown = host.cli("rule", "list").stdout.splitlines()
    assert [line for line in shown if "Guard" in line and "stays in force" in line]
    found = asked(host, "test", message, "--to", MOTA, status=NO)
    assert results(found) == {MOTA: "Refused"}
    assert {i["Name"] for i in found["Invalid"]} == {"Guard", "New"}
    assert letter.post(host, letter.compose(MOTA, subject="Lunch")).refused


# ---- move -------------------------------------------------------------------


def order(host: Host) -> list[tuple[str, str]]:
    lines = host.cli("rule", "list").stdout.splitlines()[1:]
    return [tuple(line.split()[:2]) for line in lines]  # type: ignore[misc]


def test_move(org: Lab) -> None:
    for i, name in enumerate("ABCD"):
        org.rule(name, Priority=str(i), SubjectContainsWords="x", PrependSubject=f"{name} ")
    org.rule("E", SubjectContainsWords="x", PrependSubject="E ")
    host = org.hosts["MBX1"]
    history = int(str(org.redis.call("XLEN", "posthub:history:rule")))
    moved = json.loads(host.cli("rule", "move", "d", "--before", "B", "--json").stdout)
    assert [(r["Priority"], r["Name"]) for r in moved] == [
        ("0", "A"),
        ("1", "D"),
        ("2", "B"),
        ("3", "C"),
        ("last", "E"),
    ]
    assert order(host) == [(r["Priority"], r["Name"]) for r in moved]
    assert int(str(org.redis.call("XLEN", "posthub:history:rule"))) == history + 3
    for words, expected in (
        (["A", "--to", "2"], "DBAC"),
        (["A", "--first"], "ADBC"),
        (["A", "--after", "B"], "DBAC"),
        (["D", "--last"], "BACED"),
    ):
        host.cli("rule", "move", *words)
        assert "".join(name for _, name in order(host)).startswith(expected)
    org.change(lambda: host.cli("rule", "move", "E", "--first"))
    mail = letter.post(org.hosts["MBX2"], letter.compose(MOTA, subject="x"))
    assert org.wait_message(MOTA, mail.ident)["Subject"] == "D C A B E x"


@pytest.mark.parametrize(
    "status, said, words",
    [
        (USAGE, "expected one of", ["A"]),
        (USAGE, "expected one of", ["A", "--first", "--last"]),
        (USAGE, "from 0 to 1", ["A", "--to", "2"]),
        (USAGE, "from 0 to 1", ["A", "--to", "-1"]),
        (USAGE, "beside itself", ["A", "--after", "a"]),
        (NO, "rule X does not exist", ["X", "--first"]),
        (NO, "rule X does not exist", ["A", "--before", "X"]),
        (DATA, "not valid", ["Bad", "--first"]),
    ],
)
def test_move_refuses(org: Lab, status: int, said: str, words: list[str]) -> None:
    org.rule("A", Priority="5", SubjectContainsWords="x", PrependSubject="x")
    org.rule("B", Priority="6", SubjectContainsWords="x", PrependSubject="x")
    org.rule("Bad", Mode="Loud")
    done = org.hosts["MBX1"].cli("rule", "move", *words, check=False)
    assert done.returncode == status and said in done.stderr, done.stderr
    assert [org.redis.call("HGET", f"posthub:rule:{n}", "Priority") for n in "AB"] == ["5", "6"]


# ---- stats ------------------------------------------------------------------


def test_stats_after_real_mail(org: Lab) -> None:
    put(org, "Hit", SubjectContainsWords="lunch", SetHeaderName="X-A", SetHeaderValue="1")
    audited = {"DeleteMessage": "true", "Mode": "Audit", "Priority": "0"}
    put(org, "Watch", SubjectContainsWords="lunch", **audited)
    put(org, "Never", SubjectContainsWords="dinner", DeleteMessage="true", Priority="1")
    host = org.hosts["MBX2"]
    for _ in range(2):
        mail = letter.post(host, letter.compose(MOTA, subject="Lunch"))
        org.wait_message(MOTA, mail.ident)

    def stats(*words: str) -> dict[str, Any]:
        found = json.loads(host.cli("rule", "stats", *words, "--json").stdout)
        return {rule["Name"]: rule for rule in found}

    wait.until("both counted", lambda: stats()["Hit"]["Hits"] == 2)
    found = stats()
    assert list(found) == ["Watch", "Never", "Hit"]
    assert (found["Watch"]["Hits"], found["Watch"]["Audited"]) == (0, 2)
    assert (found["Never"]["Hits"], found["Never"]["LastHit"]) == (0, None)
    assert found["Hit"]["LastHit"].endswith("Z")
    assert list(stats("hit")) == ["Hit"]
    last = host.cli("rule", "stats").stdout.splitlines()[-1].split()
    assert last[:5] == ["-", "Total", "2", "2", "0"]
    assert host.cli("rule", "stats", "Nope", check=False).returncode == NO
