"""Recipients of one mail to whom rules do different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.conftest import ANA, BOSS, MOTA, NUNO, RUI, office
from tests.lab import letter, outcome, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink, Taken
from tests.lab.track import Row, by_command, rows

REFUSAL = {
    "RejectMessageReasonText": "Not by mail",
    "RejectMessageEnhancedStatusCode": "5.7.901",
}
TEAM, UNSURE = "team@letsexchange.com", "unsure@letsexchange.com"
NOBODY = "nobody@letsexchange.com"
JOSE = "josé@letsexchange.com"

# A body that is hard to keep: dots, blanks at the end, nothing at the end.
BODY = "Hello.\n.dot\n..two dots\n. \n  blanks  \n\ttab\t\n\n\nthe last\n\n"


@pytest.fixture(scope="module")
def internet() -> Iterator[Sink]:
    """Where mail for other organisations goes; it takes everything."""
    with Sink(extensions=("8BITMIME", "SMTPUTF8", "DSN")) as made:
        yield made


@pytest.fixture(scope="module")
def bank() -> Iterator[Sink]:
    """Where mail goes that a rule sends this way."""
    with Sink() as made:
        yield made


@pytest.fixture(scope="module")
def lab(internet: Sink, bank: Sink) -> Iterator[Lab]:
    with Lab() as made:
        for name, sink, spaces in (("Internet", internet, "*"), ("Bank", bank, "bank.test")):
            made.put(
                "sendconnector",
                name,
                AddressSpaces=spaces,
                SmartHosts=f"{sink.address}:{sink.port}",
            )
        made.put(
            "recipient",
            TEAM,
            RecipientType="MailUniversalDistributionGroup",
            PrimarySmtpAddress=TEAM,
            Members=f"{NUNO},{MOTA},{RUI}",
        )
        # Of its member nobody can say who he is.
        for name in ("this", "that"):
            made.mailbox(f"{name}@letsexchange.com", "DB1", EmailAddresses="both@letsexchange.com")
        made.put(
            "recipient",
            UNSURE,
            RecipientType="MailUniversalDistributionGroup",
            Members="both@letsexchange.com",
        )
        made.mailbox(JOSE, "DB1")
        yield office(made)


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def events(host: Host, mail: Mail, name: str) -> list[Row]:
    return [row for row in rows(host, mail.ident) if row["event-id"] == name]


def network_ids(lab: Lab, mail: Mail) -> set[str]:
    found = (row for host in lab.hosts.values() for row in rows(host, mail.ident))
    return {row["network-message-id"] for row in found}


# ---- copies that differ ------------------------------------------------------


def test_three_recipients_get_three_messages_that_are_one(lab: Lab, host: Host) -> None:
    outcome.put_rules(
        lab,
        {
            "Subject": {"SentTo": NUNO, "PrependSubject": "[N] "},
            "Field": {"SentTo": MOTA, "SetHeaderName": "X-For", "SetHeaderValue": "Mota"},
            "Secret": {"SentTo": ANA, "RemoveHeader": "X-Secret"},
        },
    )
    mail = letter.compose(NUNO, MOTA, ANA, body=BODY, headers={"X-Secret": "yes"})
    assert letter.post(host, mail).accepted == {NUNO, MOTA, ANA}, mail.last
    got = {who: outcome.copy(lab, who, mail) for who in mail.recipients}
    sent = outcome.fields(mail.content)
    assert outcome.fields(got[NUNO]) == [
        "Subject: [N] Testing Mail Flow" if f.startswith("Subject:") else f for f in sent
    ]
    assert outcome.fields(got[MOTA]) == [*sent, "X-For: Mota"]
    assert outcome.fields(got[ANA]) == [f for f in sent if f != "X-Secret: yes"]
    for content in got.values():
        assert outcome.body(content) == outcome.body(mail.content)
    ids = {outcome.header(content, "X-PostHub-Network-Message-Id") for content in got.values()}
    assert len(ids) == 1 and network_ids(lab, mail) == ids
    lab.wait_empty()
    assert all(len(outcome.copies(lab, who, mail)) == 1 for who in mail.recipients)


def test_those_whom_no_rule_is_about_get_it_as_it_came(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Subject": {"SentTo": NUNO, "PrependSubject": "[N] "}})
    mail = letter.compose(NUNO, MOTA, ANA, body=BODY)
    assert letter.post(host, mail).accepted
    for who in (MOTA, ANA):
        assert outcome.same(outcome.copy(lab, who, mail), mail)


def test_nothing_else_of_a_copy_changes(lab: Lab, host: Host) -> None:
    """A header that Postfix would complete for a client of its own, and bytes
    that are no text."""
    mark = {"SetHeaderName": "X-Mark", "SetHeaderValue": "a"}
    outcome.put_rules(lab, {"Mark": {"SentTo": f"{NUNO},{MOTA}"} | mark})
    mail = letter.compose(NUNO, MOTA, ANA)
    head = f"Subject: no id {mail.ident}\r\nTo: bob, Carol <carol@x>\r\nX-Odd:\r\n\r\n"
    odd = b"".join(bytes([n, n]) + b"\r\n" for n in range(0x80, 0x100))
    mail.content, mail.parameters = head.encode() + odd, "BODY=8BITMIME"
    # Not from where Postfix listens: those clients are its own.
    assert letter.post(host, mail, "127.0.0.9").accepted == {NUNO, MOTA, ANA}, mail.last

    def with_subject(who: str) -> list[bytes]:
        return [c for c in outcome.stored(lab, who) if mail.ident in outcome.header(c, "Subject")]

    for who in (ANA, NUNO, MOTA):
        (content,) = wait.until(f"it at {who}", lambda: with_subject(who))
        more = [] if who == ANA else ["X-Mark: a"]
        assert outcome.fields(content) == outcome.fields(mail.content) + more
        assert outcome.body(content) == outcome.unix(odd)


def test_a_large_message(lab: Lab, host: Host) -> None:
    """More than is kept in memory while the copies are made."""
    outcome.put_rules(lab, {"Subject": {"SentTo": NUNO, "PrependSubject": "[N] "}})
    mail = letter.compose(NUNO, MOTA, body=f"{'x' * 76}\n" * 50000 + "y" * 900)
    assert letter.post(host, mail).accepted == {NUNO, MOTA}, mail.last
    assert outcome.same(outcome.copy(lab, MOTA, mail), mail)
    assert outcome.body(outcome.copy(lab, NUNO, mail)) == outcome.body(mail.content)


def test_nobody_outside_can_name_a_token(lab: Lab, host: Host) -> None:
    token = "00000000-0000-0000-0000-000000000000.0@fork.posthub.invalid"
    mail = letter.post(host, letter.compose(token))
    assert mail.refused[token].startswith("554 5.7.1 "), mail.last


# ---- some are refused --------------------------------------------------------


def refuse_mota(lab: Lab, host: Host, mail: Mail, source: str | None = None) -> None:
    outcome.put_rules(lab, {"No": {"SentTo": MOTA} | REFUSAL})
    letter.post(host, mail, source or host.address)
    assert mail.accepted == {NUNO, MOTA}, mail.last
    assert outcome.same(outcome.copy(lab, NUNO, mail), mail)
    lab.wait_empty()
    assert not outcome.copies(lab, MOTA, mail)


def test_one_is_refused_and_the_sender_is_told(lab: Lab, host: Host) -> None:
    mail = outcome.from_inside(NUNO, MOTA, sender=ANA, body=BODY)
    mail.parameters = "ENVID=QQ+2B17"
    mail.rcpt_parameters[MOTA] = "ORCPT=rfc822;Mota+2Bx@old.test"
    refuse_mota(lab, host, mail)
    told = outcome.report(lab, ANA, mail)
    message, refused = outcome.status(told)
    assert message["reporting-mta"] == f"dns; {host.fqdn}"
    assert message["original-envelope-id"] == "QQ+17"
    assert refused == {
        "original-recipient": "rfc822; Mota+x@old.test",
        "final-recipient": f"rfc822; {MOTA}",
        "action": "failed",
        "status": "5.7.901",
        "diagnostic-code": "smtp; 550 5.7.901 Not by mail",
    }
    assert told["In-Reply-To"] == mail.ident
    assert told["Return-Path"] == "<>"


@pytest.mark.parametrize("notify, told", [("NEVER", 0), ("SUCCESS", 0), ("DELAY,FAILURE", 1)])
def test_notify_says_whether_the_sender_is_told(
    lab: Lab, host: Host, notify: str, told: int
) -> None:
    mail = outcome.from_inside(NUNO, MOTA, sender=ANA)
    mail.rcpt_parameters[MOTA] = f"NOTIFY={notify}"
    refuse_mota(lab, host, mail)
    assert len(outcome.reports(lab, ANA, mail)) == told


@pytest.mark.parametrize(
    "ret, part, whole",
    [
        ("", "text/rfc822-headers", False),
        ("RET=HDRS", "text/rfc822-headers", False),
        ("RET=FULL", "message/rfc822", True),
    ],
)
def test_ret_says_what_comes_back(
    lab: Lab, host: Host, ret: str, part: str, whole: bool
) -> None:
    mail = outcome.from_inside(NUNO, MOTA, sender=ANA, body=BODY)
    mail.parameters = ret
    refuse_mota(lab, host, mail)
    returned = outcome.report(lab, ANA, mail).get_payload()[2]
    assert returned.get_content_type() == part
    # Below the header of the part; what is ours does not go back.
    content = outcome.body(returned.as_bytes())
    assert outcome.fields(content) == [
        f for f in outcome.fields(mail.content) if not f.startswith("X-PostHub-")
    ]
    assert b"x-posthub-" not in content.lower()
    assert outcome.body(content) == (outcome.body(mail.content) if whole else b"")


def test_nobody_tells_a_null_sender(lab: Lab, host: Host) -> None:
    mail = letter.compose(NUNO, MOTA, sender="", headers={"From": f"<{ANA}>"})
    refuse_mota(lab, host, mail, letter.STRANGER_ADDRESS)
    assert [row["recipient-address"] for row in events(host, mail, "FAIL")] == [MOTA]
    assert not any(outcome.reports(lab, who, mail) for who in (NUNO, ANA, MOTA))


def test_a_report_of_ours_passes_every_rule_on_every_server(lab: Lab, host: Host) -> None:
    """One that Postfix has made on one server, and that goes on by the next."""
    outcome.put_rules(lab, {"No": {"SentTo": MOTA} | REFUSAL})
    mail = outcome.post_inside(host, letter.compose(NUNO, MOTA, sender=""))
    for who in (NUNO, MOTA):
        assert outcome.same(outcome.copy(lab, who, mail), mail)


def test_a_report_about_an_smtputf8_message_is_one_itself(lab: Lab, host: Host) -> None:
    mail = outcome.from_inside(NUNO, MOTA, sender=ANA, subject="Grüße aus Köln")
    mail.parameters = "BODY=8BITMIME SMTPUTF8 RET=FULL"
    refuse_mota(lab, host, mail)
    told = outcome.report(lab, ANA, mail)
    kinds = [part.get_content_type() for part in told.get_payload()]
    assert kinds == ["text/plain", "message/global-delivery-status", "message/global"]
    _, refused = outcome.status(told)
    assert refused["final-recipient"] == f"rfc822; {MOTA}"


def test_a_refused_address_that_is_not_ascii(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"No": {"SentTo": JOSE} | REFUSAL})
    mail = outcome.from_inside(NUNO, JOSE, sender=ANA)
    mail.parameters = "SMTPUTF8"
    assert outcome.post_inside(host, mail).accepted == {NUNO, JOSE}, mail.last
    told = outcome.report(lab, ANA, mail)
    kinds = [part.get_content_type() for part in told.get_payload()]
    assert kinds == ["text/plain", "message/global-delivery-status", "message/global-headers"]
    assert outcome.status(told)[1]["final-recipient"] == f"utf-8; {JOSE}"


def test_the_owner_of_an_outbox_is_told(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"No": {"SentTo": MOTA} | REFUSAL})
    mail = letter.compose(NUNO, MOTA, sender=ANA)
    lab.make_outbox(ANA)
    lab.outbox(ANA, outcome.unix(mail.content))
    assert outcome.status(outcome.report(lab, ANA, mail))[1]["status"] == "5.7.901"
    outcome.copy(lab, NUNO, mail)
    wait.until("the Outbox to be empty", lambda: not lab.in_outbox(ANA))
    lab.wait_empty()
    assert len(lab.sent(ANA)) == 1 and len(outcome.reports(lab, ANA, mail)) == 1
    assert not outcome.copies(lab, MOTA, mail)


def test_a_stranger_is_told_without_what_is_ours(
    lab: Lab, host: Host, internet: Sink
) -> None:
    outcome.put_rules(lab, {"No": {"SentTo": MOTA} | REFUSAL})
    mail = letter.compose(NUNO, MOTA)
    assert letter.post(host, mail).accepted == {NUNO, MOTA}

    def told() -> list[Taken]:
        return [t for t in internet.all() if t.message["In-Reply-To"] == mail.ident]

    (report,) = wait.until("the report to leave", told)
    assert (report.sender, report.recipients) == ("<>", (f"<{letter.STRANGER}>",))
    assert b"x-posthub-" not in report.content.lower()


def test_strangers_are_told_unless_they_are_not_to_be(lab: Lab, host: Host) -> None:
    """Somebody outside who writes Ana's address; told by default."""
    believed = letter.compose(NUNO, MOTA, sender=ANA)
    outcome.put_rules(lab, {"No": {"SentTo": MOTA} | REFUSAL})
    assert letter.post(host, believed).accepted
    outcome.report(lab, ANA, believed)
    host.set("transport", "report_to_strangers", "no")
    host.restart("transport")
    try:
        stranger = letter.compose(NUNO, MOTA, sender=ANA)
        assert letter.post(host, stranger).accepted == {NUNO, MOTA}
        assert outcome.same(outcome.copy(lab, NUNO, stranger), stranger)
        inside = outcome.from_inside(NUNO, MOTA, sender=ANA)
        outcome.post_inside(host, inside)
        outcome.report(lab, ANA, inside)
        lab.wait_empty()
        assert not outcome.reports(lab, ANA, stranger)
        failed = [row["recipient-address"] for row in events(host, stranger, "FAIL")]
        assert failed == [MOTA]
    finally:
        host.set("transport", "report_to_strangers", "yes")
        host.restart("transport")


