"""What a person saves in the Outbox is sent, once, and is then in Sent; what
cannot be sent is in Drafts, with the reason in the Inbox."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from email.message import Message
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import flow, frontend, letter, maildir, wait
from tests.lab.host import USER, Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.track import COLUMNS, SEVEN_ROWS, by_command, cells, event, rows

ANA = "ana@letsexchange.com"
NOBODY = "nobody@letsexchange.com"
NMID = "X-PostHub-Network-Message-Id"


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        for name, site in (("MBX1", "Lisbon"), ("MBX2", "Porto")):
            made.host(name, site=site, fqdn=f"{name}.letsexchange.com")
        made.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
        made.database("DB1", ["MBX1"])
        made.database("DB2", ["MBX2"])
        made.mailbox(NUNO, "DB1", EmailAddresses="nuno.mota@letsexchange.com")
        made.mailbox(MOTA, "DB2")
        made.mailbox(ANA, "DB1")
        made.make_outbox(NUNO)
        made.start()
        yield made


@pytest.fixture
def lab(shared: Lab) -> Iterator[Lab]:
    """Rules are removed, and the Outbox is empty after every test."""
    yield shared
    keys = shared.redis.keys("posthub:rule:*")
    if keys:
        shared.redis.call("DEL", *keys)
    wait.until("the Outbox to be empty", lambda: not shared.in_outbox(NUNO))


def compose(*recipients: str, **options: str) -> Mail:
    """From Nuno, with the line ends of a file."""
    headers = {k: v for k, v in options.items() if k not in ("subject", "body", "sender")}
    mail = letter.compose(
        *recipients,
        sender=options.get("sender", NUNO),
        subject=options.get("subject", "Testing Mail Flow"),
        body=options.get("body", "Hello."),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    mail.content = mail.content.replace(b"\r\n", b"\n")
    return mail


def of(found: list[tuple[Path, Message]], mail: Mail) -> list[tuple[Path, Message]]:
    return [each for each in found if each[1]["Message-ID"] == mail.ident]


def wait_sent(lab: Lab, mail: Mail) -> tuple[Path, Message]:
    """The owner's own copy, which is there once and has been read."""
    wait.until(f"{mail.ident} in Sent", lambda: of(lab.sent(NUNO), mail))
    wait.until("the Outbox to be empty", lambda: not lab.in_outbox(NUNO))
    found = of(lab.sent(NUNO), mail)
    assert len(found) == 1
    assert maildir.flags(found[0][0]) == "S"
    return found[0]


def arrives_once(lab: Lab, mail: Mail, *recipients: str) -> list[Message]:
    messages = [lab.wait_message(recipient, mail.ident) for recipient in recipients]
    wait_sent(lab, mail)
    lab.wait_empty()
    for recipient in recipients:
        assert sum(m["Message-ID"] == mail.ident for m in lab.messages(recipient)) == 1
    return messages


def trace(host: Host, mail: Mail, count: int) -> list[dict[str, str]]:
    """The rows as the command shows them, once all are in Redis."""

    def complete() -> list[dict[str, str]]:
        found = by_command(host, "--message-id", mail.ident)
        return found if len(found) >= count else []

    return wait.until(f"{count} rows of {mail.ident}", complete)


# ---- the example -----------------------------------------------------------


def test_from_nunos_outbox_to_motas_inbox_in_seven_rows(lab: Lab) -> None:
    mail = compose(MOTA)
    lab.outbox(NUNO, mail.content)
    arrives_once(lab, mail, MOTA)
    found = trace(lab.hosts["MBX1"], mail, len(SEVEN_ROWS))
    assert [cells(row) for row in found] == SEVEN_ROWS
    assert not of(lab.drafts(NUNO), mail)


