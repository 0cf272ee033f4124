"""Who may send as whom: people with a login, at a front end and at Transport."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from functools import partial

import pytest

from tests.conftest import ANA, BOSS, MOTA, NUNO
from tests.lab import frontend, letter, sasl, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail

DOMAIN = "letsexchange.com"
INFO, DESK, STAFF, CLUB = (f"{name}@{DOMAIN}" for name in ("info", "desk", "staff", "club"))
# A login that is no address.
ANA_LOGIN = "ana.lima"
LOGINS = (NUNO, MOTA, "mota", ANA_LOGIN, "nobody")
GROUP = "MailUniversalSecurityGroup"
NOT_OWNED = "553 5.7.1 <{}>: Sender address rejected: not owned by user {}"
DENIED = "550 5.7.60 SMTP; Client does not have permissions to send as this sender"


def put_people(lab: Lab) -> None:
    lab.put("domain", DOMAIN, DomainType="Authoritative", Default="true")
    lab.mailbox(NUNO, "DB1", EmailAddresses=f"n.silva@{DOMAIN}")
    lab.mailbox(MOTA, "DB1")
    lab.mailbox(ANA, "DB1", UserLogonName=ANA_LOGIN)
    lab.mailbox(BOSS, "DB1", GrantSendOnBehalfTo=NUNO)
    lab.mailbox(INFO, "DB1", SendAs=f"{MOTA},{DESK}")
    lab.put("recipient", DESK, RecipientType=GROUP, Members=ANA)
    members = ",".join(f"m{number}@{DOMAIN}" for number in range(1001))
    lab.put("recipient", STAFF, RecipientType=GROUP, Members=members)
    lab.mailbox(f"crowd@{DOMAIN}", "DB1", SendAs=STAFF)
    lab.put("recipient", CLUB, RecipientType=GROUP, Members=NUNO, AcceptMessagesOnlyFrom=ANA)
    lab.put("domain", "relay.test", DomainType="InternalRelay")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        put_people(made)
        made.host("MBX1")
        made.frontend("FE1")
        made.database("DB1", ["MBX1"])
        for host in made.hosts.values():
            sasl.enable(host, LOGINS)
        made.start()
        yield made


@pytest.fixture(params=["MBX1", "FE1"])
def host(lab: Lab, request: pytest.FixtureRequest) -> Host:
    return lab.hosts[request.param]


def post(host: Host, login: str, mail: Mail) -> str:
    """The answer to RCPT if that is a refusal, or to the message."""
    with sasl.login(host, login) as client:
        (answer,) = frontend.begin(client, mail)
        return frontend.content(client, mail) if answer.startswith("2") else answer


def compose(author: str, sender: str = "", envelope: str = "") -> Mail:
    """From and Sender; the envelope has the one who is meant to have sent it."""
    headers = {"From": author} | ({"Sender": sender} if sender else {})
    return letter.compose(NUNO, sender=envelope or sender or author, headers=headers)


def arrived(lab: Lab, mail: Mail) -> Message:
    return lab.wait_message(NUNO, mail.ident)


@pytest.mark.parametrize(
    ("login", "author"),
    [
        (NUNO, NUNO),
        (NUNO, f"n.silva@{DOMAIN}"),
        ("mota", MOTA),
        (ANA_LOGIN, ANA),
        (MOTA, INFO),
        ("mota", INFO),
        (ANA_LOGIN, INFO),
    ],
)
def test_himself_and_those_he_may(lab: Lab, host: Host, login: str, author: str) -> None:
    mail = compose(author)
    assert post(host, login, mail).startswith("250")
    assert arrived(lab, mail)["From"] == author


@pytest.mark.parametrize(
    ("login", "envelope"),
    [
        (NUNO, MOTA),
        (NUNO, INFO),
        (ANA_LOGIN, NUNO),
        ("nobody", f"nobody@{DOMAIN}"),
        (NUNO, f"nobody@{DOMAIN}"),
        (NUNO, "someone@outside.test"),
        (NUNO, "someone@relay.test"),
    ],
)
def test_another_envelope_sender_is_refused(host: Host, login: str, envelope: str) -> None:
    assert NOT_OWNED.format(envelope, login) in post(host, login, compose(envelope))


@pytest.mark.parametrize("author", [MOTA, INFO, f"nobody@{DOMAIN}", "x@outside.test"])
def test_another_from_is_refused(lab: Lab, host: Host, author: str) -> None:
    mail = compose(author, envelope=NUNO)
    assert post(host, NUNO, mail) == DENIED
    mail = compose(f"{NUNO}, {author}", envelope=NUNO)
    assert post(host, NUNO, mail) == DENIED
    mail = compose(NUNO, sender=author, envelope=NUNO)
    assert post(host, NUNO, mail) == DENIED


def test_on_behalf_with_sender(lab: Lab, host: Host) -> None:
    mail = compose(BOSS, sender=NUNO)
    assert post(host, NUNO, mail).startswith("250")
    assert arrived(lab, mail)["Sender"] == NUNO
    assert post(host, NUNO, compose(BOSS, envelope=NUNO)) == DENIED
    assert post(host, MOTA, compose(BOSS, sender=MOTA)) == DENIED
    assert NOT_OWNED.format(BOSS, NUNO) in post(host, NUNO, compose(BOSS))


def test_who_is_in_a_list_is_known_by_any_login(lab: Lab, host: Host) -> None:
    mail = letter.compose(CLUB, sender=ANA)
    assert post(host, ANA_LOGIN, mail).startswith("250")
    arrived(lab, mail)
    assert "RESOLVER.RST.NotAuthorized" in post(host, MOTA, letter.compose(CLUB, sender=MOTA))


def test_a_notice_has_no_sender(lab: Lab, host: Host) -> None:
    """Mail programs send read receipts so."""
    mail = letter.compose(NUNO, sender="", headers={"From": MOTA})
    assert post(host, MOTA, mail).startswith("250")
    arrived(lab, mail)


def test_who_has_not_logged_in_is_not_asked(lab: Lab, host: Host) -> None:
    """Whether a stranger may write so is for SPF and DMARC to say."""
    mail = compose(MOTA)
    with frontend.hello(host) as client:
        frontend.begin(client, mail)
        assert frontend.content(client, mail).startswith("250")
    arrived(lab, mail)


def test_what_cannot_be_said_is_no_refusal(host: Host) -> None:
    """A group too large for a map, and no list of its members."""
    crowd = f"crowd@{DOMAIN}"
    answer = post(host, NUNO, compose(crowd))
    assert answer.startswith("451 4.3.0"), answer
    assert host.ask_map("login", crowd).startswith("TEMP ")


def test_a_domain_of_ours_has_no_free_addresses(lab: Lab) -> None:
    """Also where Postfix refuses only senders that have an owner."""
    host = lab.hosts["MBX1"]
    free = f"nobody@{DOMAIN}"
    assert host.ask_map("login", free) == "OK ,"
    main = host.postfix.conf / "main.cf"
    before = main.read_text(encoding="utf-8")
    name = "reject_{}_sender_login_mismatch"
    main.write_text(
        before.replace(name.format("authenticated"), name.format("known")), encoding="utf-8"
    )
    host.postfix.run("postfix", "reload")
    try:
        assert NOT_OWNED.format(free, NUNO) in post(host, NUNO, compose(free))
        # That is nobody's here, so it is left to From, which is checked always.
        assert post(host, NUNO, compose("someone@relay.test")) == DENIED
    finally:
        main.write_text(before, encoding="utf-8")
        host.postfix.run("postfix", "reload")


def test_a_change_takes_effect(lab: Lab, host: Host) -> None:
    mail = compose(ANA, envelope=MOTA)
    assert post(host, MOTA, mail) == DENIED
    lab.mailbox(ANA, "DB1", UserLogonName=ANA_LOGIN, SendAs=MOTA)
    try:
        for each in lab.hosts.values():
            each.wait_map("login", ANA, lambda text: "mota" in text)
        assert post(host, MOTA, compose(ANA)).startswith("250")
    finally:
        lab.redis.call("HDEL", f"posthub:recipient:{ANA}", "SendAs")
        for each in lab.hosts.values():
            each.wait_map("login", ANA, lambda text: "mota" not in text)


def test_the_setting_switches_from_off(lab: Lab) -> None:
    host = lab.hosts["MBX1"]
    before = host.conf.read_text(encoding="utf-8")
    host.set("transport", "check_from", "no")
    host.restart("transport")
    try:
        mail = compose(MOTA, envelope=NUNO)
        assert post(host, NUNO, mail).startswith("250")
    finally:
        host.conf.write_text(before, encoding="utf-8")
        host.restart("transport")


def told(lab: Lab, owner: str, reason: str) -> bool:
    return any(reason in str(message) for message in lab.messages(owner))


def test_the_outbox_asks_the_same(lab: Lab) -> None:
    """What is sent as somebody else has his address in the envelope; what may
    not be sent comes back."""
    good = [(MOTA, INFO, ""), (NUNO, BOSS, NUNO)]
    bad = [(NUNO, BOSS, ""), (NUNO, INFO, "")]
    for owner in (MOTA, NUNO):
        lab.make_outbox(owner)
    mails = [compose(author, sender=sender) for _, author, sender in good + bad]
    for (owner, _, _), mail in zip(good + bad, mails, strict=True):
        lab.outbox(owner, mail.content)
    for (_, author, sender), mail in zip(good, mails, strict=False):
        found = arrived(lab, mail)
        assert (found["From"], found["Return-Path"]) == (author, f"<{sender or author}>")
    for owner, author, _ in bad:
        reason = f"{owner} may not send as {author}, which its From names"
        wait.until(reason, partial(told, lab, owner, reason))
