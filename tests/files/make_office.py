#!/usr/bin/python3
"""Makes the documents of LibreOffice in tests/files/documents: one text, one table
and one presentation, saved in every format, with a password and without.

    soffice must be installed, and python3-uno; make_documents.py runs this.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import uno  # type: ignore
from com.sun.star.awt import Point, Size  # type: ignore
from com.sun.star.beans import NamedValue, PropertyValue  # type: ignore
from com.sun.star.connection import NoConnectException  # type: ignore
from com.sun.star.util import DateTime  # type: ignore

from content import CUSTOM, PASSWORD, PROPERTIES, SLIDES, TABLE, TEXT

def values(**options: object) -> tuple:
    return tuple(PropertyValue(Name=name, Value=value) for name, value in options.items())


class Office:
    """A private soffice, and its desktop."""

    def __init__(self, profile: str) -> None:
        pipe = f"posthub-{Path(profile).name}"
        self.process = subprocess.Popen(
            ["nice", "soffice", "--headless", "--norestore", "--nologo",
             f"-env:UserInstallation=file://{profile}/user",
             f"--accept=pipe,name={pipe};urp;"])
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext(
            "com.sun.star.bridge.UnoUrlResolver", local)
        while True:
            try:
                context = resolver.resolve(
                    f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                break
            except NoConnectException:
                time.sleep(0.5)
        self.context = context
        self.desktop = context.ServiceManager.createInstanceWithContext(
            "com.sun.star.frame.Desktop", context)

    def new(self, kind: str):
        document = self.desktop.loadComponentFromURL(
            f"private:factory/{kind}", "_blank", 0, values(Hidden=True))
        properties = document.DocumentProperties
        properties.Title = PROPERTIES["Title"]
        properties.Author = PROPERTIES["Author"]
        properties.Subject = PROPERTIES["Subject"]
        properties.Keywords = tuple(PROPERTIES["Keywords"].split(", "))
        properties.Description = PROPERTIES["Comments"]
        for name, value in CUSTOM.items():
            properties.UserDefinedProperties.addProperty(name, 0, value)
        return document

    def close(self) -> None:
        try:
            self.desktop.terminate()
        except Exception:  # the connection ends with the office
            pass
        self.process.wait()


def save(document, path: Path, **options: object) -> None:
    document.storeToURL(path.as_uri(), values(Overwrite=True, **options))
    print(path.name)


# ---- the text ------------------------------------------------------------------


def insert(text, document, service: str, **fields: object):
    item = document.createInstance(service)
    for name, value in fields.items():
        setattr(item, name, value)
    text.insertTextContent(text.getEnd(), item, False)
    return item


def make_text(office: Office):
    document = office.new("swriter")
    text = document.Text
    for paragraph in TEXT["paragraphs"]:
        text.insertString(text.getEnd(), paragraph, False)
        text.insertControlCharacter(text.getEnd(), 0, False)
    note = insert(text, document, "com.sun.star.text.Footnote")
    note.insertString(note.getEnd(), TEXT["footnote"], False)
    insert(text, document, "com.sun.star.text.textfield.Annotation",
           Author="Bert Example", Content=TEXT["comment"],
           DateTimeValue=DateTime(Year=2020, Month=1, Day=2, Hours=3))
    cursor = text.createTextCursorByRange(text.getEnd())
    cursor.HyperLinkURL = TEXT["link"]
    text.insertString(cursor, TEXT["link_text"], False)
    text.insertControlCharacter(text.getEnd(), 0, False)
    table = document.createInstance("com.sun.star.text.TextTable")
    table.initialize(2, 2)
    text.insertTextContent(text.getEnd(), table, False)
    for name, content in zip(("A1", "B1", "A2", "B2"), TEXT["cells"]):
        table.getCellByName(name).setString(content)
    style = document.StyleFamilies.getByName("PageStyles").getByName("Standard")
    style.HeaderIsOn = style.FooterIsOn = True
    style.HeaderText.setString(TEXT["header"])
    style.FooterText.setString(TEXT["footer"])
    return document


def add_box(document) -> None:
    frame = document.createInstance("com.sun.star.text.TextFrame")
    frame.setSize(Size(6000, 2000))
    document.Text.insertTextContent(document.Text.getStart(), frame, False)
    frame.Text.setString(TEXT["box"])


def save_pdf(document, out: Path) -> None:
    """Before the box is in: it would lie over the text."""
    pdf = "writer_pdf_Export"
    save(document, out / "text.pdf", FilterName=pdf, FilterData=uno.Any(
        "[]com.sun.star.beans.PropertyValue", values(ExportNotes=True)))
    save(document, out / "text-password.pdf", FilterName=pdf, FilterData=uno.Any(
        "[]com.sun.star.beans.PropertyValue",
        values(EncryptFile=True, DocumentOpenPassword=PASSWORD)))


def encrypt(suffix: str) -> dict[str, object]:
    if not suffix.endswith("x"):
        return {"Password": PASSWORD}
    return {"EncryptionData": uno.Any("[]com.sun.star.beans.NamedValue", (
        NamedValue("CryptoType", "StrongEncryptionDataSpace"),
        NamedValue("OOXPassword", PASSWORD)))}


def save_text(document, out: Path) -> None:
    save_pdf(document, out)
    add_box(document)
    for suffix, name in {
        "odt": "writer8", "fodt": "OpenDocument Text Flat XML", "docx": "MS Word 2007 XML",
        "doc": "MS Word 97", "rtf": "Rich Text Format", "html": "HTML (StarWriter)",
    }.items():
        save(document, out / f"text.{suffix}", FilterName=name)
    for suffix, name in {"odt": "writer8", "docx": "MS Word 2007 XML",
                         "doc": "MS Word 97"}.items():
        save(document, out / f"text-password.{suffix}", FilterName=name, **encrypt(suffix))


# ---- the table -------------------------------------------------------------------


def fill(sheet, rows) -> None:
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            cell = sheet.getCellByPosition(x, y)
            if isinstance(value, str):
                cell.setString(value)
            else:
                cell.setValue(float(value))


def make_table(office: Office):
    document = office.new("scalc")
    sheets = document.Sheets
    sheets.insertNewByName(TABLE["names"][0], 0)
    sheets.insertNewByName(TABLE["names"][1], 1)
    sheets.removeByName(sheets.getByIndex(2).Name)
    first, hidden = sheets.getByIndex(0), sheets.getByIndex(1)
    fill(first, TABLE["first"])
    fill(hidden, TABLE["hidden"])
    first.getCellByPosition(0, 5).setFormula(TABLE["formula"][0])
    address = first.getCellByPosition(1, 1).CellAddress
    first.Annotations.insertNew(address, TABLE["comment"])
    hidden.IsVisible = False
    style = document.StyleFamilies.getByName("PageStyles").getByName(first.PageStyle)
    style.HeaderIsOn = True
    content = style.RightPageHeaderContent
    content.CenterText.setString(TABLE["header"])
    style.RightPageHeaderContent = content
    return document


def save_table(document, out: Path) -> None:
    formats = {"ods": "calc8", "xlsx": "Calc MS Excel 2007 XML", "xls": "MS Excel 97"}
    for suffix, name in formats.items():
        save(document, out / f"table.{suffix}", FilterName=name)
        save(document, out / f"table-password.{suffix}", FilterName=name, **encrypt(suffix))
    save(document, out / "table.fods", FilterName="OpenDocument Spreadsheet Flat XML")
    save(document, out / "table.csv", FilterName="Text - txt - csv (StarCalc)",
         FilterOptions="44,34,76,1")


# ---- the presentation ---------------------------------------------------------------


def shape(document, page, text: str, y: int) -> None:
    box = document.createInstance("com.sun.star.drawing.TextShape")
    box.setSize(Size(12000, 2000))
    box.setPosition(Point(2000, y))
    page.add(box)
    box.setString(text)


def make_slides(office: Office):
    document = office.new("simpress")
    pages = document.DrawPages
    first = pages.getByIndex(0)
    first.Layout = 1
    first.getByIndex(0).setString(SLIDES["title"])
    first.getByIndex(1).setString(SLIDES["body"])
    shape(document, first, SLIDES["box"], 14000)
    first.IsFooterVisible = True
    first.FooterText = SLIDES["footer"]
    first.NotesPage.getByIndex(1).setString(SLIDES["notes"])
    annotation = first.createAndInsertAnnotation()
    annotation.Author = "Bert Example"
    annotation.TextRange.setString(SLIDES["comment"])
    second = pages.insertNewByIndex(1)
    shape(document, second, SLIDES["second"], 5000)
    second.Visible = False
    return document


def save_slides(document, out: Path) -> None:
    formats = {"odp": "impress8", "pptx": "Impress MS PowerPoint 2007 XML"}
    for suffix, name in formats.items():
        save(document, out / f"slides.{suffix}", FilterName=name)
        save(document, out / f"slides-password.{suffix}", FilterName=name, **encrypt(suffix))
    save(document, out / "slides.ppt", FilterName="MS PowerPoint 97")
    save(document, out / "slides.fodp", FilterName="OpenDocument Presentation Flat XML")
    save(document, out / "slides.pdf", FilterName="impress_pdf_Export")


def make_all(out: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        office = Office(profile)
        try:
            for make, store in ((make_text, save_text), (make_table, save_table),
                                (make_slides, save_slides)):
                document = make(office)
                store(document, out)
                document.close(True)
        finally:
            office.close()


if __name__ == "__main__":
    make_all(Path(__file__).resolve().parent / "documents")
