"""Redis is away, late, or back without its data: nobody becomes unknown."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import MOTA, NUNO, two_sites
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab

EVERYBODY = (NUNO, MOTA)


def status(host: Host) -> Any:
    return json.loads(host.cli("status", "--json", check=False).stdout)


def assert_mail_flows(lab: Lab) -> None:
    for address in EVERYBODY:
        for host in lab.hosts.values():
            mail = letter.post(host, letter.compose(address))
            assert mail.accepted == {address}, mail.last
            lab.wait_message(address, mail.ident)


def test_redis_away_while_running(own_org: Lab) -> None:
    own_org.redis.kill()
    assert_mail_flows(own_org)
    unknown = letter.compose("nobody@letsexchange.com")
    assert letter.post(own_org.hosts["MBX1"], unknown).refused


def test_daemons_start_from_their_snapshot(own_org: Lab) -> None:
    own_org.rule("Guard", SubjectContainsWords="secret", RejectMessageReasonText="no")
    wait.until(
        "the rule in force",
        lambda: letter.post(own_org.hosts["MBX1"], letter.compose(NUNO, subject="secret")).refused,
    )
    own_org.redis.kill()
    for host in own_org.hosts.values():
        host.restart("policy", "transport", "delivery", "tracking")
    assert_mail_flows(own_org)
    mail = letter.post(own_org.hosts["MBX1"], letter.compose(NUNO, subject="secret"))
    assert mail.refused, "rules come from the snapshot as well"


def test_no_snapshot_and_no_redis_is_an_outage(own_lab: Lab) -> None:
    host = own_lab.host("MBX1")
    own_lab.database("DB1", ["MBX1"])
    own_lab.domain("letsexchange.com")
    own_lab.mailbox(NUNO, "DB1")
    own_lab.redis.kill()
    host.start()
    host.wait_up()
    mail = letter.post(host, letter.compose(NUNO, "nobody@letsexchange.com"))
    assert mail.pending == set(mail.recipients) and mail.last.startswith("4"), mail.last
    assert host.ask_map("recipient", NUNO).startswith("TEMP ")
    assert host.ask_map("transport", NUNO).startswith("TEMP ")
    own_lab.redis.start()
    host.wait_recipient(NUNO)
    wait.until("mail to flow", lambda: letter.post(host, mail).accepted)
    own_lab.wait_message(NUNO, mail.ident)


def test_a_redis_that_may_evict_keys(own_org: Lab) -> None:
    host = own_org.hosts["MBX1"]
    said = "may throw away keys"
    assert said not in host.log_text("policy")
    own_org.redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    own_org.redis.call("CONFIG", "SET", "maxmemory", "1gb")
    host.restart("policy")
    wait.until("the warning", lambda: said in host.log_text("policy"))
    assert_mail_flows(own_org)


def test_redis_back_without_its_data_makes_nobody_unknown(own_org: Lab) -> None:
    own_org.redis.kill()
    own_org.redis.start(empty=True)
    host = own_org.hosts["MBX1"]
    wait.until("status to say so", lambda: "adopt" in host.cli("status", check=False).stdout)
    assert_mail_flows(own_org)
    for each in own_org.hosts.values():
        each.restart("policy", "transport", "delivery")
    assert_mail_flows(own_org)


def test_another_state_is_taken_when_adopted(own_org: Lab) -> None:
    own_org.redis.kill()
    own_org.redis.start(empty=True)
    host = own_org.hosts["MBX1"]
    wait.until("status to say so", lambda: "adopt" in host.cli("status", check=False).stdout)
    own_org.domain("letsexchange.com")
    own_org.put("site", "Lisbon", InboundMailEnabled="true")
    for each in own_org.hosts.values():
        fields = own_org._server_fields(each, "Lisbon")  # pylint: disable=protected-access
        own_org.put("server", each.name, **fields)
    own_org.database("DB1", ["MBX1"])
    own_org.mailbox(NUNO, "DB1")
    assert host.ask_map("recipient", MOTA).startswith("OK "), "not before it is adopted"
    host.cli("state", "adopt")
    for each in own_org.hosts.values():
        each.wait_recipient(MOTA, "NOTFOUND ")
        each.wait_recipient(NUNO)
    mail = letter.post(host, letter.compose(NUNO))
    own_org.wait_message(NUNO, mail.ident)


def test_redis_back_with_its_data_goes_on(own_org: Lab) -> None:
    own_org.redis.kill()
    own_org.redis.start()
    own_org.mailbox("late@letsexchange.com", "DB1")
    for host in own_org.hosts.values():
        host.wait_recipient("late@letsexchange.com")


def test_flushall_is_no_order(own_org: Lab) -> None:
    own_org.redis.cli("FLUSHALL")
    host = own_org.hosts["MBX1"]
    wait.until("status to say so", lambda: "adopt" in host.cli("status", check=False).stdout)
    assert_mail_flows(own_org)


def test_organisation_is_made_once(own_lab: Lab) -> None:
    two_sites(own_lab)
    organisation = own_lab.redis.call("HGET", "posthub:meta", "Organization")
    assert organisation
    for host in own_lab.hosts.values():
        host.restart("policy")
    assert own_lab.redis.call("HGET", "posthub:meta", "Organization") == organisation
