"""A daemon is gone: mail waits, at the client or in the queue; no refusal."""

from __future__ import annotations

import pytest

from tests.conftest import MOTA
from tests.lab import letter, wait
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Session


@pytest.mark.parametrize("daemon", ["policy", "transport"])
def test_client_is_asked_to_come_back(org: Lab, daemon: str) -> None:
    host = org.hosts["MBX1"]
    with host.down(daemon):
        mail = letter.post(host, letter.compose(MOTA))
        assert mail.pending == {MOTA} and mail.last.startswith("4"), mail.last
    host.wait_recipient(MOTA)
    letter.post(host, mail)
    assert mail.accepted == {MOTA}, mail.last
    org.wait_message(MOTA, mail.ident)


def test_policy_gone_before_the_end_of_the_data(org: Lab) -> None:
    """smtpd hangs up: in a session that goes on it would take the next message
    for part of this one, and refuse it for good."""
    host = org.hosts["MBX1"]
    session = Session((host.address, host.hub), letter.STRANGER_ADDRESS, 30)
    try:
        for command in (f"MAIL FROM:<{letter.STRANGER}>", f"RCPT TO:<{MOTA}>", "DATA"):
            assert session.command(command)[0] in "23"
        with host.down("policy"), pytest.raises(ConnectionError, match="421 4.3.5"):
            session.command("Subject: x\r\n\r\nx\r\n.")
        with pytest.raises(ConnectionError, match="closed"):
            session.command("NOOP")
    finally:
        session.close()
    host.wait_recipient(MOTA)


def test_policy_gone_after_the_mail_was_taken(org: Lab) -> None:
    """qmgr cannot route: the mail is deferred and goes on later."""
    first, second = org.hosts.values()
    with second.down("policy"):
        mail = letter.post(first, letter.compose(MOTA))
        assert mail.accepted == {MOTA}, mail.last
        wait.until("a deferral", lambda: f"to=<{MOTA}>" in first.log_text("postfix"))
    org.wait_message(MOTA, mail.ident)
    assert "status=bounced" not in first.log_text("postfix")


def test_store_driver_gone(org: Lab) -> None:
    host = org.hosts["MBX2"]
    with host.down("delivery"):
        mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA))
        assert mail.accepted == {MOTA}, mail.last
        wait.until("a deferral", lambda: "status=deferred" in host.log_text("postfix"))
    org.wait_empty()
    org.wait_message(MOTA, mail.ident)


def test_daemons_stop_in_good_order(org: Lab) -> None:
    host = org.hosts["MBX1"]
    names = ("policy", "transport", "delivery", "tracking")
    host.stop(*names)
    host.start(*names)
    host.wait_up(*names)
    host.wait_recipient(MOTA)
    mail = letter.post(host, letter.compose(MOTA))
    assert mail.accepted, mail.last
