"""A mail comes in by SMTP and lies in a mailbox."""

from __future__ import annotations

import re

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.track import event, rows

NMID = "X-PostHub-Network-Message-Id"
UUID_8 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_mail_reaches_a_mailbox_on_another_server(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, body=".dot\nsecond line"))
    assert mail.accepted == {MOTA}, mail.last
    message = org.wait_message(MOTA, mail.ident)
    org.wait_empty()
    assert len([m for m in org.messages(MOTA) if m["Message-ID"] == mail.ident]) == 1
    assert message.get_payload().split() == [".dot", "second", "line"]
    assert org.hosts["MBX2"].directory in org.maildirs(MOTA)[0].parents


def test_network_message_id_is_made_once(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA))
    values = org.wait_message(MOTA, mail.ident).get_all(NMID)
    assert values is not None and len(values) == 1
    assert UUID_8.fullmatch(values[0])


def test_mail_reaches_a_mailbox_on_the_same_server(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX2"], letter.compose(MOTA))
    org.wait_message(MOTA, mail.ident)
    received = [row for row in rows(org.hosts["MBX1"], mail.ident)]
    assert not received, "MBX1 has no part in this"


def test_recipients_on_two_servers_get_one_copy_each(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose(NUNO, MOTA))
    assert mail.accepted == {NUNO, MOTA}, mail.last
    for address in (NUNO, MOTA):
        org.wait_message(address, mail.ident)
    org.wait_empty()
    for address in (NUNO, MOTA):
        assert len([m for m in org.messages(address) if m["Message-ID"] == mail.ident]) == 1


def test_proxy_address_leads_to_the_primary_mailbox(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose("luis.mota@letsexchange.com"))
    assert mail.accepted, mail.last
    org.wait_message(MOTA, mail.ident)


def test_primary_and_proxy_address_in_one_mail_are_one_recipient(org: Lab) -> None:
    both = ("luis.mota@letsexchange.com", MOTA)
    mail = letter.post(org.hosts["MBX1"], letter.compose(*both))
    org.wait_message(MOTA, mail.ident)
    org.wait_empty()
    assert len([m for m in org.messages(MOTA) if m["Message-ID"] == mail.ident]) == 1


def test_case_of_an_address_does_not_matter(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose("MoTa@LetsExchange.COM"))
    assert mail.accepted, mail.last
    org.wait_message(MOTA, mail.ident)


def test_the_same_message_again_is_recognised(org: Lab) -> None:
    mail = letter.compose(MOTA)
    letter.post(org.hosts["MBX1"], mail)
    org.wait_message(MOTA, mail.ident)
    again = letter.compose(MOTA, ident=mail.ident)
    again.content = mail.content
    letter.post(org.hosts["MBX2"], again)
    assert again.accepted == {MOTA}, again.last
    host = org.hosts["MBX2"]
    duplicate = wait.until(
        "DUPLICATEDELIVER",
        lambda: [r for r in rows(host, mail.ident) if r["event-id"] == "DUPLICATEDELIVER"],
    )
    assert event(duplicate[0]) == "STOREDRIVER DUPLICATEDELIVER"
    assert duplicate[0]["recipient-address"] == MOTA
    assert len([m for m in org.messages(MOTA) if m["Message-ID"] == mail.ident]) == 1


def test_unknown_recipient_is_refused_at_rcpt(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose("nobody@letsexchange.com", MOTA))
    assert mail.refused["nobody@letsexchange.com"].startswith("550 5.1.1 ")
    assert mail.accepted == {MOTA}


def test_a_stranger_may_not_relay(org: Lab) -> None:
    mail = letter.post(org.hosts["MBX1"], letter.compose("somebody@elsewhere.test"))
    assert re.match(r"5\d\d 5\.7\.1 ", mail.refused["somebody@elsewhere.test"])


def test_headers_of_ours_from_a_stranger_are_removed(org: Lab) -> None:
    forged = {
        NMID: "00000000-0000-8000-8000-000000000000",
        "X-PostHub-AuthAs": "Internal",
        "x-posthub-scl": "-1",
    }
    mail = letter.post(org.hosts["MBX1"], letter.compose(MOTA, headers=forged))
    message = org.wait_message(MOTA, mail.ident)
    assert message.get_all(NMID) != [forged[NMID]]
    assert message["X-PostHub-AuthAs"] != "Internal"
    assert message["X-PostHub-SCL"] is None


def test_a_new_mailbox_takes_mail_within_a_second(org: Lab) -> None:
    address = "new.one@letsexchange.com"
    org.mailbox(address, "DB2")
    for host in org.hosts.values():
        host.wait_recipient(address, timeout=1)
    mail = letter.post(org.hosts["MBX1"], letter.compose(address))
    org.wait_message(address, mail.ident)
    org.remove("recipient", address)
    for host in org.hosts.values():
        host.wait_recipient(address, "NOTFOUND ")


def test_mail_for_a_database_that_does_not_exist_waits(org: Lab) -> None:
    address = "homeless@letsexchange.com"
    org.mailbox(address, "Nowhere")
    for host in org.hosts.values():
        host.wait_recipient(address)
    mail = letter.post(org.hosts["MBX1"], letter.compose(address))
    assert mail.pending == {address} and mail.last.startswith("450 4.4.4 "), mail.last
    org.put("recipient", address, Database="DB1")
    host = org.hosts["MBX1"]
    host.wait_map("transport", address, lambda text: "ph-mailbox" in text, 1)
    # An smtpd process keeps the answers it was given as long as it lives.
    wait.until("it to be taken", lambda: letter.post(host, mail).accepted)
    org.wait_message(address, mail.ident)
    org.remove("recipient", address)


def test_queued_mail_waits_while_its_database_does_not_exist(org: Lab) -> None:
    """Accepted, then the database is removed: deferred, never bounced."""
    address = "evicted@letsexchange.com"
    org.database("DB9", ["MBX2"])
    org.mailbox(address, "DB9")
    host = org.hosts["MBX2"]
    host.wait_recipient(address)
    host.wait_route(address)
    with host.down("delivery"):
        # qmgr keeps its last answer, and no more than one, for 30 s: with two
        # recipients waiting, it asks each time.
        mail = letter.post(host, letter.compose(address, MOTA))
        assert mail.accepted == {address, MOTA}, mail.last
        wait_deferred(host, address, "4.4.1")
        org.remove("database", "DB9")
        wait_deferred(host, address, "4.4.4")
    org.database("DB9", ["MBX2"])
    org.wait_message(address, mail.ident)
    assert not re.search(rf"to=<{re.escape(address)}>.*=bounced", host.log_text("postfix"))


def wait_deferred(host: Host, address: str, code: str) -> None:
    pattern = rf"to=<{re.escape(address)}>.*dsn={re.escape(code)}.*status=deferred"

    def deferred() -> bool:
        host.postfix.flush()
        return bool(re.search(pattern, host.log_text("postfix")))

    wait.until(f"{address} to be deferred with {code}", deferred, interval=0.3)