def test_the_picture_of_the_flow() -> None:
    """Each row is there, in its server's column, and it fits a terminal."""
    names = [name.title().replace("-", "") for name in COLUMNS]
    lines = flow.draw([dict(zip(names, row, strict=True)) for row in SEVEN_ROWS]).splitlines()
    assert max(map(len, lines)) <= 80
    shown = [line for line in lines if any(c.isdigit() for c in line.partition("MBX")[0])]
    assert len(shown) == len(SEVEN_ROWS)
    for number, (line, row) in enumerate(zip(shown, SEVEN_ROWS, strict=True), 1):
        assert line.endswith(f" {number} {row[3]} {row[4]}")
        assert (line.index(str(number)) > lines[0].index("MBX2")) == (number > 2)


def test_one_network_message_id_on_the_whole_way(lab: Lab) -> None:
    mail = compose(MOTA)
    lab.outbox(NUNO, mail.content)
    message = lab.wait_message(MOTA, mail.ident)
    found = trace(lab.hosts["MBX2"], mail, len(SEVEN_ROWS))
    assert {row["NetworkMessageId"] for row in found} == {message[NMID]}
    assert {(row["Sender"], row["Recipients"]) for row in found} == {(NUNO, MOTA)}


def test_transport_of_the_senders_server_is_not_needed(lab: Lab) -> None:
    """And the rows are the same seven."""
    mail = compose(MOTA)
    with lab.hosts["MBX1"].down("transport", "postfix"):
        lab.outbox(NUNO, mail.content)
        lab.wait_message(MOTA, mail.ident)
        wait_sent(lab, mail)
        found = trace(lab.hosts["MBX2"], mail, len(SEVEN_ROWS))
    assert [cells(row) for row in found] == SEVEN_ROWS


def test_no_transport_at_all_leaves_it_in_the_outbox(lab: Lab) -> None:
    first, second = lab.hosts.values()
    mail = compose(ANA)
    with second.down("transport", "postfix"):
        with first.down("transport", "postfix"):
            saved = lab.outbox(NUNO, mail.content)
            wait.until(
                "SUBMITDEFER",
                lambda: [r for r in rows(first, mail.ident) if r["event-id"] == "SUBMITDEFER"],
            )
            wait.until("it to be in the Outbox", saved.exists)
            assert not of(lab.sent(NUNO), mail) and not of(lab.drafts(NUNO), mail)
        arrives_once(lab, mail, ANA)
    events = [event(row) for row in rows(first, mail.ident) if row["source"] == "STOREDRIVER"]
    assert events.count("STOREDRIVER RECEIVE") == 1, events
    assert events.count("STOREDRIVER SUBMIT") == 1, events
    assert events.count("STOREDRIVER DELIVER") == 1, events


def test_its_own_daemon_was_away(lab: Lab) -> None:
    mail = compose(MOTA)
    with lab.hosts["MBX1"].down("submission"):
        saved = lab.outbox(NUNO, mail.content, flags=None)
        assert saved.exists()
    arrives_once(lab, mail, MOTA)


def test_an_outbox_made_while_it_runs(lab: Lab) -> None:
    lab.mailbox("new@letsexchange.com", "DB1")
    lab.hosts["MBX1"].wait_recipient("new@letsexchange.com")
    mail = compose(MOTA, sender="new@letsexchange.com")
    lab.outbox("new@letsexchange.com", mail.content)
    lab.wait_message(MOTA, mail.ident)
    wait.until("it in Sent", lambda: of(lab.sent("new@letsexchange.com"), mail))


# ---- what is sent ----------------------------------------------------------


def test_bcc_is_in_sent_and_nowhere_else(lab: Lab) -> None:
    mail = compose(MOTA, Bcc=f"<{ANA}>", Cc="<nuno.mota@letsexchange.com>")
    lab.outbox(NUNO, mail.content)
    for message in arrives_once(lab, mail, MOTA, ANA, NUNO):
        assert message["Bcc"] is None
        assert message["Cc"] == "<nuno.mota@letsexchange.com>"
    assert wait_sent(lab, mail)[1]["Bcc"] == f"<{ANA}>"


