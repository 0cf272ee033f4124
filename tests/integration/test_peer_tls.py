"""[server] peer_tls: TLS between servers of ours, in each of its settings, and
with a server whose TLS is broken."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.authority import Authority
from tests.lab.host import Host
from tests.lab.lab import Lab

POSTFIX = """
smtpd_tls_security_level = may
smtpd_tls_ask_ccert = yes
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_CAfile = {ca}
smtpd_tls_loglevel = 1
smtp_tls_cert_file = {cert}
smtp_tls_key_file = {key}
smtp_tls_CAfile = {ca}
smtp_tls_loglevel = 1
lmtp_tls_cert_file = {cert}
lmtp_tls_key_file = {key}
lmtp_tls_CAfile = {ca}
lmtp_tls_loglevel = 1
"""


MODES = ("off", "may", "encrypt", "verify")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        made.host("MBX1", site="Lisbon")
        made.host("MBX2", site="Porto")
        made.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
        made.database("DB1", ["MBX1"])
        made.database("DB2", ["MBX2"])
        made.mailbox(NUNO, "DB1")
        made.mailbox(MOTA, "DB2")
        made.frontend("FE1", site="Lisbon")
        authority = Authority(made.directory / "authority", made.env)
        for host in made.hosts.values():
            certify(host, authority)
        made.start()
        made.make_outbox(NUNO)
        yield made


def certify(host: Host, authority: Authority) -> None:
    """As an administrator sets it up, in posthub.conf and in main.cf."""
    cert, key = authority.issue(host.fqdn)
    settings = {"peer_tls": "verify", "tls_cert": cert, "tls_key": key, "tls_ca": authority.ca}
    for name, value in settings.items():
        host.set("server", name, str(value))
    with (host.postfix.conf / "main.cf").open("a", encoding="utf-8") as main:
        main.write(POSTFIX.format(cert=cert, key=key, ca=authority.ca))


def switch(lab: Lab, mode: str) -> None:
    for host in lab.hosts.values():
        host.set("server", "peer_tls", mode)
        host.restart(*host.daemons)
    for address in (NUNO, MOTA):
        for host in lab.hosts.values():
            host.wait_recipient(address)


def said(host: Host, *words: str) -> bool:
    lines = host.log_text("postfix").splitlines()
    return any(all(word in line for word in words) for line in lines)


def stored_over_tls(host: Host) -> int:
    """How often a connection to the store driver was made so."""
    lines = host.log_text("postfix").splitlines()
    return sum("ph-mailbox/lmtp" in x and "TLS connection established to" in x for x in lines)


def between_servers(message: Message) -> list[bool]:
    """Of each hop to a Transport service: was it over TLS? By the Received
    fields, which say ESMTPS then (RFC 3848)."""
    lines = [str(line) for line in message.get_all("Received", [])]
    found = [re.search(r"by mbx\d\.\S+ \(Postfix\)\s+with ESMTP(S?)\b", x) for x in lines]
    return [match.group(1) == "S" for match in found if match]


@pytest.mark.parametrize("mode", MODES)
def test_each_setting(lab: Lab, mode: str) -> None:
    """From outside to both, and from an Outbox: front end, hubs, store drivers,
    submission."""
    switch(lab, mode)
    hosts = [lab.hosts["MBX1"], lab.hosts["MBX2"]]
    before = [stored_over_tls(host) for host in hosts]
    mail = letter.compose(NUNO, MOTA)
    assert letter.post(lab.hosts["FE1"], mail).accepted == {NUNO, MOTA}, mail.last
    sent = letter.compose(MOTA, sender=NUNO)
    lab.outbox(NUNO, sent.content)
    secret = mode != "off"
    ways = [
        between_servers(lab.wait_message(address, one.ident))
        for address, one in ((NUNO, mail), (MOTA, mail), (MOTA, sent))
    ]
    assert all(ways), "each passed a Transport service"
    assert {hop for way in ways for hop in way} == {secret}, ways
    for host, number in zip(hosts, before, strict=True):
        assert (stored_over_tls(host) > number) == secret, host.name


def test_who_has_only_the_address_is_no_server_of_ours(lab: Lab) -> None:
    switch(lab, "verify")
    first, second, front = (lab.hosts[name] for name in ("MBX1", "MBX2", "FE1"))
    mail = letter.compose(NUNO, MOTA)
    assert letter.post(front, mail).accepted == {NUNO, MOTA}, mail.last
    for address in (NUNO, MOTA):
        lab.wait_message(address, mail.ident)
    hubs = [h for h in (first, second) if said(h, "Trusted TLS connection", front.address)]
    assert hubs, "the front end shows its certificate"
    verified = "Verified TLS connection established to"
    assert said(first, "ph-hub/smtp", verified) or said(second, "ph-hub/smtp", verified)
    for host in (first, second):
        assert said(host, "ph-mailbox/lmtp", verified, host.address)

    clear = letter.post(first, letter.compose(NUNO), source=second.address)
    assert clear.pending == {NUNO} and "TLS is required" in clear.last, clear.last
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    source = (second.address, 0)
    with smtplib.SMTP(first.address, first.hub, timeout=30, source_address=source) as client:
        client.starttls(context=context)
        client.ehlo()
        client.mail(NUNO)
        code, text = client.rcpt(NUNO)
    assert code == 454 and b"certificate" in text, text
    store = first.connect_lmtp()
    assert "STARTTLS" in store.command("LHLO x.test")
    assert store.command("MAIL FROM:<>").startswith("454 4.7.0")


@contextmanager
def broken(host: Host, **settings: str) -> Iterator[None]:
    """Postfix's settings for a while. It is started again: after a reload an
    smtpd that waits for a client would take one more."""
    main = host.postfix.conf / "main.cf"
    before = main.read_text(encoding="utf-8")
    for name, value in settings.items():
        host.postfix.run("postconf", "-e", f"{name}={value}")
    host.restart("postfix")
    try:
        yield
    finally:
        main.write_text(before, encoding="utf-8")
        host.restart("postfix")


NOT_OFFERED = {"smtpd_tls_security_level": "none"}
NOT_WORKING = {"smtpd_tls_key_file": "/nonexistent", "smtpd_tls_cert_file": "/nonexistent"}


@pytest.mark.parametrize("settings", [NOT_OFFERED, NOT_WORKING], ids=["no offer", "no key"])
def test_may_goes_on_in_clear(lab: Lab, settings: dict[str, str]) -> None:
    switch(lab, "may")
    with broken(lab.hosts["MBX2"], **settings):
        mail = letter.post(lab.hosts["MBX1"], letter.compose(MOTA))
        assert mail.accepted, mail.last
        assert between_servers(lab.wait_message(MOTA, mail.ident)) == [False, False]


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ("encrypt", NOT_OFFERED),
        ("encrypt", NOT_WORKING),
        ("verify", NOT_WORKING),
        ("verify", {"smtpd_tls_cert_file": "{other}.pem", "smtpd_tls_key_file": "{other}.key"}),
    ],
    ids=["encrypt, no offer", "encrypt, no key", "verify, no key", "verify, another's"],
)
def test_mail_waits_and_does_not_leave_over_less(
    lab: Lab, mode: str, settings: dict[str, str]
) -> None:
    """From a hub, and from a front end, which finds nobody else to take it."""
    switch(lab, mode)
    first, second, front = (lab.hosts[name] for name in ("MBX1", "MBX2", "FE1"))
    other = lab.directory / "authority" / first.fqdn
    values = {name: value.format(other=other) for name, value in settings.items()}
    with broken(second, **values):
        mail = letter.post(first, letter.compose(MOTA))
        assert mail.accepted, mail.last
        wait.until("it to wait", lambda: said(first, f"to=<{MOTA}>", "status=deferred"))
        assert not [m for m in lab.messages(MOTA) if m["Message-ID"] == mail.ident]
        with first.down("postfix"):
            refused = letter.post(front, letter.compose(MOTA))
            assert refused.pending == {MOTA} and refused.last.startswith("451 "), refused.last

    def arrived() -> bool:
        first.postfix.flush()
        return any(m["Message-ID"] == mail.ident for m in lab.messages(MOTA))

    wait.until("it to go on", arrived, interval=0.3)
    assert between_servers(lab.wait_message(MOTA, mail.ident))[0], "over TLS, in the end"
