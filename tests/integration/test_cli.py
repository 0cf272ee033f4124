"""The command "posthub" against a private Redis: what it shows and changes."""

import json
import os
import pty
import signal
import subprocess

import pytest

from tests.lab.command import (
    CONFIG,
    DATA,
    NO,
    NO_INPUT,
    POSTHUB,
    TEMPORARY,
    UNAVAILABLE,
    USAGE,
    YES,
)


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


def test_an_object_that_needs_no_field(world):
    """Redis keeps nothing of it but what it would be anyway."""
    for kind in ("site", "server"):
        world.ok(kind, "set", "LON")
        (made,) = world.json(kind, "list")
        assert made.pop("Name") == "LON"
        world.ok(kind, "set", "NYC", "Comment=x")
        every = world.json(kind, "show", "NYC", "--all")
        assert made and all(every[name] == value for name, value in made.items())
        # There already: nothing is meant by it.
        world.refused(USAGE, "nothing to set", kind, "set", "LON")
        world.refused(DATA, 'exists as "LON"', kind, "set", "lon")
    world.refused(DATA, "Sites: is not set; expected", "sitelink", "set", "AB")
    world.refused(DATA, "RecipientType: is not set; expected", "recipient", "set", "a@x.test")
    assert world.cli("EXISTS", "posthub:sitelink:AB", "posthub:recipient:a@x.test") == "0"


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
    # There is but one of it, and it is not removed by a slip.
    world.refused(USAGE, "too many", "transportconfig", "remove", "MaxReceiveSize")
    help_text = world.ok("transportconfig", "-h")
    assert "transportconfig set Field=Value" in help_text and "NAME" not in help_text
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
        ("transportconfig set Field=Value", ["transportconfig", "set"]),
        ("nothing to set", ["rule", "set", "A"]),
        ("nothing to set", ["dataclassification", "set", "A"]),
        ("given twice", ["site", "set", "A", "Comment=x", "comment=y"]),
        ("NAME is missing", ["site", "show"]),
        ("no noun", ["sites", "list"]),
        ("no noun", ["meta", "show"]),
        ("unknown option -x", ["-x", "site", "list"]),
        ("expected posthub status\n", ["status", "now"]),
        ("needs a verb", ["site"]),
        ("has no verb", ["site", "delete", "A"]),
        ("--to is missing", ["database", "move", "DB1"]),
        ("--columns", ["track", "--columns", "Colour"]),
        ("--start", ["track", "--start", "yesterday"]),
        ("--end", ["track", "--start", "2026-11-30", "--end", "2026-11-29"]),
        ("expected one of them", ["track", "--dir", "/tmp", "--files", "x"]),
        ("--svg is empty", ["status", "--svg", ""]),
        ("--result-size", ["track", "--result-size", "0"]),
        ("DUPLICATEDELIVER, ", ["track", "--event-id", "DELIVERED"]),
        ("STOREDRIVER", ["track", "--source", "STORE"]),
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


def test_a_name_that_is_too_long(world):
    world.ok("site", "set", "n" * 1024, "Comment=x")
    world.refused(DATA, "at most 1024 bytes", "site", "set", "n" * 1025, "Comment=x")
    world.refused(DATA, "control characters", "site", "set", "a\nb", "Comment=x")


def test_spellings(world):
    """A field that was typed into Redis in another case is the same one."""
    world.cli("HSET", "posthub:site:LON", "comment", "x")
    world.ok("site", "set", "LON", "COMMENT=y")
    assert world.cli("HGETALL", "posthub:site:LON").split() == ["Comment", "y"]
    world.cli("HSET", "posthub:site:NYC", "comment", "x", "HubSiteEnabled", "0")
    world.ok("site", "unset", "NYC", "Comment")
    assert world.cli("HKEYS", "posthub:site:NYC") == "HubSiteEnabled"


def test_a_field_that_there_is_not(world):
    """Typed into Redis by hand, it can be taken out with the command."""
    world.cli("HSET", "posthub:site:LON", "Comment", "x", "HubSiteEnabeld", "1")
    assert "HubSiteEnabeld" in world.json("site", "list")[0]["Problem"]
    world.refused(USAGE, "did you mean HubSite", "site", "unset", "LON", "HubSiteEnabelt")
    world.ok("site", "unset", "LON", "hubsiteenabeld")
    assert world.json("site", "list") == [{"Name": "LON", "Comment": "x"}]


