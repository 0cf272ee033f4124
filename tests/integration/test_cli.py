"""The command "posthub" against a private Redis."""

import json
import os
import re
import subprocess
import time

import pytest

BUILD = os.environ.get("BUILD", "build")
POSTHUB = os.path.abspath(os.path.join(BUILD, "bin", "posthub"))
POLICY = os.path.abspath(os.path.join(BUILD, "bin", "posthub-policy"))

YES, NO, USAGE, DATA, UNAVAILABLE, TEMPORARY, CONFIG = 0, 1, 64, 65, 69, 75, 78


def wait_for(ready, what):
    end = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < end, "no " + what
        time.sleep(0.01)


class World:
    """A Redis and a configuration file in a directory of their own."""

    def __init__(self, path):
        self.path = path
        self.socket = str(path / "redis.sock")
        self.conf = str(path / "posthub.conf")
        self.state = path / "state"
        self.state.mkdir()
        self.redis = None
        with open(self.conf, "w") as f:
            f.write(
                f"""[server]
name = MBX1
user =
socket_group =
state_dir = {self.state}
[redis]
url = unix://{self.socket}
timeout = 2s
[directory]
file = {path}/directory
map_size = 64MB
[tracking]
log_dir = {path}/tracking
[policy]
policy = unix:{path}/policy.sock
map = unix:{path}/map.sock
expand = unix:{path}/expand.sock
"""
            )

    def start(self):
        self.redis = subprocess.Popen(
            [
                "redis-server",
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--save",
                "",
                "--daemonize",
                "no",
                "--dir",
                str(self.path),
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for(lambda: self.ping(), "Redis")

    def ping(self):
        return (
            "PONG"
            in subprocess.run(
                ["redis-cli", "-s", self.socket, "PING"], capture_output=True, text=True
            ).stdout
        )

    def stop(self):
        if self.redis:
            self.redis.kill()
            self.redis.wait()
            self.redis = None

    def cli(self, *words):
        """redis-cli, by hand."""
        return subprocess.run(
            ["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    def run(self, *words, conf=None):
        return subprocess.run(
            [POSTHUB, "-c", conf or self.conf, *words], capture_output=True, text=True, timeout=30
        )

    def ok(self, *words):
        done = self.run(*words)
        assert done.returncode == YES, (words, done.stderr)
        return done.stdout

    def json(self, *words, status=YES):
        done = self.run(*words, "--json")
        assert done.returncode == status, (words, done.stderr)
        return json.loads(done.stdout)

    def refused(self, status, said, *words):
        """Exits so, says so on standard error."""
        done = self.run(*words)
        assert done.returncode == status, (words, done.returncode, done.stderr)
        assert said in done.stderr, (words, done.stderr)
        assert done.stderr.startswith("posthub: ")


@pytest.fixture
def world(tmp_path):
    w = World(tmp_path)
    w.start()
    yield w
    w.stop()


def test_set_show_list_unset_remove(world):
    world.ok("site", "set", "LON", "HubSiteEnabled=$true", "comment=London")
    assert world.cli("HGET", "posthub:site:LON", "HubSiteEnabled") == "$true"
    assert world.cli("HGET", "posthub:site:LON", "Comment") == "London"
    assert world.json("site", "show", "lon") == {
        "Name": "LON",
        "HubSiteEnabled": True,
        "Comment": "London",
    }
    shown = world.json("site", "show", "LON", "--all")
    assert shown["InboundMailEnabled"] is True
    world.ok("site", "set", "NYC", "Comment=New York")
    assert [s["Name"] for s in world.json("site", "list")] == ["LON", "NYC"]
    table = world.ok("site", "list").splitlines()
    assert table[0].split() == ["Name", "HubSiteEnabled", "Comment"]
    assert table[1].split() == ["LON", "$true", "London"]
    world.ok("site", "unset", "LON", "hubsiteenabled")
    assert world.cli("HEXISTS", "posthub:site:LON", "HubSiteEnabled") == "0"
    world.refused(DATA, "site remove", "site", "unset", "LON", "Comment")
    world.ok("site", "remove", "lon")
    assert world.cli("EXISTS", "posthub:site:LON") == "0"
    world.refused(NO, "does not exist", "site", "remove", "LON")
    world.refused(NO, "does not exist", "site", "show", "LON")


def test_typed_json(world):
    world.ok(
        "server",
        "set",
        "MBX1",
        "Transport=mbx1.test:2525",
        "Roles=Mailbox,HubTransport",
        "State=draining",
    )
    assert world.json("server", "show", "MBX1") == {
        "Name": "MBX1",
        "Transport": "mbx1.test:2525",
        "Roles": ["Mailbox", "HubTransport"],
        "State": "Draining",
    }
    world.ok("transportconfig", "set", "MaxReceiveSize=20MB")
    assert world.json("transportconfig", "show") == {"MaxReceiveSize": 20 * 1024 * 1024}
    assert world.cli("HGET", "posthub:transportconfig", "MaxReceiveSize") == "20MB"
    world.ok("transportconfig", "unset", "MaxReceiveSize")
    assert world.json("transportconfig", "show") == {}


def test_all_or_nothing(world):
    world.ok("sitelink", "set", "AB", "Sites=A,B", "Cost=10")
    world.refused(DATA, "Cost", "sitelink", "set", "AB", "Comment=x", "Cost=0")
    world.refused(DATA, "two ends", "sitelink", "set", "AB", "Sites=A")
    assert world.cli("HGETALL", "posthub:sitelink:AB").split() == ["Sites", "A,B", "Cost", "10"]
    # What is wrong already is in the way of nothing but itself.
    world.cli("HSET", "posthub:sitelink:AB", "Cost", "many")
    world.refused(DATA, "Cost", "sitelink", "set", "AB", "Comment=x")
    world.ok("sitelink", "set", "AB", "Comment=x", "Cost=7")
    assert world.json("sitelink", "show", "AB")["Cost"] == 7


@pytest.mark.parametrize(
    "said, words",
    [
        ("did you mean HubSiteEnabled", ["site", "set", "A", "HubSiteEnabeld=1"]),
        ("is not Field=Value", ["site", "set", "A", "HubSiteEnabled"]),
        ("NAME is missing", ["site", "set", "HubSiteEnabled=1"]),
        ("nothing to set", ["site", "set", "A"]),
        ("given twice", ["site", "set", "A", "Comment=x", "comment=y"]),
        ("NAME is missing", ["site", "show"]),
        ("no noun", ["sites", "list"]),
        ("no noun", ["meta", "show"]),
        ("needs a verb", ["site"]),
        ("has no verb", ["site", "delete", "A"]),
        ("--to is missing", ["database", "move", "DB1"]),
        ("--columns", ["track", "--columns", "Colour"]),
        ("--start", ["track", "--start", "yesterday"]),
        ("--result-size", ["track", "--result-size", "0"]),
    ],
)
def test_usage(world, said, words):
    world.refused(USAGE, said, *words)


def test_help_and_version(world):
    assert "database move" in world.ok("-h")
    assert "SubjectContainsWords" in world.ok("rule", "-h")
    assert world.ok("-V").startswith("posthub ")
    assert world.run().returncode == USAGE


def test_names_that_differ_in_case(world):
    world.ok("site", "set", "LON", "Comment=x")
    world.refused(DATA, 'exists as "LON"', "site", "set", "lon", "Comment=y")
    assert world.cli("EXISTS", "posthub:site:lon") == "0"
    # By hand it can be done; both are shown, either can be removed.
    world.cli("HSET", "posthub:site:lon", "Comment", "y")
    problems = world.json("site", "list")
    assert sorted(p["Name"] for p in problems) == ["LON", "lon"]
    assert all("case alone" in p["Problem"] for p in problems)
    world.ok("site", "remove", "lon")
    assert world.json("site", "list") == [{"Name": "LON", "Comment": "x"}]


def test_spellings(world):
    """A field that was typed into Redis in another case is the same one."""
    world.cli("HSET", "posthub:site:LON", "comment", "x")
    world.ok("site", "set", "LON", "COMMENT=y")
    assert world.cli("HGETALL", "posthub:site:LON").split() == ["Comment", "y"]
    world.cli("HSET", "posthub:site:NYC", "comment", "x", "HubSiteEnabled", "0")
    world.ok("site", "unset", "NYC", "Comment")
    assert world.cli("HKEYS", "posthub:site:NYC") == "HubSiteEnabled"


def test_wrong_redis_type(world):
    world.cli("SET", "posthub:rule:Odd", "x")
    assert "Odd" in world.ok("rule", "list")
    world.refused(DATA, "rule:Odd", "rule", "set", "Odd", "Enabled=true")
    world.ok("rule", "remove", "Odd")
    assert world.cli("EXISTS", "posthub:rule:Odd") == "0"


def test_rules(world):
    world.ok("rule", "set", "Second", "SubjectContainsWords=secret", "RejectMessageReasonText=no")
    assert world.cli("HGET", "posthub:rule:Second", "Enabled") == "true"
    world.ok(
        "rule",
        "set",
        "First",
        "Priority=0",
        "Enabled=false",
        "DeleteMessage=true",
        "SubjectContainsWords=x",
    )
    # Typed by hand, without a condition and without Enabled.
    world.cli("HSET", "posthub:rule:Draft", "RejectMessageReasonText", "x")
    world.cli("HSET", "posthub:rule:Bad", "Enabled", "maybe")
    rules = {r["Name"]: r for r in world.json("rule", "list")}
    assert {n: r["State"] for n, r in rules.items()} == {
        "First": "Disabled",
        "Second": "Enabled",
        "Draft": "Draft",
        "Bad": "Error",
    }
    assert "Enabled" in rules["Bad"]["Problem"]
    lines = world.ok("rule", "list").splitlines()
    assert lines[1].split()[:3] == ["0", "First", "Disabled"]
    assert any(l.split()[:3] == ["last", "Draft", "Draft"] for l in lines)
    world.ok("rule", "disable", "second")
    assert world.cli("HGET", "posthub:rule:Second", "Enabled") == "false"
    world.ok("rule", "enable", "Second")
    assert world.cli("HGET", "posthub:rule:Second", "Enabled") == "true"
    world.refused(NO, "does not exist", "rule", "enable", "Third")
    # The remedy for a draft, without touching what it does.
    world.ok("rule", "enable", "Draft")
    assert {r["Name"]: r["State"] for r in world.json("rule", "list")}["Draft"] == "Enabled"
    done = world.run("rule", "show", "Bad")
    assert done.returncode == DATA and "maybe" in done.stdout


def test_history(world):
    world.ok("rule", "set", "R", "SubjectContainsWords=a", "DeleteMessage=1")
    world.ok("rule", "set", "R", "SubjectContainsWords=b")
    world.ok("rule", "remove", "R")
    world.ok("site", "set", "A", "Comment=x")
    count = int(world.cli("XLEN", "posthub:history:rule"))
    lines = world.cli("XRANGE", "posthub:history:rule", "-", "+").splitlines()
    size = len(lines) // count
    fields = [
        dict(zip(e[1::2], e[2::2]))
        for e in (lines[i : i + size] for i in range(0, len(lines), size))
    ]
    assert [f["verb"] for f in fields] == ["set", "set", "remove"]
    assert {f["rule"] for f in fields} == {"R"}
    assert json.loads(fields[0]["before"]) == {}
    assert json.loads(fields[1]["before"])["SubjectContainsWords"] == "a"
    assert json.loads(fields[2]["before"])["SubjectContainsWords"] == "b"
    assert all(f["who"] and f["when"].endswith("Z") for f in fields)


def test_database_move(world):
    for server in ("MBX1", "MBX2", "MBX3"):
        world.ok("server", "set", server, "Comment=x")
    world.ok("database", "set", "DB1", "Servers=MBX1,MBX2")
    world.ok("database", "move", "db1", "--to", "mbx2")
    assert world.json("database", "show", "DB1") == {
        "Name": "DB1",
        "Servers": ["MBX1", "MBX2"],
        "Active": "MBX2",
        "Epoch": 1,
    }
    # Already there: done, and no new Epoch.
    world.ok("database", "move", "DB1", "--to=MBX2")
    assert world.cli("HGET", "posthub:database:DB1", "Epoch") == "1"
    world.refused(DATA, "no copy", "database", "move", "DB1", "--to", "MBX3")
    world.refused(NO, "does not exist", "database", "move", "DB1", "--to", "X")
    world.refused(NO, "does not exist", "database", "move", "DB9", "--to", "MBX1")
    world.ok("database", "move", "DB1", "--to", "MBX1")
    assert world.cli("HGET", "posthub:database:DB1", "Epoch") == "2"


def test_moves_at_once(world):
    """However many move it, each move raises Epoch by one."""
    for server in ("MBX1", "MBX2"):
        world.ok("server", "set", server, "Comment=x")
    world.ok("database", "set", "DB1", "Servers=MBX1,MBX2", "Active=MBX1")
    moves = [
        subprocess.Popen(
            [
                POSTHUB,
                "-c",
                world.conf,
                "database",
                "move",
                "DB1",
                "--to",
                "MBX1" if i % 2 else "MBX2",
            ],
            stderr=subprocess.PIPE,
        )
        for i in range(8)
    ]
    assert {m.wait(30) for m in moves} <= {YES, TEMPORARY}
    for m in moves:
        m.stderr.close()
    epoch = int(world.cli("HGET", "posthub:database:DB1", "Epoch"))
    active = world.cli("HGET", "posthub:database:DB1", "Active")
    # It began on MBX1; every move that was one changes the side.
    assert 1 <= epoch <= 8
    assert active == ("MBX2" if epoch % 2 else "MBX1")


def test_references_are_warned_of(world):
    done = world.run("server", "set", "MBX1", "Site=Nowhere")
    assert done.returncode == YES
    assert "site Nowhere does not exist" in done.stderr


def test_recipients(world):
    world.ok(
        "recipient",
        "set",
        "nuno@x.test",
        "RecipientType=UserMailbox",
        "Database=DB1",
        "Department=Sales",
    )
    assert world.json("recipient", "show", "nuno@x.test")["Department"] == "Sales"
    subprocess.run(
        ["redis-cli", "-s", world.socket],
        input="".join(
            f"HSET posthub:recipient:u{i}@x.test RecipientType UserMailbox " f"Database DB1\n"
            for i in range(1200)
        ),
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    listed = world.json("recipient", "list")
    assert len(listed) == 1201
    assert {r["Name"] for r in listed} == {"nuno@x.test"} | {f"u{i}@x.test" for i in range(1200)}
    world.cli("HSET", "posthub:recipient:bad@x.test", "RecipientType", "Cat")
    assert any("RecipientType" in r.get("Problem", "") for r in world.json("recipient", "list"))
    table = world.ok("recipient", "list").splitlines()
    assert len(table) == 1203 and table[0].split()[0] == "Name"
    world.ok("recipient", "remove", "nuno@x.test")
    world.refused(NO, "does not exist", "recipient", "show", "nuno@x.test")


def test_malformed_filter_is_refused(world):
    group = ["recipient", "set", "dyn@x.test"]
    good = "Department -eq 'Sales'"
    world.ok(*group, "RecipientType=DynamicDistributionGroup", f"RecipientFilter={good}")
    world.refused(
        DATA, "character 15: found the end of the filter", *group, "RecipientFilter=Department -eq"
    )
    assert world.json("recipient", "show", "dyn@x.test")["RecipientFilter"] == good
    world.ok("recipient", "remove", "dyn@x.test")


def test_map(world):
    assert [m["Name"] for m in world.json("map")][:3] == [
        "transport",
        "outbound",
        "recipient",
    ]
    world.refused(UNAVAILABLE, "map.sock", "map", "transport", "a@x.test")
    world.refused(USAGE, "KEY is missing", "map", "transport")


def test_map_temp(world, policy):
    """No directory yet: as Postfix would, we are to ask again."""
    policy()
    world.cli("HSET", "posthub:recipient:bad@x.test", "RecipientType", "Cat")
    wait_for(
        lambda: world.run("map", "recipient", "bad@x.test").returncode == TEMPORARY, "the error"
    )
    world.refused(TEMPORARY, "TEMP: ", "map", "recipient", "bad@x.test")


def test_dynamic_group(world, policy):
    """Who is in it now, from the directory file."""
    person = ["RecipientType=UserMailbox", "Database=DB1"]
    group = ["recipient", "set", "dyn@x.test", "RecipientType=DynamicDistributionGroup"]
    for name, department in (("a", "Sales"), ("b", "Sales"), ("c", "IT")):
        world.ok("recipient", "set", f"{name}@x.test", *person, f"Department={department}")
    world.ok(*group, "RecipientFilter=Department -eq 'Sales'", "Department=Sales")
    members = ["recipient", "list", "--group", "dyn@x.test"]
    world.refused(UNAVAILABLE, "is not there yet", *members)
    policy()

    def names():
        done = world.run(*members, "--json")
        return sorted(r["Name"] for r in json.loads(done.stdout)) if done.returncode == YES else []

    wait_for(lambda: names() == ["a@x.test", "b@x.test"], "the members")
    world.ok("recipient", "set", "c@x.test", "Department=sales")
    wait_for(lambda: names() == ["a@x.test", "b@x.test", "c@x.test"], "the new member")
    # A bad edit, by hand, leaves the good filter in force.
    world.cli("HSET", "posthub:recipient:dyn@x.test", "RecipientFilter", "Department -eq")
    wait_for(
        lambda: "not taken over" in (world.path / "policy.log").read_text(), "the error to be seen"
    )
    assert names() == ["a@x.test", "b@x.test", "c@x.test"]
    world.refused(DATA, "expected", "recipient", "list", "--filter", "Department -eq")


PACKAGE = """<RulePackage xmlns="http://schemas.microsoft.com/office/2011/mce"><Rules>
<Entity id="00000000-0000-0000-0000-000000000002"><Pattern confidenceLevel="75"><IdMatch idRef="R"/>
</Pattern></Entity><Regex id="R">[0-9]</Regex><LocalizedStrings>
<Resource idRef="00000000-0000-0000-0000-000000000002"><Name>T</Name></Resource>
</LocalizedStrings></Rules></RulePackage>"""


def test_package_from_a_file(world):
    package = world.path / "package.xml"
    package.write_text(PACKAGE + "<!-- padding -->\n" * 1000)
    world.ok("dataclassification", "set", "Mine", f"Value=@{package}")
    assert world.cli("STRLEN", "posthub:dataclassification:Mine") == str(package.stat().st_size)
    world.ok("dataclassification", "remove", "Mine")
    assert world.cli("EXISTS", "posthub:dataclassification:Mine") == "0"
    # A bad one is refused, with the line.
    package.write_text(PACKAGE.replace("[0-9]", "\n\n(["))
    world.refused(DATA, "line 4", "dataclassification", "set", "Mine", f"Value=@{package}")
    assert world.cli("EXISTS", "posthub:dataclassification:Mine") == "0"


def test_redis_absent(world):
    world.stop()
    for words in (
        ["site", "list"],
        ["site", "show", "A"],
        ["site", "set", "A", "Comment=x"],
        ["site", "remove", "A"],
        ["rule", "list"],
        ["rule", "enable", "A"],
        ["recipient", "list"],
        ["state", "adopt"],
        ["database", "move", "DB1", "--to", "MBX1"],
        ["track"],
        ["route", "a@x.test"],
    ):
        done = world.run(*words)
        assert done.returncode == UNAVAILABLE, (words, done)
        assert world.socket in done.stderr or "Redis" in done.stderr
    done = world.run("status")
    assert done.returncode == UNAVAILABLE
    assert "away" in done.stdout


def test_configuration(world):
    world.ok("config", "test")
    rows = {(r["Section"], r["Name"]): r["Value"] for r in world.json("config", "show")}
    assert rows["server", "name"] == "MBX1"
    assert rows["redis", "pool"] == "8"
    bad = world.path / "bad.conf"
    bad.write_text("[redis]\nurll = x\n")
    done = world.run("config", "test", conf=str(bad))
    assert done.returncode == CONFIG
    assert "bad.conf:2" in done.stderr
    done = world.run("site", "list", conf=str(world.path / "none.conf"))
    assert done.returncode == CONFIG
    secret = world.path / "secret.conf"
    secret.write_text("[redis]\nurl = redis://:hunter2@127.0.0.1:1/0\n")
    done = world.run("config", "show", conf=str(secret))
    assert done.returncode == YES
    assert "hunter2" not in done.stdout and "(hidden)" in done.stdout


# ---- with a daemon that keeps a last good copy ---------------------------


@pytest.fixture
def policy(world):
    if not os.path.exists(POLICY):
        pytest.skip("posthub-policy is not built")
    daemons = []

    def start():
        log = open(world.path / "policy.log", "a")
        daemons.append(subprocess.Popen([POLICY, "-c", world.conf, "-f"], stderr=log))
        log.close()
        wait_for(
            lambda: os.path.exists(world.path / "map.sock")
            and list(world.state.glob("*.snapshot")),
            "posthub-policy",
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


def test_resolve_and_route(world, policy):
    organisation(world)
    assert world.run("resolve", "nuno@x.test").returncode == TEMPORARY
    policy()
    wait_for(lambda: world.run("resolve", "mota@x.test").returncode == YES, "directory file")
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
    wait_for(lambda: world.json("resolve", "n@x.test")[0]["Stale"], "the outage to be seen")
    found = world.json("resolve", "n@x.test")[0]
    assert found["Source"] == "redis" and found["AgeSeconds"] >= 0
    assert "(stale)" in world.ok("resolve", "n@x.test")


def test_empty_redis_and_adopt(world, policy):
    organisation(world)
    before = world.cli("HGET", "posthub:meta", "Organization")
    policy()
    wait_for(lambda: world.run("resolve", "mota@x.test").returncode == YES, "directory file")
    world.cli("FLUSHALL")
    world.refused(UNAVAILABLE, "state adopt", "site", "set", "C", "Comment=x")
    assert world.cli("DBSIZE") == "0"
    status = world.run("state", "show")
    assert status.returncode == NO and before in status.stdout
    assert "state adopt" in world.ok("status")
    world.ok("state", "adopt")
    assert world.cli("HGET", "posthub:meta", "Organization") == before
    assert world.cli("HGET", "posthub:meta", "Adopted").endswith("Z")
    world.ok("site", "set", "C", "Comment=x")


# ---- tracking -------------------------------------------------------------

COLUMNS = 30
FIELDS = {
    "time": 0,
    "client": 2,
    "server": 4,
    "connector": 6,
    "source": 7,
    "event": 8,
    "mid": 10,
    "nmid": 11,
    "rcpt": 12,
    "status": 13,
    "subject": 18,
    "sender": 19,
    "id": 28,
}


def row(**values):
    cells = [""] * COLUMNS
    for name, value in values.items():
        cells[FIELDS[name]] = value
    return ",".join(cells)


def two_hops():
    common = dict(
        mid="<a@x.test>",
        nmid="n-1",
        rcpt="mota@x.test",
        subject="Quarterly REPORT",
        sender="nuno@x.test",
    )
    day = "2026-11-21T10:00:"
    return [
        (
            "MBX1",
            row(
                time=day + "01.500Z",
                client="c.test",
                server="MBX1",
                connector="MBX1\\Default MBX1",
                source="SMTP",
                event="RECEIVE",
                id="1",
                **common,
            ),
        ),
        (
            "MBX1",
            row(
                time=day + "01.000Z",
                client="MBX1",
                server="mbx2.x.test",
                source="SMTP",
                event="SEND",
                status="250 2.1.5 Recipient OK",
                id="2",
                **common,
            ),
        ),
        (
            "MBX2",
            row(
                time=day + "01.400Z",
                client="mbx1.x.test",
                server="MBX2",
                connector="MBX2\\Default Mailbox Delivery MBX2",
                source="SMTP",
                event="RECEIVE",
                id="3",
                **common,
            ),
        ),
        (
            "MBX2",
            row(
                time=day + "01.450Z",
                client="MBX2",
                server="MBX2",
                source="STOREDRIVER",
                event="DELIVER",
                id="4",
                **common,
            ),
        ),
        (
            "MBX1",
            row(
                time=day + "09.000Z",
                client="c.test",
                server="MBX1",
                source="SMTP",
                event="RECEIVE",
                mid="<b@x.test>",
                nmid="n-2",
                rcpt="a@x.test;b@x.test",
                sender="z@y.test",
                subject="other",
                id="5",
            ),
        ),
    ]


def ids(rows):
    return "".join(r["LogId"] for r in rows)


def test_track(world):
    # As they may arrive: the far server first, one row twice.
    rows = two_hops()
    for server, line in rows[2:] + rows[:2] + rows[:1]:
        world.cli("XADD", "posthub:track", "*", "row", line, "server", server)
    assert ids(world.json("track")) == "12345"
    for words, want in (
        (["--sender", "NUNO@x.test"], "1234"),
        (["--recipients", "q@x.test,B@x.test"], "5"),
        (["--subject", "report"], "1234"),
        (["--message-id", "a@x.test"], "1234"),
        (["--message-id", "<b@x.test>"], "5"),
        (["--network-message-id", "N-1", "--event-id", "receive"], "13"),
        (["--source", "storedriver"], "4"),
        (["--server", "mbx2"], "34"),
        (["--start", "2026-11-21T10:00:05Z"], "5"),
        (["--end", "2026-11-21T10:00:09Z"], "1234"),
        (["--start", "2026-11-21T10:00:09Z", "--end", "2026-11-21T10:00:09.001Z"], "5"),
        (["--result-size", "unlimited"], "12345"),
    ):
        assert ids(world.json("track", *words)) == want, words
    assert world.json("track", "--sender", "nobody@x.test", status=NO) == []
    newest = world.run("track", "--result-size", "1", "--json")
    assert ids(json.loads(newest.stdout)) == "5"
    assert "newest 1" in newest.stderr
    table = world.ok("track", "--sender", "nuno@x.test").splitlines()
    assert table[0].split() == [
        "Timestamp",
        "ClientHostname",
        "ServerHostname",
        "ConnectorId",
        "Source",
        "EventId",
        "Recipients",
        "RecipientStatus",
    ]
    assert len(table) == 5 and "250 2.1.5 Recipient OK" in table[2]
    table = world.ok("track", "--columns", "log-id,EventId").splitlines()
    assert table[0].split() == ["LogId", "EventId"]
    assert table[1].split() == ["1", "RECEIVE"]


def test_track_files(world):
    logs = world.path / "tracking"
    logs.mkdir()
    head = "#Software: posthub\r\n#Log-type: Message Tracking Log\r\n"
    rows = two_hops()
    (logs / "MSGTRK2026112110-1.LOG").write_text(
        "\ufeff" + head + "".join(l + "\r\n" for s, l in rows if s == "MBX1")
    )
    (logs / "MSGTRKMD2026112110-1.LOG").write_text(
        head + "".join(l + "\r\n" for s, l in rows if s == "MBX2") + 'broken,"row\r\n'
    )
    assert ids(world.json("track", "--dir", str(logs))) == "12345"
    done = world.run("track", "--files", f"{logs}/MSGTRKMD2026112110-1.LOG", "--json")
    assert ids(json.loads(done.stdout)) == "34"
    assert "1 lines cannot be read" in done.stderr
    # Redis away: what this server has, and a word about it.
    world.stop()
    done = world.run("track", "--json")
    assert done.returncode == YES and ids(json.loads(done.stdout)) == "12345"
    assert "this server alone" in done.stderr
