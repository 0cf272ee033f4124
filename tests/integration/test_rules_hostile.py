"""Messages and rules made to hurt: each is delivered, or refused for a reason
that is said; the daemons live on, and the next mail goes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host, maildir_files
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail, Session
from tests.lab.track import rows

NOBODY = "nobody@letsexchange.com"
IDENT = "<hostile.{}@sender.test>"
KB, MB = 1 << 10, 1 << 20
CATASTROPHE = "^(a+)+$"
BAIT = "a" * 60 + "!"

# Of each kind of subject one, and what is dear to look for.
RULES: dict[str, dict[str, str]] = {
    "Subject": {"SubjectContainsWords": "needle,one needle in the hay"},
    "Subject pattern": {"SubjectMatchesPatterns": f"{CATASTROPHE},n.*e.*e.*d.*l.*e"},
    "Body": {"SubjectOrBodyContainsWords": "needle"},
    "Body pattern": {"SubjectOrBodyMatchesPatterns": f"{CATASTROPHE},(\\w+\\s?)+!$"},
    "Attachment": {"AttachmentContainsWords": "needle"},
    "Attachment pattern": {"AttachmentMatchesPatterns": CATASTROPHE},
    "Attachment name": {"AttachmentNameMatchesPatterns": CATASTROPHE},
    "Attachment type": {"AttachmentExtensionMatchesWords": "exe"},
    "Limit": {"AttachmentProcessingLimitExceeded": "true"},
    "Charset": {"ContentCharacterSetContainsWords": "utf-7"},
    "Type": {"MessageTypeMatches": "Encrypted"},
    "To": {"AnyOfToCcHeader": NUNO},
    "From": {"FromAddressMatchesPatterns": CATASTROPHE},
    "Recipient": {"RecipientAddressMatchesPatterns": CATASTROPHE},
    "Header": {"HeaderContainsMessageHeader": "X-Big", "HeaderContainsWords": "needle"},
    "Header pattern": {
        "HeaderMatchesMessageHeader": "X-Big",
        "HeaderMatchesPatterns": CATASTROPHE,
    },
}


@pytest.fixture(autouse=True)
def nothing_left(org: Lab) -> Iterator[None]:
    """Names come again; what one test counted is nothing to the next. Who looks
    for a message reads the mailbox, where these take long."""
    yield
    if keys := org.redis.keys("posthub:rule:*"):
        org.change(lambda: org.redis.call("DEL", *keys))
    if keys := org.redis.keys("posthub:stats:rule:*"):
        org.redis.call("DEL", *keys)
    org.wait_empty()
    for address in (MOTA, NUNO):
        for box in org.maildirs(address):
            for path in maildir_files(box):
                path.unlink()


PUT = """
for name, fields in pairs(cjson.decode(ARGV[1])) do
    for field, value in pairs(fields) do
        redis.call('HSET', 'posthub:rule:' .. name, field, value)
    end
