"""Office Open XML and OpenDocument as LibreOffice does not write them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from content import PROPERTIES

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
OFFICE = "application/vnd.openxmlformats-officedocument."
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

WORD = OFFICE + "wordprocessingml.document.main+xml"
DATE = (2020, 1, 2, 3, 4, 6)


def types(parts: dict[str, str], defaults: dict[str, str] | None = None) -> str:
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml",
             "xml": "application/xml", **(defaults or {})}
    return (XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            + "".join(f'<Default Extension="{e}" ContentType="{t}"/>' for e, t in known.items())
            + "".join(f'<Override PartName="{n}" ContentType="{t}"/>' for n, t in parts.items())
            + "</Types>")


def rels(main: str) -> str:
    return (XML + '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
            'relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/'
            f'officeDocument/2006/relationships/officeDocument" Target="{main}"/></Relationships>')


def pack(path: Path, members: dict[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def word(body: str, namespace: str = W, prolog: str = "") -> str:
    return f'{XML}{prolog}<w:document xmlns:w="{namespace}" xmlns:mc="{MC}" ' \
        'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" ' \
        f'xmlns:v="urn:schemas-microsoft-com:vml"><w:body>{body}</w:body></w:document>'


def para(*runs: str) -> str:
    return "<w:p>" + "".join(f"<w:r><w:t>{run}</w:t></w:r>" for run in runs) + "</w:p>"


def docx(path: Path, document: str, main: str = "word/document.xml",
         more: dict[str, tuple[str, str | bytes]] | None = None,
         defaults: dict[str, str] | None = None) -> None:
    """more: name -> (content type or "", content)"""
    more = more or {}
    overrides = {"/" + main: WORD, **{"/" + n: t for n, (t, _) in more.items() if t}}
    pack(path, {"[Content_Types].xml": types(overrides, defaults), "_rels/.rels": rels(main),
                main: document, **{n: c for n, (_, c) in more.items()}})


def make_word(out: Path) -> dict[str, dict]:
    found: dict[str, dict] = {}
    box = "<w:txbxContent>" + para("Box in a choice") + "</w:txbxContent>"
    twice = (f'<w:p><w:r><w:t>con</w:t></w:r><w:r><mc:AlternateContent><mc:Choice Requires="wps">'
             f"{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r>"
             "<w:r><w:t>fidential</w:t></w:r></w:p>")
    differs = (f'<w:p><w:r><mc:AlternateContent><mc:Choice Requires="v99"><w:t>harmless</w:t>'
               "</mc:Choice><mc:Fallback><w:t>osmium in a fallback</w:t></mc:Fallback>"
               "</mc:AlternateContent></w:r></w:p>")
    docx(out / "word-alternate.docx", word(twice + differs))
    found["word-alternate.docx"] = {"text": ["confidential", "Box in a choice"],
                                    "once": ["Box in a choice"],
                                    "within": ["harmless", "osmium in a fallback"]}
    body = (para("se", "cr", "et") + "<w:p><w:del><w:r><w:delText>removed word</w:delText></w:r>"
            "</w:del><w:r><w:tab/><w:t>after a tab</w:t></w:r><w:r><w:br/><w:t>second line</w:t>"
            "</w:r></w:p><w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden word</w:t></w:r></w:p>"
            "<w:p><w:r><w:instrText> HYPERLINK &quot;https://example.com/field&quot; "
            "</w:instrText></w:r></w:p>")
    docx(out / "word-runs.docx", word(body))
    found["word-runs.docx"] = {"text": ["secret", "removed word", "after a tab", "second line",
                                        "hidden word"],
                               "within": ["https://example.com/field"]}
    docx(out / "word-odd-name.docx", word(para("Named by its type alone")), "a/b.dat")
    found["word-odd-name.docx"] = {"text": ["Named by its type alone"]}
    docx(out / "word-strict.docx", word(para("Strict conformance"), STRICT))
    found["word-strict.docx"] = {"text": ["Strict conformance"]}
    docx(out / "word-utf16.docx", word(para("Grüße in UTF-16"))
         .replace("UTF-8", "UTF-16").encode("utf-16"))
    found["word-utf16.docx"] = {"text": ["Grüße in UTF-16"]}
    docx(out / "word-template.docx", word(para("Found by its bytes")))
    (out / "word-template.docx").rename(out / "word-renamed.pdf")
    found["word-renamed.pdf"] = {"text": ["Found by its bytes"], "type": "application/pdf"}
    return found | make_bad_word(out) | make_holders(out)


def make_bad_word(out: Path) -> dict[str, dict]:
    found: dict[str, dict] = {}
    dtd = ('<!DOCTYPE w:document [<!ENTITY inner "declared rhenium">'
           '<!ENTITY outer SYSTEM "file:///etc/passwd">'
           '<!ENTITY % remote SYSTEM "http://127.0.0.1:9/x.dtd"> %remote;]>')
    docx(out / "word-dtd.docx",
         word("<w:p><w:r><w:t>before &outer;&inner; after</w:t></w:r></w:p>", prolog=dtd))
    found["word-dtd.docx"] = {"text": ["before"], "absent": ["root:"], "damaged": True,
                              "within": ["declared rhenium"]}
    laughs = '<!DOCTYPE w:document [<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)) + "]>"
    docx(out / "word-laughs.docx",
         word("<w:p><w:r><w:t>x &a11; y</w:t></w:r></w:p>", prolog=laughs))
    found["word-laughs.docx"] = {"text": ["x"], "damaged": True}
    docx(out / "word-bomb.docx", word(" " * 4_000_000 + para("After four million blanks")))
    found["word-bomb.docx"] = {"text": ["After four million blanks"]}
    docx(out / "word-deep.docx", word("<w:x>" * 230 + "</w:x>" * 230))
    found["word-deep.docx"] = {"text": [], "limit": True}
    whole = (out / "text.docx").read_bytes()
    (out / "word-cut.docx").write_bytes(whole[:whole.rindex(b"PK\x01\x02") - 500])
    found["word-cut.docx"] = {"text": ["The first paragraph names the word confidential."],
                              "damaged": True}
    docx(out / "word-broken.docx", word(para("Before the break") + "<w:p><w:r></w:p>"
                                        + para("Behind the break")))
    found["word-broken.docx"] = {"text": ["Before the break"], "damaged": True}
    return found


def make_holders(out: Path) -> dict[str, dict]:
    """Documents that hold documents."""
    sheet = (out / "table.xlsx").read_bytes()
    docx(out / "word-embedded.docx", word(para("Holds a table")), more={
        "word/embeddings/sheet.xlsx": ("", sheet),
        "word/chunk.html": ("", "<p>A chunk of another format</p>"),
        "word/vbaProject.bin": ("", b"not really"),
        "word/media/image1.png": ("", b"\x89PNG"),
    }, defaults={"xlsx": OFFICE + "spreadsheetml.sheet", "html": "text/html",
                 "bin": "application/vnd.ms-office.vbaProject", "png": "image/png"})
    pack(out / "plain.zip", {"readme.txt": "Just an archive", "word.xml": "<a/>"})
    return {
        "word-embedded.docx": {
            "text": ["Holds a table"],
            "files": ["word/chunk.html", "word/embeddings/sheet.xlsx", "word/vbaProject.bin"]},
        "plain.zip": {"answer": 0, "type": "application/zip"},
    }


def make_excel(out: Path) -> dict[str, dict]:
    sheets = OFFICE + "spreadsheetml."
    book = (f'{XML}<workbook xmlns="{S}"><sheets><sheet name="Seen" sheetId="1"/>'
            '<sheet name="Unseen" sheetId="2" state="veryHidden"/></sheets></workbook>')
    strings = (f'{XML}<sst xmlns="{S}"><si><t>first string</t></si><si><r><t>ri</t></r><r><t>ch'
               "</t></r><rPh sb=\"0\" eb=\"1\"><t>phonetic</t></rPh></si></sst>")
    one = (f'{XML}<worksheet xmlns="{S}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c>'
           '<c r="B1" t="s"><v>1</v></c><c r="C1" t="inlineStr"><is><t>inline string</t>'
           '<rPh sb="0" eb="1"><t>phonetic</t></rPh></is></c>'
           '<c r="D1"><v>4.1111111111111E+15</v></c><c r="E1" t="s"><v>99</v></c>'
           '<c r="F1" t="str"><f>"a"&amp;"b"</f><v>cached value</v></c><c r="G1"><v>0.25</v></c>'
           "</row></sheetData><headerFooter><oddHeader>&amp;C&amp;\"Arial,Bold\"&amp;12Secret "
           "header&amp;RPage &amp;P</oddHeader></headerFooter></worksheet>")
    two = (f'{XML}<worksheet xmlns="{S}"><sheetData><row><c t="inlineStr"><is><t>Very hidden'
           "</t></is></c></row></sheetData></worksheet>")
    comments = (f'{XML}<comments xmlns="{S}"><commentList><comment ref="A1"><text><r><t>old '
                "comment</t></r></text></comment></commentList></comments>")
    threads = (f'{XML}<ThreadedComments xmlns="http://schemas.microsoft.com/office/spreadsheetml/'
               '2018/threadedcomments"><threadedComment ref="A1"><text>new comment</text>'
               "</threadedComment></ThreadedComments>")
    pack(out / "excel.xlsx", {
        "[Content_Types].xml": types({
            "/xl/workbook.xml": sheets + "sheet.main+xml",
            "/xl/strings.xml": sheets + "sharedStrings+xml",
            "/xl/one.xml": sheets + "worksheet+xml", "/xl/two.xml": sheets + "worksheet+xml",
            "/xl/comments.xml": sheets + "comments+xml",
            "/xl/threads.xml": "application/vnd.ms-excel.threadedcomments+xml"}),
        "_rels/.rels": rels("xl/workbook.xml"), "xl/one.xml": one, "xl/two.xml": two,
        "xl/workbook.xml": book, "xl/comments.xml": comments, "xl/threads.xml": threads,
        "xl/strings.xml": strings})
    return {"excel.xlsx": {
        "text": ["first string", "rich", "inline string", "4111111111111100", "cached value",
                 "0.25", "Secret header", "Very hidden", "Seen", "Unseen", "old comment",
                 "new comment"],
        "absent": ["phonetic", "Arial"]}}


def record(kind: int, data: bytes = b"") -> bytes:
    """Of MS-XLSB: kind and size in seven bits each."""
    def number(value: int) -> bytes:
        out = b""
        while value > 0x7f:
            out += bytes([value & 0x7f | 0x80])
            value >>= 7
        return out + bytes([value])
    return number(kind) + number(len(data)) + data


def wide(text: str | None) -> bytes:
    if text is None:
        return b"\xff\xff\xff\xff"
    data = text.encode("utf-16-le")
    return struct.pack("<I", len(data) // 2) + data


def make_binary(out: Path) -> dict[str, dict]:
    """A workbook of records, put together by their description (MS-XLSB)."""
    excel = "application/vnd.ms-excel."

    def cell(column: int) -> bytes:
        return struct.pack("<II", column, 0)

    book = record(131) + record(156, struct.pack("<II", 0, 1) + wide("r1") + wide("Seen")) + record(
        156, struct.pack("<II", 2, 2) + wide("r2") + wide("Unseen")) + record(132)
    strings = record(159, struct.pack("<II", 2, 2)) + record(
        19, b"\0" + wide("first string 😀")) + record(
        19, b"\1" + wide("rich string") + struct.pack("<IHH", 1, 0, 0)) + record(160)
    sheet = (record(129) + record(145) + record(0, bytes(17))
             + record(7, cell(0) + struct.pack("<I", 0)) + record(7, cell(1) + struct.pack("<I", 1))
             + record(7, cell(2) + struct.pack("<I", 99)) + record(6, cell(3) + wide("own string"))
             + record(5, cell(4) + struct.pack("<d", 4111111111111100.0))
             + record(2, cell(5) + struct.pack("<I", 1234567 << 2 | 2))
             + record(2, cell(6) + struct.pack("<I", 250 << 2 | 3))
             + record(8, cell(7) + wide("cached value") + bytes(8))
             + record(9, cell(8) + struct.pack("<d", 0.25) + bytes(8))
             + record(0, bytes(17)) + record(17, bytes(4) + wide("short string"))
             + record(62, cell(0) + b"\0" + wide("rich cell")) + record(146)
             + record(479, b"\0\0" + wide('&C&"Arial,Bold"&12Secret header') + wide(None) * 5)
             + record(494, bytes(16) + wide("r9") + wide("secret-place") + wide("a tip")
                      + wide("shown")) + record(130))
    comments = record(628) + record(635, bytes(36)) + record(
        637, b"\0" + wide("comment of a cell")) + record(636) + record(629)
    pack(out / "excel.xlsb", {
        "[Content_Types].xml": types(
            {"/xl/workbook.bin": excel + "sheet.binary.macroEnabled.main",
             "/xl/sharedStrings.bin": excel + "sharedStrings",
             "/xl/worksheets/sheet1.bin": excel + "worksheet",
             "/xl/styles.bin": excel + "styles", "/xl/calcChain.bin": excel + "calcChain",
             "/xl/worksheets/binaryIndex1.bin": excel + "binIndexWs",
             "/xl/comments1.bin": excel + "comments"}, {"bin": "application/octet-stream"}),
        # As Excel writes them always; nobody reads them.
        "xl/styles.bin": record(278) + record(279), "xl/calcChain.bin": record(265) + record(266),
        "xl/worksheets/binaryIndex1.bin": record(42, bytes(24)) + record(43),
        "_rels/.rels": rels("xl/workbook.bin"), "xl/worksheets/sheet1.bin": sheet,
        "xl/workbook.bin": book, "xl/comments1.bin": comments, "xl/sharedStrings.bin": strings})
    whole = sheet[:len(sheet) // 2]
    pack(out / "excel-cut.xlsb", {"xl/workbook.bin": book, "xl/worksheets/sheet1.bin": whole,
                                  "xl/sharedStrings.bin": strings})
    return {
        "excel.xlsb": {
            "text": ["Seen", "Unseen", "first string 😀", "rich string", "own string",
                     "4111111111111100", "1234567", "2.5", "cached value", "0.25", "short string",
                     "rich cell", "Secret header", "secret-place", "a tip", "shown",
                     "comment of a cell"],
            "absent": ["Arial", "r9"], "files": []},
        "excel-cut.xlsb": {"text": ["Seen", "first string 😀", "own string"], "damaged": True},
    }


def make_powerpoint(out: Path) -> dict[str, dict]:
    show = OFFICE + "presentationml."

    def shape(text: str, holder: str = "") -> str:
        return (f"<p:sp><p:nvSpPr><p:nvPr>{holder}</p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>"
                f"{text}</a:t></a:r></a:p></p:txBody></p:sp>")

    def part(root: str, *shapes: str) -> str:
        return (f'{XML}<p:{root} xmlns:p="{P}" xmlns:a="{A}"><p:cSld><p:spTree>{"".join(shapes)}'
                f"</p:spTree></p:cSld></p:{root}>")

    art = (f'{XML}<d:dataModel xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
           f'xmlns:a="{A}"><d:ptLst><d:pt><d:t><a:p><a:r><a:t>Node of a diagram</a:t></a:r></a:p>'
           "</d:t></d:pt></d:ptLst></d:dataModel>")
    pack(out / "powerpoint.pptx", {
        "[Content_Types].xml": types({
            "/ppt/presentation.xml": show + "presentation.main+xml",
            "/ppt/slides/slide1.xml": show + "slide+xml",
            "/ppt/slideMasters/m.xml": show + "slideMaster+xml",
            "/ppt/notesSlides/n.xml": show + "notesSlide+xml",
            "/ppt/diagrams/data1.xml": OFFICE + "drawingml.diagramData+xml"}),
        "_rels/.rels": rels("ppt/presentation.xml"),
        "ppt/presentation.xml": part("presentation"),
        "ppt/slides/slide1.xml": part("sld", shape("Text of a slide"),
                                      shape("Its title", '<p:ph type="title"/>')),
        "ppt/slideMasters/m.xml": part("sldMaster", shape("Click to edit", "<p:ph/>"),
                                       shape("Stamp of the master")),
        "ppt/notesSlides/n.xml": part("notes", shape("Notes of a slide", "<p:ph/>")),
        "ppt/diagrams/data1.xml": art})
    return {"powerpoint.pptx": {
        "text": ["Text of a slide", "Its title", "Stamp of the master", "Notes of a slide",
                 "Node of a diagram"],
        "absent": ["Click to edit"]}}


def make_opendocument(out: Path) -> dict[str, dict]:
    office = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (f'{XML}<o:document-content xmlns:o="{office}office:1.0" xmlns:t="{office}text:1.0" '
               f'xmlns:m="{office}table:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><o:body>'
               "<t:p>con<o:annotation><dc:creator>Bert</dc:creator><t:p>A note inside</t:p>"
               "</o:annotation>fidential<t:s/>with<t:tab/>blanks<t:line-break/>and lines</t:p>"
               '<m:table m:name="Sheet"><m:table-row><m:table-cell o:value-type="float" '
               'o:value="4111111111111111"><t:p>4.11E+15</t:p></m:table-cell></m:table-row>'
               "</m:table></o:body></o:document-content>")
    meta = (f'{XML}<o:document-meta xmlns:o="{office}office:1.0" xmlns:m="{office}meta:1.0" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><o:meta>'
            f'<dc:title>{PROPERTIES["Title"]}</dc:title>'
            '<m:user-defined m:name="Class">Secret</m:user-defined></o:meta></o:document-meta>')
    pack(out / "inside.odt", {"mimetype": "application/vnd.oasis.opendocument.text",
                              "content.xml": content, "meta.xml": meta,
                              "Object 1/content.xml": content.replace("confidential", "inner")
                              .replace("and lines", "and an object's lines")})
    return {"inside.odt": {
        "text": ["confidential with", "blanks", "and lines", "A note inside",
                 "4111111111111111", "and an object's lines"],
        "absent": ["Bert"],
        "properties": {"Title": PROPERTIES["Title"], "Class": "Secret"}}}


def make(out: Path) -> dict[str, dict]:
    return (make_word(out) | make_excel(out) | make_binary(out) | make_powerpoint(out) | make_opendocument(out))