def test_wrong_redis_type(world):
    world.cli("SET", "posthub:rule:Odd", "x")
    assert "Odd" in world.ok("rule", "list")
    for words in (["set", "Odd", "Enabled=true"], ["show", "Odd"], ["unset", "Odd", "Enabled"]):
        done = world.run("rule", *words)
        assert done.returncode == DATA and "rule:Odd is not a Redis hash" in done.stderr
        assert '"posthub rule remove" deletes it' in done.stderr
    world.ok("rule", "remove", "Odd")
    assert world.cli("EXISTS", "posthub:rule:Odd") == "0"


def test_keys_of_no_kind_are_shown(world):
    """Typed by hand and wrong: no daemon reads them."""
    world.ok("site", "set", "LON", "Comment=x")
    world.ok("rule", "set", "R", "SubjectContainsWords=a", "DeleteMessage=1")
    world.cli("HSET", "posthub:stats:rule:R", "Hits", "1")
    for key in ("alive:MBX1:transport", "lease:db1", "lock:leader", "rate:1:x:y", "trackix:sender:a:1"):
        world.cli("SET", f"posthub:{key}", "x")
    world.cli("XADD", "posthub:track", "*", "row", "x")
    world.cli("HSET", "posthub:recipient:a@x.test", "RecipientType", "MailUser")
    assert world.json("status")["Unknown"] == []
    assert "Unknown:" not in world.ok("status")
    world.cli("HSET", "elsewhere:rul:X", "Comment", "x")
    right = {
        "rul:Na me": "rule:Na me",
        "Rule:X": "rule:X",
        "sites:A": "site:A",
        "accepteddomain:x.test": "domain:x.test",
        "transportconfig:x": "transportconfig",
        "recipients:b@x.test": "recipient:b@x.test",
    }
    for key in (*right, "rule", "colour:x"):
        world.cli("HSET", f"posthub:{key}", "Comment", "x")
    shown = {row["Key"]: row["Problem"] for row in world.json("status")["Unknown"]}
    assert set(shown) == {*right, "rule", "colour:x"}
    for key, meant in right.items():
        assert f'did you mean "{meant}"?' in shown[key]
    assert "did you mean" not in shown["colour:x"]
    assert 'did you mean "rule:NAME"?' in shown["rule"]
    assert "rul:Na me" in world.ok("status").split("Unknown:")[1]