end
"""


def put_all(lab: Lab, rules: dict[str, dict[str, str]]) -> None:
    """In one transaction: all of them are in force, or none."""
    lab.change(lambda: lab.redis.call("EVAL", PUT, 0, json.dumps(rules)))


@pytest.fixture
def everything(org: Lab) -> Lab:
    """The shared organisation with RULES."""
    rules = {}
    for number, (name, fields) in enumerate(RULES.items()):
        mark = {"SetHeaderName": f"X-Hit-{number}", "SetHeaderValue": name}
        rules[name] = {"Priority": str(number), **mark, **fields}
    put_all(org, rules)
    return org


def pids(lab: Lab) -> dict[str, int | None]:
    return {
        f"{host.name} {name}": child.pid
        for host in lab.hosts.values()
        for name, child in host.daemons.items()
    }


def assert_well(lab: Lab, before: dict[str, int | None]) -> None:
    """The same processes serve, and an ordinary mail goes."""
    for host in lab.hosts.values():
        assert all(child.alive() for child in host.daemons.values())
    assert pids(lab) == before
    mail = letter.post(lab.hosts["MBX1"], letter.compose(MOTA, subject="An ordinary mail"))
    assert mail.accepted == {MOTA}, mail.last
    lab.wait_message(MOTA, mail.ident, 60)


def stats(host: Host, name: str) -> dict[str, Any]:
    found = json.loads(host.cli("rule", "stats", name, "--json").stdout)
    assert len(found) == 1
    return dict(found[0])


# ---- messages ---------------------------------------------------------------

HEAD = b"From: <alice@sender.test>\r\nDate: %s\r\nMessage-ID: %s\r\n"


def folded(name: bytes, size: int) -> bytes:
    line = b"needle " * 100
    return name + b": " + b"\r\n ".join([line] * (size // len(line))) + b"\r\n"


def parts(n: int) -> bytes:
    part = b"--b\r\nContent-Type: text/plain; name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!.exe\r\n"
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + (part + b"\r\nneedle\r\n") * n + b"--b--\r\n"


def nested(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i)
        for i in range(depth)
    )


# What follows the fields that all have, and the answer: "" is delivered.
MESSAGES: dict[str, tuple[bytes, str]] = {
    "a field of 5 MB": (folded(b"X-Big", 5 * MB) + b"\r\n\r\nx\r\n", ""),
    "a header of 18 MB": (folded(b"X-Big", 50_000) * 380 + b"\r\nx\r\n", "5.3.4"),
    "100,000 fields": (b"X-Big: a\r\n" * 100_000 + b"\r\nx\r\n", ""),
    "300,000 fields": (b"X-Big:\r\n" * 300_000 + b"\r\nx\r\n", "5.3.4"),
    "10,000 parts": (parts(10_000), ""),
    "500 parts in each other": (nested(500) + b"\r\nneedle\r\n", ""),
    "bait": (b"Subject: %s\r\nX-Big: %s\r\n\r\n%s\r\n" % ((BAIT.encode(),) * 3), ""),
    "bait in 5,000 fields": (b"X-Big: %s\r\n" % BAIT.encode() * 5_000 + b"\r\nx\r\n", ""),
    "NUL in the header": (b"Subject: a\0needle\r\nX-Big: \0\r\n\r\n\0\r\n", ""),
    "8 bit in the header": (b"Subject: \xff\xfe\xc3 needle\r\nX-\xff: \x80\r\n\r\n\xff\r\n", ""),
    "no charset": (b"Content-Type: text/plain\r\n\r\n\xe9 needle\r\n", ""),
    "a wrong charset": (b"Content-Type: text/plain; charset=\xff/../x\r\n\r\n\xe9\r\n", ""),
    "a charset that lies": (b"Content-Type: text/plain; charset=utf-16\r\n\r\na\r\n", ""),
    "no boundary": (b"Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nneedle\r\n", ""),
    "an empty boundary": (b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n', ""),
    "no body": (b"Subject: needle\r\n", ""),
    "no end of the header": (b"Subject: needle\r\nnot a field\r\n", ""),
}


def hostile(what: str, sender: str = letter.STRANGER) -> Mail:
    ident = IDENT.format(what.replace(" ", ".").replace(",", "."))
    head = HEAD % (formatdate(usegmt=True).encode(), ident.encode())
    return Mail(ident, sender, (MOTA,), head + MESSAGES[what][0])


@pytest.mark.parametrize("what", MESSAGES)
def test_message(everything: Lab, what: str) -> None:
    before = pids(everything)
    mail, answer = hostile(what), MESSAGES[what][1]
    letter.post(everything.hosts["MBX1"], mail)
    if answer:
        assert answer in mail.refused.get(MOTA, ""), mail.last
    else:
        assert mail.accepted == {MOTA}, mail.last
        everything.wait_message(MOTA, mail.ident, 60)
    assert_well(everything, before)


def test_null_sender(everything: Lab) -> None:
    before = pids(everything)
    mail = letter.compose(MOTA, sender="", subject="needle")
    assert letter.post(everything.hosts["MBX1"], mail).accepted == {MOTA}, mail.last
    message = everything.wait_message(MOTA, mail.ident)
    assert message["X-Hit-0"] == "Subject"
    assert_well(everything, before)


def test_empty_message(everything: Lab) -> None:
    before = pids(everything)
    mail = Mail("", letter.STRANGER, (MOTA,), b"")
    assert letter.post(everything.hosts["MBX1"], mail).accepted == {MOTA}, mail.last
    everything.wait_empty()
    assert_well(everything, before)


def test_attachment_out_of_sight_is_a_limit_exceeded(everything: Lab) -> None:
    """Deeper than anybody looks: nobody may say that there is none."""
    what = "500 parts in each other"
    mail = letter.post(everything.hosts["MBX1"], hostile(what))
    message = everything.wait_message(MOTA, mail.ident)
    number = list(RULES).index("Limit")
    assert message[f"X-Hit-{number}"] == "Limit"


PROGRAM = b"--b\r\nContent-Type: application/octet-stream; name=run.exe\r\n\r\nMZ\r\n--b--\r\n"
MULTIPART = b"Content-Type: multipart/mixed;%s boundary=b\r\n"
LONG = b"\r\n" + b"\r\n".join([b" (%s)" % (b"x" * 900)] * 70) + b"\r\n"


@pytest.mark.parametrize(
    "fields, answer",
    [
        (MULTIPART % b"", "5.7.1 a program"),
        (MULTIPART % LONG, "5.3.4"),
        (MULTIPART % b"" + b"Subject: x%s y\r\n" % LONG, "5.3.4"),
        (MULTIPART % b"" + b"X-Big: x%s y\r\n" % LONG, "5.7.1 a program"),
        (MULTIPART % (LONG[:20_000].rpartition(b"\r\n ")[0] + b"\r\n"), "5.7.1 a program"),
    ],
    ids=["short", "Content-Type", "Subject", "another", "a shorter Content-Type"],
)
def test_field_of_which_no_milter_sees_the_end(org: Lab, fields: bytes, answer: str) -> None:
    """60,000 bytes are shown, and more is delivered: the boundary may be there."""
    no = {"RejectMessageReasonText": "a program"}
    put_all(org, {"No": {"AttachmentExtensionMatchesWords": "exe"} | no})
    mail = letter.compose(MOTA)
    ident = b"Message-ID: %s\r\n" % mail.ident.encode()
    mail.content = b"MIME-Version: 1.0\r\n" + ident + fields + b"\r\n" + PROGRAM
    letter.post(org.hosts["MBX1"], mail)
    assert answer in mail.refused.get(MOTA, ""), mail.last
    host = org.hosts["MBX1"]
    wait.until(
        "a FAIL row", lambda: "FAIL" in [row["event-id"] for row in rows(host, mail.ident)]
    )


@pytest.mark.parametrize("n, answer", [(1_000, ""), (20_000, "5.3.4")])
def test_removing_a_field_that_came_many_times(org: Lab, n: int, answer: str) -> None:
    """Each costs Postfix a pass over the header; of 20,000 it gives up."""
    org.change(lambda: org.rule("Strip", RemoveHeader="X-Big", Enabled="true"))
    before = pids(org)
    mail = letter.compose(MOTA)
    mail.content = b"X-Big: a\r\n" * n + mail.content
    letter.post(org.hosts["MBX1"], mail)
    if answer:
        assert answer in mail.refused.get(MOTA, ""), mail.last
    else:
        assert mail.accepted == {MOTA}, mail.last
        assert org.wait_message(MOTA, mail.ident, 60)["X-Big"] is None
    assert_well(org, before)


# ---- rules that cannot be evaluated -------------------------------------------


def test_catastrophic_pattern_is_counted_and_the_mail_goes(org: Lab) -> None:
    fields = {"SubjectMatchesPatterns": CATASTROPHE, "DeleteMessage": "true"}
    org.change(lambda: org.rule("Bad", **fields))
    before, host = pids(org), org.hosts["MBX1"]
    for n in (1, 2):
        mail = letter.post(host, letter.compose(MOTA, subject=BAIT))
        assert mail.accepted == {MOTA}, mail.last
        org.wait_message(MOTA, mail.ident)
        wait.until("an error counted", lambda: stats(host, "Bad")["Errors"] == n)
    assert stats(host, "Bad")["Hits"] == 0
    assert 'rule "Bad" could not be evaluated' in host.log_text("transport")
    assert_well(org, before)


def test_catastrophic_pattern_of_a_rule_that_defers(org: Lab) -> None:
    org.change(
        lambda: org.rule(
            "Bad",
            SubjectMatchesPatterns=CATASTROPHE,
            DeleteMessage="true",
            RuleErrorAction="Defer",
        )
    )
    before = pids(org)
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, subject=BAIT))
    assert mail.last.startswith("451 4.7.1 "), mail.last
    assert_well(org, before)


# ---- redirects ------------------------------------------------------------------


def test_redirect_to_nobody_is_reported_to_the_sender(org: Lab) -> None:
    org.change(
        lambda: org.rule("Away", SubjectContainsWords="astray", RedirectMessageTo=NOBODY)
    )
    before = pids(org)
    mail = letter.compose(MOTA, sender=NUNO, subject="astray")
    letter.post(org.hosts["MBX1"], mail)
    assert mail.accepted == {MOTA}, mail.last

    def reported() -> bool:
        texts = [message.as_string() for message in org.messages(NUNO)]
        return any(NOBODY in text and mail.ident in text for text in texts)

    wait.until("a report", reported, 30)
    assert not [m for m in org.messages(MOTA) if m["Message-ID"] == mail.ident]
    assert_well(org, before)


def test_two_rules_that_redirect_to_each_other(org: Lab) -> None:
    only = {"SubjectContainsWords": "pingpong"}
    there = {"Priority": "0", "SentTo": MOTA, "RedirectMessageTo": NUNO}
    back = {"Priority": "1", "SentTo": NUNO, "RedirectMessageTo": MOTA}
    put_all(org, {"There": there | only, "Back": back | only})
    before = pids(org)
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, subject="pingpong"))
    assert "5.4.6" in mail.refused.get(MOTA, ""), mail.last
    assert_well(org, before)


# ---- addresses --------------------------------------------------------------------

# To Postfix all of them are one; <> are around them.
SPELLINGS = [
    "mota@letsexchange.com.",
    "MOTA@LetsExchange.COM",
    '"mota"@letsexchange.com',
    '"mo\\ta"@letsexchange.com.',
    "@a.test,@b.test:mota@letsexchange.com",
    "mota(comment)@letsexchange.com",
    "mota @ letsexchange.com",
    '"mota@letsexchange.com"',
    "letsexchange.com!mota",
    "luis.mota@letsexchange.com.",
]


def test_a_rule_finds_a_recipient_however_he_is_spelt(org: Lab) -> None:
    org.change(lambda: org.rule("No", SentTo=MOTA, RejectMessageReasonText="not to him"))
    for spelling in SPELLINGS:
        mail = letter.post(org.hosts["MBX1"], letter.compose(spelling))
        assert "550 5.7.1 not to him" in mail.last, (spelling, mail.last)


def test_a_redirect_takes_a_recipient_away_however_he_is_spelt(org: Lab) -> None:
    """And who is named twice, in two ways, does not lose it."""
    org.change(lambda: org.rule("Away", SentTo=MOTA, RedirectMessageTo=NUNO))
    host, sent = org.hosts["MBX1"], []
    for spelling in SPELLINGS:
        sent.append(letter.post(host, letter.compose(spelling)))
    for one, two in zip(SPELLINGS, SPELLINGS[1:]):
        sent.append(letter.post(host, letter.compose(one, two)))
    sent.append(letter.post(host, letter.compose(NUNO, '"nuno"@letsexchange.com')))
    for mail in sent:
        assert mail.accepted == set(mail.recipients), (mail.recipients, mail.last)
        org.wait_message(NUNO, mail.ident)
    org.wait_empty()
    assert org.messages(MOTA) == []
    assert sorted(m["Message-ID"] for m in org.messages(NUNO)) == sorted(m.ident for m in sent)


def allow_plus(lab: Lab, value: str) -> None:
    field = "AllowPlusAddressInRecipients"
    lab.change(lambda: lab.redis.call("HSET", "posthub:transportconfig", field, value))


@pytest.mark.parametrize(
    "condition",
    [
        {"SentTo": MOTA},
        {"RecipientAddressMatchesPatterns": "^mota@letsexchange\\.com$"},
        {"AnyOfRecipientAddressMatchesPatterns": "^mota@letsexchange\\.com$"},
    ],
    ids=["SentTo", "patterns", "any"],
)
def test_a_rule_finds_a_recipient_by_an_address_with_an_extension(
    org: Lab, condition: dict[str, str]
) -> None:
    no = {"RejectMessageReasonText": "not to him"}
    put_all(org, {"No": condition | no})
    to = "mota+bills@letsexchange.com"
    allow_plus(org, "true")
    mail = letter.post(org.hosts["MBX1"], letter.compose(to))
    allow_plus(org, "false")
    assert "not to him" in mail.refused.get(to, ""), mail.last


# ---- names ------------------------------------------------------------------------

ODD = 'a "quoted"\n\'name\' : * ? [x] \\ %s\t{"a":1}; é日本 --json | `y`'


def test_rule_with_an_odd_name(org: Lab, tmp_path: Any) -> None:
    name = ODD.ljust(64, ".")
    assert len(name) == 64
    org.change(lambda: org.rule(name, SubjectContainsWords="odd", PrependSubject="[odd] "))
    before, host = pids(org), org.hosts["MBX1"]
    listed = json.loads(host.cli("rule", "list", "--json").stdout)
    assert [rule["Name"] for rule in listed] == [name]
    assert '"quoted"' in host.cli("rule", "show", name).stdout
    path = tmp_path / "m"
    path.write_bytes(letter.compose(MOTA, subject="odd").content)
    tried = host.cli("rule", "test", "--message", str(path), "--rule", name, "--json", check=False)
    assert [r["Name"] for r in json.loads(tried.stdout)["Recipients"][0]["Rules"]] == [name]
    mail = letter.post(host, letter.compose(MOTA, subject="odd"))
    assert org.wait_message(MOTA, mail.ident)["Subject"] == "[odd] odd"
    wait.until("a count", lambda: stats(host, name)["Hits"] == 1)
    found = wait.until(
        "a row", lambda: [r for r in rows(host, mail.ident) if r["event-id"] == "AGENTINFO"]
    )
    assert "|ruleId=" in found[0]["custom-data"]
    org.change(lambda: host.cli("rule", "disable", name))
    plain = letter.post(host, letter.compose(MOTA, subject="odd"))
    assert org.wait_message(MOTA, plain.ident)["Subject"] == "odd"
    org.change(lambda: host.cli("rule", "remove", name))
    assert host.cli("rule", "show", name, check=False).returncode == 1
    assert_well(org, before)


@pytest.mark.parametrize("name", ["x" * 65, ""], ids=["long", "empty"])
def test_name_that_is_none(org: Lab, name: str) -> None:
    """Not in force, and said so."""
    before, host = pids(org), org.hosts["MBX1"]
    org.rule(name, SubjectContainsWords="ordinary", DeleteMessage="true")
    wait.until("an error", lambda: "Name: " in host.log_text("transport"))
    listed = json.loads(host.cli("rule", "list", "--json").stdout)
    assert [rule["State"] for rule in listed] == ["Error"], listed
    assert_well(org, before)


# ---- values and changes ---------------------------------------------------------


def test_values_at_their_limits(org: Lab) -> None:
    words = ",".join(f"{i:05}".ljust(128, "w") for i in range(10_000))
    found = {"SubjectContainsWords": words + ",needle", "PrependSubject": "W "}
    long = {"SubjectOrBodyMatchesPatterns": "p" * 8192, "PrependSubject": "P "}
    put_all(org, {"Words": found, "Pattern": long})
    before = pids(org)
    body = "\n".join(["p" * 900] * 10)
    mail = letter.compose(MOTA, subject="needle", body=body)
    assert letter.post(org.hosts["MBX1"], mail).accepted == {MOTA}, mail.last
    # No line of a message is as long as the pattern, so it does not match.
    assert org.wait_message(MOTA, mail.ident)["Subject"] == "W needle"
    assert_well(org, before)


@pytest.mark.parametrize(
    "field, value",
    [
        ("SubjectContainsWords", "x" * 129),
        ("SubjectMatchesPatterns", "p" * 8193),
        ("PrependSubject", "x" * 129),
        ("SubjectContainsWords", "word," * (16 * MB // 5 + 1) + "word"),
    ],
    ids=["word", "pattern", "text", "list"],
)
def test_values_above_their_limits(org: Lab, field: str, value: str) -> None:
    before, host = pids(org), org.hosts["MBX1"]
    fields = {"SubjectContainsWords": "ordinary", "DeleteMessage": "true"} | {field: value}
    org.rule("Large", **fields)
    wait.until("an error", lambda: field in host.cli("status", check=False).stdout)
    assert_well(org, before)


def test_rule_changed_a_thousand_times_while_mail_flows(org: Lab) -> None:
    """Each mail sees one state of the rule, whole."""
    before, host = pids(org), org.hosts["MBX1"]
    done = threading.Event()

    def change() -> None:
        for n in range(1000):
            org.rule("Busy", SetHeaderName="X-N", SetHeaderValue=f"{n}.{n}", Enabled="true")
        done.set()

    changing = threading.Thread(target=change)
    changing.start()
    sent = []
    while not done.is_set() or len(sent) < 5:
        mail = letter.post(host, letter.compose(MOTA))
        assert mail.accepted == {MOTA}, mail.last
        sent.append(mail)
    changing.join()

    def last() -> bool:
        mail = letter.post(host, letter.compose(MOTA))
        return bool(org.wait_message(MOTA, mail.ident)["X-N"] == "999.999")

    wait.until("the last change in force", last)
    org.wait_empty()
    seen = {message["Message-ID"]: message["X-N"] for message in org.messages(MOTA)}
    for mail in sent:
        value = seen[mail.ident]
        assert value is None or len(set(value.split("."))) == 1
    assert_well(org, before)


# ---- many, in an organisation of their own ----------------------------------------


PUT_MANY = """
for i = ARGV[1], ARGV[2] - 1 do
    redis.call('HSET', 'posthub:rule:Rule ' .. i, 'SubjectContainsWords', 'word' .. i,
               'RejectMessageReasonText', 'No ' .. i)
