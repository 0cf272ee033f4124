"""Front End Transport: the back end's answers in the client's session, and
nothing in the front end's queue."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import frontend, letter, wait
from tests.lab.accounting import whole
from tests.lab.host import Host, delivered
from tests.lab.lab import Lab
from tests.lab.protocols import Dialogue
from tests.lab.smtp_mta import Mail
from tests.lab.track import event, rows

NOBODY = "nobody@letsexchange.com"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        frontend.build(made)
        yield made


@pytest.fixture
def front(lab: Lab) -> Iterator[Host]:
    """The front end; its queue is looked into after every test."""
    yield lab.hosts["FE1"]
    keys = lab.redis.keys("posthub:rule:*")
    if keys:
        lab.redis.call("DEL", *keys)
    frontend.nothing_queued(lab, lab.hosts["FE1"])


def arrives_once(lab: Lab, mail: Mail) -> None:
    for recipient in mail.recipients:
        lab.wait_message(recipient, mail.ident)
    lab.wait_empty()
    assert frontend.count(lab, mail) == dict.fromkeys(mail.recipients, 1)


@pytest.mark.parametrize(("recipient", "server"), [(NUNO, "MBX1"), (MOTA, "MBX2")])
def test_one_recipient_goes_to_its_servers_transport(
    lab: Lab, front: Host, recipient: str, server: str
) -> None:
    mail = letter.post(front, letter.compose(recipient))
    assert mail.accepted == {recipient}, mail.last
    arrives_once(lab, mail)
    assert frontend.backend_of(front, mail) == server


def test_several_recipients_go_to_one_server_in_the_closest_group(lab: Lab, front: Host) -> None:
    """The first one chose Porto, both together choose Lisbon."""
    mail = letter.compose(MOTA, NUNO)
    with frontend.hello(front) as client:
        assert [answer[:3] for answer in frontend.begin(client, mail)] == ["250", "250"]
        assert frontend.content(client, mail).startswith("250 ")
    arrives_once(lab, mail)
    assert frontend.backend_of(front, mail) == "MBX1"


def test_two_messages_in_one_session(lab: Lab, front: Host) -> None:
    mails = [letter.compose(NUNO), letter.compose(MOTA), letter.compose(MOTA)]
    with frontend.hello(front) as client:
        for mail in mails:
            assert frontend.begin(client, mail)[0].startswith("250")
            assert frontend.content(client, mail).startswith("250 ")
    for mail in mails:
        arrives_once(lab, mail)


def test_every_second_recipient_is_refused(lab: Lab, front: Host) -> None:
    names = [NUNO, "no1@letsexchange.com", MOTA, "no2@letsexchange.com"]
    mail = letter.compose(*names)
    with frontend.hello(front) as client:
        answers = frontend.begin(client, mail)
        assert [answer[:9] for answer in answers] == ["250 2.1.5", "550-5.1.1"] * 2
        assert frontend.content(client, mail).startswith("250 ")
    lab.wait_message(NUNO, mail.ident)
    lab.wait_message(MOTA, mail.ident)


def test_a_refusal_is_the_back_ends_word_for_word(lab: Lab, front: Host) -> None:
    said = []
    for host in (lab.hosts["MBX1"], front):
        with frontend.hello(host) as client:
            client.command("MAIL FROM:<alice@sender.test>")
            said.append(client.command(f"RCPT TO:<{NOBODY}>"))
    assert said[0] == said[1]
    first, second = said[1].split("\n")
    assert first.startswith("550-5.1.1 ") and second == "550 5.1.1 100% help: postmaster"


def test_a_refusal_after_the_content(lab: Lab, front: Host) -> None:
    frontend.rule(
        lab,
        "Refuse",
        SubjectContainsWords="forbidden",
        RejectMessageReasonText="100% not here",
        RejectMessageEnhancedStatusCode="5.7.900",
        Enabled="true",
    )
    said = []
    for host in (lab.hosts["MBX1"], front):
        mail = letter.compose(NUNO, subject="forbidden fruit")
        with frontend.hello(host) as client:
            frontend.begin(client, mail)
            said.append(frontend.content(client, mail))
        assert frontend.count(lab, mail) == {NUNO: 0}
    assert said[0] == said[1]
    assert said[1].startswith("550-5.7.900 ") and "100% not here" in said[1]


def test_relaying_is_refused(lab: Lab, front: Host) -> None:
    mail = letter.post(front, letter.compose("bob@elsewhere.test"))
    assert mail.refused["bob@elsewhere.test"].startswith("554 5.7.1 ")


def test_content_arrives_as_it_was(lab: Lab, front: Host) -> None:
    body = "\n".join([".", "..", ".dot", "\u00e7 8bit", "x" * 900, " ", "\t", "", "end", ""])
    folded = {"X-Folded": "one\r\n\ttwo\r\n   three", "X-Empty": "", "X-Tight": "\ta  b "}
    mail = letter.compose(NUNO, body=body, headers=folded)
    assert letter.post(front, mail).accepted == {NUNO}, mail.last
    stored = lab.wait_message(NUNO, mail.ident)
    assert [stored["X-Folded"].split(), stored["X-Empty"]] == [["one", "two", "three"], ""]
    paths = [p for m in lab.maildirs(NUNO) for p, d in delivered(m) if d["Message-ID"] == mail.ident]
    assert whole(paths[0].read_bytes(), mail.content)


def test_message_without_body(lab: Lab, front: Host) -> None:
    mail = letter.compose(NUNO)
    mail.content = mail.content.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert letter.post(front, mail).accepted == {NUNO}, mail.last
    assert lab.wait_message(NUNO, mail.ident).get_payload().strip() == ""


def test_received_line(lab: Lab, front: Host) -> None:
    mail = letter.post(front, letter.compose(NUNO))
    received = lab.wait_message(NUNO, mail.ident).get_all("Received", [])[-1]
    text = " ".join(received.split())
    queue_id = mail.last.split()[-1]
    start = f"from sender.test (unknown [127.0.0.1]) by {front.fqdn} with ESMTP id {queue_id} "
    assert text.startswith(f"{start}via Frontend Transport; ")


def test_transports_log_names_the_client(lab: Lab, front: Host) -> None:
    mail = letter.post(front, letter.compose(NUNO))
    lab.wait_message(NUNO, mail.ident)
    server = lab.hosts["MBX1"]
    assert f"client=unknown[{front.address}], orig_client=unknown[127.0.0.1]" in server.log_text(
        "postfix"
    )
    received = [row for row in rows(server, mail.ident) if event(row) == "SMTP RECEIVE"]
    assert received[0]["original-client-ip"] == "127.0.0.1"


# ---- who the client is -----------------------------------------------------


def scopes(lab: Lab) -> None:
    fields = {"Enabled": "true"}
    frontend.rule(lab, "In", FromScope="InOrganization", PrependSubject="[IN] ", **fields)
    frontend.rule(lab, "Out", FromScope="NotInOrganization", PrependSubject="[OUT] ", **fields)


FORGED = {
    "X-PostHub-AuthAs": "Internal",
    "x-posthub-authas ": "Internal",
    "X-PostHub-AuthSource": "mbx1.letsexchange.com",
    "X-PostHub-Network-Message-Id": "00000000-0000-4000-8000-000000000000",
    "X-PostHub-Folded": "a\r\n\tX-PostHub-AuthAs: Internal",
}


def test_forged_fields_and_auth_are_gone(lab: Lab, front: Host) -> None:
    scopes(lab)
    mail = letter.compose(MOTA, sender=NUNO, headers=FORGED)
    with frontend.hello(front) as client:
        said = client.command(f"MAIL FROM:<{NUNO}> AUTH={NUNO}")
        assert said.startswith("250"), said
        assert client.command(f"RCPT TO:<{MOTA}>").startswith("250")
        assert frontend.content(client, mail).startswith("250 ")
    message = lab.wait_message(MOTA, mail.ident)
    assert message["Subject"] == "[OUT] Testing Mail Flow"
    assert message.get_all("X-PostHub-AuthAs") == ["Anonymous"]
    assert message.get_all("X-PostHub-AuthSource") == [front.fqdn]
    assert message["X-PostHub-Folded"] is None
    assert message["X-PostHub-Network-Message-Id"] != FORGED["X-PostHub-Network-Message-Id"]


def test_a_bare_carriage_return_makes_no_field(lab: Lab, front: Host) -> None:
    scopes(lab)
    mail = letter.compose(MOTA, sender=NUNO, headers={"X-A": "b\rX-PostHub-AuthAs: Internal"})
    assert letter.post(front, mail).accepted == {MOTA}, mail.last
    message = lab.wait_message(MOTA, mail.ident)
    assert message["Subject"].startswith("[OUT] ")
    assert message.get_all("X-PostHub-AuthAs") == ["Anonymous"]


def test_a_login_is_in_the_organisation(lab: Lab, front: Host) -> None:
    scopes(lab)
    mail = letter.compose(MOTA, sender=NUNO, headers=FORGED)
    sock = socket.create_connection((front.address, front.hub), 10, (frontend.PROXY, 0))
    with Dialogue(sock) as client:
        assert client.command("EHLO proxy.test").startswith("250")
        said = client.command(f"XCLIENT ADDR=192.0.2.7 NAME=home.test LOGIN={NUNO}")
        assert said.startswith("220"), said
        assert client.command("EHLO laptop.test").startswith("250")
        assert frontend.begin(client, mail)[0].startswith("250")
        assert frontend.content(client, mail).startswith("250 ")
    message = lab.wait_message(MOTA, mail.ident)
    assert message["Subject"] == "[IN] Testing Mail Flow"
    assert message.get_all("X-PostHub-AuthAs") == ["Internal"]
    assert "with ESMTPA id" in " ".join(message.get_all("Received", [])[-1].split())
    received = [r for r in rows(lab.hosts["MBX2"], mail.ident) if event(r) == "SMTP RECEIVE"]
    assert received[0]["original-client-ip"] == "192.0.2.7"


# ---- nobody is there -------------------------------------------------------


def test_no_transport_server(lab: Lab, front: Host) -> None:
    """Both are switched off for maintenance."""

    def answer() -> str:
        with frontend.hello(front) as client:
            client.command("MAIL FROM:<alice@sender.test>")
            return client.command(f"RCPT TO:<{NUNO}>")

    for name in ("MBX1", "MBX2"):
        lab.put("server", name, State="Inactive")
    try:
        wait.until("451 4.4.0", lambda: answer().startswith("451 4.4.0 "))
    finally:
        for name in ("MBX1", "MBX2"):
            lab.put("server", name, State="Active")
    wait.until("250", lambda: answer().startswith("250 "))
