"""posthub track: rows in Redis, and in files."""

import json

from tests.lab.command import NO, NO_INPUT, USAGE, YES

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
    "related": 16,
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


def reported(world, *words):
    return {r["Recipient"]: (r["Status"], r.get("Detail", "")) for r in world.json("report", *words)}


def test_report(world):
    """Of each recipient what is true in the end, whatever came in between."""
    steps = [
        ("SMTP", "RECEIVE", "bob@x.test;carol@x.test;all@x.test;frank@x.test", "", ""),
        ("ROUTING", "EXPAND", "dave@x.test;erin@y.test", "", "all@x.test"),
        ("ROUTING", "REDIRECT", "gina@x.test", "", "frank@x.test"),
        ("SMTP", "SEND", "bob@x.test;carol@x.test", "250 OK;250 OK", ""),
        ("SMTP", "SEND", "erin@y.test", "250 2.0.0 taken; queued as 1", ""),
        ("SMTP", "DEFER", "dave@x.test", "451 4.3.0 later", ""),
        ("STOREDRIVER", "DELIVER", "bob@x.test", "", ""),
        ("SMTP", "FAIL", "carol@x.test;bob@x.test", "552 5.2.2 full;550 5.0.0 twice", ""),
        ("SMTP", "DEFER", "carol@x.test", "451 4.0.0 older", ""),
    ]
    for n, (source, event, rcpt, status, related) in enumerate(steps):
        line = row(
            time=f"2026-11-21T10:00:{n:02}.000Z",
            client="MBX1",
            server="MBX1",
            source=source,
            event=event,
            mid="<r@x.test>",
            nmid="n-9",
            rcpt=rcpt,
            status=status,
            related=related,
            id=f"r{n}",
        )
        world.cli("XADD", "posthub:track", "*", "row", line, "server", "MBX1")
    assert reported(world, "r@x.test") == {
        "bob@x.test": ("Delivered", ""),
        "carol@x.test": ("Failed", "552 5.2.2 full"),
        "all@x.test": ("Expanded", "dave@x.test;erin@y.test"),
        "dave@x.test": ("Deferred", "451 4.3.0 later"),
        "erin@y.test": ("Sent", "250 2.0.0 taken; queued as 1"),
        "frank@x.test": ("Redirected", "gina@x.test"),
        "gina@x.test": ("Pending", ""),
    }
    assert world.json("report", "<nobody@x.test>", status=NO) == []
    world.refused(USAGE, "--files is", "report", "x", "--files", "")


def test_track_says_what_it_cannot_read(world):
    nowhere = world.path / "nowhere"
    world.refused(NO_INPUT, str(nowhere), "track", "--dir", str(nowhere))
    world.refused(NO_INPUT, str(nowhere), "track", "--files", str(nowhere))
    world.refused(USAGE, "--files is", "track", "--files", "")
    world.refused(USAGE, "--columns is", "track", "--columns", "")
    letter = world.path / "letter.eml"
    letter.write_text("From: nuno@x.test\n\nNo log at all.\n")
    done = world.run("track", "--files", str(letter), "--json")
    assert done.returncode == NO and json.loads(done.stdout) == []
    assert "2 lines cannot be read" in done.stderr


def test_a_picture_that_cannot_be_written(world):
    world.ok("site", "set", "LON", "Comment=x")
    world.refused(NO_INPUT, "nowhere", "status", "--svg", str(world.path / "nowhere" / "a.svg"))
    world.ok("site", "remove", "LON")
