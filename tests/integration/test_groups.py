"""Groups that the expansion service opens, behind the queue."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from email.message import Message

import pytest

from tests.conftest import ANA, BOSS, MOTA, NUNO, RUI, office
from tests.lab import letter, outcome, protocols, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink, Taken
from tests.lab.track import Row, by_command, rows

DOMAIN = "letsexchange.com"
LIMIT = 3  # ExpansionSizeLimit, so that few people are many


def at(name: str) -> str:
    return f"{name}@{DOMAIN}"


FRIEND, NOBODY = "friend@outside.test", at("nobody")
MANAGER = {"ReportToManagerEnabled": "true", "ReportToOriginatorEnabled": "false"}
SALES = "((Department -eq 'Sales') -and (RecipientType -eq 'UserMailbox'))"
CROWD = [at(f"p{i}") for i in range(8)]


def group(lab: Lab, name: str, *members: str, **fields: str) -> str:
    address = at(name)
    kind = {"RecipientType": "MailUniversalDistributionGroup"} | fields
    lab.put("recipient", address, PrimarySmtpAddress=address, Members=",".join(members), **kind)
    return address


@pytest.fixture(scope="module")
def internet() -> Iterator[Sink]:
    with Sink(extensions=("8BITMIME", "SMTPUTF8", "DSN")) as made:
        yield made


@pytest.fixture(scope="module")
def lab(internet: Sink) -> Iterator[Lab]:
    with Lab() as made:
        hosts = f"{internet.address}:{internet.port}"
        made.put("sendconnector", "Internet", AddressSpaces="*", SmartHosts=hosts)
        made.redis.call("HSET", "posthub:transportconfig", "ExpansionSizeLimit", str(LIMIT))
        for i, address in enumerate(CROWD):
            made.mailbox(address, f"DB{i % 2 + 1}", Department="Sales" if i < 5 else "Other")
        group(made, "inner", *CROWD[3:], NUNO, at("all"))
        group(made, "all", *CROWD[:4], at("inner"), MOTA, FRIEND)
        group(made, "managed", FRIEND, NOBODY, ManagedBy=BOSS, **MANAGER)
        group(made, "silent", FRIEND, NOBODY, ReportToOriginatorEnabled="false")
        group(made, "talkative", *CROWD[:3], FRIEND, SendOofMessageToOriginatorEnabled="true")
        group(made, "within", NUNO, at("managed"), at("around"), **MANAGER)
        group(made, "around", *CROWD[:3], at("within"))
        group(made, "closed", MOTA, RequireSenderAuthenticationEnabled="true")
        group(made, "half", *CROWD[:3], at("closed"), NOBODY)
        group(made, "lost", NOBODY, at("no1"), at("no2"), at("no3"))
        group(made, "sales", RecipientType="DynamicDistributionGroup", RecipientFilter=SALES)
        group(made, "mixed", at("sales"), CROWD[0], RUI, BOSS)
        group(made, "porto", NUNO, MOTA, ExpansionServer="MBX2")
        yield office(made)


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def events(host: Host, mail: Mail, name: str) -> list[Row]:
    return [row for row in rows(host, mail.ident) if row["event-id"] == name]


def post(host: Host, *recipients: str, sender: str = ANA, **fields: object) -> Mail:
    mail = outcome.from_inside(*recipients, sender=sender, **fields)
    assert outcome.post_inside(host, mail).accepted == set(recipients), mail.last
    return mail


def check_once(lab: Lab, mail: Mail, *members: str) -> None:
    for who in members:
        outcome.copy(lab, who, mail)
    lab.wait_empty()
    counts = Counter({who: len(outcome.copies(lab, who, mail)) for who in members})
    assert counts == Counter(members)


def test_everybody_gets_it_once(lab: Lab, host: Host, internet: Sink) -> None:
    mail = post(host, at("all"), body="Hello.\n.dot\n")
    check_once(lab, mail, *CROWD, NUNO, MOTA)
    for who in (*CROWD, NUNO, MOTA):
        content = outcome.copy(lab, who, mail)
        assert outcome.body(content) == outcome.body(mail.content)
    (taken,) = internet.taken(mail.ident)
    assert taken.recipients == (f"<{FRIEND}>",)


def test_dynamic_groups(lab: Lab, host: Host) -> None:
    """Alone and inside another one; whoever comes is in it."""
    for name, more in (("sales", []), ("mixed", [RUI, BOSS])):
        mail = post(host, at(name))
        check_once(lab, mail, *CROWD[:5], *more)
        assert not outcome.copies(lab, CROWD[5], mail)
    lab.put("recipient", CROWD[5], Department="Sales")

    def members() -> set[str]:
        answer = json.loads(host.cli("group", "expand", at("sales"), "--json").stdout)
        return {row["Address"] for row in answer}

    wait.until("him to be in it", lambda: members() == set(CROWD[:6]))
    check_once(lab, post(host, at("sales")), *CROWD[:6])
    lab.put("recipient", CROWD[5], Department="Other")


# ---- what the sender wants to hear, and what the group wants -----------------


def outside(sink: Sink, mail: Mail) -> Taken:
    """The copy for the friend; a second one is an error."""
    sink.wait(mail.ident)
    (taken,) = sink.taken(mail.ident)
    return taken


def failed(message: Message) -> dict[str, str]:
    """Who is reported, with the status."""
    _, *blocks = outcome.status(message)
    return {b["final-recipient"].partition("; ")[2]: b["status"] for b in blocks}


def test_the_senders_wishes_go_with_it(lab: Lab, host: Host, internet: Sink) -> None:
    mail = outcome.from_inside(at("all"), sender=ANA)
    mail.parameters = "RET=HDRS ENVID=QQ+2B17"
    mail.rcpt_parameters[at("all")] = "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Every+2Bone@old.test"
    assert outcome.post_inside(host, mail).accepted, mail.last
    taken = outside(internet, mail)
    assert taken.sender == f"<{ANA}>"
    assert {"RET=HDRS", "ENVID=QQ+2B17"} <= set(taken.parameters.split())
    words = {"NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Every+2Bone@old.test"}
    assert words <= set(taken.rcpt_parameters[0].split())
    assert taken.message["X-Auto-Response-Suppress"] == "OOF"


def test_the_manager_hears_of_failures(lab: Lab, host: Host, internet: Sink) -> None:
    mail = outcome.from_inside(at("managed"), sender=ANA)
    mail.parameters = "ENVID=QQ+2B17"
    assert outcome.post_inside(host, mail).accepted, mail.last
    taken = outside(internet, mail)
    assert taken.sender == f"<{BOSS}>" and "ENVID" not in taken.parameters
    assert failed(outcome.report(lab, BOSS, mail)) == {NOBODY: "5.1.1"}
    lab.wait_empty()
    assert not outcome.reports(lab, ANA, mail)


def test_nobody_hears_of_failures(lab: Lab, host: Host, internet: Sink) -> None:
    mail = post(host, at("silent"))
    taken = outside(internet, mail)
    assert taken.sender == f"<{ANA}>" and "NOTIFY=NEVER" in taken.rcpt_parameters[0].split()
    lab.wait_empty()
    assert not outcome.reports(lab, ANA, mail) and not outcome.reports(lab, BOSS, mail)
    (row,) = events(host, mail, "FAIL")
    assert (row["source"], row["recipient-address"]) == ("ROUTING", NOBODY)


def test_automatic_replies_by_choice(host: Host, internet: Sink) -> None:
    mail = post(host, at("talkative"))
    assert outside(internet, mail).message["X-Auto-Response-Suppress"] is None


def test_groups_that_want_other_things_hold_each_other(
    lab: Lab, host: Host, internet: Sink
) -> None:
    """within has no manager, so nobody hears; managed is inside of it, and has
    one; around holds it, and is in it."""
    mail = post(host, at("around"))
    check_once(lab, mail, *CROWD[:3], NUNO)
    assert outside(internet, mail).sender == f"<{BOSS}>"
    assert failed(outcome.report(lab, BOSS, mail)) == {NOBODY: "5.1.1"}
    assert not outcome.reports(lab, ANA, mail)


def test_reports_are_not_for_members(lab: Lab, host: Host) -> None:
    """Of a mail that was sent in the name of the group."""
    kind = {"Content-Type": 'multipart/report; report-type=delivery-status; boundary="b"'}
    body = "--b\nContent-Type: message/delivery-status\n\nAction: failed\n\n--b--"
    for name, told in (("managed", [BOSS]), ("all", [])):
        mail = letter.compose(at(name), sender="", headers=kind, body=body)
        assert letter.post(host, mail).accepted == {at(name)}, mail.last
        for who in told:
            outcome.copy(lab, who, mail)
        lab.wait_empty()
        assert not [who for who in (*CROWD, NUNO, MOTA) if outcome.copies(lab, who, mail)]
        assert [r["recipient-address"] for r in events(host, mail, "DROP")] == (
            [] if told else [at(name)]
        )


# ---- who cannot get it --------------------------------------------------------


def test_some_members_cannot_get_it(lab: Lab, host: Host) -> None:
    """One is not there, one is a group that takes no mail of strangers."""
    mail = letter.compose(at("half"), sender=ANA)
    assert letter.post(host, mail).accepted == {at("half")}, mail.last
    check_once(lab, mail, *CROWD[:3])

    def told() -> dict[str, str]:
        return {who: why for m in outcome.reports(lab, ANA, mail) for who, why in failed(m).items()}

    wait.until("both reports", lambda: len(told()) == 2)
    assert told() == {NOBODY: "5.1.1", at("closed"): "5.7.1"}
    assert not outcome.copies(lab, MOTA, mail)
    inside = post(host, at("half"))
    check_once(lab, inside, *CROWD[:3], MOTA)


def test_no_member_can_get_it(lab: Lab, host: Host) -> None:
    """What the sender wants to be told of, and by which words."""
    mail = outcome.from_inside(at("lost"), sender=ANA)
    mail.parameters = "ENVID=QQ+2B17"
    mail.rcpt_parameters[at("lost")] = "NOTIFY=FAILURE ORCPT=rfc822;Lost+2Bx@old.test"
    assert outcome.post_inside(host, mail).accepted, mail.last
    message = outcome.report(lab, ANA, mail)
    assert failed(message) == dict.fromkeys([NOBODY, at("no1"), at("no2"), at("no3")], "5.1.1")
    about, *each = outcome.status(message)
    assert about["original-envelope-id"] == "QQ+17"
    assert {block["original-recipient"] for block in each} == {"rfc822; Lost+x@old.test"}
    mail = outcome.from_inside(at("lost"), sender=ANA)
    mail.rcpt_parameters[at("lost")] = "NOTIFY=NEVER"
    assert outcome.post_inside(host, mail).accepted, mail.last
    wait.until("FAIL", lambda: events(host, mail, "FAIL"))
    lab.wait_empty()
    assert not outcome.reports(lab, ANA, mail)


# ---- the service ---------------------------------------------------------------


def lists(host: Host) -> set[str]:
    return {path.name for path in (host.state / "expansions").iterdir()}


def test_a_probe_has_no_effect(host: Host) -> None:
    """As Postfix verifies an address."""
    before = lists(host)
    with protocols.Dialogue(protocols.connect(host.expand_socket)) as lmtp:
        lmtp.command("LHLO x")
        for line in (f"MAIL FROM:<{ANA}>", f"RCPT TO:<{at('all')}>", "RSET", "QUIT"):
            assert lmtp.command(line).startswith("2")
    assert lists(host) == before


# ---- the server that a group belongs to ----------------------------------------


def expanded_on(lab: Lab, mail: Mail) -> list[str]:
    return [name for name, each in lab.hosts.items() if events(each, mail, "EXPAND")]


def test_only_its_server_opens_it(lab: Lab, host: Host) -> None:
    mail = post(host, at("porto"))
    check_once(lab, mail, NUNO, MOTA)
    assert expanded_on(lab, mail) == ["MBX2"]
    with lab.hosts["MBX2"].down("postfix"):
        mail = post(host, at("porto"))
        wait.until(
            "it to be put off",
            lambda: "status=deferred" in host.log_text("postfix").partition(mail.ident)[2],
        )
        assert not expanded_on(lab, mail) and not outcome.copies(lab, NUNO, mail)
    check_once(lab, mail, NUNO, MOTA)
    assert expanded_on(lab, mail) == ["MBX2"]


# ---- rules ----------------------------------------------------------------------


def test_rules_look_at_the_members(lab: Lab, host: Host) -> None:
    outcome.put_rules(
        lab,
        {
            "All": {"SubjectContainsWords": "news", "PrependSubject": "[all] ", "Priority": "0"},
            "One": {"SentTo": CROWD[1], "PrependSubject": "[one] ", "Priority": "1"},
            "No": {"SentTo": CROWD[2], "RejectMessageReasonText": "No", "Priority": "2"},
        },
    )
    for name in ("all", "porto"):
        mail = post(host, at(name), subject="news")
        members = [*CROWD[:2], *CROWD[3:], NUNO, MOTA] if name == "all" else [NUNO, MOTA]
        check_once(lab, mail, *members)
        subjects = {who: outcome.header(outcome.copy(lab, who, mail), "Subject") for who in members}
        one = {CROWD[1]: "[one] [all] news"} if name == "all" else {}
        assert subjects == dict.fromkeys(members, "[all] news") | one
        if name == "all":
            assert failed(outcome.report(lab, ANA, mail)) == {CROWD[2]: "5.7.1"}
    outcome.put_rules(lab, {})


# ---- message tracking, and the command --------------------------------------

# Of a mail to all, on the server that it came to: event, recipients, the
# address beside them. ExpansionSizeLimit members are in a portion.
ROUTED = [
    ("EXPAND", {*CROWD[:4], at("inner"), MOTA, FRIEND}, at("all")),
    ("EXPAND", {*CROWD[4:], NUNO}, at("inner")),
    ("DUPLICATEEXPAND", {CROWD[3], at("all")}, at("inner")),
    ("TRANSFER", set(CROWD[:3]), ""),
    ("TRANSFER", {CROWD[3], MOTA, FRIEND}, ""),
    ("TRANSFER", set(CROWD[4:7]), ""),
    ("TRANSFER", {CROWD[7], NUNO}, ""),
]


def routed(host: Host, mail: Mail) -> list[tuple[str, set[str], str]]:
    return [
        (row["EventId"], set(row["Recipients"].split(";")), row["RelatedRecipientAddress"] or "")
        for row in by_command(host, "--message-id", mail.ident)
        if row["Source"] == "ROUTING"
    ]


def test_every_step_is_tracked_once(lab: Lab, host: Host) -> None:
    mail = post(host, at("all"))
    check_once(lab, mail, *CROWD, NUNO, MOTA)
    wait.until("all rows by the command", lambda: len(routed(host, mail)) == len(ROUTED))
    assert routed(host, mail) == ROUTED
    every = [row for each in lab.hosts.values() for row in rows(each, mail.ident)]
    (received,) = (
        r for r in every if (r["event-id"], r["recipient-address"]) == ("RECEIVE", at("all"))
    )
    sent = [r["recipient-address"].split(";") for r in every if r["event-id"] == "SEND"]
    assert at("all") not in {who for names in sent for who in names}
    transfers = events(host, mail, "TRANSFER")
    assert {f"S:QueueId={r['reference']}" for r in transfers} == {received["custom-data"]}
    assert len({row["network-message-id"] for row in every}) == 1


def test_who_is_in_a_group(host: Host) -> None:
    answer = json.loads(host.cli("group", "expand", at("all"), "--json").stdout)
    assert {row["Address"] for row in answer} == {*CROWD, NUNO, MOTA, FRIEND}
    why = host.cli("group", "expand", at("all"), "--why", CROWD[3].upper(), "--json")
    ways = [row["Path"] for row in json.loads(why.stdout)]
    assert ways == [[at("all"), CROWD[3]], [at("all"), at("inner"), CROWD[3]]]
    nobody = host.cli("group", "expand", at("all"), "--why", BOSS, check=False)
    assert nobody.returncode == 1 and f"{BOSS} is not in {at('all')}" in nobody.stderr
    for name, hop in (("all", "ph-expand:unix:posthub/expand.sock"), ("porto", "ph-hub:[")):
        (route,) = json.loads(host.cli("route", at(name), "--json").stdout)
        assert route["Route"]["NextHop"].startswith(hop)
    for name in (NUNO, at("nothing")):
        assert host.cli("group", "expand", name, check=False).returncode == 1