# ---- all are refused ---------------------------------------------------------


@pytest.mark.parametrize(
    "text, parameters, said",
    [
        ("100% sure, %s and %%", "", "100% sure, %s and %%"),
        ("x" * 250 + " end!?", "", "x" * 250 + " end!?"),
        ("Já não: мова", "", "Ja nao: mova"),
        ("Já não: мова", "SMTPUTF8", "Já não: мова"),
    ],
)
def test_all_are_refused_in_the_session(
    lab: Lab, host: Host, text: str, parameters: str, said: str
) -> None:
    outcome.put_rules(
        lab, {"No": {"SentTo": f"{MOTA},{NUNO}"} | REFUSAL | {"RejectMessageReasonText": text}}
    )
    mail = letter.compose(NUNO, MOTA)
    mail.parameters = parameters
    letter.post(host, mail)
    assert mail.refused == dict.fromkeys((NUNO, MOTA), f"550 5.7.901 {said}")


def test_a_text_of_two_lines_never_comes_into_force(lab: Lab, host: Host) -> None:
    """With redis-cli anything can be typed; an answer has one line."""
    outcome.put_rules(
        lab,
        {
            "Lines": {"SentTo": MOTA, "RejectMessageReasonText": "No\r\n250 Ok"},
            "Other": {"SentTo": MOTA, "PrependSubject": "[x] "},
        },
    )
    assert "rule:Lines" in host.cli("status", check=False).stdout
    mail = letter.post(host, letter.compose(MOTA))
    assert outcome.header(outcome.copy(lab, MOTA, mail), "Subject").startswith("[x] ")


