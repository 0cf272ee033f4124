"""The command "posthub" beside a daemon that keeps a last good copy."""

import json
import os
import re
import signal
import subprocess

import pytest

from tests.lab.command import (
    DATA,
    NO,
    PERMISSION,
    POLICY,
    POSTHUB,
    TEMPORARY,
    UNAVAILABLE,
    USAGE,
    YES,
)
from tests.lab.wait import until


@pytest.fixture
def policy(world):
    if not os.path.exists(POLICY):
        pytest.skip("posthub-policy is not built")
    daemons = []

    def start():
        log = open(world.path / "policy.log", "a")
        daemons.append(subprocess.Popen([POLICY, "-c", world.conf, "-f"], stderr=log))
        log.close()
        until(
            "posthub-policy",
            lambda: os.path.exists(world.path / "map.sock")
            and list(world.state.glob("*.snapshot")),
        )

    yield start
    for daemon in daemons:
        daemon.kill()
        daemon.wait()


def organisation(world):
    for words in (
        ["site", "set", "A", "Comment=x"],
        ["site", "set", "B", "Comment=x"],
        ["sitelink", "set", "AB", "Sites=A,B", "Cost=10"],
        ["server", "set", "MBX1", "Site=A", "Transport=m1.test:2525", "Delivery=m1.test:475"],
        ["server", "set", "MBX2", "Site=B", "Transport=m2.test:2525", "Delivery=m2.test:475"],
        ["database", "set", "DB1", "Servers=MBX1"],
        ["database", "set", "DB2", "Servers=MBX2"],
        ["domain", "set", "x.test", "DomainType=Authoritative"],
        [
            "recipient",
            "set",
            "nuno@x.test",
            "RecipientType=UserMailbox",
            "Database=DB1",
            "EmailAddresses=n@x.test",
        ],
        ["recipient", "set", "mota@x.test", "RecipientType=UserMailbox", "Database=DB2"],
    ):
        world.ok(*words)