def test_the_owners_own_fields_of_ours_are_gone(lab: Lab) -> None:
    forged = "00000000-0000-4000-8000-000000000000"
    mail = compose(
        MOTA,
        X_PostHub_Network_Message_Id=forged,
        X_PostHub_AuthAs="External",
        X_PostHub_SCL="-1",
        X_PostHub_Rules_Executed="all of them",
        x_posthub_route="discard:",
    )
    lab.outbox(NUNO, mail.content)
    (message,) = arrives_once(lab, mail, MOTA)
    assert forged not in message.get_all(NMID, []) and len(message.get_all(NMID, [])) == 1
    assert message.get_all("X-PostHub-AuthAs") == ["Internal"]
    for name in ("X-PostHub-SCL", "X-PostHub-Rules-Executed", "X-PostHub-Route"):
        assert message[name] is None, name


def test_from_scope_is_that_of_the_owner(lab: Lab) -> None:
    """The Outbox proves who it was; the same From from outside does not."""
    fields = {"Enabled": "true"}
    frontend.rule(lab, "In", FromScope="InOrganization", PrependSubject="[IN] ", **fields)
    frontend.rule(lab, "Out", FromScope="NotInOrganization", PrependSubject="[OUT] ", **fields)
    inside = compose(MOTA)
    lab.outbox(NUNO, inside.content)
    outside = letter.post(lab.hosts["MBX2"], letter.compose(MOTA, sender=NUNO))
    assert lab.wait_message(MOTA, inside.ident)["Subject"] == "[IN] Testing Mail Flow"
    assert lab.wait_message(MOTA, outside.ident)["Subject"] == "[OUT] Testing Mail Flow"


def test_a_message_without_message_id_and_date(lab: Lab) -> None:
    """Both are added, to what is sent and to what is kept."""
    mail = compose(MOTA, subject="Without an identity")
    lines = mail.content.split(b"\n")
    bare = [x for x in lines if not x.startswith((b"Message-ID:", b"Date:"))]
    lab.outbox(NUNO, b"\n".join(bare))

    def sent() -> list[Message]:
        return [m for _, m in lab.sent(NUNO) if m["Subject"] == "Without an identity"]

    (kept,) = wait.until("it in Sent", sent)
    assert kept["Message-ID"] and kept["Date"]
    assert lab.wait_message(MOTA, kept["Message-ID"])["Date"] == kept["Date"]


def test_a_copy_of_a_message_that_was_sent(lab: Lab) -> None:
    """A mail program that does not know whether it saved it: Mota has it once,
    and so has Nuno's Sent."""
    mail = compose(MOTA)
    lab.outbox(NUNO, mail.content)
    arrives_once(lab, mail, MOTA)
    lab.outbox(NUNO, mail.content)
    wait.until(
        "DUPLICATEDELIVER",
        lambda: [
            r
            for r in rows(lab.hosts["MBX2"], mail.ident)
            if r["event-id"] == "DUPLICATEDELIVER"
        ],
    )
    wait_sent(lab, mail)
    assert sum(m["Message-ID"] == mail.ident for m in lab.messages(MOTA)) == 1


def test_resent_to_somebody_who_has_it(lab: Lab) -> None:
    """On purpose: Mota has it twice, and both are in Sent."""
    mail = compose(MOTA)
    lab.outbox(NUNO, mail.content)
    arrives_once(lab, mail, MOTA)
    again = b"Resent-From: <%s>\nResent-To: <%s>\nResent-Date: %s\n" % (
        NUNO.encode(),
        MOTA.encode(),
        formatdate(usegmt=True).encode(),
    )
    lab.outbox(NUNO, again + mail.content)
    wait.until(
        "it a second time",
        lambda: [m["Message-ID"] for m in lab.messages(MOTA)].count(mail.ident) == 2,
    )
    wait.until("both in Sent", lambda: len(of(lab.sent(NUNO), mail)) == 2)


