"""The server behind the front end dies at each point of the conversation: the
client is told 4xx or 250, nothing is missing and nothing is there twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import accounting, frontend, letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail, Mta

MAILS = 150
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        frontend.build(made, timeout="2s")
        yield made


def takes_by(front: Host, server: str, address: str) -> bool:
    mail = letter.compose(address)
    letter.post(front, mail)
    return frontend.backend_of(front, mail) == server


@pytest.fixture
def front(lab: Lab) -> Iterator[Host]:
    """It knows that both servers are back from the test before."""
    for server, address in (("MBX1", NUNO), ("MBX2", MOTA)):
        wait.until(
            f"{server} to be chosen", partial(takes_by, lab.hosts["FE1"], server, address)
        )
    yield lab.hosts["FE1"]
    frontend.nothing_queued(lab, lab.hosts["FE1"])


def once(lab: Lab, mail: Mail) -> None:
    for recipient in mail.recipients:
        lab.wait_message(recipient, mail.ident)
    lab.wait_empty()
    assert frontend.count(lab, mail) == dict.fromkeys(mail.recipients, 1)


def test_dead_at_rcpt_the_next_server_takes_it(lab: Lab, front: Host) -> None:
    mail = letter.compose(MOTA)
    with lab.hosts["MBX2"].down("postfix"):
        assert letter.post(front, mail).accepted == {MOTA}, mail.last
        assert frontend.backend_of(front, mail) == "MBX1"
    once(lab, mail)


@pytest.mark.parametrize("name", ["transport", "policy"])
def test_silent_at_rcpt_the_next_server_takes_it(lab: Lab, front: Host, name: str) -> None:
    """Its Postfix answers, its milter or its policy does not."""
    mail = letter.compose(MOTA)
    with lab.hosts["MBX2"].daemon(name).frozen():
        assert letter.post(front, mail).accepted == {MOTA}, mail.last
        assert frontend.backend_of(front, mail) == "MBX1"
    once(lab, mail)


def test_all_dead_at_rcpt(lab: Lab, front: Host) -> None:
    mail = letter.compose(MOTA)
    first, second = lab.hosts["MBX1"], lab.hosts["MBX2"]
    with first.down("postfix"), second.down("postfix"), frontend.hello(front) as client:
        assert frontend.begin(client, mail)[0].startswith("451 4.4.1 ")
    assert letter.post(front, mail).accepted == {MOTA}, mail.last
    once(lab, mail)


def test_no_heartbeat(lab: Lab, front: Host) -> None:
    """Their Postfix answers, their milters have been dead for a while: nobody
    is asked any more."""
    mail = letter.compose(MOTA)
    first, second = lab.hosts["MBX1"], lab.hosts["MBX2"]

    def answer() -> str:
        with frontend.hello(front) as client:
            return frontend.begin(client, mail)[0]

    with first.down("transport"), second.down("transport"):
        wait.until("451 4.4.0", lambda: answer().startswith("451 4.4.0 "))
    wait.until("250", lambda: answer().startswith("250 "))
    assert letter.post(front, mail).accepted == {MOTA}, mail.last
    once(lab, mail)


def test_dead_between_recipients(lab: Lab, front: Host) -> None:
    mail = letter.compose(MOTA, NUNO)
    with frontend.hello(front) as client:
        assert client.command(f"MAIL FROM:<{mail.sender}>").startswith("250")
        assert client.command(f"RCPT TO:<{MOTA}>").startswith("250")
        with lab.hosts["MBX2"].down("postfix"):
            assert client.command(f"RCPT TO:<{NUNO}>").startswith("250")
            assert frontend.content(client, mail).startswith("250 ")
    once(lab, mail)


def test_dead_between_rcpt_and_data(lab: Lab, front: Host) -> None:
    """The recipients are repeated at another server."""
    mail = letter.compose(MOTA)
    with frontend.hello(front) as client:
        assert frontend.begin(client, mail)[0].startswith("250")
        with lab.hosts["MBX2"].down("postfix"):
            assert frontend.content(client, mail).startswith("250 ")
            assert frontend.backend_of(front, mail) == "MBX1"
    once(lab, mail)


def test_dead_between_rcpt_and_data_and_no_other(lab: Lab, front: Host) -> None:
    mail = letter.compose(NUNO)
    with frontend.hello(front) as client:
        assert frontend.begin(client, mail)[0].startswith("250")
        with lab.hosts["MBX1"].down("postfix"):
            assert frontend.content(client, mail).startswith("451 4.4.1 ")
        assert frontend.count(lab, mail) == {NUNO: 0}
        # The session lives on.
        client.command("RSET")
        assert frontend.begin(client, mail)[0].startswith("250")
        assert frontend.content(client, mail).startswith("250 ")
    once(lab, mail)


@pytest.mark.parametrize("killed", [True, False])
def test_after_the_dot(lab: Lab, front: Host, killed: bool) -> None:
    """Transport has the whole message and has not answered. When it dies, the
    client hears 451 and tries again; when it was only slow, 250."""
    mail = letter.compose(NUNO)
    server = lab.hosts["MBX1"]
    answers: list[str] = []
    with frontend.hello(front) as client:
        assert frontend.begin(client, mail)[0].startswith("250")
        with server.daemon("transport").frozen():
            sender = threading.Thread(
                target=lambda: answers.append(frontend.content(client, mail)), daemon=True
            )
            sender.start()
            wait.until("the content", lambda: mail.ident in server.log_text("postfix"))
            if killed:
                server.kill("postfix")
                sender.join(30)
        sender.join(30)
    if killed:
        server.restart("postfix")
        # No answer (4.4.2); or its smtpd, killed a moment after its cleanup,
        # could still say that it has not got the message (4.3.0).
        assert answers[0].startswith(("451 4.4.2 ", "451-4.3.0 ", "451 4.3.0 ")), answers
        assert letter.post(front, mail).accepted == {NUNO}, mail.last
    assert killed or answers[0].startswith("250 ")
    once(lab, mail)


def test_the_front_end_dies_before_the_answer(lab: Lab, front: Host) -> None:
    mail = letter.compose(NUNO)
    server = lab.hosts["MBX1"]
    answers: list[str] = []
    with frontend.hello(front) as client:
        assert frontend.begin(client, mail)[0].startswith("250")
        with server.daemon("transport").frozen():
            sender = threading.Thread(
                target=lambda: answers.append(frontend.content(client, mail)), daemon=True
            )
            sender.start()
            wait.until("the content", lambda: mail.ident in server.log_text("postfix"))
            front.kill("frontend")
            sender.join(30)
    assert answers[0].startswith("451 4.")
    front.restart("frontend")
    assert letter.post(front, mail).accepted == {NUNO}, mail.last
    once(lab, mail)


def at(mta: Mta, part: float) -> None:
    wait.until(f"{part:.0%} of the mails", lambda: mta.done >= MAILS * part, timeout=90)


def run(lab: Lab, victims: list[tuple[Host, str]], mails: int, size: int) -> None:
    front = lab.hosts["FE1"]
    site = accounting.site_of_lab(lab.directory, (NUNO, MOTA))
    site = replace(site, targets=[(front.address, front.hub)])

    def kill(mta: Mta) -> None:
        for turn, (host, name) in enumerate(victims, 1):
            at(mta, mails / MAILS * turn / (len(victims) + 1))
            host.kill(name)
            host.start(name)
            host.wait_up(name)

    report = accounting.run(site, mails, per_mail=2, connections=6, size=size, meanwhile=kill)
    print(report.text())
    assert report.sent == mails
    assert report.ok(), report.text()


@pytest.mark.parametrize("name", ["postfix", "transport", "policy"])
def test_killed_while_mail_flows(lab: Lab, front: Host, name: str) -> None:
    """On one server behind the front end, then on the other, twice."""
    first, second = lab.hosts["MBX1"], lab.hosts["MBX2"]
    run(lab, [(first, name), (second, name)] * 2, MAILS, 2000)


@pytest.mark.parametrize("name", ["postfix", "frontend", "policy"])
def test_the_front_end_killed_while_mail_flows(lab: Lab, front: Host, name: str) -> None:
    run(lab, [(front, name)] * 3, MAILS, 2000)


def test_killed_in_the_middle_of_large_messages(lab: Lab, front: Host) -> None:
    first, second = lab.hosts["MBX1"], lab.hosts["MBX2"]
    run(lab, [(first, "postfix"), (second, "postfix")] * 3, 40, 2 * MEGABYTE)