def test_names_are_completed_without_redis(world, policy):
    """From the last good copy that a daemon here keeps."""
    organisation(world)
    policy()

    def names(*words):
        done = subprocess.run(
            [POSTHUB, "complete", "=:", "-c", world.conf, *words], capture_output=True, text=True
        )
        assert not done.stderr
        return done.stdout.split()

    until("the daemon's copy", lambda: names("server", "show", "") == ["MBX1", "MBX2"])
    status = world.state / "posthub-policy.status"
    pid = json.loads(status.read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    # A copy that nobody keeps any more is old.
    world.ok("server", "set", "MBX3", "Comment=x")
    assert names("server", "show", "") == ["MBX1", "MBX2", "MBX3"]
    world.stop()
    assert names("server", "show", "") == ["MBX1", "MBX2"]
    assert names("route", "--from", "mbx2") == ["MBX2"]
    assert not names("recipient", "show", "")


def test_map_temp(world, policy):
    """No directory yet: as Postfix would, we are to ask again."""
    policy()
    world.cli("HSET", "posthub:recipient:bad@x.test", "RecipientType", "Cat")
    until("the error", lambda: world.run("map", "recipient", "bad@x.test").returncode == TEMPORARY)
    world.refused(TEMPORARY, "TEMP: ", "map", "recipient", "bad@x.test")


def test_an_address_of_two_is_warned_of(world, policy):
    organisation(world)
    policy()
    until("the directory file", lambda: world.run("resolve", "mota@x.test").returncode == YES)
    rita = ["recipient", "set", "rita@x.test", "RecipientType=UserMailbox", "Database=DB1"]
    assert not world.run(*rita, "EmailAddresses=smtp:r@x.test").stderr
    done = world.run(*rita, "EmailAddresses=smtp:N@x.test")
    assert done.returncode == YES
    assert "n@x.test belongs to" in done.stderr and "nuno@x.test" in done.stderr
    assert "5.1.4" in done.stderr and len(done.stderr.splitlines()) == 1
    until("both", lambda: world.run("resolve", "n@x.test").returncode == DATA)
    assert "both" in world.run(*rita, "DisplayName=Rita").stderr
    assert not world.run(*rita, "EmailAddresses=").stderr


def test_an_address_of_another_is_not_imported(world, policy):
    organisation(world)
    policy()
    until("the directory file", lambda: world.run("resolve", "n@x.test").returncode == YES)
    people = world.path / "people.csv"

    def load(*rows, options=(), status=YES):
        lines = ["Name,RecipientType,Database,EmailAddresses,DisplayName", *rows]
        people.write_text("\n".join(lines) + "\n")
        report = world.json("recipient", "import", str(people), *options, status=status)
        return report, (report["Added"], report["Changed"], len(report["Rejected"]))

    rita = "rita@x.test,UserMailbox,DB1,smtp:N@x.test,"
    for options in (["--dry-run"], []):
        report, counts = load(rita, "ana@x.test,UserMailbox,DB1,,", options=options, status=DATA)
        assert counts == (1, 0, 1)
        assert report["Rejected"][0]["Line"] == 2
        reason = "N@x.test belongs to recipient:nuno@x.test"
        assert reason in report["Rejected"][0]["Reason"]
    _, counts = load("nuno,UserMailbox,DB1,mota@x.test,", status=DATA)
    assert counts == (0, 0, 1)
    assert world.cli("EXISTS", "posthub:recipient:rita@x.test") == "0"
    # He gives it up in the same files, wherever that stands in them.
    nuno = "nuno@x.test,UserMailbox,DB1,nuno.n@x.test,"
    assert load(rita, nuno, options=["--dry-run"])[1] == (1, 1, 0)
    assert load(rita, nuno)[1] == (1, 1, 0)
    assert load(rita, nuno)[1] == (0, 0, 0)
    assert world.run("resolve", "nobody@x.test").returncode == NO
    until("the change", lambda: world.run("resolve", "nuno.n@x.test").returncode == YES)
    # What two have already is no obstacle to other changes.
    world.cli("HSET", "posthub:recipient:mota@x.test", "EmailAddresses", "n@x.test")
    until("both", lambda: world.run("resolve", "n@x.test").returncode == DATA)
    assert load(rita + "Rita")[1] == (0, 1, 0)
    assert load("ana@x.test,UserMailbox,DB1,n@x.test,", status=DATA)[1] == (0, 0, 1)


def test_dynamic_group(world, policy):
    """Who is in it now, from the directory file."""
    person = ["RecipientType=UserMailbox", "Database=DB1"]
    group = ["recipient", "set", "dyn@x.test", "RecipientType=DynamicDistributionGroup"]
    for name, department in (("a", "Sales"), ("b", "Sales"), ("c", "IT")):
        world.ok("recipient", "set", f"{name}@x.test", *person, f"Department={department}")
    world.ok(*group, "RecipientFilter=Department -eq 'Sales'", "Department=Sales")
    members = ["recipient", "list", "--group", "dyn@x.test"]
    world.refused(UNAVAILABLE, "is not there yet; posthub-policy makes it", *members)
    policy()

    def names():
        done = world.run(*members, "--json")
        return sorted(r["Name"] for r in json.loads(done.stdout)) if done.returncode == YES else []

    until("the members", lambda: names() == ["a@x.test", "b@x.test"])
    world.ok("recipient", "set", "c@x.test", "Department=sales")
    until("the new member", lambda: names() == ["a@x.test", "b@x.test", "c@x.test"])
    # A bad edit, by hand, leaves the good filter in force.
    world.cli("HSET", "posthub:recipient:dyn@x.test", "RecipientFilter", "Department -eq")
    until("the error is seen", lambda: "not taken over" in (world.path / "policy.log").read_text())
    assert names() == ["a@x.test", "b@x.test", "c@x.test"]
    listing = ["recipient", "list", "--filter"]
    world.refused(DATA, "posthub: --filter: character 15: found the", *listing, "Department -eq")
    world.refused(DATA, "--filter is empty", *listing, "")


def test_resolve_and_route(world, policy):
    organisation(world)
    assert world.run("resolve", "nuno@x.test").returncode == TEMPORARY
    policy()
    until("directory file", lambda: world.run("resolve", "mota@x.test").returncode == YES)
    found = world.json("resolve", "N@x.test")[0]
    assert found["Address"].lower() == "nuno@x.test" or found["Entry"]["Name"] == "nuno@x.test"
    assert (found["Source"], found["AgeSeconds"], found["Stale"]) == ("redis", 0, False)
    assert found["Steps"][0]["Source"] == "redis"
    done = world.run("resolve", "nobody@x.test")
    assert done.returncode == NO
    assert "Source" in done.stdout and "redis" in done.stdout
    assert "Source" not in world.json("resolve", "no address", status=NO)[0]
    routes = world.json("route", "nuno@x.test", "mota@x.test")
    assert routes[0]["Route"]["NextHop"] == "ph-mailbox:[m1.test]:475"
    assert routes[0]["Route"]["Hops"] == ["MBX1"]
    assert routes[1]["Route"]["NextHop"] == "ph-hub:[m2.test]:2525"
    assert routes[1]["Route"]["Database"] == "DB2"
    from_there = world.json("route", "mota@x.test", "--from", "MBX2")
    assert from_there[0]["Route"]["NextHop"] == "ph-mailbox:[m2.test]:475"
    assert world.ok("map", "transport", "nuno@x.test") == "ph-mailbox:[m1.test]:475\n"
    assert world.json("map", "recipient", "N@x.test") == {"Status": "OK", "Text": "OK"}
    assert world.run("map", "domain", "y.test").returncode == NO
    world.refused(DATA, "PERM", "map", "nonsense", "x")
    text = world.ok("route", "mota@x.test")
    assert re.search(r"least-cost path A > B \(link [^,]+, cost 10\), cost 10, hops 1", text)
    world.ok("server", "set", "FE1", "Roles=FrontendTransport", "Site=A")
    assert "\n  Front end tries: MBX" in world.ok("route", "mota@x.test", "--from", "FE1")
    world.ok("server", "remove", "FE1")
    assert world.json("route", "mota@x.test", "--size", "1MB")[0]["Route"] == routes[1]["Route"]
    assert world.run("route", "mota@x.test", "--size", "large").returncode == USAGE
    # Nobody has a heartbeat here.
    assert ["A  DOWN", "  -- B (down)  cost 10"] == [
        line.rpartition(" (")[0] or line
        for line in world.ok("status").split("Sites (", 1)[1].splitlines()[1:3]
    ]
    assert world.ok("status", "--svg", "-").startswith("<svg ")
    # Redis away: the last good copy, and a word about it.
    world.stop()
    done = world.run("route", "mota@x.test")
    assert done.returncode == YES
    assert "m2.test" in done.stdout and "using" in done.stderr
    # What the file says is as old as the outage.
    until("the outage is seen", lambda: world.json("resolve", "n@x.test")[0]["Stale"])
    found = world.json("resolve", "n@x.test")[0]
    assert found["Source"] == "redis" and found["AgeSeconds"] >= 0
    assert "(stale)" in world.ok("resolve", "n@x.test")


def test_who_may_not_read_the_directory_file(world, policy):
    organisation(world)
    policy()
    until("the directory file", lambda: world.run("resolve", "mota@x.test").returncode == YES)
    os.chmod(world.path / "directory", 0)
    for words in (["resolve", "mota@x.test"], ["route", "mota@x.test"], ["mailbox", "n@x.test"]):
        done = subprocess.run(
            ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
            + [POSTHUB, "-c", world.conf, *words],
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == PERMISSION, (words, done)
        assert "directory: Permission denied" in done.stderr


def test_empty_redis_and_adopt(world, policy):
    organisation(world)
    before = world.cli("HGET", "posthub:meta", "Organization")
    policy()
    until("directory file", lambda: world.run("resolve", "mota@x.test").returncode == YES)
    world.cli("FLUSHALL")
    world.refused(UNAVAILABLE, "state adopt", "site", "set", "C", "Comment=x")
    assert world.cli("DBSIZE") == "0"
    for words in (["site", "list"], ["rule", "list"], ["route", "mota@x.test"]):
        assert "no state with the prefix posthub:" in world.run(*words).stderr
    status = world.run("state", "show")
    assert status.returncode == NO and before in status.stdout
    assert "state adopt" in world.ok("status")
    world.ok("state", "adopt")
    assert world.cli("HGET", "posthub:meta", "Organization") == before
    assert world.cli("HGET", "posthub:meta", "Adopted").endswith("Z")
    world.ok("site", "set", "C", "Comment=x")