end
"""


def put_many(lab: Lab, start: int, end: int) -> None:
    lab.redis.call("EVAL", PUT_MANY, 0, start, end)


def test_ten_thousand_rules_and_one_that_is_none(own_org: Lab) -> None:
    before, host = pids(own_org), own_org.hosts["MBX1"]
    put_many(own_org, 0, 5_000)
    own_org.rule("Wrong", SubjectContainsWords="x", Priority="soon", DeleteMessage="true")
    put_many(own_org, 5_000, 10_000)

    def refused() -> bool:
        mail = letter.post(host, letter.compose(MOTA, subject="word9999"))
        return "No 9999" in mail.refused.get(MOTA, "")

    wait.until("the last rule in force", refused, 60)
    assert "rule:Wrong" in host.cli("status", check=False).stdout
    assert "No 17" in letter.post(host, letter.compose(MOTA, subject="word17")).refused[MOTA]
    listed = json.loads(host.cli("rule", "list", "--json").stdout)
    assert len(listed) == 10_001
    assert [rule["Name"] for rule in listed if rule["State"] == "Error"] == ["Wrong"]
    assert_well(own_org, before)


PUT_PEOPLE = """
for i = 0, ARGV[1] - 1 do
    redis.call('HSET', 'posthub:recipient:many' .. i .. '@letsexchange.com', 'RecipientType',
               'UserMailbox', 'Database', 'DB1')