def test_not_before_its_time(lab: Lab) -> None:
    """In the Outbox until then, by Deferred-Delivery; others go meanwhile."""
    later = compose(MOTA, Deferred_Delivery=formatdate(time.time() + 86400, usegmt=True))
    path = lab.outbox(NUNO, later.content)
    state = (lab.own_maildir(NUNO) / maildir.CLAIMED).parent / "state" / path.name.split(":")[0]
    wait.until("it to be looked at and put back", lambda: state.exists() and path.exists())
    other = compose(MOTA)
    lab.outbox(NUNO, other.content)
    lab.wait_message(MOTA, other.ident)
    assert lab.in_outbox(NUNO) and not of(lab.sent(NUNO), later)
    path.unlink()
    when = formatdate(time.time() + 2, usegmt=True)
    mail = compose(MOTA, Deferred_Delivery=when)
    lab.outbox(NUNO, mail.content)
    message = arrives_once(lab, mail, MOTA)[0]
    assert time.time() >= parsedate_to_datetime(when).timestamp()
    assert message["Deferred-Delivery"] == when


def test_a_group(lab: Lab) -> None:
    """It has no mailbox database that would choose a server."""
    lab.put(
        "recipient",
        "team@letsexchange.com",
        RecipientType="MailUniversalDistributionGroup",
        Members=f"{MOTA},{ANA}",
    )
    for host in lab.hosts.values():
        host.wait_recipient("team@letsexchange.com")
    mail = compose("team@letsexchange.com")
    lab.outbox(NUNO, mail.content)
    arrives_once(lab, mail, MOTA, ANA)


def test_1200_recipients(lab: Lab) -> None:
    """Addresses of one mailbox, which gets it once."""
    rui = [f"rui{number}@letsexchange.com" for number in range(1200)]
    lab.mailbox("rui@letsexchange.com", "DB2", EmailAddresses=",".join(rui))
    lab.mailbox("many@letsexchange.com", "DB1", RecipientLimits="unlimited")
    for host in lab.hosts.values():
        for address in (rui[-1], "many@letsexchange.com"):
            host.wait_recipient(address)
    mail = compose(*rui, sender="many@letsexchange.com")
    lab.outbox("many@letsexchange.com", mail.content.replace(b">, <", b">,\n <"))
    lab.wait_message("rui@letsexchange.com", mail.ident, timeout=60)
    wait.until("it in Sent", lambda: of(lab.sent("many@letsexchange.com"), mail), timeout=60)
    lab.wait_empty()
    assert sum(m["Message-ID"] == mail.ident for m in lab.messages("rui@letsexchange.com")) == 1
    assert not [m for m in lab.messages("many@letsexchange.com") if m["In-Reply-To"] == mail.ident]
    submits = [r for r in rows(lab.hosts["MBX1"], mail.ident) if r["event-id"] == "SUBMIT"]
    assert sum(int(row["recipient-count"]) for row in submits) == 1200


# ---- what one server refuses -----------------------------------------------


def test_one_of_two_recipients_is_refused(lab: Lab) -> None:
    """The other one gets it; the owner reads the server's own words."""
    with frontend.hello(lab.hosts["MBX2"]) as client:
        client.command(f"MAIL FROM:<{NUNO}>")
        refusal = client.command(f"RCPT TO:<{NOBODY}>")
    assert refusal.startswith("550 5.1.1 ")
    mail = compose(MOTA, NOBODY)
    lab.outbox(NUNO, mail.content)
    arrives_once(lab, mail, MOTA)
    report = wait.until("the report", lambda: notices(lab, mail))[0]
    assert len(notices(lab, mail)) == 1
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    text, status, header = report.get_payload()
    assert refusal in text.get_payload(decode=True).decode()
    of_message, of_recipient = status.get_payload()
    assert of_message["Reporting-MTA"] == "dns; MBX1.letsexchange.com"
    assert of_recipient["Final-Recipient"] == f"rfc822; {NOBODY}"
    assert of_recipient["Action"] == "failed"
    assert of_recipient["Status"] == "5.1.1"
    assert of_recipient["Diagnostic-Code"] == f"smtp; {refusal}"
    assert mail.ident in str(header)


