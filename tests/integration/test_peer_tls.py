"""[server] peer_tls = verify: servers of ours know each other by certificates."""

from __future__ import annotations

import smtplib
import ssl

from tests.conftest import MOTA, NUNO
from tests.lab import letter
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


def certify(host: Host, authority: Authority) -> None:
    """As an administrator sets it up, in posthub.conf and in main.cf."""
    cert, key = authority.issue(host.fqdn)
    settings = {"peer_tls": "verify", "tls_cert": cert, "tls_key": key, "tls_ca": authority.ca}
    for name, value in settings.items():
        host.set("server", name, str(value))
    with (host.postfix.conf / "main.cf").open("a", encoding="utf-8") as main:
        main.write(POSTFIX.format(cert=cert, key=key, ca=authority.ca))


def build(lab: Lab) -> Host:
    lab.domain("letsexchange.com")
    lab.host("MBX1", site="Lisbon")
    lab.host("MBX2", site="Porto")
    lab.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
    lab.database("DB1", ["MBX1"])
    lab.database("DB2", ["MBX2"])
    lab.mailbox(NUNO, "DB1")
    lab.mailbox(MOTA, "DB2")
    front = lab.frontend("FE1", site="Lisbon")
    authority = Authority(lab.directory / "authority", lab.env)
    for host in lab.hosts.values():
        certify(host, authority)
    lab.start()
    return front


def said(host: Host, *words: str) -> bool:
    lines = host.log_text("postfix").splitlines()
    return any(all(word in line for word in words) for line in lines)


def test_mail_goes_over_tls_everywhere(own_lab: Lab) -> None:
    front = build(own_lab)
    first, second = own_lab.hosts["MBX1"], own_lab.hosts["MBX2"]

    # From outside to both: front end, hubs, store drivers.
    mail = letter.compose(NUNO, MOTA)
    assert letter.post(front, mail).accepted == {NUNO, MOTA}, mail.last
    for address in (NUNO, MOTA):
        own_lab.wait_message(address, mail.ident)
    trusted = "Trusted TLS connection established from"
    hubs = [host for host in (first, second) if said(host, trusted, front.address)]
    assert hubs, "the front end shows its certificate"
    other = second if hubs[0] is first else first
    verified = "Verified TLS connection established to"
    assert said(hubs[0], "ph-hub/smtp", verified, other.address)
    for host in (first, second):
        assert said(host, "ph-mailbox/lmtp", verified, host.address)

    # From an Outbox.
    own_lab.make_outbox(NUNO)
    sent = letter.compose(MOTA, sender=NUNO)
    own_lab.outbox(NUNO, sent.content)
    own_lab.wait_message(MOTA, sent.ident)
    assert said(second, trusted, first.address)

    # Whoever has the address of a server of ours, but not its certificate.
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
