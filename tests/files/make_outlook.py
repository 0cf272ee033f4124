"""Messages as Outlook saves them: the streams by hand (MS-OXMSG), the compound file
of them by gsf createole."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

from content import PROPERTIES

SUBJECT, SENDER, ADDRESS, TO, BODY, HTML, RTF = (
    0x0037, 0x0C1A, 0x5D01, 0x0E04, 0x1000, 0x1013, 0x1009)
DATA, SHORT_NAME, LONG_NAME, CODEPAGE = 0x3701, 0x3704, 0x3707, 0x3FFD


class Storage:
    """A directory that becomes a storage."""

    def __init__(self, at: Path, charset: str = "utf-16-le") -> None:
        self.at = at
        self.charset = charset
        at.mkdir(exist_ok=True)

    def put(self, tag: int, kind: int, data: bytes) -> None:
        (self.at / f"__substg1.0_{tag:04X}{kind:04X}").write_bytes(data)

    def text(self, tag: int, value: str) -> None:
        self.put(tag, 0x1F if self.charset == "utf-16-le" else 0x1E, value.encode(self.charset))

    def fixed(self, head: int, **numbers: int) -> None:
        entries = b"".join(struct.pack("<HHIII", 3, CODEPAGE, 6, value, 0)
                           for value in numbers.values())
        (self.at / "__properties_version1.0").write_bytes(bytes(head) + entries)

    def attach(self, number: int) -> Storage:
        inner = Storage(self.at / f"__attach_version1.0_#{number:08X}", self.charset)
        inner.fixed(8)
        return inner

    def attach_file(self, number: int, short: str, name: str, data: bytes) -> None:
        inner = self.attach(number)
        inner.text(SHORT_NAME, short)
        if name:
            inner.text(LONG_NAME, name)
        inner.put(DATA, 0x0102, data)


def create(path: Path, at: Path) -> None:
    path.unlink(missing_ok=True)
    subprocess.run(["gsf", "createole", path.resolve(), *sorted(p.name for p in at.iterdir())], cwd=at,
                   check=True, stdout=subprocess.DEVNULL)


def unpacked_rtf(text: str) -> bytes:
    """MS-OXRTFCP allows that it is not compressed."""
    data = text.encode()
    return struct.pack("<II4sI", len(data) + 12, len(data), b"MELA", 0) + data


def make_message(at: Path, out: Path) -> None:
    top = Storage(at)
    top.fixed(32, codepage=1252)
    top.text(SUBJECT, PROPERTIES["Subject"])
    top.text(SENDER, "Anna Example")
    top.text(ADDRESS, "anna@mail.test")
    top.text(TO, "Bert Beispiel")
    top.text(BODY, "The body speaks of terbium, Grüße, 日本語.\r\n")
    top.put(HTML, 0x0102, "<p>HTML speaks of hol<b>mium</b>, Gr\u00fc\u00dfe".encode("cp1252"))
    top.put(RTF, 0x0102, unpacked_rtf("{\\rtf1 RTF speaks of erbium}"))
    top.attach_file(0, "NOTES~1.TXT", "long notes.txt", b"Beryllium stands in the notes.\n")
    top.attach_file(1, "table.csv", "", (out / "table.csv").read_bytes())
    letter = top.attach(2)
    letter.text(0x3001, "Forwarded letter")
    inner = Storage(letter.at / "__substg1.0_3701000D")
    inner.fixed(24)
    inner.text(SUBJECT, "Subject of the inner letter")
    inner.text(BODY, "The inner body speaks of lutetium.")
    inner.attach_file(0, "inner.txt", "", b"Ytterbium stands in the inner file.\n")
    create(out / "outlook.msg", at)


def make_old(at: Path, out: Path) -> None:
    top = Storage(at, "cp1251")
    top.fixed(32, codepage=1251)
    top.text(SUBJECT, "Привет")
    top.text(BODY, "Текст старого письма")
    top.put(HTML, 0x1E, "<p>Текст  старого письма</p>".encode("cp1251"))
    top.attach_file(0, "файл.txt", "", "Текст файла".encode("cp1251"))
    create(out / "outlook-1251.msg", at)


def copy_streams(document: Path, at: Path) -> None:
    """Those that hold a text of Word's."""
    at.mkdir(exist_ok=True)
    for name in ("WordDocument", "1Table", "Data"):
        (at / name).write_bytes(subprocess.run(["gsf", "cat", document.resolve(), name],
                                               check=True, capture_output=True).stdout)


def make_disguised(at: Path, out: Path) -> None:
    """A document for Word, a message by one stream."""
    Storage(at).fixed(32)
    copy_streams(out / "text.doc", at)
    create(out / "outlook-disguise.doc", at)


def make_decoys(at: Path, out: Path) -> None:
    top = Storage(at)
    top.fixed(32)
    top.text(BODY, "A se cret of tan talum.")
    top.put(HTML, 0x0102, "<meta charset=utf-8><p>A secret of tantalum, Привет.".encode())
    top.attach_file(0, "real.txt", "", b"Hafnium stands in the real file.\n")
    # In front of the one that Outlook opens.
    Storage(at / "__attach_version1.0_#00000000").put(DATA, 0x1E, b"Nothing.\n")
    embedded = top.attach(1)
    copy_streams(out / "text.doc", embedded.at / "__substg1.0_3701000D")
    create(out / "outlook-decoys.msg", at)


def make(out: Path) -> dict[str, dict]:
    for function in (make_message, make_old, make_disguised, make_decoys):
        with tempfile.TemporaryDirectory() as name:
            function(Path(name), out)
    return {
        "outlook.msg": {
            "text": [PROPERTIES["Subject"], "Anna Example", "anna@mail.test", "Bert Beispiel",
                     "The body speaks of terbium, Grüße, 日本語.", "HTML speaks of holmium, Grüße",
                     "Subject of the inner letter", "The inner body speaks of lutetium."],
            "properties": {"Subject": PROPERTIES["Subject"], "From": "Anna Example",
                           "To": "Bert Beispiel"},
            "files": ["message.rtf", "long notes.txt", "table.csv", "Forwarded letter/inner.txt"]},
        "outlook-1251.msg": {
            "text": ["Привет", "Текст старого письма"], "once": ["Текст старого письма"],
            "properties": {"Subject": "Привет"}, "files": ["файл.txt"]},
        "outlook-disguise.doc": {
            "text": ["The first paragraph names the word confidential.", "Text box with iridium."]},
        "outlook-decoys.msg": {
            "text": ["A se cret of tan talum.", "A secret of tantalum, Привет.",
                     "The first paragraph names the word confidential."],
            "damaged": True, "files": ["real.txt"]},
    }
