"""To whom mail goes: forwarding, contacts, and who may send to whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ANA, BOSS, MOTA, NUNO, RUI, office
from tests.lab import frontend, letter, outcome, sasl, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink
from tests.lab.track import Row, rows

DOMAIN = "letsexchange.com"
ONLY, BOTH, AWAY = f"only@{DOMAIN}", f"both@{DOMAIN}", f"away@{DOMAIN}"
CONTACT, TO_CONTACT = f"contact@{DOMAIN}", f"tocontact@{DOMAIN}"
RING1, RING2, PAIR1, PAIR2 = (f"{name}@{DOMAIN}" for name in ("ring1", "ring2", "pair1", "pair2"))
INSIDE, STAFF, SMALL = f"inside@{DOMAIN}", f"staff@{DOMAIN}", f"small@{DOMAIN}"
PICKY, BOARD, UNKNOWABLE = f"picky@{DOMAIN}", f"board@{DOMAIN}", f"unknowable@{DOMAIN}"
TEAM, CLUB, LEFT = (f"{name}@{DOMAIN}" for name in ("team", "club", "left"))
FAR = "someone@outside.test"

GROUP = "MailUniversalDistributionGroup"
LOOP = "Mail is forwarded in a circle; RESOLVER.FWD.Loop;"
LIMIT = 20 * 1024


@pytest.fixture(scope="module")
def internet() -> Iterator[Sink]:
    with Sink(extensions=("DSN",)) as made:
        yield made


def put_people(lab: Lab) -> None:
    lab.mailbox(ONLY, "DB1", ForwardingAddress=MOTA)
    lab.mailbox(BOTH, "DB1", ForwardingAddress=MOTA, DeliverToMailboxAndForward="true")
    lab.mailbox(AWAY, "DB2", ForwardingSmtpAddress=FAR, DeliverToMailboxAndForward="true")
    lab.put("recipient", CONTACT, RecipientType="MailContact", ExternalEmailAddress=FAR)
    lab.mailbox(TO_CONTACT, "DB1", ForwardingAddress=CONTACT)
    for one, other in ((RING1, RING2), (RING2, RING1)):
        lab.mailbox(one, "DB1", ForwardingAddress=other)
    for one, other in ((PAIR1, PAIR2), (PAIR2, PAIR1)):
        lab.mailbox(one, "DB1", ForwardingAddress=other, DeliverToMailboxAndForward="true")
    lab.mailbox(INSIDE, "DB1", RequireSenderAuthenticationEnabled="true")
    lab.mailbox(SMALL, "DB1", MaxReceiveSize=str(LIMIT))
    lab.put("recipient", BOARD, RecipientType=GROUP, Members=f"{BOSS},{ANA}")
    lab.mailbox(PICKY, "DB1", AcceptMessagesOnlyFromDLMembers=BOARD)
    lab.put(
        "recipient",
        STAFF,
        RecipientType=GROUP,
        Members=f"{NUNO},{MOTA}",
        AcceptMessagesOnlyFrom=BOSS,
        DisplayName="All staff",
    )
    put_groups(lab)
    lab.put("recipient", f"dyn@{DOMAIN}", RecipientType="DynamicDistributionGroup")
    lab.mailbox(UNKNOWABLE, "DB1", AcceptMessagesOnlyFromDLMembers=f"dyn@{DOMAIN}")


def put_groups(lab: Lab) -> None:
    """Groups with a name that people know."""
    groups = {
        TEAM: {"DisplayName": "Équipe", "RequireSenderAuthenticationEnabled": "true"},
        CLUB: {"DisplayName": "The club", "AcceptMessagesOnlyFromDLMembers": BOARD},
        LEFT: {"RejectMessagesFromSendersOrMembers": f"{BOARD},{NUNO}"},
    }
    for name, fields in groups.items():
        lab.put("recipient", name, RecipientType=GROUP, Members=f"{NUNO},{MOTA}", **fields)


@pytest.fixture(scope="module")
def lab(internet: Sink) -> Iterator[Lab]:
    with Lab() as made:
        made.put(
            "sendconnector",
            "Internet",
            AddressSpaces="*",
            SmartHosts=f"{internet.address}:{internet.port}",
        )
        put_people(made)
        office(made)
        sasl.enable(made.hosts["MBX1"], [NUNO, ANA, RUI, BOSS])
        made.hosts["MBX1"].postfix.run("postfix", "reload")
        yield made


@pytest.fixture(scope="module")
def host(lab: Lab) -> Host:
    return lab.hosts["MBX1"]


def accepted(mail: Mail) -> Mail:
    assert mail.accepted == set(mail.recipients), mail.last
    return mail


def events(host: Host, mail: Mail, *names: str) -> list[tuple[str, str, str]]:
    found: list[Row] = [row for row in rows(host, mail.ident) if row["event-id"] in names]
    return [
        (row["event-id"], row["related-recipient-address"], row["recipient-address"])
        for row in found
    ]


def times(lab: Lab, who: str, mail: Mail) -> int:
    return len(outcome.copies(lab, who, mail))


# ---- forwarding --------------------------------------------------------------


def test_forwarded_only(lab: Lab, host: Host) -> None:
    mail = accepted(letter.post(host, letter.compose(ONLY)))
    assert outcome.same(outcome.copy(lab, MOTA, mail), mail)
    lab.wait_empty()
    assert times(lab, ONLY, mail) == 0
    assert events(host, mail, "REDIRECT") == [("REDIRECT", ONLY, MOTA)]


def test_delivered_and_forwarded_over_two_servers_once_each(lab: Lab, host: Host) -> None:
    """Both servers resolve; only the first one forwards."""
    mail = accepted(letter.post(lab.hosts["MBX2"], letter.compose(BOTH)))
    assert outcome.same(outcome.copy(lab, BOTH, mail), mail)
    assert outcome.same(outcome.copy(lab, MOTA, mail), mail)
    lab.wait_empty()
    assert times(lab, BOTH, mail) == times(lab, MOTA, mail) == 1
    assert events(lab.hosts["MBX2"], mail, "REDIRECT") == [("REDIRECT", BOTH, MOTA)]
    assert not events(host, mail, "REDIRECT")


def test_one_who_is_named_as_well_gets_it_once(lab: Lab, host: Host) -> None:
    mail = accepted(letter.post(host, letter.compose(BOTH, ONLY, MOTA)))
    outcome.copy(lab, MOTA, mail)
    outcome.copy(lab, BOTH, mail)
    lab.wait_empty()
    assert times(lab, BOTH, mail) == times(lab, MOTA, mail) == 1


def test_forwarded_outside(lab: Lab, host: Host, internet: Sink) -> None:
    mail = accepted(letter.post(host, letter.compose(AWAY)))
    taken = internet.wait(mail.ident)
    assert taken.recipients == (f"<{FAR}>",)
    assert f"ORCPT=rfc822;{AWAY}" in taken.rcpt_parameters[0]
    outcome.copy(lab, AWAY, mail)
    lab.wait_empty()
    assert len(internet.taken(mail.ident)) == 1


@pytest.mark.parametrize("to", [CONTACT, TO_CONTACT])
def test_a_contact_is_reached_outside(lab: Lab, host: Host, internet: Sink, to: str) -> None:
    mail = accepted(letter.post(host, letter.compose(to)))
    taken = internet.wait(mail.ident)
    assert taken.recipients == (f"<{FAR}>",)
    assert f"ORCPT=rfc822;{to}" in taken.rcpt_parameters[0]
    expected = ("RESOLVE", CONTACT, FAR) if to == CONTACT else ("REDIRECT", TO_CONTACT, FAR)
    assert events(host, mail, "RESOLVE", "REDIRECT") == [expected]


def test_a_circle_in_which_all_only_forward_is_refused(host: Host) -> None:
    mail = letter.post(host, letter.compose(RING1))
    assert mail.refused[RING1].startswith("550 5.4.6 ") and LOOP in mail.refused[RING1]
    assert "5.4.6" in host.cli("resolve", RING1, check=False).stdout


def test_a_pair_that_delivers_and_forwards_gets_it_once_each(lab: Lab, host: Host) -> None:
    mail = accepted(letter.post(host, letter.compose(PAIR1)))
    for who in (PAIR1, PAIR2):
        outcome.copy(lab, who, mail)
    lab.wait_empty()
    assert times(lab, PAIR1, mail) == times(lab, PAIR2, mail) == 1
    assert events(host, mail, "REDIRECT", "DUPLICATEREDIRECT") == [
        ("REDIRECT", PAIR1, PAIR2),
        ("DUPLICATEREDIRECT", PAIR2, PAIR1),
    ]


def test_copies_that_a_rule_makes_are_resolved(lab: Lab, host: Host, internet: Sink) -> None:
    outcome.put_rules(lab, {"Copy": {"SentTo": NUNO, "BlindCopyTo": f"{ONLY},{CONTACT}"}})
    mail = accepted(letter.post(host, letter.compose(NUNO)))
    outcome.put_rules(lab, {})
    outcome.copy(lab, NUNO, mail)
    outcome.copy(lab, MOTA, mail)
    assert internet.wait(mail.ident).recipients == (f"<{FAR}>",)
    lab.wait_empty()
    assert times(lab, ONLY, mail) == 0


def test_the_command_shows_each_step(host: Host) -> None:
    text = host.cli("resolve", BOTH).stdout
    assert "sender" in text and "forward" in text and MOTA in text
    text = host.cli("route", BOTH).stdout
    assert "MBX1" in text and "MBX2" in text


# ---- restrictions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "code", "words"),
    [
        (INSIDE, "550 5.7.1", "RESOLVER.RST.AuthRequired; authentication required"),
        (STAFF, "550 5.7.1", "RESOLVER.RST.NotAuthorized; not authorized"),
        (PICKY, "550 5.7.1", "RESOLVER.RST.NotAuthorized; not authorized"),
    ],
)
def test_a_stranger_is_refused_at_rcpt(
    lab: Lab, host: Host, to: str, code: str, words: str
) -> None:
    """The others get it; From and the envelope sender decide nothing."""
    mail = letter.post(host, letter.compose(to, NUNO, sender=BOSS))
    assert mail.accepted == {NUNO}
    assert mail.refused[to].startswith(code) and words in mail.refused[to]
    assert to in mail.refused[to]
    outcome.copy(lab, NUNO, mail)


@pytest.mark.parametrize("to", [f"{INSIDE}.", f"@a.test:{INSIDE}", f"{TEAM}.", f"{STAFF}."])
def test_a_stranger_is_refused_however_the_address_is_spelt(host: Host, to: str) -> None:
    mail = letter.post(host, letter.compose(to, sender=BOSS))
    assert mail.refused[to].startswith("550 5.7.1 "), mail.last


def at_rcpt(host: Host, login: str, to: str) -> str:
    """What somebody is told who writes to one group; "": a stranger."""
    mail = letter.compose(to, sender=login or "stranger@outside.test")
    with sasl.login(host, login) if login else frontend.hello(host) as client:
        (answer,) = frontend.begin(client, mail)
    return answer


@pytest.mark.parametrize(
    ("login", "to", "words"),
    [
        ("", TEAM, f"Equipe <{TEAM}> takes mail of authenticated senders only: log in, or ask"),
        ("", STAFF, f"Sender is not allowed to send to All staff <{STAFF}>: ask its owner to"),
        (RUI, STAFF, f"Sender is not allowed to send to All staff <{STAFF}>: ask its owner to"),
        (RUI, CLUB, f"Sender is not allowed to send to The club <{CLUB}>: ask its owner to"),
        (NUNO, LEFT, f"Sender is not allowed to send to {LEFT}: ask its owner to"),
        (ANA, LEFT, f"Sender is not allowed to send to {LEFT}: ask its owner to"),
    ],
)
def test_a_group_that_refuses_is_named_at_rcpt(host: Host, login: str, to: str, words: str) -> None:
    """As people know it, with what they can do."""
    answer = at_rcpt(host, login, to)
    assert answer.startswith("550 5.7.1 ") and words in answer, answer


@pytest.mark.parametrize(
    ("login", "to"),
    [(RUI, TEAM), (BOSS, STAFF), (ANA, CLUB), (BOSS, CLUB), (RUI, LEFT), ("", LEFT)],
)
def test_who_may_reaches_each_member_once(lab: Lab, host: Host, login: str, to: str) -> None:
    mail = letter.compose(to, sender=login or "stranger@outside.test")
    with sasl.login(host, login) if login else frontend.hello(host) as client:
        assert frontend.begin(client, mail)[0].startswith("250")
        assert frontend.content(client, mail).startswith("250")
    for who in (NUNO, MOTA):
        outcome.copy(lab, who, mail)
    lab.wait_empty()
    assert times(lab, NUNO, mail) == times(lab, MOTA, mail) == 1


def test_a_size_that_is_announced_is_refused_at_rcpt(host: Host) -> None:
    mail = letter.compose(SMALL)
    mail.parameters = f"SIZE={LIMIT + 1}"
    letter.post(host, mail)
    assert mail.refused[SMALL].startswith("550 5.2.3") and SMALL in mail.refused[SMALL]


def test_a_size_that_is_not_announced_is_refused_at_the_end(lab: Lab, host: Host) -> None:
    mail = letter.post(host, letter.compose(SMALL, body="x" * 70 + "\n" + ("y" * 70 + "\n") * 400))
    assert mail.refused[SMALL].startswith("550 5.2.3 Message is too large")
    fails = [row for row in rows(host, mail.ident) if row["event-id"] == "FAIL"]
    assert [row["source-context"] for row in fails] == ["Resolver"]
    small = accepted(letter.post(host, letter.compose(SMALL)))
    outcome.copy(lab, SMALL, small)


def test_a_member_may(lab: Lab, host: Host) -> None:
    for sender in (BOSS, ANA):
        mail = outcome.post_inside(host, outcome.from_inside(PICKY, INSIDE, sender=sender))
        for who in mail.recipients:
            outcome.copy(lab, who, accepted(mail))


def test_one_of_several_is_refused_and_the_sender_is_told(lab: Lab, host: Host) -> None:
    """Who sends is known from the header, so that RCPT is too early."""
    mail = outcome.from_inside(NUNO, PICKY, sender=RUI)
    accepted(outcome.post_inside(host, mail))
    outcome.copy(lab, NUNO, mail)
    _, refused = outcome.status(outcome.report(lab, RUI, mail))
    assert refused["final-recipient"] == f"rfc822; {PICKY}"
    assert refused["status"] == "5.7.1"
    assert "RESOLVER.RST.NotAuthorized" in refused["diagnostic-code"]
    lab.wait_empty()
    assert times(lab, PICKY, mail) == 0


def test_all_are_refused_in_the_session(host: Host) -> None:
    mail = outcome.post_inside(host, outcome.from_inside(PICKY, sender=RUI))
    assert mail.refused[PICKY].startswith("550 5.7.1") and PICKY in mail.refused[PICKY]


def test_what_cannot_be_said_is_no_refusal(host: Host) -> None:
    mail = outcome.post_inside(host, outcome.from_inside(UNKNOWABLE, sender=RUI))
    assert mail.pending == {UNKNOWABLE} and mail.last.startswith("451 4.4.3"), mail.last


def test_a_change_takes_effect(lab: Lab, host: Host) -> None:
    name = f"later@{DOMAIN}"
    lab.mailbox(name, "DB1")
    host.wait_recipient(name)
    accepted(letter.post(host, letter.compose(name)))
    lab.put("recipient", name, RequireSenderAuthenticationEnabled="true")

    def refused() -> bool:
        return name in letter.post(host, letter.compose(name)).refused

    wait.until("the restriction", refused)
