"""Heartbeats: a service that answers has one, one that does not loses it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.conftest import MOTA
from tests.lab import frontend, letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab

SERVICES = ("transport", "delivery")
# A heartbeat lives 3 s; the rest is for a busy machine.
GONE = 10.0


def alive(org: Lab, host: Host, service: str) -> bool:
    return bool(org.redis.call("EXISTS", f"posthub:alive:{host.name}:{service}"))


def wait_alive(org: Lab, host: Host, service: str) -> None:
    wait.until(f"alive:{host.name}:{service}", lambda: alive(org, host, service))


def wait_gone(org: Lab, host: Host, service: str) -> None:
    what = f"alive:{host.name}:{service} to run out"
    wait.until(what, lambda: not alive(org, host, service), GONE)


def frozen(host: Host, daemon: str) -> AbstractContextManager[None]:
    return host.daemon(daemon).frozen()


@contextmanager
def killed(host: Host, daemon: str) -> Iterator[None]:
    with host.down(daemon):
        yield


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_one(org: Lab, service: str) -> None:
    for host in org.hosts.values():
        wait_alive(org, host, service)
        value = org.redis.call("GET", f"posthub:alive:{host.name}:{service}")
        assert json.loads(str(value))["pid"] == host.daemon(service).pid
        left = org.redis.call("PTTL", f"posthub:alive:{host.name}:{service}")
        assert isinstance(left, int) and 0 < left <= 3000


@pytest.mark.parametrize("fault", [killed, frozen])
@pytest.mark.parametrize("service", SERVICES)
def test_a_daemon_that_does_not_answer_loses_it(
    org: Lab, service: str, fault: Callable[[Host, str], AbstractContextManager[None]]
) -> None:
    first, second = org.hosts.values()
    other = next(s for s in SERVICES if s != service)
    for host in (first, second):
        for each in SERVICES:
            wait_alive(org, host, each)
    with fault(second, service):
        wait_gone(org, second, service)
        assert alive(org, second, other)
        assert alive(org, first, service)
    wait_alive(org, second, service)
    mail = letter.post(first, letter.compose(MOTA))
    assert mail.accepted, mail.last
    org.wait_message(MOTA, mail.ident)


def test_the_way_through_postfix_is_proved(org: Lab) -> None:
    """The daemon is well; nobody can send mail to it."""
    host = org.hosts["MBX1"]
    wait_alive(org, host, "transport")
    with host.down("postfix"):
        wait_gone(org, host, "transport")
        assert host.daemon("transport").alive()
        assert alive(org, host, "delivery")
    wait_alive(org, host, "transport")
    lines = host.log_text("transport")
    assert "transport: no heartbeat: " in lines


def test_the_milter_is_proved(org: Lab) -> None:
    """smtpd is well; another milter of it is not."""
    host = org.hosts["MBX2"]
    wait_alive(org, host, "transport")
    kept = host.postfix.run("postconf", "-h", "smtpd_milters").stdout.strip()
    try:
        host.postfix.run("postconf", "-e", f"smtpd_milters={kept} unix:posthub/none.sock")
        host.postfix.run("postfix", "reload")
        # The smtpd of a kept connection has the old settings.
        host.restart("transport")
        wait_gone(org, host, "transport")
        assert "MAIL was answered 451 4.7.1 " in host.log_text("transport")
    finally:
        host.postfix.run("postconf", "-e", f"smtpd_milters={kept}")
        host.postfix.run("postfix", "reload")
    wait_alive(org, host, "transport")


def test_a_draining_server_announces_delivery_alone(org: Lab) -> None:
    host = org.hosts["MBX1"]
    try:
        org.put("server", host.name, State="Draining")
        wait_gone(org, host, "transport")
        assert alive(org, host, "delivery")
        org.put("server", host.name, State="Inactive")
        wait_gone(org, host, "delivery")
    finally:
        org.put("server", host.name, State="Active")
    for service in SERVICES:
        wait_alive(org, host, service)


def test_status_shows_them(org: Lab) -> None:
    host = org.hosts["MBX1"]
    for service in SERVICES:
        wait_alive(org, host, service)
    for server in json.loads(host.cli("status", "--json").stdout)["Servers"]:
        if server["Server"] == host.name:
            assert server["Alive"].split() == list(SERVICES)
            break
    else:
        raise AssertionError("the server is not shown")
    with host.down("delivery"):
        wait_gone(org, host, "delivery")
        shown = json.loads(host.cli("status", "--json").stdout)["Servers"]
        assert {s["Alive"] for s in shown if s["Server"] == host.name} == {"transport"}


def test_redis_without_memory_gets_them_again(own_org: Lab) -> None:
    for host in own_org.hosts.values():
        wait_alive(own_org, host, "delivery")
    keys = own_org.redis.keys("posthub:alive:*")
    assert own_org.redis.call("DEL", *keys) == len(keys)
    for host in own_org.hosts.values():
        for service in SERVICES:
            wait_alive(own_org, host, service)


def test_a_front_end_goes_by_them(own_lab: Lab) -> None:
    """It has one itself; and it does not wait for a server that lost its own:
    one that accepts connections and says nothing."""
    front = frontend.build(own_lab, timeout="20s")
    second = own_lab.hosts["MBX2"]
    wait_alive(own_lab, front, "frontend")
    for service in SERVICES:
        wait_alive(own_lab, second, service)
    with second.daemon("transport").frozen():
        wait_gone(own_lab, second, "transport")

        def passed_by() -> bool:
            mail = letter.post(front, letter.compose(MOTA))
            return mail.accepted == {MOTA} and frontend.backend_of(front, mail) == "MBX1"

        wait.until("mail by way of the other server", passed_by, 40)
    wait_alive(own_lab, second, "transport")
    with front.down("postfix"):
        wait_gone(own_lab, front, "frontend")
    wait_alive(own_lab, front, "frontend")