@pytest.mark.parametrize("first", [NUNO, MOTA])
def test_all_are_refused_by_several_rules_and_the_first_answers(
    lab: Lab, host: Host, first: str
) -> None:
    second = MOTA if first == NUNO else NUNO
    outcome.put_rules(
        lab,
        {
            "B": {"Priority": "0", "SentTo": first, "RejectMessageReasonText": "one"},
            "A": {"Priority": "1", "SentTo": second, "RejectMessageReasonText": "two"},
        },
    )
    mail = letter.post(host, letter.compose(NUNO, MOTA))
    assert mail.refused == dict.fromkeys((NUNO, MOTA), "550 5.7.1 one")


# ---- others get it -----------------------------------------------------------


def test_deleted_for_one(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Drop": {"SentTo": MOTA, "DeleteMessage": "true"}})
    mail = letter.compose(NUNO, MOTA, body=BODY)
    assert letter.post(host, mail).accepted == {NUNO, MOTA}
    assert outcome.same(outcome.copy(lab, NUNO, mail), mail)
    lab.wait_empty()
    assert not outcome.copies(lab, MOTA, mail)
    dropped = [(row["source"], row["recipient-address"]) for row in events(host, mail, "DROP")]
    assert dropped == [("AGENT", MOTA)]


def test_redirected_for_one(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Away": {"SentTo": MOTA, "RedirectMessageTo": RUI}})
    mail = letter.compose(NUNO, MOTA, body=BODY)
    assert letter.post(host, mail).accepted == {NUNO, MOTA}
    for who in (NUNO, RUI):
        assert outcome.same(outcome.copy(lab, who, mail), mail)
    lab.wait_empty()
    assert not outcome.copies(lab, MOTA, mail)


def test_a_blind_copy_shows_in_no_header(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Copy": {"SentTo": MOTA, "BlindCopyTo": RUI}})
    mail = letter.compose(NUNO, MOTA, body=BODY)
    letter.post(host, mail)
    for who in (NUNO, MOTA, RUI):
        assert outcome.same(outcome.copy(lab, who, mail), mail)


@pytest.mark.parametrize("action, field", [("AddToRecipients", "To"), ("CopyTo", "Cc")])
def test_added_recipients_show_in_the_header(
    lab: Lab, host: Host, action: str, field: str
) -> None:
    outcome.put_rules(lab, {"More": {"SentTo": MOTA, action: RUI}})
    mail = letter.compose(NUNO, MOTA, body=BODY, headers={"Cc": "<x@outside.test>"})
    letter.post(host, mail)
    before = outcome.fields(mail.content)
    after = [f"{f},\n {RUI}" if f.startswith(f"{field}:") else f for f in before]
    assert after != before
    assert outcome.same(outcome.copy(lab, NUNO, mail), mail)
    for who in (MOTA, RUI):
        content = outcome.copy(lab, who, mail)
        assert outcome.fields(content) == after
        assert outcome.body(content) == outcome.body(mail.content)


@pytest.mark.parametrize(
    "kind, field", [("To", "To"), ("Cc", "Cc"), ("Bcc", None), ("Redirect", None)]
)
def test_the_senders_manager(lab: Lab, host: Host, kind: str, field: str | None) -> None:
    outcome.put_rules(lab, {"Boss": {"From": ANA, "AddManagerAsRecipientType": kind}})
    mail = outcome.from_inside(NUNO, sender=ANA)
    assert outcome.post_inside(host, mail).accepted, mail.last
    content = outcome.copy(lab, BOSS, mail)
    named = [f.partition(":")[0] for f in outcome.fields(content) if BOSS in f]
    assert named == ([field] if field else [])
    lab.wait_empty()
    assert len(outcome.copies(lab, NUNO, mail)) == (kind != "Redirect")


def test_two_rules_that_send_it_to_and_fro(lab: Lab, host: Host) -> None:
    outcome.put_rules(
        lab,
        {
            "A": {"SentTo": MOTA, "RedirectMessageTo": RUI, "Priority": "0"},
            "B": {"SentTo": RUI, "RedirectMessageTo": MOTA, "Priority": "1"},
        },
    )
    mail = letter.post(host, letter.compose(MOTA))
    assert mail.refused[MOTA].startswith("550 5.4.6 "), mail.last


@pytest.mark.parametrize("others", [(), (NUNO,)])
def test_redirected_to_nobody_and_the_sender_is_told(
    lab: Lab, host: Host, others: tuple[str, ...]
) -> None:
    """In place when it is so for all, else by a copy."""
    outcome.put_rules(lab, {"Away": {"SentTo": MOTA, "RedirectMessageTo": NOBODY}})
    mail = outcome.from_inside(*others, MOTA, sender=ANA)
    assert outcome.post_inside(host, mail).accepted == set(mail.recipients)
    _, refused = outcome.status(outcome.report(lab, ANA, mail))
    assert refused["status"] == "5.1.1"
    assert refused["original-recipient"] == f"rfc822;{MOTA}"
    for who in others:
        assert outcome.same(outcome.copy(lab, who, mail), mail)
    lab.wait_empty()
    assert len(outcome.reports(lab, ANA, mail)) == 1


# ---- the envelope ------------------------------------------------------------


def test_parameters_of_the_envelope_stay(lab: Lab, host: Host, internet: Sink) -> None:
    """Seen by a server outside that takes them all."""
    changed, other = "ana@one.test", "bob@two.test"
    outcome.put_rules(lab, {"Mark": {"SentTo": changed, "PrependSubject": "[x] "}})
    mail = outcome.from_inside(
        NUNO, changed, other, sender=ANA, subject="Grüße", body=BODY + "Schöne Grüße"
    )
    mail.parameters = "BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+2B17"
    mail.rcpt_parameters = {
        changed: "NOTIFY=FAILURE,DELAY ORCPT=rfc822;Ana+2Bx@one.test",
        other: "NOTIFY=NEVER",
    }
    assert outcome.post_inside(host, mail).accepted == set(mail.recipients), mail.last
    wait.until("both outside", lambda: len(internet.taken(mail.ident)) == 2)
    taken = {t.recipients: t for t in internet.taken(mail.ident)}
    for who, words in mail.rcpt_parameters.items():
        transaction = taken[(f"<{who}>",)]
        parameters = set(transaction.parameters.split())
        assert parameters >= {"BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=QQ+2B17"}
        # Postfix adds ORCPT where there was none.
        assert set(transaction.rcpt_parameters[0].split()) >= set(words.split())
        assert outcome.body(transaction.content) == outcome.body(mail.content)
        assert b"x-posthub-" not in transaction.content.lower()
    assert "Subject: [x] Grüße" in outcome.fields(taken[(f"<{changed}>",)].content)
    assert outcome.same(taken[(f"<{other}>",)].content, mail)
    assert outcome.same(outcome.copy(lab, NUNO, mail), mail)


def test_one_success_is_reported_once(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Mark": {"SentTo": MOTA, "PrependSubject": "[x] "}})
    mail = outcome.from_inside(NUNO, MOTA, sender=ANA)
    mail.rcpt_parameters[MOTA] = "NOTIFY=SUCCESS"
    outcome.post_inside(host, mail)
    _, done = outcome.status(outcome.report(lab, ANA, mail))
    assert done["action"] in ("delivered", "relayed")
    assert done["final-recipient"].endswith(MOTA)
    lab.wait_empty()
    assert len(outcome.reports(lab, ANA, mail)) == 1


# ---- ways out ----------------------------------------------------------------


def test_a_rule_names_the_connector(lab: Lab, host: Host, internet: Sink, bank: Sink) -> None:
    outcome.put_rules(lab, {"Way": {"From": ANA, "RouteMessageOutboundConnector": "Bank"}})
    mail = outcome.from_inside(NUNO, MOTA, "x@outside.test", sender=ANA, body=BODY)
    assert outcome.post_inside(host, mail).accepted == set(mail.recipients), mail.last
    taken = bank.wait(mail.ident)
    assert taken.recipients == ("<x@outside.test>",)
    assert b"x-posthub-" not in taken.content.lower()
    assert outcome.same(taken.content, mail)
    for who in (NUNO, MOTA):
        assert outcome.same(outcome.copy(lab, who, mail), mail)
    lab.wait_empty()
    assert len(bank.taken(mail.ident)) == 1 and not internet.taken(mail.ident)


def test_without_tls_it_waits(lab: Lab, host: Host, internet: Sink, bank: Sink) -> None:
    """The server outside does not offer it."""
    outcome.put_rules(lab, {"Way": {"From": ANA, "RouteMessageOutboundRequireTls": "true"}})
    mail = outcome.from_inside(NUNO, "y@outside.test", sender=ANA)
    assert outcome.post_inside(host, mail).accepted == set(mail.recipients), mail.last
    assert outcome.same(outcome.copy(lab, NUNO, mail), mail)
    said = "TLS is required, but was not offered"
    wait.until("it to be put off", lambda: said in host.log_text("postfix"))
    try:
        assert host.postfix.queued() == 1
        assert not internet.taken(mail.ident) and not bank.taken(mail.ident)
    finally:
        host.postfix.run("postsuper", "-d", "ALL")
    lab.wait_empty()


# ---- the session -------------------------------------------------------------


def test_disconnect_ends_the_session_for_all(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"Go": {"SentTo": MOTA, "Disconnect": "true"}})
    mail = letter.compose(NUNO, MOTA)
    with host.connect_hub() as client:
        to = [f"RCPT TO:<{recipient}>" for recipient in mail.recipients]
        for line in ("EHLO sender.test", "MAIL FROM:<a@sender.test>", *to):
            assert client.command(line).startswith("250"), line
        assert client.command("DATA").startswith("354")
        client.send(mail.content + b".\r\n")
        assert client.reply().startswith("421 4.7.0 ")
        assert client.reply() == "", "the connection must be closed"
    lab.wait_empty()
    assert not outcome.copies(lab, NUNO, mail)


@pytest.mark.parametrize("code, enhanced", [("500", "5.7.1"), ("450", "4.7.1")])
def test_the_whole_message_is_refused_for_one(
    lab: Lab, host: Host, code: str, enhanced: str
) -> None:
    outcome.put_rules(
        lab,
        {
            "No": {
                "SentTo": MOTA,
                "SmtpRejectMessageRejectText": "50% off",
                "SmtpRejectMessageRejectStatusCode": code,
            }
        },
    )
    mail = letter.post(host, letter.compose(NUNO, MOTA))
    assert mail.last == f"{code} {enhanced} 50% off" and not mail.accepted


# ---- several servers, groups -------------------------------------------------


def agent_items(lab: Lab, mail: Mail) -> list[str]:
    """Rule hits in the tracking logs of all servers."""
    found = [row for host in lab.hosts.values() for row in events(host, mail, "AGENTINFO")]
    return [item for row in found for item in row["custom-data"].split(";") if "TRA=ETR|" in item]


def test_rules_run_once_however_many_servers(lab: Lab, host: Host) -> None:
    outcome.put_rules(
        lab,
        {
            "All": {"SubjectContainsWords": "hops", "PrependSubject": "[all] ", "Priority": "0"},
            "One": {"SentTo": MOTA, "PrependSubject": "[one] ", "Priority": "1"},
        },
    )
    first = letter.post(host, letter.compose(NUNO, MOTA, RUI, subject="hops"))
    second = letter.post(lab.hosts["MBX2"], letter.compose(NUNO, MOTA, subject="hops"))
    for mail in (first, second):
        got = {who: outcome.copy(lab, who, mail) for who in mail.recipients}
        subjects = {who: outcome.header(content, "Subject") for who, content in got.items()}
        plain = dict.fromkeys(mail.recipients, "[all] hops")
        assert subjects == plain | {MOTA: "[one] [all] hops"}
    lab.wait_empty()
    assert [len(agent_items(lab, mail)) for mail in (first, second)] == [2, 2]

    def hits() -> list[object]:
        keys = [f"posthub:stats:rule:{name}" for name in ("All", "One")]
        return [lab.redis.call("HGET", key, "Hits") for key in keys]

    wait.until("both mails to be counted, once", lambda: hits() == ["2", "2"])


def test_one_member_of_a_group_gets_another_copy(lab: Lab, host: Host) -> None:
    outcome.put_rules(lab, {"One": {"SentTo": MOTA, "PrependSubject": "[x] "}})
    mail = outcome.from_inside(TEAM, sender=ANA, body=BODY)
    assert outcome.post_inside(host, mail).accepted == {TEAM}, mail.last
    for who in (NUNO, RUI):
        assert outcome.same(outcome.copy(lab, who, mail), mail)
    content = outcome.copy(lab, MOTA, mail)
    assert outcome.header(content, "Subject") == "[x] Testing Mail Flow"
    assert outcome.body(content) == outcome.body(mail.content)
    (expanded,) = events(host, mail, "EXPAND")
    assert expanded["related-recipient-address"] == TEAM
    assert set(expanded["recipient-address"].split(";")) == {NUNO, MOTA, RUI}


def test_a_group_that_cannot_be_opened(lab: Lab, host: Host) -> None:
    """Nobody can say who is in it, so the rule says what is to be done."""
    rule = {"SentToMemberOf": UNSURE, "PrependSubject": "[x] "}
    outcome.put_rules(lab, {"Group": rule | {"RuleErrorAction": "Defer"}})
    mail = letter.compose(NUNO, MOTA)
    letter.post(host, mail)
    assert mail.pending == {NUNO, MOTA} and mail.last.startswith("451 4.7.1 "), mail.last
    outcome.put_rules(lab, {"Group": rule | {"RuleErrorAction": "Ignore"}})
    assert letter.post(host, mail).accepted == {NUNO, MOTA}
    for who in (NUNO, MOTA):
        assert outcome.same(outcome.copy(lab, who, mail), mail)


# ---- message tracking --------------------------------------------------------

# Of a mail to Nuno, on the server that it came to, and to Mota and Rui, on the
# other one: the server that wrote the row, what happened, to whom.
FORKED = [
    ("MBX1", "SMTP", "RECEIVE", f"{MOTA};{NUNO};{RUI}"),
    ("MBX1", "AGENT", "AGENTINFO", f"{MOTA};{NUNO};{RUI}"),
    ("MBX1", "ROUTING", "TRANSFER", NUNO),
    ("MBX1", "ROUTING", "TRANSFER", MOTA),
    ("MBX1", "AGENT", "FAIL", RUI),
    ("MBX1", "SMTP", "SEND", NUNO),
    ("MBX1", "SMTP", "SEND", MOTA),
    ("MBX1", "SMTP", "RECEIVE", NUNO),
    ("MBX1", "STOREDRIVER", "DELIVER", NUNO),
    ("MBX2", "SMTP", "RECEIVE", MOTA),
    ("MBX2", "SMTP", "SEND", MOTA),
    ("MBX2", "SMTP", "RECEIVE", MOTA),
    ("MBX2", "STOREDRIVER", "DELIVER", MOTA),
]
# Its report to Ana.
REPORT = [
    ("MBX1", "DSN", "DSN", ANA),
    ("MBX1", "SMTP", "SEND", ANA),
    ("MBX1", "SMTP", "RECEIVE", ANA),
    ("MBX1", "STOREDRIVER", "DELIVER", ANA),
]


def addresses(row: Row) -> str:
    return ";".join(sorted(row["recipient-address"].split(";")))


def tracked(lab: Lab, ident: str) -> Counter[tuple[str, ...]]:
    return Counter(
        (name, row["source"], row["event-id"], addresses(row))
        for name, host in lab.hosts.items()
        for row in rows(host, ident)
    )


def test_every_copy_and_the_report_are_tracked_once(lab: Lab, host: Host) -> None:
    outcome.put_rules(
        lab,
        {
            "N": {"SentTo": NUNO, "PrependSubject": "[n] "},
            "M": {"SentTo": MOTA, "PrependSubject": "[m] "},
            "R": {"SentTo": RUI} | REFUSAL,
        },
    )
    mail = outcome.from_inside(NUNO, MOTA, RUI, sender=ANA)
    assert outcome.post_inside(host, mail).accepted, mail.last
    told = str(outcome.report(lab, ANA, mail)["Message-ID"])
    lab.wait_empty()
    for ident, expected in ((mail.ident, FORKED), (told, REPORT)):
        wait.until(f"all rows of {ident}", lambda: not Counter(expected) - tracked(lab, ident))
        assert tracked(lab, ident) == Counter(expected)
    transfers = events(host, mail, "TRANSFER")
    subjects = {row["recipient-address"]: row["message-subject"] for row in transfers}
    assert subjects == {NUNO: "[n] Testing Mail Flow", MOTA: "[m] Testing Mail Flow"}
    assert len(network_ids(lab, mail)) == 1

    def shown() -> Counter[tuple[str, str]]:
        answer = by_command(host, "--message-id", mail.ident)
        return Counter((row["Source"], row["EventId"]) for row in answer)

    events_only = Counter((source, event) for _, source, event, _ in FORKED)
    wait.until("all rows by the command", lambda: shown() == events_only)
    every = [row for each in lab.hosts.values() for row in rows(each)]
    assert not any("posthub.invalid" in str(row) for row in every), "tokens are not people"
