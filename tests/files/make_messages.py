#!/usr/bin/python3
"""Makes tests/files/messages: mail that readers read differently, and mail in mail.

    tests/files/make_messages.py

What is to be found in each stands in tests/integration/test_inspect_collection.py.
"""

from __future__ import annotations

import base64
import quopri
import shutil
from pathlib import Path

from make_archives import EICAR, PROGRAM
from make_archives import OUT as ARCHIVES

OUT = Path(__file__).resolve().parent / "messages"

HEAD = "From: Anna <anna@mail.test>\nTo: bert@mail.test\nSubject: Files\nMIME-Version: 1.0\n"
BODY = "The body speaks of thulium."
HTML = ("<html><head><style>p {color: red}</style></head><body><p>thu<b>li</b>um</p>"
        "<td>first</td><td>second</td><script>never()</script></body></html>")


def encode(data: bytes) -> str:
    return base64.encodebytes(data).decode()


def entity(content: str, kind: str = "text/plain", *fields: str) -> str:
    return "\n".join((f"Content-Type: {kind}", *fields)) + f"\n\n{content}\n"


def program(kind: str = "application/octet-stream; name=run.exe", *fields: str) -> str:
    return entity(encode(PROGRAM), kind, "Content-Transfer-Encoding: base64", *fields)


def multipart(*parts: str, kind: str = "mixed", boundary: str = "b", end: str = "--",
              preamble: str = "") -> str:
    """An entity: header and all."""
    return (f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{preamble}'
            + "".join(f"--{boundary}\n{part}\n" for part in parts)
            + f"--{boundary}{end}\n")


def attached(message: str) -> str:
    return f"Content-Type: message/rfc822\n\n{message}"


# ---- bodies --------------------------------------------------------------------------


def bodies() -> dict[str, str | bytes]:
    russian, japanese = "Тулий стоит в тексте", "ツリウムについて"

    def text(charset: str, content: str, encoding: str = "8bit") -> bytes:
        data = content.encode(charset)
        if encoding == "base64":
            data = base64.encodebytes(data)
        elif encoding == "quoted-printable":
            data = quopri.encodestring(data)
        return (f"{HEAD}Content-Type: text/plain; charset={charset}\n"
                f"Content-Transfer-Encoding: {encoding}\n\n").encode() + data + b"\n"

    return {
        "plain.eml": HEAD + entity(BODY),
        "mbox.eml": "From anna@mail.test Thu Jan  2 03:04:05 2020\n" + HEAD + entity(BODY),
        "html.eml": HEAD + entity(HTML, "text/html; charset=utf-8"),
        "alternative.eml": HEAD + multipart(entity(BODY), entity(HTML, "text/html"),
                                            kind="alternative"),
        "koi8.eml": text("koi8-r", russian),
        "windows-1251.eml": text("windows-1251", russian, "quoted-printable"),
        "iso-2022-jp.eml": text("iso-2022-jp", japanese),
        "shift-jis.eml": text("shift_jis", japanese, "base64"),
        "utf-16.eml": text("utf-16", russian, "base64"),
        "utf-7.eml": text("utf-7", russian),
    }


# ---- files ---------------------------------------------------------------------------


def files() -> dict[str, str]:
    head = HEAD
    messages = {}
    turned = base64.b64encode("ann\u202efdp.exe".encode()).decode()
    for name, extra in {
        "name-2231.eml": ("application/octet-stream",
                          "Content-Disposition: attachment; filename*0*=utf-8''gr%C3%BC;\n"
                          " filename*1*=n%2E; filename*2=exe"),
        "name-2047.eml": ('application/octet-stream; name="=?utf-8?q?gr=C3=BCn=2Eexe?="',),
        "name-disagrees.eml": ('application/octet-stream; name="=?utf-8?q?good=2Etxt?="',
                               "Content-Disposition: attachment; filename*=utf-8''evil%2Eexe"),
        "name-long.eml": (f'application/octet-stream; name="{"x" * 10000}.exe"',),
        "name-turns.eml": (f'application/octet-stream; name="=?utf-8?b?{turned}?="',),
        "name-leaves.eml": ('application/octet-stream; name="../../run.exe"',),
    }.items():
        messages[name] = head + multipart(entity(BODY), program(*extra))
    archive = encode((ARCHIVES / "plain.zip").read_bytes())
    messages["archive.eml"] = head + multipart(entity(BODY), entity(
        archive, "application/zip; name=plain.zip", "Content-Transfer-Encoding: base64"))
    letter = head + multipart(entity(BODY), entity(
        archive, "application/zip; name=plain.zip", "Content-Transfer-Encoding: base64"))
    for depth in range(3):
        letter = head + multipart(entity("Forwarded."), attached(letter), boundary=f"o{depth}")
    messages["forwarded.eml"] = letter
    messages["eicar.eml"] = head + multipart(entity(BODY), entity(
        EICAR, "application/octet-stream; name=eicar.com"))
    messages["report.eml"] = head + multipart(
        entity("Could not be delivered."),
        entity("Reporting-MTA: dns; mail.test\n\nFinal-Recipient: rfc822; bert@mail.test\n"
               "Action: failed\nStatus: 5.1.1", "message/delivery-status"),
        attached(head + multipart(entity(BODY), program())), kind="report", boundary="r")
    return messages


