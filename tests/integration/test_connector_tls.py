"""Send connectors that want TLS, a login, or smaller messages."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import NUNO
from tests.lab import letter, wait
from tests.lab.host import USER, Host
from tests.lab.lab import Lab
from tests.lab.ldap import certify
from tests.lab.smtp_mta import Mail
from tests.lab.smtp_sink import Sink

NAME = "mx.bank.test"
LOGIN = "posthub:a pass:word"


@pytest.fixture(scope="module")
def files(shared_lab: Lab) -> Iterator[Path]:
    """An authority that the source server trusts, and its passwords."""
    host = shared_lab.hosts["MBX1"]
    directory = shared_lab.directory / "outside"
    directory.mkdir()
    certify(directory, "127.0.0.1", shared_lab.env, NAME)
    credentials = directory / "credentials"
    credentials.mkdir(mode=0o700)
    bank = credentials / "bank"
    bank.write_text(f"{LOGIN}\n", encoding="utf-8")
    for path in (credentials, bank):
        shutil.chown(path, USER)
    host.set("policy", "credentials", str(credentials))
    host.restart("policy")
    host.postfix.run("postconf", "-e", f"smtp_tls_CAfile={directory}/ca.pem")
    host.postfix.run("postfix", "reload")
    yield directory


@pytest.fixture(scope="module")
def secure(files: Path) -> Iterator[Sink]:
    """A smart host with STARTTLS, for those who log in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    with Sink(tls=context, login=LOGIN) as made:
        yield made


@pytest.fixture(scope="module")
def plain() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@contextmanager
def connector(org: Lab, name: str, sink: Sink, **fields: str) -> Iterator[None]:
    key = f"posthub:sendconnector:{name}"
    all_fields = {
        "SmartHosts": f"{sink.address}:{sink.port}",
        "SourceTransportServers": "MBX1",
    } | fields
    words = [word for pair in all_fields.items() for word in pair]
    org.change(lambda: org.redis.cli("HSET", key, *words))
    try:
        yield
    finally:
        org.change(lambda: org.redis.cli("DEL", key))


LOGGED_IN = {
    "SmartHostAuthMechanism": "BasicAuthRequireTLS",
    "AuthenticationCredential": "bank",
}


def post(host: Host, mail: Mail) -> Mail:
    return letter.post(host, mail, source=host.address)


def wait_log(host: Host, *words: str) -> None:
    """Until Postfix has said all of it in one line."""

    def said() -> bool:
        lines = host.log_text("postfix").splitlines()
        return any(all(word in line for word in words) for line in lines)

    wait.until(f"{host.name} to log {words}", said)


def wait_gone(host: Host, sink: Sink, mail: Mail) -> None:
    def gone() -> bool:
        host.postfix.flush()
        return bool(sink.taken(mail.ident))

    wait.until("the mail to leave", gone, interval=0.2)


def test_login_over_tls(org: Lab, secure: Sink) -> None:
    host = org.hosts["MBX1"]
    mail = letter.compose("a@login.test", sender=NUNO)
    with connector(org, "Login", secure, AddressSpaces="login.test", **LOGGED_IN):
        assert post(host, mail).accepted, mail.last
        taken = secure.wait(mail.ident)
    assert taken.login == LOGIN and taken.tls.startswith("TLSv1.")
    for name, path in host.logs():
        assert "a pass:word" not in path.read_text(encoding="utf-8", errors="replace"), name


def test_without_tls_it_waits_and_does_not_leave_in_clear(org: Lab, plain: Sink) -> None:
    host = org.hosts["MBX1"]
    mail = letter.compose("a@tls.test", sender=NUNO)
    with connector(org, "Tls", plain, AddressSpaces="tls.test", RequireTLS="true"):
        assert post(host, mail).accepted, mail.last
        wait_log(host, "to=<a@tls.test>", "status=deferred", "TLS is required")
        assert not plain.taken(mail.ident)
    with connector(org, "Tls", plain, AddressSpaces="tls.test"):
        # Another one, because qmgr keeps its last answer, with the transport.
        other = post(host, letter.compose("b@tls.test", sender=NUNO))
        plain.wait(other.ident)
        wait_gone(host, plain, mail)
    assert plain.taken(mail.ident)[0].tls == ""


def test_name_in_the_certificate(org: Lab, secure: Sink) -> None:
    host = org.hosts["MBX1"]
    common = LOGGED_IN | {
        "AddressSpaces": "bank.test",
        "RequireTLS": "true",
        "TlsAuthLevel": "DomainValidation",
    }
    mail = letter.compose("a@bank.test", sender=NUNO)
    with connector(org, "Bank", secure, TlsDomain="mx.other.test", **common):
        assert post(host, mail).accepted, mail.last
        wait_log(host, "to=<a@bank.test>", "status=deferred", "not verified")
        assert not secure.taken(mail.ident)
    with connector(org, "Bank", secure, TlsDomain=NAME, **common):
        wait_gone(host, secure, mail)
    assert secure.taken(mail.ident)[0].tls


def everybody(sink: Sink, mail: Mail) -> set[str]:
    return {r for taken in sink.taken(mail.ident) for r in taken.recipients}


def test_size_decides_which_connector(org: Lab, plain: Sink) -> None:
    first, second = org.hosts["MBX1"], org.hosts["MBX2"]
    body = "0123456789abcdef\n" * 600
    both = ("b@size.test", "c@other.test")
    small = letter.compose("a@size.test", sender=NUNO)
    large = letter.compose(*both, sender=NUNO, body=body)
    refused = letter.compose("d@size.test", sender=NUNO, body=body)
    narrow = connector(org, "Narrow", plain, AddressSpaces="size.test", MaxMessageSize="5KB")
    with narrow, Sink() as wide:
        with connector(org, "Wide", wide, AddressSpaces="*"):
            assert post(first, small).accepted, small.last
            # By another server, which hands it to the source server.
            assert post(second, large).accepted == set(both), large.last
            plain.wait(small.ident)
            wait.until("both", lambda: everybody(wide, large) == {f"<{r}>" for r in both})
        post(first, refused)
        assert not refused.accepted and "5.3.4" in refused.last, refused.last
        assert not plain.taken(large.ident) and not plain.taken(refused.ident)