end
"""


def known(host: Host) -> int:
    """Recipients in the directory file."""
    status = json.loads((host.state / "directory.status").read_text(encoding="utf-8"))
    return int(status["entries"])


def test_ten_thousand_recipients(own_org: Lab) -> None:
    """Of one session, as many in a message as the hub takes."""
    own_org.redis.call("EVAL", PUT_PEOPLE, 0, 10_000)
    host = own_org.hosts["MBX1"]
    # They come in any order.
    wait.until("all of them", lambda: known(host) > 10_000, 60)
    odd = {"RecipientAddressMatchesPatterns": "^many.*[13579]@", "SetSCL": "1", "Priority": "0"}
    everybody = {"RecipientAddressMatchesPatterns": "^many", "DeleteMessage": "true"}
    put_all(own_org, {"Odd": odd, "All": everybody})
    before = pids(own_org)
    session = Session((host.address, host.hub), letter.STRANGER_ADDRESS, 120)
    try:
        for start in (0, 5000):
            people = (f"many{start + n}@letsexchange.com" for n in range(5000))
            mail = letter.compose(*people, headers={"To": "many"})
            session.send(mail)
            assert len(mail.accepted) == 5000, mail.last
    finally:
        session.close()
    wait.until("the counts", lambda: stats(host, "All")["Hits"] == 2)
    assert stats(host, "Odd")["Hits"] == 2
    assert_well(own_org, before)