def test_a_rule_refuses_all_of_it(lab: Lab) -> None:
    """The message is in Drafts: it can be mended and sent again."""
    frontend.rule(
        lab,
        "Refuse",
        SubjectContainsWords="forbidden",
        RejectMessageReasonText="100% not here",
        RejectMessageEnhancedStatusCode="5.7.900",
        Enabled="true",
    )
    mail = compose(MOTA, subject="forbidden fruit")
    lab.outbox(NUNO, mail.content)
    (report,) = wait.until("the report", lambda: notices(lab, mail))
    assert "550 5.7.900 100% not here" in str(report)
    wait.until("it in Drafts", lambda: of(lab.drafts(NUNO), mail))
    assert not of(lab.sent(NUNO), mail)
    assert not [m for m in lab.messages(MOTA) if m["Message-ID"] == mail.ident]


def notices(lab: Lab, mail: Mail) -> list[Message]:
    """What the Inbox says of a message."""
    return [m for m in lab.messages(NUNO) if m["In-Reply-To"] == mail.ident]


# ---- what cannot be sent ---------------------------------------------------


def test_from_a_mailbox_that_is_too_large(lab: Lab) -> None:
    """Whose size its owner was told of when it grew."""
    host = lab.hosts["MBX1"]

    def limit(**fields: str) -> None:
        lab.put("recipient", NUNO, **fields)

        def known() -> bool:
            (found,) = json.loads(host.cli("resolve", NUNO, "--json").stdout)
            return all(str(found["Entry"].get(k)) == v for k, v in fields.items())

        wait.until("the limits to be known", known)

    def warnings() -> list[Message]:
        return [m for m in lab.messages(NUNO) if m["Subject"] == "Your mailbox is full"]

    limit(ProhibitSendQuota="1024")
    first = letter.compose(NUNO, sender=MOTA, body="x" * 900 + "\n" + "x" * 900)
    letter.post(host, first)
    lab.wait_message(NUNO, first.ident)
    (warning,) = wait.until("the warning", warnings)
    assert "can't send" in warning.get_payload()
    mail = compose(MOTA)
    lab.outbox(NUNO, mail.content)
    (report,) = wait.until("the report", lambda: notices(lab, mail))
    assert report.get_payload()[1].get_payload()[1]["Status"] == "5.2.2"
    wait.until("it in Drafts", lambda: of(lab.drafts(NUNO), mail))
    limit(ProhibitSendQuota=str(1 << 40))
    again = compose(MOTA)
    lab.outbox(NUNO, again.content)
    arrives_once(lab, again, MOTA)
    assert not [m for m in lab.messages(MOTA) if m["Message-ID"] == mail.ident]
    assert len(warnings()) == 1


def cut_in_the_header() -> bytes:
    """A program died while it wrote; another moved what there was."""
    content = compose(MOTA).content
    return content[: content.index(b"To: <") + 9]