# ---- what readers read differently -----------------------------------------------------


def contradictions() -> dict[str, str]:
    hidden = multipart(entity(BODY), program())
    inside = hidden.split("\n\n", 1)[1]
    junk = encode(PROGRAM).replace("A", "A!\x07 ", 9)
    half = len(PROGRAM) // 3 // 2 * 3 - 1
    return {
        "two-types.eml": HEAD + "Content-Type: text/plain\n" + hidden,
        "two-types-last.eml": (HEAD + 'Content-Type: multipart/mixed; boundary="b"\n'
                               + f"Content-Type: text/plain\n\n{inside}"),
        "two-boundaries.eml": (HEAD + 'Content-Type: multipart/mixed; boundary="a"; '
                               f'boundary="b"\n\n{inside}--a\n{entity("Other part.")}\n--a--\n'),
        "prefix-boundary.eml": HEAD + multipart(
            multipart(entity(BODY), program(), boundary="b.inner"), boundary="b"),
        # A line of blanks: to some it ends the header.
        "odd-fold.eml": (HEAD + "Content-Type:\n\t  multipart/mixed\n ;\n \n"
                         f' boundary = "b"\n\n{inside}'),
        "bad-base64.eml": HEAD + multipart(entity(BODY), entity(
            junk, "application/octet-stream; name=run.exe",
            "Content-Transfer-Encoding: base64")),
        "after-padding.eml": HEAD + multipart(entity(BODY), entity(
            base64.b64encode(PROGRAM[:half]).decode() + "\n"
            + base64.b64encode(PROGRAM[half:]).decode(),
            "application/octet-stream; name=run.exe",
            "Content-Transfer-Encoding: base64")),
        "preamble.eml": HEAD + multipart(
            entity(BODY), preamble="This is a message in MIME format.\n"),
        "hidden-preamble.eml": HEAD + multipart(
            entity(BODY), preamble=f"--a\n{program()}\n--a--\n"),
        "epilogue.eml": (HEAD + multipart(entity(BODY)) + "--b\n" + program() + "\n--b--\n"),
        "no-end.eml": HEAD + multipart(entity(BODY), program(), end=""),
        "cut.eml": (HEAD + multipart(entity(BODY), program()))[:-60],
        "two-encodings.eml": HEAD + multipart(entity(BODY), entity(
            encode(PROGRAM), "application/octet-stream; name=run.exe",
            "Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: base64")),
        "no-boundary.eml": HEAD + f"Content-Type: multipart/mixed\n\n{inside}",
        "encoded-multipart.eml": (HEAD + 'Content-Type: multipart/mixed; boundary="b"\n'
                                  "Content-Transfer-Encoding: base64\n\n"
                                  + encode(inside.encode())),
        "not-text.eml": HEAD + entity(encode(PROGRAM), "text/plain",
                                      "Content-Transfer-Encoding: base64"),
        "comment.eml": (HEAD + 'Content-Type: multipart/(a comment)mixed; (another) '
                        f'boundary="b"\n\n{inside}'),
    }


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    messages = {**bodies(), **files(), **contradictions()}
    for name, content in messages.items():
        data = content if isinstance(content, bytes) else content.encode()
        (OUT / name).write_bytes(data.replace(b"\n", b"\r\n"))
    print(len(messages), "messages")


if __name__ == "__main__":
    main()
