"""posthub inspect, on good files and on the worst."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lab.attachment import PROGRAM, content, protected, tarred, zipped
from tests.lab.lab import binaries

HEADERS = {"From": "a@b.test", "To": "c@d.test", "Subject": "x"}
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MB = 1 << 20


def run(message: bytes, *options: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [binaries() / "posthub", "inspect", "-", *options],
        input=message,
        capture_output=True,
        timeout=60,
        user=user,
        check=False,
    )


def inspect_message(message: bytes) -> dict[str, Any]:
    done = run(message, "--json", "--text")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def inspect(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The attachments, without the body."""
    parts: list[dict[str, Any]] = inspect_message(content(files, HEADERS))["parts"]
    return parts[1:]


def walk(files: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for file in files for each in [file, *walk(file["files"])]]


def by_path(files: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {file["path"]: file for file in walk(files)}


def flags(name: str, data: bytes) -> set[str]:
    """Of the attachment and everything in it."""
    return {flag for file in walk(inspect({name: data})) for flag in file["flags"]}


# ---- what it shows -------------------------------------------------------------


def test_tree() -> None:
    inner = zipped({"c.exe": PROGRAM, "words.txt": b"some words"})
    found = by_path(inspect({"a.zip": zipped({"in/b.zip": inner})}))
    assert list(found) == [
        "a.zip",
        "a.zip/in/b.zip",
        "a.zip/in/b.zip/c.exe",
        "a.zip/in/b.zip/words.txt",
    ]
    assert found["a.zip"]["type"] == found["a.zip/in/b.zip"]["type"] == "application/zip"
    assert found["a.zip"]["declared"] == "application/octet-stream"
    assert "executable" in found["a.zip/in/b.zip/c.exe"]["flags"]
    words = found["a.zip/in/b.zip/words.txt"]
    assert (words["size"], words["text_size"], words["text"]) == (10, 10, "some words")
    # printf 'some words' | sha256sum
    assert words["sha256"] == (
        "050777a35dcd48838062824126e60a0780dc322c5b1f84c3a32636cc7466b1b6"
    )


def card(data: bytes) -> tuple[int, int, set[str]]:
    """How many card numbers, how sure, and in which files. 4111 1111 1111 1111
    is one for tests."""
    message = content({"a.zip": zipped({"list.txt": data})}, HEADERS)
    found = {f["Name"]: f for f in inspect_message(message)["findings"]}
    number = found["Credit Card Number"]
    return number["Count"], number["Confidence"], {p["In"] for p in number["Places"]}


def test_sensitive_information() -> None:
    """In a file of an archive: a number alone, and one beside a word that
    confirms it."""
    assert card(b"4111 1111 1111 1111") == (1, 65, {"list.txt"})
    confirmed = b"visa card 4111 1111 1111 1111, expires 01/30"
    assert card(confirmed) == (1, 94, {"list.txt"})
    done = run(content({"list.txt": confirmed}, HEADERS))
    assert b"Credit Card Number" in done.stdout


def test_table() -> None:
    done = run(content({"a.zip": zipped({"b.txt": b"x"})}, HEADERS))
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    assert lines[0][0] == "part"
    assert [line[:2] for line in lines[2:]] == [["2", "a.zip"], ["2", "a.zip/b.txt"]]


def test_same_for_who_is_not_root(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("is not root anyway")
    message = content({"a.zip": zipped({"run": PROGRAM})}, HEADERS)
    as_root, as_nobody = run(message), run(message, user=65534)
    assert as_nobody.returncode == 0, as_nobody.stderr
    assert as_nobody.stdout == as_root.stdout


def test_eicar_at_each_depth() -> None:
    data, path = EICAR, "eicar.com"
    for depth in range(5):
        found = inspect({"a": data})
        assert "executable" in walk(found)[-1]["flags"], depth
        data = zipped({path: data})
        path = f"{depth}.zip"


# ---- the worst -----------------------------------------------------------------


def bomb(layers: int) -> bytes:
    data = zipped({"0": bytes(64 * MB)})
    for _ in range(layers):
        data = zipped({f"{i}.zip": data for i in range(16)})
    return data


def quine() -> bytes:
    """An archive that holds itself as often as may be: nobody gets to its end."""
    data = zipped({"a.txt": b"x"})
    for _ in range(60):
        data = zipped({"r.zip": data})
    return data


def many(n: int) -> bytes:
    return zipped({f"{i}": b"" for i in range(n)}, zipfile.ZIP_STORED)


def overlapping() -> bytes:
    """Every entry of the directory is the same file."""
    data = zipped({"x": bytes(MB)})
    start = data.rindex(b"PK\1\2")
    end = data.rindex(b"PK\5\6")
    central = data[start:end]
    head = bytearray(data[end:])
    n = 5000
    head[8:12] = n.to_bytes(2, "little") * 2
    head[12:16] = (n * len(central)).to_bytes(4, "little")
    return data[:start] + central * n + bytes(head)


BOMBS = {
    "flat": lambda: bomb(0),
    "nested": lambda: bomb(3),
    "in itself": quine,
    "100,000 files": lambda: many(100_000),
}


@pytest.mark.parametrize("what", BOMBS)
def test_bomb_is_a_limit(what: str) -> None:
    assert "limit" in flags("a.zip", BOMBS[what]())


def two_names() -> bytes:
    data = bytearray(zipped({"evil.exe": PROGRAM}))
    at = data.rindex(b"evil.exe")
    data[at : at + 8] = b"good.txt"
    return bytes(data)


def nul_name() -> bytes:
    data = zipped({"good.txtXevil.exe": PROGRAM})
    return data.replace(b"good.txtXevil.exe", b"good.txt\0evil.exe")


SUSPICIOUS = {
    "a name that leaves": lambda: zipped({"../../etc/passwd": b"x"}),
    "an absolute name": lambda: zipped({"/etc/passwd": b"x"}),
    "a drive": lambda: zipped({"C:\\windows\\x.dll": b"x"}),
    "right to left": lambda: zipped({"ann\u202efdp.exe": b"x"}),
    "a long name": lambda: zipped({"x" * 10_000: b"x"}),
    "a link": lambda: tarred({}, {"l": "/etc/passwd"}),
    "two names": two_names,
    "two archives": lambda: zipped({"a": PROGRAM}) + zipped({"b": b"x"}),
    "NUL in a name": nul_name,
    "entries that overlap": overlapping,
}


@pytest.mark.parametrize("what", SUSPICIOUS)
def test_suspicious(what: str) -> None:
    assert "suspicious" in flags("a", SUSPICIOUS[what]())


def test_both_names_and_hidden_files_are_seen() -> None:
    found = by_path(inspect({"a.zip": two_names()}))
    assert {"a.zip/evil.exe", "a.zip/good.txt"} <= set(found)
    found = by_path(inspect({"a.zip": zipped({"a": PROGRAM}) + zipped({"b": b"x"})}))
    assert "executable" in found["a.zip/a"]["flags"]
    assert "a.zip/b" in found


@pytest.mark.parametrize("size", [1, 4, 30, 60, 90, 120])
def test_cut_archive_never_hurts(size: int) -> None:
    data = zipped({"evil.exe": PROGRAM})
    for cut in (data[:size], data[:-size], data[size:]):
        assert len(inspect({"a.zip": cut})) == 1


def test_password() -> None:
    assert "protected" in flags("a.zip", protected("x"))


def nested_messages(n: int) -> bytes:
    head = b"From: a@b.test\r\nTo: c@d.test\r\n"
    inner = head + b"Content-Type: application/x; name=run\r\n\r\n" + PROGRAM
    return (head + b"Content-Type: message/rfc822\r\n\r\n") * n + inner


def test_messages_in_each_other() -> None:
    seen = inspect_message(nested_messages(20))
    assert any("executable" in file["flags"] for file in walk(seen["parts"]))
    # Deeper than anybody looks.
    assert inspect_message(nested_messages(200))["truncated"]
    assert "limit" in flags("a.eml", nested_messages(200))


def test_message_in_a_file() -> None:
    letter = content({"b.zip": zipped({"run": PROGRAM})}, HEADERS)
    found = by_path(inspect({"a.zip": zipped({"letter.eml": letter})}))
    assert found["a.zip/letter.eml"]["type"] == "message/rfc822"
    assert "See attached." in found["a.zip/letter.eml"]["text"]
    assert "executable" in found["a.zip/letter.eml/b.zip/run"]["flags"]


def test_large_message_takes_little_memory() -> None:
    """A nested archive of what cannot be compressed."""
    data = os.urandom(12 * MB)
    message = content({"a.zip": zipped({"b.zip": zipped({"data.bin": data})})}, HEADERS)
    found = walk(inspect_message(message)["parts"])
    assert [file["size"] for file in found if file["name"] == "data.bin"] == [len(data)]
    assert not {flag for file in found for flag in file["flags"]} & {"limit", "not inspected"}


def test_names_in_two_encodings() -> None:
    """RFC 2231 and an encoded word that disagree: what is inside counts."""
    message = (
        b"From: a@b.test\r\nContent-Type: application/octet-stream;\r\n"
        b' name="=?utf-8?q?good=2Etxt?="\r\n'
        b"Content-Disposition: attachment; filename*=utf-8''evil%2Eexe\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(PROGRAM)
    )
    (part,) = inspect_message(message)["parts"]
    assert "executable" in part["flags"]


def test_old_tar() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("run.exe")
        member.size = len(PROGRAM)
        archive.addfile(member, io.BytesIO(PROGRAM))
    assert "executable" in flags("a.tar", out.getvalue())
