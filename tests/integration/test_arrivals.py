"""What comes into a mailbox is told of: on a Redis channel, to a command and to
a web server. None of them can hold up mail."""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import MOTA, NUNO
from tests.lab import letter, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.redis import Client
from tests.lab.smtp_mta import Mail

ADDRESS = "127.0.1.1"


class Web:
    """Takes posts; answers when it is let."""

    def __init__(self) -> None:
        self.posts: queue.Queue[dict[str, str]] = queue.Queue()
        self.go = threading.Event()
        self.go.set()
        posts, go = self.posts, self.go

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                size = int(self.headers["Content-Length"])
                posts.put(json.loads(self.rfile.read(size)))
                go.wait(60)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer((ADDRESS, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server.server_address[1]}/arrived"


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.go.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def lab(web: Web) -> Iterator[Lab]:
    with Lab() as made:
        made.domain("letsexchange.com")
        host = made.host("MBX1")
        made.database("DB1", ["MBX1"])
        for address in (NUNO, MOTA):
            made.mailbox(address, "DB1")
        host.set("redis", "timeout", "30s")
        host.set("delivery", "webhook", web.url)
        host.set("delivery", "hook", f"/bin/sh -c 'exec cat >>{command_file(host)}'")
        made.start()
        yield made


def command_file(host: Host) -> Path:
    return host.state / "arrived"


@pytest.fixture
def channel(lab: Lab) -> Iterator[Client]:
    client = Client(lab.redis.socket)
    assert client.call("SUBSCRIBE", "posthub:notify")[0] == "subscribe"
    yield client
    client.close()


def told(channel: Client) -> dict[str, str]:
    kind, name, text = channel._reply()
    assert (kind, name) == ("message", "posthub:notify")
    return json.loads(text)


def lmtp(host: Host, mail: Mail, *recipients: str) -> list[str]:
    with host.connect_lmtp() as dialogue:
        dialogue.command("LHLO test")
        dialogue.command(f"MAIL FROM:<{mail.sender}>")
        for recipient in recipients:
            dialogue.command(f"RCPT TO:<{recipient}>")
        assert dialogue.command("DATA").startswith("354 ")
        dialogue.send(mail.content)
        dialogue.send(b".\r\n")
        return [dialogue.reply() for _ in recipients]


def drain(web: Web) -> None:
    while not web.posts.empty():
        web.posts.get_nowait()


def test_all_three_are_told_of_each_mailbox(lab: Lab, web: Web, channel: Client) -> None:
    host = lab.hosts["MBX1"]
    drain(web)
    mail = letter.post(host, letter.compose(NUNO, MOTA))
    messages = [lab.wait_message(address, mail.ident) for address in (NUNO, MOTA)]
    nmid = messages[0]["X-PostHub-Network-Message-Id"]
    wanted = [
        {
            "recipient": address,
            "database": "DB1",
            "message-id": mail.ident,
            "network-message-id": nmid,
            "folder": "INBOX",
        }
        for address in (MOTA, NUNO)
    ]

    def by_recipient(event: dict[str, str]) -> str:
        return event["recipient"]

    assert sorted([told(channel), told(channel)], key=by_recipient) == wanted
    posts = [web.posts.get(timeout=15) for _ in wanted]
    assert sorted(posts, key=by_recipient) == wanted

    def by_command() -> bool:
        text = command_file(host).read_text(encoding="utf-8")
        return all(json.dumps(event, separators=(",", ":")) in text for event in wanted)

    wait.until("the command", by_command)


def test_what_was_not_stored_is_not_told_of(lab: Lab, channel: Client) -> None:
    host = lab.hosts["MBX1"]
    mail = letter.compose(NUNO)
    assert lmtp(host, mail, NUNO)[0].startswith("250 2.1.5 ")
    assert told(channel)["message-id"] == mail.ident
    assert lmtp(host, mail, NUNO)[0].endswith("Delivered before")
    last = letter.compose(NUNO)
    assert lmtp(host, last, NUNO)[0].startswith("250 2.1.5 ")
    assert told(channel)["message-id"] == last.ident


def test_many_at_once_are_told_of_in_their_order(lab: Lab, channel: Client) -> None:
    """More than go to Redis together."""
    host = lab.hosts["MBX1"]
    mails = [letter.compose(NUNO) for _ in range(150)]
    with host.connect_lmtp() as dialogue, lab.redis.child.frozen():
        dialogue.command("LHLO test")
        for mail in mails:
            dialogue.send(f"MAIL FROM:<a@sender.test>\r\nRCPT TO:<{NUNO}>\r\nDATA\r\n".encode())
            assert [dialogue.reply()[0] for _ in range(3)] == ["2", "2", "3"]
            dialogue.send(mail.content + b".\r\n")
            assert dialogue.reply().startswith("250 2.1.5 ")
    assert [told(channel)["message-id"] for _ in mails] == [mail.ident for mail in mails]


def test_a_web_server_that_hangs_holds_up_nothing(lab: Lab, web: Web) -> None:
    host = lab.hosts["MBX1"]
    web.go.clear()
    # More than run at once, so the rest waits in the queue.
    mails = [letter.compose(NUNO) for _ in range(10)]
    for mail in mails:
        assert lmtp(host, mail, NUNO)[0].startswith("250 2.1.5 ")
    web.go.set()
    missing = {mail.ident for mail in mails}
    while missing:
        missing.discard(web.posts.get(timeout=30)["message-id"])


def test_redis_away_is_logged_once_and_mail_comes(lab: Lab, web: Web) -> None:
    host = lab.hosts["MBX1"]
    before = len(host.log_text("delivery"))
    lab.redis.kill()
    try:
        for _ in range(5):
            assert lmtp(host, letter.compose(NUNO), NUNO)[0].startswith("250 2.1.5 ")
        wait.until("the loss to be told", lambda: "notify: " in host.log_text("delivery")[before:])
    finally:
        lab.redis.start()
    client = Client(lab.redis.socket)
    client.call("SUBSCRIBE", "posthub:notify")

    def again() -> bool:
        assert lmtp(host, letter.compose(NUNO), NUNO)[0].startswith("250 2.1.5 ")
        return "notify: works again" in host.log_text("delivery")[before:]

    wait.until("it to work again", again, interval=0.2)
    assert told(client)["recipient"] == NUNO
    client.close()
    text = host.log_text("delivery")[before:]
    assert text.count("messages that come are not told of") == 1
    dropped = re.search(r"works again, (\d+) messages were not told of", text)
    assert dropped and int(dropped[1]) >= 5
