"""posthub inspect over the whole collection tests/files: what was put into each file
is what is seen in it. The tables say how the files were made, not what came out."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import ROOT, binaries

FILES = ROOT / "tests" / "files"

OOXML = "application/vnd.openxmlformats-officedocument."
WORD = OOXML + "wordprocessingml.document"
SHEET = OOXML + "spreadsheetml.sheet"
SLIDES = OOXML + "presentationml.presentation"
ODF = "application/vnd.oasis.opendocument."
PROGRAM = "application/vnd.microsoft.portable-executable"
LOCKED = "application/x-ole-encrypted-package"
CARD = "Credit Card Number"

Seen = dict[str, Any]


def inspect(messages: Iterable[Path]) -> dict[str, Seen]:
    """All by one command, by their names without ".eml"."""
    done = subprocess.run(
        [binaries() / "posthub", "inspect", "--json", "--text", *messages],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return {Path(seen["file"]).stem: seen for seen in json.loads(done.stdout)}


def wrap(path: Path, out: Path, kind: str, charset: str) -> Path:
    """A message with the file."""
    message = EmailMessage()
    for name, value in {"From": "a@b.test", "To": "c@d.test", "Subject": "A file"}.items():
        message[name] = value
    message.set_content("See attached.\n")
    major, minor = kind.split("/")
    message.add_attachment(
        path.read_bytes(), maintype=major, subtype=minor, filename=path.name
    )
    if charset:
        (part,) = message.iter_attachments()
        part.set_param("charset", charset)
    letter = out / f"{path.name}.eml"
    letter.write_bytes(message.as_bytes())
    return letter


def walk(file: Seen) -> dict[str, Seen]:
    """All that is in a file, by path."""
    found = {}
    for inner in file["files"]:
        found[inner["path"]] = inner
        found.update(walk(inner))
    return found


def blanks(text: str) -> str:
    return f" {' '.join(text.split())} "


def cards(seen: Seen) -> dict[str, int]:
    """Where card numbers were found, and how sure."""
    places: dict[str, int] = {}
    for found in seen["findings"]:
        if found["Name"] == CARD:
            for place in found["Places"]:
                places[place["In"]] = max(place["Confidence"], places.get(place["In"], 0))
    return places


@dataclass
class Faults:
    found: list[str] = field(default_factory=list)

    def check(self, name: str, what: str, got: object, expected: object) -> None:
        if got != expected:
            self.found.append(f"{name}: {what}: {got!r}, not {expected!r}")

    def none(self) -> None:
        assert not self.found, "\n".join(self.found)


# ---- documents -----------------------------------------------------------------

# By suffix; what the name does not say stands below.
TYPES = {
    "docx": WORD,
    "xlsx": SHEET,
    "xlsb": "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    "pptx": SLIDES,
    "odt": ODF + "text",
    "ods": ODF + "spreadsheet",
    "odp": ODF + "presentation",
    "fodt": "text/xml",
    "fods": "text/xml",
    "fodp": "text/xml",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "msg": "application/vnd.ms-outlook",
    "pdf": "application/pdf",
    "rtf": "text/rtf",
    "html": "text/html",
    "xml": "text/xml",
    "svg": "image/svg+xml",
    "csv": "text/csv",
    "json": "application/json",
    "txt": "text/plain",
    "zip": "application/zip",
    "bin": "application/octet-stream",
}
OTHER_TYPES = {
    "text-password.docx": LOCKED,
    "table-password.xlsx": LOCKED,
    "slides-password.pptx": LOCKED,
    "rtf-as.doc": "text/rtf",
    "word-renamed.pdf": WORD,
    # Cut before the directory that would tell.
    "word-cut.docx": "application/zip",
    "text-cut.odt": "application/zip",
    "table-cut.ods": "application/zip",
    "text-cut.doc": "application/x-ole-storage",
    "table-cut.xls": "application/x-ole-storage",
    # Without a list of types; parts with other names; the type is packed.
    "excel-cut.xlsb": "application/zip",
    "word-odd-name.docx": "application/zip",
    "inside.odt": "application/zip",
    # A text of Word's is in it, by whose streams libmagic goes.
    "outlook-decoys.msg": "application/msword",
    # Without an XML declaration.
    "fetch.xml": "text/plain",
    "laughs.xml": "text/plain",
    "data.csv": "text/plain",
}
# What libmagic has no words for, or too many: text in the charsets of others, and
# all bytes there are.
ANY_TYPE = re.compile(r"text-(euc|shift|utf(16|32)..(-russian)?\.)|binary")
# Those in which card numbers were written, beside or far from the words for them.
CARDS = {
    *(f"text.{suffix}" for suffix in ("docx", "odt", "fodt", "doc", "rtf", "html", "pdf")),
    *(f"table.{suffix}" for suffix in ("xlsx", "xls", "ods", "fods", "csv")),
    *(f"pdf-{name}.pdf" for name in ("owner", "objects", "linear", "attachment")),
    "data.csv",
    "data.json",
    "inside.odt",
    "word-embedded.docx",
    "outlook.msg",
    "outlook-disguise.doc",
    "outlook-decoys.msg",
}
# Files were cut: what is left of the number nobody knows.
CUT = "-cut."


def document_type(name: str) -> str:
    return OTHER_TYPES.get(name, TYPES[name.rsplit(".", 1)[-1]])


def document_flags(expected: Seen) -> set[str]:
    flags = {name for name in ("protected", "damaged", "limit") if expected.get(name)}
    if expected.get("answer") == -1:
        flags |= {"damaged", "unsupported"}
    if expected.get("answer") == 0 and expected.get("type") != "application/zip":
        flags.add("unsupported")
    return flags


def check_text(faults: Faults, name: str, file: Seen, expected: Seen) -> None:
    text = file.get("text", "")
    for words in expected.get("text", []):
        if blanks(words) not in blanks(text):
            faults.found.append(f"{name} lacks {words!r}")
    for words in expected.get("within", []):
        if words not in text:
            faults.found.append(f"{name} lacks {words!r}")
    for words in expected.get("absent", []):
        if words in text:
            faults.found.append(f"{name} has {words!r}")
    properties = {(p["name"], p["value"]) for p in file["properties"]}
    for pair in expected.get("properties", {}).items():
        faults.check(name, "properties", pair in properties or pair, True)


def test_documents(tmp_path: Path) -> None:
    table: dict[str, Seen] = json.loads((FILES / "documents.json").read_text())
    at = FILES / "documents"
    assert set(table) == {path.name for path in at.iterdir()}
    seen = inspect(
        wrap(at / name, tmp_path, row.get("type", "application/octet-stream"),
             row.get("charset", ""))
        for name, row in sorted(table.items())
    )  # fmt: skip
    faults = Faults()
    for name, expected in table.items():
        (file,) = (part for part in seen[name]["parts"] if "path" in part)
        if not ANY_TYPE.match(name):
            faults.check(name, "type", file["type"], document_type(name))
        faults.check(name, "flags", set(file["flags"]), document_flags(expected))
        check_text(faults, name, file, expected)
        files = {f"{name}/{inner}" for inner in expected.get("files", [])}
        if name == "plain.zip":
            files = {"plain.zip/readme.txt", "plain.zip/word.xml"}
        # Of what is an archive as well, the files are shown, too.
        if name == "plain.zip" or file["type"] != "application/zip":
            faults.check(name, "files", set(walk(file)), files)
        found = cards(seen[name])
        if CUT not in name:
            faults.check(name, "card numbers", bool(found), name in CARDS)
        if name.startswith("text.") and name in CARDS:
            faults.check(name, "sure", found.get(name, 0) >= 85, True)
    faults.none()


# ---- archives ------------------------------------------------------------------

UNREAD = ("", {"protected", "unread"})
FULL = {
    "notes.txt": ("text/plain", set()),
    "report.docx": (WORD, set()),
    "tools/run.exe": (PROGRAM, {"executable", "unsupported"}),
}
ENCRYPTED = dict.fromkeys(FULL, UNREAD)
JAR = {"META-INF/MANIFEST.MF": ("text/plain", set()), "notes.txt": ("text/plain", set())}
WORDS = {"notes.txt": "Beryllium", "report.docx": "vanadium"}


@dataclass
class Archive:
    kind: str
    files: dict[str, tuple[str, set[str]]]
    flags: set[str] = field(default_factory=set)


def below(path: str, files: dict[str, tuple[str, set[str]]]) -> dict[str, tuple[str, set[str]]]:
    return {f"{path}/{name}": row for name, row in files.items()}


def plain(kind: str) -> Archive:
    return Archive("application/" + kind, FULL)


def secret(kind: str, files: dict[str, tuple[str, set[str]]]) -> Archive:
    return Archive("application/" + kind, files, {"protected"})


ZIP, SEVEN, RAR = "zip", "x-7z-compressed", "vnd.rar"
ARCHIVES = {
    "plain.zip": plain(ZIP),
    "lzma.zip": plain(ZIP),
    "password.zip": secret(ZIP, ENCRYPTED),
    "aes.zip": secret(ZIP, ENCRYPTED),
    "plain.7z": plain(SEVEN),
    "password.7z": secret(SEVEN, ENCRYPTED),
    "names.7z": secret(SEVEN, {}),
    "plain4.rar": plain(RAR),
    "password4.rar": secret(RAR, ENCRYPTED),
    "names4.rar": secret(RAR, {}),
    "plain5.rar": plain(RAR),
    "password5.rar": secret(RAR, ENCRYPTED),
    "names5.rar": secret(RAR, {}),
    "plain.cab": plain("vnd.ms-cab-compressed"),
    "plain.lzh": plain("x-lzh-compressed"),
    "plain.iso": plain("x-iso9660-image"),
    "ustar.tar": plain("x-tar"),
    "pax.tar": plain("x-tar"),
    "gnutar.tar": plain("x-tar"),
    "plain.tar.gz": plain("gzip"),
    "plain.tar.bz2": plain("x-bzip2"),
    "plain.tar.xz": plain("x-xz"),
    "plain.tar.zst": plain("zstd"),
    "plain.tar.Z": plain("x-compress"),
    "link.tar.gz": Archive(
        "application/gzip",
        {"notes.txt": FULL["notes.txt"], "link": ("", {"suspicious", "unread"})},
        {"suspicious"},
    ),
    **{
        f"notes.txt.{suffix}": Archive(
            f"application/{kind}", {"notes.txt": FULL["notes.txt"]}
        )
        for suffix, kind in {
            "gz": "gzip",
            "bz2": "x-bzip2",
            "xz": "x-xz",
            "zst": "zstd",
        }.items()
    },
    "winmail.dat": Archive(
        "application/vnd.ms-tnef",
        {name.rsplit("/", 1)[-1]: row for name, row in FULL.items()},
    ),
    "program.jar": Archive("application/java-archive", JAR, {"executable"}),
    "two-kinds.rar": Archive(
        "application/vnd.rar", {"report.docx": FULL["report.docx"], **JAR}, {"suspicious"}
    ),
    "picture.jpg": Archive("image/jpeg", JAR, {"suspicious"}),
    "eicar.zip": Archive(
        "application/zip",
        {
            "3.zip": ("application/zip", set()),
            "3.zip/2.zip": ("application/zip", set()),
            "3.zip/2.zip/1.zip": ("application/zip", set()),
            "3.zip/2.zip/1.zip/eicar.com": ("text/plain", {"executable"}),
        },
    ),
    "nested.tar.gz": Archive(
        "application/gzip",
        {
            "tables.zip": ("application/zip", set()),
            "tables.zip/table.7z": ("application/x-7z-compressed", set()),
            "tables.zip/table.7z/table.xlsx": (SHEET, set()),
            "tables.zip/table.7z/aes.zip": ("application/zip", {"protected"}),
            **below("tables.zip/table.7z/aes.zip", ENCRYPTED),
        },
    ),
}
# Programs that open themselves; a zip that is in the RAR as it is may be shown too.
PROGRAMS = ("opens-itself.exe", "opens-itself-4.exe", "opens-itself-5.exe")


def check_archive(faults: Faults, name: str, seen: Seen, files: dict[str, Seen]) -> None:
    """Its words, and the card number in its notes."""
    places = {path.rsplit("/", 1)[-1]: file for path, file in files.items()}
    for inner, word in WORDS.items():
        if inner in places and "unread" not in places[inner]["flags"]:
            faults.check(name, inner, word in places[inner]["text"], True)
    readable = "notes.txt" in places and "unread" not in places["notes.txt"]["flags"]
    expected = {"notes.txt": 94} if readable else {}
    if name == "nested.tar.gz":
        expected = {"table.xlsx": 65}
    faults.check(name, "card numbers", cards(seen), expected)


def test_archives(tmp_path: Path) -> None:
    at = FILES / "archives"
    assert {*ARCHIVES, *PROGRAMS} == {path.name for path in at.iterdir()}
    seen = inspect(
        wrap(path, tmp_path, "application/octet-stream", "") for path in sorted(at.iterdir())
    )
    faults = Faults()
    for name, row in ARCHIVES.items():
        (file,) = (part for part in seen[name]["parts"] if "path" in part)
        files = walk(file)
        faults.check(name, "type", file["type"], row.kind)
        faults.check(name, "flags", set(file["flags"]), row.flags)
        faults.check(
            name,
            "files",
            {path: (inner["type"], set(inner["flags"])) for path, inner in files.items()},
            below(name, row.files),
        )
        check_archive(faults, name, seen[name], files)
    for name in PROGRAMS:
        (file,) = (part for part in seen[name]["parts"] if "path" in part)
        files = walk(file)
        faults.check(name, "flags", set(file["flags"]), {"executable", "unsupported"})
        faults.check(name, "files", set(below(name, FULL)) <= set(files), True)
        check_archive(faults, name, seen[name], files)
    faults.none()


# ---- messages ------------------------------------------------------------------

BODY = "The body speaks of thulium."
RUN = {"executable", "unsupported"}
WHOLE = {"1": set[str](), "2 run.exe": RUN}


@dataclass
class Message:
    """Parts by number and name, with their flags: at least these; words of bodies;
    whether readers differ about it."""

    parts: dict[str, set[str]]
    words: tuple[str, ...] = (BODY,)
    differ: bool = False
    absent: tuple[str, ...] = ()


def body(*words: str) -> Message:
    return Message({"1": set()}, words)


def named(name: str, *flags: str, differ: bool = False) -> Message:
    return Message({"1": set(), f"2 {name}": {*RUN, *flags}}, differ=differ)


MESSAGES = {
    "plain": body(BODY),
    "mbox": body(BODY),
    "html": Message({"1": set()}, ("thulium", "first second"), absent=("never", "color")),
    "alternative": Message({"1": set(), "2": set()}, (BODY, "thulium", "first second")),
    **dict.fromkeys(("koi8", "windows-1251", "utf-16", "utf-7"), body("Тулий стоит в тексте")),
    **dict.fromkeys(("iso-2022-jp", "shift-jis"), body("ツリウムについて")),
    "name-2231": named("grün.exe"),
    "name-2047": named("grün.exe"),
    "name-disagrees": named("evil.exe", differ=True),
    "name-turns": named("ann\u202efdp.exe", "suspicious"),
    "name-leaves": named("../../run.exe", "suspicious"),
    "name-long": Message({"1": set()}),
    "archive": Message({"1": set(), "2 plain.zip": set(), "run.exe": RUN}),
    "forwarded": Message(
        {"1": set(), "2": set(), "2.2": set(), "2.2.2": set(), "2.2.2.2 plain.zip": set(),
         "run.exe": RUN},
        ("Forwarded.", BODY),
    ),
    "eicar": Message({"1": set(), "2 eicar.com": {"executable"}}),
    "report": Message(
        {"1": set(), "2": set(), "3": set(), "3.1": set(), "3.2 run.exe": RUN},
        ("Could not be delivered.", BODY),
    ),
    # Two readings, and both are followed.
    "two-types": Message(WHOLE, differ=True),
    "two-types-last": Message(WHOLE, differ=True),
    "two-encodings": Message(WHOLE, differ=True),
    "two-boundaries": Message({}, (), differ=True),
    "no-boundary": Message({}, (), differ=True),
    "encoded-multipart": Message(WHOLE, differ=True),
    "epilogue": Message(WHOLE, differ=True),
    "hidden-preamble": Message({"1": set()}, differ=True),
    "no-end": Message(WHOLE, differ=True),
    "cut": Message({"1": set(), "2 run.exe": RUN}, differ=True),
    # One reading that all common readers show.
    "prefix-boundary": Message({"1.1": set(), "1.2 run.exe": RUN}),
    "odd-fold": Message(WHOLE),
    "comment": Message(WHOLE),
    "bad-base64": Message(WHOLE),
    "after-padding": Message(WHOLE),
    "preamble": body(BODY),
    "not-text": Message({"1": set()}, ()),
}  # fmt: skip


def test_messages() -> None:
    at = FILES / "messages"
    assert set(MESSAGES) == {path.stem for path in at.iterdir()}
    seen = inspect(sorted(at.iterdir()))
    faults = Faults()
    for name, row in MESSAGES.items():
        parts: dict[str, set[str]] = {}
        text = ""
        for part in seen[name]["parts"]:
            parts[part["name"]] = set(part["flags"])
            parts.update({f["name"]: set(f["flags"]) for f in walk(part).values()})
            text += part.get("text", "") + "\n"
        for part, flags in row.parts.items():
            faults.check(name, part, parts.get(part), flags)
        for words in row.words:
            faults.check(name, words, blanks(words) in blanks(text), True)
        for words in row.absent:
            faults.check(name, words, words in text, False)
        faults.check(name, "differ", "suspicious" in seen[name], row.differ)
    faults.none()