def test_many_keys_of_no_kind(world):
    lines = "".join(f"HSET posthub:rul:{i} Comment x\n" for i in range(3000))
    subprocess.run(
        ["redis-cli", "-s", world.socket],
        input=lines,
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    shown = world.json("status")["Unknown"]
    assert len(shown) == 21 and shown[-1]["Problem"] == "2980 more"


def test_statistics_go_with_the_rule(world):
    world.ok("rule", "set", "R", "SubjectContainsWords=a", "DeleteMessage=1")
    world.cli("HSET", "posthub:stats:rule:R", "Hits", "7", "LastHit", "2026-11-30T00:00:00Z")
    world.cli("HSET", "posthub:stats:rule:r", "Hits", "1")
    assert world.json("rule", "stats", "R")[0]["Hits"] == 7
    world.ok("rule", "remove", "r")
    assert world.cli("EXISTS", "posthub:stats:rule:R") == "0"
    assert world.cli("EXISTS", "posthub:stats:rule:r") == "1"
    # Removed by hand, which leaves them; the new one is another rule.
    world.cli("HSET", "posthub:stats:rule:R", "Hits", "7")
    world.ok("rule", "set", "R", "SubjectContainsWords=b", "DeleteMessage=1")
    assert world.json("rule", "stats", "R")[0]["Hits"] == 0
    world.cli("HSET", "posthub:stats:rule:R", "Hits", "3")
    world.ok("rule", "set", "R", "SubjectContainsWords=c")
    world.refused(DATA, "Priority", "rule", "set", "R", "Priority=x")
    assert world.json("rule", "stats", "R")[0]["Hits"] == 3


def test_meta_of_the_wrong_type(world):
    world.cli("SET", "posthub:meta", "x")
    done = world.run("state", "adopt")
    assert done.returncode == DATA and done.stderr.count("\n") == 1
    assert "meta is not a Redis hash" in done.stderr and "redis-cli DEL" in done.stderr


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
    shown = world.json("rule", "show", "bad", status=DATA)
    assert shown["Name"] == "Bad" and shown["Enabled"] == "maybe" and "Enabled" in shown["Problem"]
    assert done.stdout.splitlines()[1].split() == ["Name", "Bad"]


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


def test_server_drain_and_resume(world):
    for server in ("MBX1", "MBX2"):
        world.ok("server", "set", server, "Comment=x")
    world.ok("database", "set", "DB1", "Servers=MBX1,MBX2")
    done = world.run("server", "drain", "mbx1")
    assert done.returncode == YES
    assert "database DB1 is still active there" in done.stderr
    assert "database move DB1 --to SERVER" in done.stderr
    assert world.json("server", "show", "MBX1")["State"] == "Draining"
    assert world.run("server", "drain", "MBX2").stderr == ""
    world.ok("server", "resume", "MBX1")
    assert world.json("server", "show", "MBX1", "--all")["State"] == "Active"
    for verb in ("drain", "resume"):
        world.refused(NO, "server MBX9 does not exist", "server", verb, "MBX9")
    assert world.cli("EXISTS", "posthub:server:MBX9") == "0"


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


def test_a_sensitive_type_that_there_is_not_is_warned_of(world):
    rule = ["rule", "set", "Cards", "PrependSubject=x"]
    field = "ExceptIfMessageContainsDataClassifications"
    for known in ("credit card number", "@{Name=Credit Card Number; minCount=2}"):
        assert not world.run(*rule, f"{field}={known}").stderr
    done = world.run(*rule, f"{field}=Credit Card Number,@{{Name=Credit Cards}}")
    assert done.returncode == YES
    assert f"{field}: there is no" in done.stderr and '"@{Name=Credit Cards}"' in done.stderr
    assert done.stderr.count("\n") == 1
    world.ok("rule", "remove", "Cards")


def test_warnings_are_lines_of_the_command(world):
    """Those of the libraries too: one line each that begins with its name."""
    world.ok("server", "set", "MBX1", "Transport=127.0.0.1:2525", "Site=Nowhere")
    done = world.run("status")
    assert "posthub: warning: topology: server MBX1: site Nowhere" in done.stderr
    assert all(line.startswith("posthub: ") for line in done.stderr.splitlines())
    world.ok("server", "remove", "MBX1")


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


def test_hosts_that_cannot_be_read_are_refused(world):
    connector = ["sendconnector", "set", "Out", "AddressSpaces=*"]
    world.ok(*connector, "SmartHosts=smart.test:587")
    world.refused(DATA, '"smart test" is no host', *connector, "SmartHosts=smart test")
    world.refused(DATA, "is put in quotes", *connector, "SmartHosts=[smart.test]:587")
    world.ok(*connector, 'SmartHosts="[smart.test]:587"')
    assert world.json("sendconnector", "show", "Out")["SmartHosts"] == ["[smart.test]:587"]
    world.ok("sendconnector", "remove", "Out")


def test_malformed_filter_is_refused(world):
    group = ["recipient", "set", "dyn@x.test"]
    good = "Department -eq 'Sales'"
    world.ok(*group, "RecipientType=DynamicDistributionGroup", f"RecipientFilter={good}")
    world.refused(
        DATA, "character 15: found the end of the filter", *group, "RecipientFilter=Department -eq"
    )
    assert world.json("recipient", "show", "dyn@x.test")["RecipientFilter"] == good
    world.ok("recipient", "remove", "dyn@x.test")


@pytest.mark.parametrize(
    "words",
    [
        ["-h"],
        ["-V"],
        ["site", "list"],
        ["config", "show"],
        ["dataclassification", "types"],
        ["recipient", "list", "--json"],
        ["track"],
        ["status", "--svg", "-"],
    ],
)
def test_output_that_cannot_be_written(world, words):
    """However much of it there is, and at whichever moment it is noticed."""
    for to in (">/dev/full", ">&-"):
        command = ["sh", "-c", f'exec "$0" "$@" {to}', POSTHUB, "-c", world.conf, *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == NO_INPUT, (to, done)
        assert done.stderr.startswith("posthub: standard output"), done
        assert done.stderr.count("\n") == 1


def test_what_is_closed_is_not_redis(world):
    """The next file that is opened would be standard output, or input."""
    for i in range(300):
        world.cli("HSET", f"posthub:site:LPUSH posthub:hit:{i}", "Comment", "x")
    command = [POSTHUB, "-c", world.conf]
    subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', *command, "site", "list"], check=False)
    assert world.cli("KEYS", "posthub:hit:*") == ""
    command += ["recipient", "import", "-", "--format", "csv"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" <&-', *command], capture_output=True, text=True
    )
    assert done.returncode == NO_INPUT
    assert done.stderr == "posthub: -: Bad file descriptor\n"


def on_terminal(*words, **env):
    """What is printed on a terminal, as bytes."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(POSTHUB, [POSTHUB, *words], os.environ | {"TERM": "xterm"} | env)
    shown = b""
    try:
        while piece := os.read(fd, 65536):
            shown += piece
    except OSError:  # the other side is gone
        pass
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == YES
    return shown


def test_a_table_on_a_terminal(world):
    world.ok("site", "set", "São Paulo", "Comment=日本")
    listed = ["-c", world.conf, "site", "list"]
    for env in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "", "LC_CTYPE": "", "LANG": "xx_YY.utf8"}):
        shown = on_terminal(*listed, **env).decode()
        assert "São Paulo" in shown and "日本" in shown
    assert b"\x1b[1mName" in on_terminal(*listed, NO_COLOR="")
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert b"\x1b" not in on_terminal(*listed, **quiet)
    # A terminal that shows no UTF-8 is not sent any.
    assert on_terminal(*listed, LC_ALL="C").isascii()


def test_errors_hold_no_control_characters(world):
    """Nor those that only some terminals know, nor what is no text at all."""
    for name in (b"a\x1b[2Jb", b"a\xc2\x9b2Jb", b"a\x9b2J\xffb", "é\u2028".encode()):
        command = [POSTHUB.encode(), b"-c", world.conf.encode(), b"site", b"show", name]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == NO
        text = done.stderr.decode()
        assert text.isprintable() or not any(0x7F <= ord(c) < 0xA0 or c < " " for c in text[:-1])
        assert text.endswith(" does not exist\n") and text.startswith("posthub: site ")


def test_map(world):
    assert [m["Name"] for m in world.json("map")][:3] == [
        "transport",
        "outbound",
        "recipient",
    ]
    missing = "map.sock: No such file or directory; posthub-policy"
    world.refused(UNAVAILABLE, missing, "map", "transport", "a@x.test")
    world.refused(USAGE, "KEY is missing", "map", "transport")


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
    world.refused(NO_INPUT, "none.xml", "dataclassification", "set", "Mine", "@none.xml")
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


def test_an_emptied_redis_is_not_written_into(world):
    """Nor when it cannot be read what the daemons here have kept."""
    kept = world.state / "posthub-policy.snapshot"
    kept.write_bytes(b"not readable")
    world.refused(UNAVAILABLE, "posthub state adopt", "site", "set", "A", "Comment=x")
    assert world.cli("DBSIZE") == "0"
    world.ok("state", "adopt")
    world.ok("site", "set", "A", "Comment=x")
    world.cli("FLUSHALL")
    kept.unlink()
    world.ok("site", "set", "A", "Comment=x")


def test_redis_silent(world):
    """Who only looked has changed nothing, and is not sent to look again."""
    world.redis.send_signal(signal.SIGSTOP)
    try:
        for words in (
            ["site", "list"],
            ["site", "set", "A", "Comment=x"],
            ["recipient", "list"],
            ["track"],
        ):
            done = world.run(*words)
            assert done.returncode == UNAVAILABLE, (words, done)
            assert "may have happened" not in done.stderr
    finally:
        world.redis.send_signal(signal.SIGCONT)


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