BAD = {
    "no recipients": (compose().content.replace(b"To: \n", b""), "no recipients"),
    "somebody else's From": (compose(MOTA, sender=ANA).content, "may not send as"),
    "a second mailbox in From": (
        compose(MOTA, From=f"<{NUNO}>, <{ANA}>", Sender=f"<{NUNO}>").content,
        "may not send as",
    ),
    "no From": (compose(MOTA).content.replace(b"From:", b"X-From:"), "no From"),
    "no message": (b"\x00\xff\xfe not a header\n" * 5, "is no header field"),
    "zero bytes": (b"", "empty"),
    "half written": (cut_in_the_header(), "Invalid address"),
    "more than 36 MB": (compose(MOTA).content + b"x" * 70 + b"\n", "are allowed"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_goes_back_to_its_owner(lab: Lab, kind: str) -> None:
    """To Drafts, with the reason in the Inbox; once, and nobody gets it."""
    content, reason = BAD[kind]
    inbox = set(maildir.files(lab.own_maildir(NUNO)))
    drafts, sent, motas = len(lab.drafts(NUNO)), len(lab.sent(NUNO)), len(lab.messages(MOTA))
    save_bad(lab, content, sparse=50_000_000 if kind == "more than 36 MB" else 0)

    def said() -> list[tuple[Path, Message]]:
        found = maildir.messages(lab.own_maildir(NUNO))
        return [each for each in found if each[0] not in inbox]

    (notice,) = wait.until("a notice", said)
    assert reason in str(notice[1]) and "Drafts" in str(notice[1])
    wait.until("the Outbox to be empty", lambda: not lab.in_outbox(NUNO))
    after = compose(MOTA)
    lab.outbox(NUNO, after.content)
    arrives_once(lab, after, MOTA)
    assert len(said()) == 1
    kept = [path for path, _ in lab.drafts(NUNO) if content in path.read_bytes()]
    assert len(lab.drafts(NUNO)) == drafts + 1 and kept
    assert len(lab.sent(NUNO)) == sent + 1 and len(lab.messages(MOTA)) == motas + 1


def test_what_went_back_is_not_tried_again(lab: Lab) -> None:
    """By the next process."""
    before = [len(found) for found in (lab.drafts(NUNO), lab.messages(NUNO))]
    assert before[0] > 0
    lab.hosts["MBX1"].restart("submission")
    after = compose(MOTA)
    lab.outbox(NUNO, after.content)
    arrives_once(lab, after, MOTA)
    assert [len(found) for found in (lab.drafts(NUNO), lab.messages(NUNO))] == before


def save_bad(lab: Lab, content: bytes, sparse: int = 0) -> None:
    """With a hole at the end, which makes it large at once."""
    folder = lab.make_outbox(NUNO)
    written = folder / "tmp" / maildir.unique_name()
    with written.open("wb") as file:
        file.write(content)
        if sparse:
            file.truncate(sparse)
    shutil.chown(written, USER)
    written.rename(folder / "new" / written.name)


def test_one_that_is_still_being_written_is_left_alone(lab: Lab) -> None:
    """By a program that writes where it should rename; another message, saved
    later, goes first."""
    mail, other = compose(MOTA, body="first half\nsecond half"), compose(MOTA)
    half = mail.content.index(b"second half")
    path = lab.make_outbox(NUNO) / "new" / maildir.unique_name()
    with path.open("wb", buffering=0) as file:
        shutil.chown(path, USER)
        file.write(mail.content[:half])
        lab.outbox(NUNO, other.content)
        lab.wait_message(MOTA, other.ident)
        assert path.exists()
        file.write(mail.content[half:])
    message = arrives_once(lab, mail, MOTA)[0]
    assert message.get_payload().split("\n")[:2] == ["first half", "second half"]


def test_a_link_in_the_outbox_is_not_followed(lab: Lab, tmp_path: Path) -> None:
    """It would send a file that the owner may not read."""
    secret = compose(MOTA, subject="Secret")
    elsewhere = tmp_path / "message"
    elsewhere.write_bytes(secret.content)
    link = lab.make_outbox(NUNO) / "new" / maildir.unique_name()
    link.symlink_to(elsewhere)
    other = compose(MOTA)
    lab.outbox(NUNO, other.content)
    lab.wait_message(MOTA, other.ident)
    link.unlink()
    arrives_once(lab, other, MOTA)
    assert not [m for m in lab.messages(MOTA) if m["Subject"] == "Secret"]
    assert not of(lab.sent(NUNO), secret)
