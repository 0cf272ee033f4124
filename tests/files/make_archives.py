#!/usr/bin/python3
"""Makes tests/files/archives: the same files in archives of every kind.

    tests/files/make_archives.py

zip, 7z, bsdtar, genisoimage, gcab, jlha and zstd must be installed. There is no free
program that writes RAR or TNEF: those are put together here, as their formats are
described (RAR 5.0 archive format and technote.txt of unrar; MS-OXTNEF). What is to be
found in each stands in tests/integration/test_inspect_collection.py.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import make_ooxml
from content import PASSWORD

HERE = Path(__file__).resolve().parent
OUT = HERE / "archives"

NOTES = "Beryllium stands in the notes.\nVisa card 4111 1111 1111 1111, expires 01/30.\n"
REPORT = "The report speaks of vanadium."
# What Windows takes for a program: an MZ header that points to a PE header.
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(64)
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NAMES = ("notes.txt", "report.docx", "tools/run.exe")


def fill(at: Path) -> None:
    (at / "tools").mkdir()
    (at / "notes.txt").write_text(NOTES)
    make_ooxml.docx(at / "report.docx", make_ooxml.word(make_ooxml.para(REPORT)))
    (at / "tools" / "run.exe").write_bytes(PROGRAM)


def run(at: Path, *command: str | Path) -> None:
    subprocess.run(command, cwd=at, check=True, stdout=subprocess.DEVNULL)


# ---- by programs -------------------------------------------------------------------


def make_zip(at: Path) -> None:
    run(at, "zip", "-qX", OUT / "plain.zip", *NAMES)
    run(at, "zip", "-qX", "-P", PASSWORD, OUT / "password.zip", *NAMES)
    secret = f"-p{PASSWORD}"
    run(at, "7z", "a", "-tzip", "-mem=AES256", secret, OUT / "aes.zip", *NAMES)
    run(at, "7z", "a", "-tzip", "-mm=LZMA", OUT / "lzma.zip", *NAMES)
    run(at, "7z", "a", OUT / "plain.7z", *NAMES)
    run(at, "7z", "a", secret, OUT / "password.7z", *NAMES)
    run(at, "7z", "a", secret, "-mhe=on", OUT / "names.7z", *NAMES)
    run(at, "7z", "a", "-tzip", "-mm=Copy", OUT / "program.zip", *NAMES)
    data = (OUT / "program.zip").read_bytes()
    (OUT / "program.zip").unlink()
    (OUT / "opens-itself.exe").write_bytes(PROGRAM + data)
    (at / "META-INF").mkdir()
    (at / "META-INF" / "MANIFEST.MF").write_text("Manifest-Version: 1.0\n")
    run(at, "zip", "-qX", OUT / "program.jar", "META-INF/MANIFEST.MF", "notes.txt")


def make_tar(at: Path) -> None:
    def bsdtar(name: str, *options: str) -> None:
        run(at, "bsdtar", "--uid=0", "--gid=0", *options, "-cf", OUT / name, *NAMES)

    for form in ("ustar", "pax", "gnutar"):
        bsdtar(f"{form}.tar", f"--format={form}")
    for suffix, option in {"gz": "-z", "bz2": "-j", "xz": "-J", "zst": "--zstd",
                           "Z": "-Z"}.items():
        bsdtar(f"plain.tar.{suffix}", option)
    (at / "link").symlink_to("/etc/passwd")
    run(at, "bsdtar", "-czf", OUT / "link.tar.gz", "notes.txt", "link")
    for suffix, command in {"gz": ("gzip", "-n"), "bz2": ("bzip2",), "xz": ("xz",),
                            "zst": ("zstd", "-q")}.items():
        with (OUT / f"notes.txt.{suffix}").open("wb") as out:
            subprocess.run([*command, "-c", at / "notes.txt"], stdout=out, check=True)


def make_other(at: Path) -> None:
    run(at, "gcab", "-cz", OUT / "plain.cab", *NAMES)
    run(at, "jlha", "-aqo5", OUT / "plain.lzh", *NAMES)
    run(at, "genisoimage", "-quiet", "-no-pad", "-J", "-r", "-graft-points", "-o",
        OUT / "plain.iso", *(f"{name}={name}" for name in NAMES))


def make_nested(at: Path) -> None:
    """A table in a 7z in a zip in a tar, and a password deep inside."""
    documents = HERE / "documents"
    run(at, "7z", "a", at / "table.7z", documents / "table.xlsx", OUT / "aes.zip")
    run(at, "zip", "-qX", "tables.zip", "table.7z")
    run(at, "bsdtar", "--uid=0", "--gid=0", "-czf", OUT / "nested.tar.gz", "tables.zip")
    data = EICAR.encode()
    for depth in range(4):
        inner = at / f"depth-{depth}"
        inner.mkdir()
        name = "eicar.com" if depth == 0 else f"{depth}.zip"
        (inner / name).write_bytes(data)
        run(inner, "zip", "-qX", "out.zip", name)
        data = (inner / "out.zip").read_bytes()
    (OUT / "eicar.zip").write_bytes(data)


# ---- RAR -----------------------------------------------------------------------------


def rar4_block(kind: int, flags: int, body: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(head) & 0xffff) + head


def rar4_file(name: str, data: bytes, encrypted: bool) -> bytes:
    flags = 0x8000 | (0x04 if encrypted else 0)
    path = name.replace("/", "\\").encode()
    body = struct.pack("<IIBIIBBHI", len(data), len(data), 2, zlib.crc32(data), 0x5a217000,
                       29, 0x30, len(path), 0x20)
    return rar4_block(0x74, flags, body + path) + data


def rar4(files: dict[str, bytes], encrypted: bool = False, headers: bool = False) -> bytes:
    out = b"Rar!\x1a\x07\x00" + rar4_block(0x73, 0x80 if headers else 0, bytes(6))
    if headers:
        # A salt, and what follows is as good as random.
        return out + bytes(range(8)) + bytes((i * 73 + 11) % 256 for i in range(160))
    for name, data in files.items():
        out += rar4_file(name, data, encrypted)
    return out + rar4_block(0x7b, 0x4000, b"")


def number(value: int) -> bytes:
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def rar5_block(kind: int, body: bytes, data: bytes = b"", extra: bytes = b"") -> bytes:
    flags = (1 if extra else 0) | (2 if data else 0)
    head = number(kind) + number(flags)
    head += (number(len(extra)) if extra else b"") + (number(len(data)) if data else b"")
    head += body + extra
    head = number(len(head)) + head
    return struct.pack("<I", zlib.crc32(head)) + head + data


def rar5(files: dict[str, bytes], encrypted: bool = False, headers: bool = False) -> bytes:
    out = b"Rar!\x1a\x07\x01\x00"
    if headers:
        key = number(0) + number(0) + bytes([15]) + bytes(range(16))
        return out + rar5_block(4, key) + bytes((i * 73 + 11) % 256 for i in range(160))
    out += rar5_block(1, number(0))
    # Version, flags, count, salt, vector.
    record = number(1) + number(0) + number(0) + bytes([15]) + bytes(range(32))
    extra = number(len(record)) + record if encrypted else b""
    for name, data in files.items():
        path = name.encode()
        body = (number(4) + number(len(data)) + number(0x20) + struct.pack("<I", zlib.crc32(data))
                + number(0) + number(0) + number(len(path)) + path)
        out += rar5_block(2, body, data, extra)
    return out + rar5_block(5, number(0))


def make_rar(at: Path) -> None:
    files = {name: (at / name).read_bytes() for name in NAMES}
    for version, make in {4: rar4, 5: rar5}.items():
        (OUT / f"plain{version}.rar").write_bytes(make(files))
        (OUT / f"password{version}.rar").write_bytes(make(files, encrypted=True))
        (OUT / f"names{version}.rar").write_bytes(make(files, headers=True))
    for version, make in {4: rar4, 5: rar5}.items():
        (OUT / f"opens-itself-{version}.exe").write_bytes(PROGRAM + make(files))
    # What it begins with decides for some programs, what it ends with for others.
    archive = (OUT / "program.jar").read_bytes()
    (OUT / "two-kinds.rar").write_bytes(rar4({"report.docx": files["report.docx"]}) + archive)
    picture = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9"
    (OUT / "picture.jpg").write_bytes(picture + archive)


# ---- TNEF ----------------------------------------------------------------------------


def attribute(level: int, name: int, data: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(data)) + data + struct.pack(
        "<H", sum(data) & 0xffff)


def mapi_text(tag: int, text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<III", tag, 1, len(data)) + data + bytes(-len(data) % 4)


def attachment(short: str, name: str, data: bytes) -> bytes:
    rendering = struct.pack("<HIHHI", 1, 0xffffffff, 0, 0, 0)
    long_name = struct.pack("<I", 1) + mapi_text(0x3707001e, name)
    return (attribute(2, 0x00069002, rendering) + attribute(2, 0x00018010, short.encode() + b"\0")
            + attribute(2, 0x0006800f, data) + attribute(2, 0x00069005, long_name))


def make_tnef(at: Path) -> None:
    out = struct.pack("<IH", 0x223e9f78, 1)
    out += attribute(1, 0x00089006, struct.pack("<I", 0x00010000))
    out += attribute(1, 0x00069007, struct.pack("<II", 1252, 0))
    out += attribute(1, 0x00078008, b"IPM.Microsoft Mail.Note\0")
    out += attribute(1, 0x00018004, b"Subject in TNEF\0")
    out += attribute(1, 0x0002800c, b"The body in TNEF speaks of scandium.\0")
    for short, name in (("NOTES.TXT", "notes.txt"), ("REPORT~1.DOC", "report.docx"),
                        ("RUN.EXE", "tools/run.exe")):
        out += attachment(short, name.rsplit("/", 1)[-1], (at / name).read_bytes())
    (OUT / "winmail.dat").write_bytes(out)


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    os.environ["TZ"] = "UTC"
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        fill(at)
        for make in (make_zip, make_tar, make_other, make_rar, make_tnef, make_nested):
            make(at)
    print(len(list(OUT.iterdir())), "archives")


if __name__ == "__main__":
    main()
