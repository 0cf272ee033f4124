"""posthub doctor: an administrator has wired Postfix by hand, and asks what
is not as it should be."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.host import Host
from tests.lab.lab import Lab

YES, NO, USAGE = 0, 1, 64


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        made.host("MBX1")
        made.frontend("EDGE1")
        made.start()
        yield made


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    """What a test does to Postfix's files is undone."""
    made = lab.hosts["MBX1"]
    kept = made.directory / "kept"
    shutil.copytree(made.postfix.conf, kept, symlinks=True)
    yield made
    shutil.rmtree(made.postfix.conf)
    kept.rename(made.postfix.conf)


def doctor(host: Host, *words: str, wrong: bool = True) -> dict[str, dict[str, Any]]:
    """Symptoms that are wrong, or all, by place and name."""
    done = host.cli("doctor", *words, "--json", check=False)
    found = json.loads(done.stdout)
    assert done.returncode == (NO if any(s["Wrong"] for s in found) else YES), done.stderr
    return {f"{s['Where']} {s['Name']}".strip(): s for s in found if s["Wrong"] or not wrong}


@pytest.mark.parametrize("name", ["MBX1", "EDGE1"])
def test_as_it_comes(lab: Lab, name: str) -> None:
    assert doctor(lab.hosts[name]) == {}


def test_what_is_missing_in_main(host: Host) -> None:
    edit = host.postfix.run
    edit("postconf", "-e", "mydestination=$myhostname, localhost")
    edit("postconf", "-e", "smtpd_milters=inet:127.0.0.1:8891")
    edit("postconf", "-e", "transport_maps=hash:/etc/postfix/transport")
    found = doctor(host)
    assert set(found) == {f"main.cf {n}" for n in ("mydestination", "smtpd_milters", "transport_maps")}
    told = found["main.cf smtpd_milters"]
    assert told["Is"] == "inet:127.0.0.1:8891"
    assert told["Comes"] == "unix:posthub/transport.sock"
    text = host.cli("doctor", check=False).stdout
    (remedy,) = re.findall(r"remedy +(postconf .*mydestination=.*)", text)
    edit(*shlex.split(remedy))
    assert "main.cf mydestination" not in doctor(host)


def test_more_than_what_comes_is_fine(host: Host) -> None:
    edit = host.postfix.run
    edit("postconf", "-e", "smtpd_milters=inet:127.0.0.1:8891, unix:posthub/transport.sock")
    edit("postconf", "-e", "transport_maps=inline:{{a=b:}} socketmap:unix:posthub/map.sock:transport")
    policy = host.postfix.run("postconf", "-h", "smtpd_recipient_restrictions").stdout.strip()
    edit("postconf", "-e", f"smtpd_recipient_restrictions=reject_non_fqdn_recipient,{policy}")
    edit("postconf", "-e", "message_size_limit=1000000")
    assert doctor(host) == {}
    assert doctor(host, wrong=False)["main.cf message_size_limit"]["Is"] == "1000000"


def test_what_is_missing_in_master(host: Host) -> None:
    edit = host.postfix.run
    edit("postconf", "-MX", "ph-expand/unix")
    edit("postconf", "-PX", "bounce/unix/cleanup_service_name")
    edit("postconf", "-P", "ph-hub/unix/smtp_send_xforward_command=no")
    found = doctor(host)
    assert set(found) == {
        "master.cf: ph-expand/unix",
        "master.cf: bounce/unix cleanup_service_name",
        "master.cf: ph-hub/unix smtp_send_xforward_command",
    }
    for remedy in [s["Remedy"] for s in found.values()]:
        if remedy.startswith("postconf "):
            edit(*shlex.split(remedy))
    assert set(doctor(host)) == {"master.cf: ph-expand/unix"}


def test_tables_and_daemons(lab: Lab, host: Host) -> None:
    (host.postfix.conf / "milter_header_checks").unlink()
    with host.down("policy"):
        found = doctor(host)
    assert set(found) == {"milter_header_checks", f"{host.map_socket}", f"{host.policy_socket}"}
    assert "start posthub-policy" in found[str(host.map_socket)]["Remedy"]


def test_what_posthub_may_not_enter(host: Host) -> None:
    public = host.postfix.queue_directory / "public"
    public.chmod(0o710)
    try:
        assert set(doctor(host)) == {str(public)}
    finally:
        public.chmod(0o711)
    host.postfix.sockets.chmod(0o2740)
    try:
        assert doctor(host)[str(host.postfix.sockets)]["Remedy"].startswith("install -d ")
    finally:
        host.postfix.sockets.chmod(0o2750)


def test_a_connector_that_waits(lab: Lab, host: Host) -> None:
    fields = {"Bindings": "127.0.0.1:2599", "Server": "MBX1", "TransportRole": "HubTransport"}
    lab.put("receiveconnector", "app", **fields)
    assert set(doctor(host)) == {"master.cf receiveconnector:app"}
    lab.remove("receiveconnector", "app")


def test_the_wrong_role(host: Host) -> None:
    done = host.cli("doctor", "edge", check=False)
    assert done.returncode != YES and '"edge" is no role' in done.stderr
    assert "main.cf smtpd_milters" in doctor(host, "frontend")
