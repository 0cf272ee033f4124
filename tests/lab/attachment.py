"""Attachments, and messages that have them."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from email.message import EmailMessage

from tests.lab import letter
from tests.lab.smtp_mta import Mail

# What Windows takes for a program: an MZ header that points to a PE header.
PROGRAM = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(64)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return out.getvalue()


def protected(name: str) -> bytes:
    """A zip of one file that says that it is encrypted."""
    data = bytearray(zipped({name: b"as good as random"}, zipfile.ZIP_STORED))
    data[6] |= 1
    central = data.rindex(b"PK\1\2")
    data[central + 8] |= 1
    return bytes(data)


def content(files: Mapping[str, bytes], headers: Mapping[str, str]) -> bytes:
    message = EmailMessage()
    for name, value in headers.items():
        message[name] = value
    message.set_content("See attached.\n")
    for name, data in files.items():
        message.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=name
        )
    return message.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def compose(*recipients: str, files: Mapping[str, bytes]) -> Mail:
    mail = letter.compose(*recipients)
    fields = {
        "From": f"<{mail.sender}>",
        "To": ", ".join(f"<{r}>" for r in recipients),
        "Subject": "Files",
        "Message-ID": mail.ident,
    }
    mail.content = content(files, fields)
    return mail
