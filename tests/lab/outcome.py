"""What became of a mail: who has it and as what, and what its sender was told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import Message
from typing import Any

from tests.lab import letter, wait
from tests.lab.host import Host, maildir_files
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail

# What servers write into a message on its way.
ADDED = re.compile(
    r"(Received|Return-Path|X-PostHub-[^:]*|X-MS-Exchange-Transport-Rules-Loop"
    r"|X-Auto-Response-Suppress):",
    re.IGNORECASE,
)

# All rules at once, so that no mail ever meets half of them.
PUT_RULES = """
for _, key in ipairs(redis.call('KEYS', 'posthub:rule:*')) do redis.call('DEL', key) end
for name, fields in pairs(cjson.decode(ARGV[1])) do
    for field, value in pairs(fields) do
        redis.call('HSET', 'posthub:rule:' .. name, field, value)
    end
end
"""


def put_rules(lab: Lab, rules: Mapping[str, Mapping[str, str]]) -> None:
    """These and no others, in force on every host."""
    if _rules(lab) == {name: dict(found) for name, found in rules.items()}:
        return  # nothing would change, so nobody would say that it has
    text = json.dumps(rules)
    lab.change(lambda: lab.redis.call("EVAL", PUT_RULES, "0", text))


def _rules(lab: Lab) -> dict[str, dict[str, str]]:
    prefix = "posthub:rule:"
    keys = lab.redis.keys(f"{prefix}*")
    replies = {key.removeprefix(prefix): lab.redis.call("HGETALL", key) for key in keys}
    return {name: _pairs(reply) for name, reply in replies.items()}


def _pairs(reply: object) -> dict[str, str]:
    words = [str(word) for word in reply] if isinstance(reply, list) else []
    return dict(zip(words[::2], words[1::2], strict=True))


# ---- sending ----------------------------------------------------------------


def from_inside(*recipients: str, sender: str, **fields: Any) -> Mail:
    """A mail of somebody who has logged in at another server of ours."""
    headers = {"X-PostHub-AuthAs": "Internal"} | fields.pop("headers", {})
    return letter.compose(*recipients, sender=sender, headers=headers, **fields)


def post_inside(host: Host, mail: Mail) -> Mail:
    """As a server of ours hands it in."""
    return letter.post(host, mail, source=host.address)


# ---- what there is in mailboxes ----------------------------------------------


def stored(lab: Lab, address: str) -> list[bytes]:
    """All messages in a mailbox, as they lie there."""
    return [file.read_bytes() for path in lab.maildirs(address) for file in maildir_files(path)]


def copies(lab: Lab, address: str, mail: Mail) -> list[bytes]:
    """Those that are this mail."""
    return [c for c in stored(lab, address) if message_from_bytes(c)["Message-ID"] == mail.ident]


def copy(lab: Lab, address: str, mail: Mail) -> bytes:
    """The one that has come, once it is there; a second one is an error."""
    what = f"{mail.ident} in the mailbox of {address}"
    found = wait.until(what, lambda: copies(lab, address, mail))
    assert len(found) == 1, f"{what}: {len(found)} times"
    return found[0]


def unix(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n")


def body(content: bytes) -> bytes:
    return unix(content).partition(b"\n\n")[2]


def fields(content: bytes) -> list[str]:
    """Header fields in order, folds and all, without what servers add."""
    head = unix(content).partition(b"\n\n")[0].decode("utf-8", "surrogateescape")
    found = re.split(r"\n(?![ \t])", head)
    return [field for field in found if field and not ADDED.match(field)]


def header(content: bytes, name: str) -> str:
    return str(message_from_bytes(content)[name])


def same(content: bytes, mail: Mail) -> bool:
    """It has arrived as it was sent."""
    return fields(content) == fields(mail.content) and body(content) == body(mail.content)


# ---- what the sender was told -----------------------------------------------


def reports(lab: Lab, address: str, mail: Mail) -> list[Message]:
    """Delivery status notifications in a mailbox about this mail."""
    found = (message_from_bytes(content) for content in stored(lab, address))
    return [
        message
        for message in found
        if message.get_content_type() == "multipart/report" and mail.ident in message.as_string()
    ]


def report(lab: Lab, address: str, mail: Mail) -> Message:
    """The one about this mail, once it is there; a second one is an error."""
    what = f"a report about {mail.ident} in the mailbox of {address}"
    found = wait.until(what, lambda: reports(lab, address, mail))
    assert len(found) == 1, f"{what}: {len(found)}"
    return found[0]


def status(message: Message) -> list[dict[str, str]]:
    """The second part of a report, block by block, names in lower case: the
    message first, then each recipient."""
    part = message.get_payload()[1]
    text = part.get_payload(decode=True) or part.as_bytes().partition(b"\n\n")[2]
    blocks = re.split(r"\n[ \t]*\n", unix(text).decode().strip("\n"))
    return [_block(block) for block in blocks]


def _block(text: str) -> dict[str, str]:
    lines = re.sub(r"\n[ \t]+", " ", text).split("\n")
    pairs = (line.partition(":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in pairs}
