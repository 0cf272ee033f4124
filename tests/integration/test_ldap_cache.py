"""What LDAP answered lasts: on all programs of a host, and over a restart."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MOTA, NUNO
from tests.integration.test_ldap import make, start
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.office import ALL, STAFF, Office
from tests.lab.protocols import Dialogue

ALIAS = "nm@letsexchange.com"
# Its mail goes to NUNO as well.
FORWARDING = MOTA
OTHER_AUTHORITY = "/etc/ssl/certs/ca-certificates.crt"
# All of its programs, as posthub ships them.
DAEMONS = ("policy", "transport", "delivery", "submission", "tracking")


@pytest.fixture
def office(own_lab: Lab) -> Office:
    made = make(own_lab)
    made.people()
    return made


def step(host: Host, *addresses: str) -> Any:
    """What the command says of the first address."""
    done = host.cli("resolve", "--json", *addresses, check=False)
    found = json.loads(done.stdout)
    assert found, done.stderr
    return found[0]


def status(host: Host) -> Any:
    return json.loads((host.state / "directory.status").read_text(encoding="utf-8"))


def file_of(host: Host) -> Path:
    return host.state / "directory"


def wait_kept(office: Office, *addresses: str) -> None:
    """Until the file has an answer about each; less than a second. Asked by a
    program that no LDAP server is good enough for."""
    host = office.host
    deaf = host.conf.with_name("deaf.conf")
    text = host.conf.read_text(encoding="utf-8")
    deaf.write_text(text.replace(str(office.ldap.ca), OTHER_AUTHORITY), encoding="utf-8")

    def kept() -> bool:
        done = host.cli("-c", str(deaf), "resolve", "--json", *addresses, check=False)
        return len(json.loads(done.stdout)) == len(addresses)

    wait.until(f"{addresses} to be kept", kept)


def wait_state(host: Host) -> None:
    host.wait_map("domain", "letsexchange.com", lambda text: text == "OK OK")


def restart(host: Host, *names: str) -> None:
    """In good order, until the state is there again."""
    host.stop(*names)
    host.start(*names)
    host.wait_up(*names)
    wait_state(host)


def deliver(office: Office, to: str, *boxes: str) -> None:
    mail = letter.post(office.host, letter.compose(to))
    assert mail.accepted, mail.last
    for box in boxes or (to,):
        office.lab.wait_message(box, mail.ident)


def begin(office: Office, *recipients: str) -> tuple[Dialogue, letter.Mail]:
    """A message up to its DATA."""
    mail = letter.compose(*recipients)
    smtp = office.host.connect_hub()
    assert smtp.command("EHLO sender.test").startswith("250")
    assert smtp.command(f"MAIL FROM:<{mail.sender}>").startswith("250")
    for recipient in recipients:
        answer = smtp.command(f"RCPT TO:<{recipient}>")
        assert answer.startswith("250"), answer
    return smtp, mail


def end(smtp: Dialogue, mail: letter.Mail) -> str:
    assert smtp.command("DATA").startswith("354")
    smtp.send(mail.content + b".\r\n")
    with smtp:
        return smtp.reply()


def accepted(host: Host, mail: letter.Mail) -> bool:
    return bool(letter.post(host, mail).accepted)


# ---- looked up at RCPT ----------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "boxes"), [(NUNO, [NUNO]), (ALIAS, [NUNO]), (FORWARDING, [MOTA, NUNO])]
)
def test_ldap_goes_between_rcpt_and_the_end_of_data(
    office: Office, to: str, boxes: list[str]
) -> None:
    """Whatever is asked about a recipient after that was looked up at RCPT."""
    start(office)
    wait_state(office.host)
    smtp, mail = begin(office, to)
    wait_kept(office, to, *boxes)
    office.ldap.kill()
    answer = end(smtp, mail)
    assert answer.startswith("250"), answer
    for box in boxes:
        office.lab.wait_message(box, mail.ident)
    office.lab.wait_empty()


def test_what_nobody_asked_about_is_not_known(office: Office) -> None:
    """The counterpart: without RCPT there is no answer."""
    start(office)
    office.wait_known(NUNO)
    office.ldap.kill()
    mail = letter.post(office.host, letter.compose(MOTA))
    assert mail.pending == {MOTA} and mail.last.startswith("45"), mail.last


# ---- one for all, and over restarts -----------------------------------------------


def test_all_programs_know_what_one_was_told(office: Office) -> None:
    start(office)
    assert office.ask(NUNO) == "OK OK"
    wait_kept(office, NUNO)
    office.ldap.kill()
    found = step(office.host, NUNO)
    assert found["Entry"]["DisplayName"] == "Nuno Mota"
    assert found["Source"] == "ldap" and found["Stale"] is False
    assert office.host.cli("resolve", MOTA, check=False).stdout == ""


def test_an_outage_over_a_restart_of_everything(office: Office) -> None:
    """Nothing is bounced: what was known goes on, and for the rest the answer
    is "not now"."""
    office.set(positive_ttl="0")
    start(office)
    office.wait_known(NUNO)
    deliver(office, FORWARDING, MOTA, NUNO)
    wait_kept(office, NUNO, MOTA)
    office.ldap.kill()
    for killed in (True, False):
        if killed:
            office.host.kill(*DAEMONS)
            office.host.start(*DAEMONS)
            office.host.wait_up(*DAEMONS)
            wait_state(office.host)
        else:
            restart(office.host, *DAEMONS)
        deliver(office, NUNO)
        deliver(office, FORWARDING, MOTA, NUNO)
        for address in (STAFF, "nobody@letsexchange.com"):
            mail = letter.post(office.host, letter.compose(address))
            assert mail.pending == {address} and mail.last.startswith("45"), mail.last
    office.lab.wait_empty()
    found = step(office.host, NUNO)
    assert found["Stale"] is True and found["Source"] == "ldap"
    assert "(stale)" in office.host.cli("resolve", NUNO).stdout
    # The sender was told nothing but success.
    assert "status=bounced" not in office.host.log_text("postfix")
    assert "550" not in "".join(
        line for line in office.host.log_text("postfix").splitlines() if "NOQUEUE" in line
    )


def test_too_old_is_no_answer(office: Office) -> None:
    office.set(positive_ttl="0", stale_ttl="1s")
    start(office)
    office.wait_known(NUNO)
    office.ldap.kill()
    office.host.wait_map("recipient", NUNO, lambda text: text.startswith("TEMP "))


def test_who_has_gone_does_not_come_back(office: Office) -> None:
    office.set(positive_ttl="0")
    start(office)
    office.wait_known(NUNO)
    wait_kept(office, NUNO)
    office.ldap.remove("Nuno")
    office.host.wait_recipient(NUNO, "NOTFOUND ")
    office.ldap.kill()
    restart(office.host, "policy")
    assert office.ask(NUNO).startswith("TEMP ")


# ---- the file ---------------------------------------------------------------------


def damage_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192:] = bytes(i * 7 % 251 for i in range(len(data) - 8192))
    path.write_bytes(data)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def noise(path: Path) -> None:
    path.write_bytes(b"not a database\n" * 10000)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [damage_bytes, cut, noise, empty, directory])
def test_damaged(office: Office, harm: Any) -> None:
    """Mail flows; whatever is there instead of the cache."""
    start(office)
    office.wait_known(NUNO)
    wait_kept(office, NUNO)
    office.host.kill(*DAEMONS)
    harm(file_of(office.host))
    office.host.start(*DAEMONS)
    office.host.wait_up(*DAEMONS)
    office.wait_known(NUNO)
    deliver(office, ALIAS, NUNO)
    if harm is directory:
        assert "answers are not kept" in office.host.log_text("policy")
        assert status(office.host)["errors"]
        return
    wait_kept(office, NUNO)
    office.ldap.kill()
    assert step(office.host, NUNO)["Source"] == "ldap"


def test_full(office: Office) -> None:
    """More addresses than there is room for: the file stays small, mail flows,
    and who is somebody is still known."""
    office.set(cache_size="256KB", map_size="1MB", negative_ttl="1h")
    start(office)
    office.wait_known(NUNO)
    wait_kept(office, NUNO)
    for i in range(10000):
        assert office.ask(f"{i}@letsexchange.com") == "NOTFOUND "
    deliver(office, NUNO)
    wait_kept(office, "9999@letsexchange.com")
    assert status(office.host)["entries"] > 100
    assert file_of(office.host).stat().st_size <= 1024 * 1024
    assert status(office.host)["errors"] == []
    office.ldap.kill()
    restart(office.host, "policy")
    assert office.ask(NUNO) == "OK OK"


def test_type_is_changed(office: Office) -> None:
    """A file of recipients is not taken for a cache, nor the other way round."""
    host = office.host
    office.set(type="redis")
    office.lab.mailbox("redis@letsexchange.com", "DB1")
    office.lab.start()
    office.wait_known("redis@letsexchange.com")
    for kind, known, unknown in (
        ("ldap", NUNO, "redis@letsexchange.com"),
        ("redis", "redis@letsexchange.com", NUNO),
    ):
        host.kill(*DAEMONS)
        office.set(type=kind)
        # The others come first and meet the old file.
        host.start(*DAEMONS[1:])
        host.wait_up(*DAEMONS[1:])
        host.start("policy")
        host.wait_up("policy")
        office.wait_known(known)
        host.wait_recipient(unknown, "NOTFOUND ")
        # The milter looks again within a second.
        mail = letter.compose(known)
        wait.until("mail to flow", partial(accepted, host, mail))
        office.lab.wait_message(known, mail.ident)
        assert file_of(host).with_name("directory.old").exists()
    assert "was made for another [directory] type" in host.log_text("policy")


def test_another_directory_begins_afresh(office: Office) -> None:
    start(office)
    office.wait_known(NUNO)
    wait_kept(office, NUNO)
    office.ldap.kill()
    assert office.can_say(NUNO)
    office.set(base="ou=elsewhere,dc=test")
    # Not what another directory said, before and after the writer knows.
    assert not office.can_say(NUNO)
    restart(office.host, "policy")
    assert office.ask(NUNO).startswith("TEMP ")
    assert not office.can_say(NUNO)
    assert "it is emptied" in office.host.log_text("policy")


def test_writer_killed_while_it_writes(office: Office) -> None:
    """Again and again; the file is whole each time."""
    office.set(positive_ttl="0")
    office.ldap.load(
        "".join(
            f"dn: cn=P{i},dc=test\nobjectClass: user\ncn: P{i}\nsn: P\n"
            f"proxyAddresses: SMTP:p{i}@letsexchange.com\n"
            "homeMDB: cn=DB1,cn=Databases,dc=test\n\n"
            for i in range(200)
        )
    )
    start(office)
    for _ in range(5):
        for i in range(200):
            assert office.ask(f"p{i}@letsexchange.com") == "OK OK"
        office.host.kill("policy")
        office.host.start("policy")
        office.host.wait_up("policy")
        wait_state(office.host)
    assert "damaged" not in office.host.log_text("policy")
    assert not file_of(office.host).with_name("directory.damaged").exists()
    people = [f"p{i}@letsexchange.com" for i in range(200)]
    for address in people:
        assert office.ask(address) == "OK OK"
    wait_kept(office, *people)
    office.ldap.kill()
    assert step(office.host, "p0@letsexchange.com")["Stale"] is True


# ---- what is shown ------------------------------------------------------------------


def test_status(office: Office) -> None:
    start(office)
    office.wait_known(NUNO)
    wait.until("the answer to be shown", lambda: status(office.host)["connected"])
    wait_kept(office, NUNO)
    office.ldap.kill()
    assert office.ask(ALL).startswith("TEMP ")
    wait.until("the outage to be shown", lambda: not status(office.host)["connected"])
    assert status(office.host)["reason"]
    shown = office.host.cli("status").stdout
    (row,) = (line for line in shown.splitlines() if line.startswith("directory "))
    assert "not connected" in row and str(status(office.host)["entries"]) in row.split()
