#!/usr/bin/python3
"""What the text of attachments costs: messages of 100 kB with a docx and a PDF,
before a worker of posthub's (bench/inspect) and before a filter in Perl that
does the same (bench/extract_peer.pl; Debian: libmime-tools-perl,
libarchive-zip-perl, libxml-libxml-perl, poppler-utils).

rspamd has no place here: it does not read documents of office suites, and of a
PDF it takes the links alone.

They take turns. Figures are medians over the rounds of what a message more
takes: a run of one message is subtracted, and with it the start. CPU is that of
the process and of all that it starts. The ratio that counts is that of CPU:
messages a second of one core.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ROOT / "tests" / "files" / "documents"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SIZE = 100_000
LINE = "The meeting about the new warehouse has been moved to Thursday, because several\n"
WORDS = (
    "invoice meeting warehouse delivery contract customer quarter budget report travel "
    "office number between server project summer machine letter answer question"
).split()
PARAGRAPHS = 150
PER_PAGE = 40

# ---- messages ------------------------------------------------------------------


def paragraph(n: int) -> str:
    """Some hundred characters, each another."""
    picked = [WORDS[(n * 7 + i * i + n // 3) % len(WORDS)] for i in range(14)]
    return f"{n}. {' '.join(picked)}."


def long_docx() -> bytes:
    """The office suite's, with a body of many paragraphs."""
    out = io.BytesIO()
    with zipfile.ZipFile(DOCUMENTS / "text.docx") as old:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                data = old.read(info)
                if info.filename == "word/document.xml":
                    runs = "".join(
                        f"<w:p><w:r><w:t>{paragraph(i)}</w:t></w:r></w:p>"
                        for i in range(PARAGRAPHS)
                    )
                    data = re.sub(b"(<w:body>)", rb"\1" + runs.encode(), data, count=1)
                new.writestr(info.filename, data)
    return out.getvalue()


def long_pdf() -> bytes:
    """Pages of text in a font that every reader has."""
    pages = range(0, PARAGRAPHS, PER_PAGE)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for first in pages:
        lines = "".join(
            f"({paragraph(i)}) Tj T*\n"
            for i in range(first, min(first + PER_PAGE, PARAGRAPHS))
        )
        stream = zlib.compress(f"BT /F 8 Tf 50 800 Td 18 TL\n{lines}ET".encode())
        content = len(objects) + 1
        objects.append(
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream"
            % (len(stream), stream)
        )
        kids.append(b"%d 0 R" % (content + 1))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F 3 0 R >> >> >>" % content
        )
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    out, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (size, table, size, len(out))
    )


def attachment(name: str, declared: str, data: bytes) -> str:
    return (
        f'--b\nContent-Type: {declared}; name="{name}"\n'
        "Content-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="{name}"\n\n'
        f"{base64.encodebytes(data).decode()}\n"
    )


def message(docx: bytes, pdf: bytes) -> bytes:
    """Filled up with a body."""
    head = (
        "From: <a@sender.test>\nTo: <b@sink.test>\nSubject: documents\nMIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
    )
    tail = attachment("text.docx", DOCX, docx)
    tail += attachment("text.pdf", "application/pdf", pdf) + "--b--\n"
    lines = max(SIZE - len(head) - len(tail), 0) // len(LINE)
    return (head + LINE * lines + tail).encode()


def messages() -> dict[str, bytes]:
    office = [(DOCUMENTS / name).read_bytes() for name in ("text.docx", "text.pdf")]
    return {
        "one page each, as an office suite wrote them": message(office[0], office[1]),
        f"{PARAGRAPHS} paragraphs each": message(long_docx(), long_pdf()),
    }


# ---- measuring -----------------------------------------------------------------


@dataclass
class Peer:
    name: str
    command: list[str]
    count: int  # messages a run
    text: int = 0  # bytes found
    wall: list[float] = field(default_factory=list)  # seconds a message
    cpu: list[float] = field(default_factory=list)

    def run(self, path: Path, count: int) -> tuple[float, float]:
        """Seconds, and those of CPU."""
        before, start = os.times(), time.monotonic()
        argv = [*self.command, str(path), str(count)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{self.name} cannot be run; --help says which packages it needs")
        wall, after = time.monotonic() - start, os.times()
        found = re.search(r"(\d+) bytes of text", done.stdout)
        if found is None or int(found[1]) == 0:
            sys.exit(f"{self.name} has found no text: {done.stdout}")
        self.text = int(found[1])
        cpu = after.children_user - before.children_user
        return wall, cpu + after.children_system - before.children_system

    def measure(self, path: Path) -> None:
        one, many = self.run(path, 1), self.run(path, self.count + 1)
        self.wall.append((many[0] - one[0]) / self.count)
        self.cpu.append((many[1] - one[1]) / self.count)


def show(name: str, size: int, peers: list[Peer]) -> None:
    print(f"\n{name}, {size} bytes")
    print(f"{'':<12}{'text, bytes':>13}{'CPU ms':>10}{'wall ms':>10}{'messages/s of a core':>23}")
    for peer in peers:
        cpu, wall = statistics.median(peer.cpu), statistics.median(peer.wall)
        print(
            f"{peer.name:<12}{peer.text:>13}{1000 * cpu:>10.2f}{1000 * wall:>10.2f}{1 / cpu:>23.0f}"
        )
    ratios = [b / a for a, b in zip(peers[0].cpu, peers[1].cpu)]
    walls = [b / a for a, b in zip(peers[0].wall, peers[1].wall)]
    print(
        f"{peers[0].name} against {peers[1].name}: {statistics.median(ratios):.1f} times by CPU "
        f"({min(ratios):.1f} to {max(ratios):.1f}), {statistics.median(walls):.1f} by wall"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200, help="of posthub's in a round")
    parser.add_argument("--peer-messages", type=int, default=20, help="of the peer's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for name, data in messages().items():
            path = Path(directory) / "message"
            path.write_bytes(data)
            peers = [
                Peer("posthub", [str(ROOT / "build/bench/inspect")], options.messages),
                Peer("Perl", [str(ROOT / "bench/extract_peer.pl")], options.peer_messages),
            ]
            for _ in range(options.rounds):
                for peer in peers:
                    peer.measure(path)
            show(name, len(data), peers)


if __name__ == "__main__":
    main()
