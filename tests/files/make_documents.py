#!/usr/bin/python3
"""Makes tests/files/documents and documents.json, which says what each file holds.

    tests/files/make_documents.py [--without-office]

Real tools make the files: LibreOffice (make_office.py), zip, qpdf, gsf, iconv's charsets
of Python; what none of them writes is put together here from its parts. What is
expected is what the files were made from. "make check" needs none of these tools.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import make_ooxml
import make_other
import make_outlook
from content import CUSTOM, PROPERTIES, SLIDES, TABLE, TEXT

# What PDF has of them.
PDF = {name: value for name, value in PROPERTIES.items() if name != "Comments"}

HERE = Path(__file__).resolve().parent
OUT = HERE / "documents"


def texts(*parts: str | list) -> list[str]:
    """All strings in parts."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        else:
            found += texts(*part)
    return found


def numbers(rows: list) -> list[str]:
    return [f"{cell:g}" if cell < 1e6 else f"{cell:.0f}"
            for row in rows for cell in row if not isinstance(cell, str)]


def office() -> dict[str, dict]:
    """What make_office.py wrote."""
    found: dict[str, dict] = {}
    every = {**PROPERTIES, **CUSTOM}
    words = {**every, "Keywords": PROPERTIES["Keywords"].replace(",", "")}
    body = texts(TEXT["paragraphs"], TEXT["cells"], TEXT["header"], TEXT["footer"],
                 TEXT["footnote"], TEXT["link_text"])
    first = {**every, "Keywords": PROPERTIES["Keywords"].split(",")[0]}
    box, comment = TEXT["box"], TEXT["comment"]
    found["text.docx"] = {"text": [*body, box, comment, TEXT["link"]], "properties": words}
    found["text.odt"] = {"text": [*body, box, comment], "properties": first}
    found["text.fodt"] = {"text": [*body, box, comment], "properties": first}
    found["text.doc"] = {"text": [*body, box, comment], "properties": every}
    found["text.rtf"] = {"text": [*body, box], "properties": every}
    found["text.html"] = {"text": texts(TEXT["paragraphs"], TEXT["cells"], TEXT["header"],
                                        TEXT["footer"])}
    found["text.pdf"] = {
        "text": [*texts(TEXT["paragraphs"], TEXT["cells"], TEXT["header"], TEXT["footer"]),
                 TEXT["footnote"], comment],
        "properties": PDF}
    cells = texts([[c for c in row if isinstance(c, str)]
                   for row in TABLE["first"] + TABLE["hidden"]])
    cells += numbers(TABLE["first"] + TABLE["hidden"])
    cells += [TABLE["formula"][1]]
    more = [*TABLE["names"], TABLE["header"], TABLE["comment"]]
    found["table.xlsx"] = {"text": cells + more, "properties": words}
    found["table.xls"] = {"text": cells + more, "properties": every}
    found["table.ods"] = {"text": cells + more, "properties": first}
    found["table.fods"] = {"text": cells + more, "properties": first}
    found["table.csv"] = {"text": ['"Customer","Card","Balance"',
                                   '"Grüße Köln","4111 1111 1111 1111",-7']}
    slides = [SLIDES[name] for name in ("title", "body", "notes", "box", "second", "footer")]
    found["slides.pptx"] = {"text": [*slides, SLIDES["comment"]], "properties": words}
    found["slides.odp"] = {"text": [*slides, SLIDES["comment"]], "properties": first}
    found["slides.fodp"] = {"text": [*slides, SLIDES["comment"]], "properties": first}
    found["slides.ppt"] = {"text": slides, "properties": every}
    found["slides.pdf"] = {
        "text": [SLIDES[name] for name in ("title", "body", "box", "footer")],
        "properties": PDF}
    for name in ("text-password.docx", "text-password.odt", "text-password.doc",
                 "text-password.pdf", "table-password.xlsx", "table-password.ods",
                 "table-password.xls", "slides-password.pptx", "slides-password.odp"):
        found[name] = {"protected": True, "text": []}
    # Office's old formats leave properties readable.
    found["text-password.doc"]["properties"] = every
    found["table-password.xls"]["properties"] = every
    return found


def main() -> None:
    OUT.mkdir(exist_ok=True)
    if "--without-office" not in sys.argv:
        subprocess.run(["/usr/bin/python3", str(HERE / "make_office.py")], check=True)
    expected = {**office(), **make_ooxml.make(OUT), **make_other.make(OUT),
                **make_outlook.make(OUT)}
    for name in expected:
        assert (OUT / name).exists(), name
    for path in OUT.iterdir():
        assert path.name in expected, path
    (HERE / "documents.json").write_text(
        json.dumps(expected, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    print(len(expected), "documents")


if __name__ == "__main__":
    main()
