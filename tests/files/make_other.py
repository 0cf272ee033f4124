"""PDF by qpdf and by hand, RTF, HTML, XML, text of many encodings, old formats."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from content import SLIDES, TEXT

LATIN = "Grüße aus Köln, déjà vu"
RUSSIAN = ("Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива "
           "по-своему. Все смешалось в доме Облонских.")
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"
CHINESE = "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？人不知而不愠，不亦君子乎？"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다."
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα."


# ---- PDF -------------------------------------------------------------------------


def pdf(*objects: str | bytes, trailer: str = "/Root 1 0 R") -> bytes:
    """Objects 1, 2, ... with a table of where they are."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        body = body if isinstance(body, bytes) else body.encode()
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n" + "".join(
        f"{place:010} 00000 n \n" for place in places)
    end = f"trailer\n<</Size {len(places) + 1}{trailer}>>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + (table + end).encode()


def stream(text: str) -> str:
    return f"<</Length {len(text)}>>stream\n{text}\nendstream"


PAGE = ("<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F "
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>%s>>")


def page_pdf(text: str, catalog: str = "", page: str = "", more: tuple = ()) -> bytes:
    return pdf(f"<</Type/Catalog/Pages 2 0 R{catalog}>>",
               "<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE % page,
               stream(f"BT /F 12 Tf 20 300 Td ({text}) Tj ET"), *more)


def make_pdf(out: Path) -> dict[str, dict]:
    found: dict[str, dict] = {}
    source = out / "text.pdf"
    body = {"text": TEXT["paragraphs"][:1]}

    def qpdf(name: str, *options: str, expect: dict) -> None:
        subprocess.run(["qpdf", "--deterministic-id" if "--encrypt" not in options
                        else "--static-id", str(source), *options, str(out / name)], check=True)
        found[name] = expect

    secret = {"protected": True, "text": []}
    qpdf("pdf-owner.pdf", "--encrypt", "", "owner", "256", "--extract=n", "--", expect=body)
    qpdf("pdf-aes256.pdf", "--encrypt", "user", "owner", "256", "--", expect=secret)
    qpdf("pdf-rc4.pdf", "--allow-weak-crypto", "--encrypt", "user", "owner", "40", "--",
         expect=secret)
    qpdf("pdf-objects.pdf", "--object-streams=generate", expect=body)
    qpdf("pdf-linear.pdf", "--linearize", expect=body)
    qpdf("pdf-attachment.pdf", "--add-attachment", str(out / "table.csv"), "--",
         expect={**body, "files": ["table.csv"]})
    (out / "pdf-script.pdf").write_bytes(page_pdf(
        "Page with a script", "/OpenAction<</S/JavaScript/JS(app.alert\\(1\\);while\\(1\\);)>>"))
    found["pdf-script.pdf"] = {"text": ["Page with a script"]}
    (out / "pdf-note.pdf").write_bytes(page_pdf(
        "Page with a note", page="/Annots[5 0 R 6 0 R]", more=(
            "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(Note of osmium)>>",
            "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://example.com/pdf)>>>>"
        )))
    found["pdf-note.pdf"] = {"text": ["Page with a note", "Note of osmium",
                                      "https://example.com/pdf"]}
    (out / "pdf-form.pdf").write_bytes(page_pdf(
        "Page with a form", "/AcroForm<</Fields[5 0 R]>>", "/Annots[5 0 R]", (
            "<</Type/Annot/Subtype/Widget/FT/Tx/T(field)/V(Filled with iridium)"
            "/Rect[0 0 9 9]/P 3 0 R>>",)))
    found["pdf-form.pdf"] = {"text": ["Page with a form", "Filled with iridium"]}
    info = ("<</Title(Quarterly figures)/Department(Finance)/Project<FEFF0047007200FC006E>/Pages 7"
            "/Odd#20name(with a blank)>>")
    body = pdf("<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE % "",
               stream("BT /F 12 Tf 20 300 Td (Page with properties) Tj ET"),
               info, trailer="/Root 1 0 R/Info 5 0 R")
    (out / "pdf-info.pdf").write_bytes(body)
    properties = {"Title": "Quarterly figures", "Department": "Finance", "Project": "Grün",
                  "Odd name": "with a blank"}
    found["pdf-info.pdf"] = {"text": ["Page with properties"], "properties": properties}
    for name, options in {"pdf-info-owner.pdf": ("--encrypt", "", "owner", "256", "--"),
                          "pdf-info-objects.pdf": ("--object-streams=generate",)}.items():
        subprocess.run(["qpdf", "--static-id", str(out / "pdf-info.pdf"), *options,
                        str(out / name)], check=True)
        found[name] = found["pdf-info.pdf"]
    return found | make_bad_pdf(out)


def make_bad_pdf(out: Path) -> dict[str, dict]:
    found: dict[str, dict] = {}
    (out / "pdf-pages-loop.pdf").write_bytes(pdf(
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 2>>",
        PAGE % "", stream("BT /F 12 Tf 20 300 Td (Behind a loop) Tj ET")))
    found["pdf-pages-loop.pdf"] = {"text": [], "damaged": True}
    (out / "pdf-outline-loop.pdf").write_bytes(page_pdf(
        "Page with an outline", "/Outlines 5 0 R", more=(
            "<</First 6 0 R/Last 6 0 R/Count 1>>",
            "<</Title(Round and round)/Parent 5 0 R/Next 6 0 R/First 6 0 R/Last 6 0 R>>")))
    found["pdf-outline-loop.pdf"] = {"text": ["Page with an outline", "Round and round"]}
    (out / "pdf-form-loop.pdf").write_bytes(pdf(
        "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Contents 4 0 R/Resources<</Font<</F "
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</X 5 0 R>>>>>>",
        stream("BT /F 12 Tf 20 300 Td (Draws itself) Tj ET /X Do"),
        "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>"
        "/Length 11>>stream\n/X Do /X Do\nendstream"))
    found["pdf-form-loop.pdf"] = {"text": ["Draws itself"]}
    (out / "pdf-junk-before.pdf").write_bytes(b"junk\n" * 20 + page_pdf("Behind some junk"))
    found["pdf-junk-before.pdf"] = {"text": ["Behind some junk"], "type": "application/pdf"}
    whole = page_pdf("Without a table of places")
    (out / "pdf-no-table.pdf").write_bytes(whole[:whole.index(b"xref")] + b"trailer<</Root 1 0 R>>")
    found["pdf-no-table.pdf"] = {"text": ["Without a table of places"]}
    (out / "pdf-nothing.pdf").write_bytes(b"%PDF-1.7\nnothing at all\n")
    found["pdf-nothing.pdf"] = {"answer": -1}
    return found


# ---- RTF --------------------------------------------------------------------------


def make_rtf(out: Path) -> dict[str, dict]:
    russian = "".join(f"\\'{b:02x}" for b in "Привет".encode("cp1251"))
    japanese = "".join(f"\\'{b:02x}" for b in "日本語".encode("cp932"))
    unicode = "".join(f"\\u{ord(c) - (65536 if ord(c) > 32767 else 0)}?" for c in "Größe 語")
    body = ("{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 "
            "Arial Cyr;}{\\f2\\fcharset128 MS Gothic;}}{\\colortbl;\\red0\\green0\\blue0;}"
            "{\\*\\generator Nobody;}{\\info{\\title Title of RTF}{\\author Anna Example}{\\doccomm "
            "A comment of the document}{\\creatim\\yr2020\\mo1\\dy2\\hr3\\min4}}{\\*\\userprops"
            "{\\propname Department}\\proptype30{\\staticval Finance}}\n"
            "con{\\footnote Note of plutonium}fidential\\par\n"
            f"{{\\f1 {russian}}} and {{\\f2 {japanese}}} and {unicode}\\par\n"
            "\\u55357?\\u56832? smile\\par \\uc2\\u252??ber two\\uc1\\par\n"
            "b\\b o\\b0 ld is one word\\line next\\tab tabbed\\par\n"
            "{\\v hidden text}\\par{\\*\\annotation A note of osmium}\\par\n"
            "\\trowd\\cellx100 left\\cell right\\cell\\row\n"
            "{\\header Head of pages}{\\pict\\pngblip 89504e47}{\\object{\\*\\objdata 0105}}"
            "\\bin5 }}{{\\ behind binary\\par {\\*\\unknown never}"
            "{\\field{\\*\\fldinst HYPERLINK \"https://example.com/rtf\"}{\\fldrslt shown}}\\par "
            "{\\shp{\\*\\shpinst{\\sp{\\sn name}{\\sv value}}{\\shptxt In a shape}}}\\'e9t\\'e9\\par}")
    (out / "rtf.rtf").write_bytes(body.encode("ascii"))
    (out / "rtf-deep.rtf").write_text("{\\rtf1 before " + "{" * 5000 + "deep" + "}" * 5000
                                      + " behind}")
    (out / "rtf-open.rtf").write_text("{\\rtf1 never closed {\\b and open")
    (out / "rtf-as.doc").write_text("{\\rtf1 Called a doc}")
    return {
        "rtf.rtf": {
            "text": ["confidential", "Note of plutonium", "Привет and 日本語 and Größe 語",
                     "😀 smile", "über two", "bold is one word", "next", "tabbed", "hidden text",
                     "A note of osmium", "left", "right", "Head of pages", "behind binary",
                     "shown", "In a shape"],
            "within": ["https://example.com/rtf", "été"],
            "absent": ["never", "89504e47", "Arial", "0105", "Nobody", "value"],
            "properties": {"Title": "Title of RTF", "Author": "Anna Example",
                           "Comments": "A comment of the document", "Department": "Finance",
                           "Created": "2020-01-02T03:04:00Z"}},
        "rtf-deep.rtf": {"text": ["before", "behind"], "within": ["deep"], "limit": True},
        "rtf-open.rtf": {"text": ["never closed and open"], "damaged": True},
        "rtf-as.doc": {"text": ["Called a doc"], "type": "application/msword"},
    }


# ---- text, HTML, XML ---------------------------------------------------------------


def make_text(out: Path) -> dict[str, dict]:
    found: dict[str, dict] = {}
    for name, text, encoding, mark in (
            ("utf8", LATIN, "utf-8", b""), ("utf8-mark", LATIN, "utf-8", b"\xef\xbb\xbf"),
            ("utf16le-mark", LATIN, "utf-16-le", b"\xff\xfe"),
            ("utf16be-mark", LATIN, "utf-16-be", b"\xfe\xff"),
            ("utf16le", LATIN, "utf-16-le", b""), ("utf16be", LATIN, "utf-16-be", b""),
            ("utf16le-russian", RUSSIAN, "utf-16-le", b""),
            ("utf32le-mark", LATIN, "utf-32-le", b"\xff\xfe\0\0"),
            ("utf32be", LATIN, "utf-32-be", b""), ("windows1252", LATIN, "cp1252", b""),
            ("windows1251", RUSSIAN, "cp1251", b""), ("koi8r", RUSSIAN, "koi8-r", b""),
            ("windows1253", GREEK, "cp1253", b""), ("shiftjis", JAPANESE, "cp932", b""),
            ("eucjp", JAPANESE, "euc-jp", b""), ("iso2022jp", JAPANESE, "iso-2022-jp", b""),
            ("gb18030", CHINESE, "gb18030", b""), ("euckr", KOREAN, "euc-kr", b"")):
        (out / f"text-{name}.txt").write_bytes(mark + text.encode(encoding))
        found[f"text-{name}.txt"] = {"text": [text]}
    (out / "text-declared.txt").write_bytes("Zażółć".encode("iso-8859-2"))
    found["text-declared.txt"] = {"text": ["Zażółć"], "type": "text/plain",
                                  "charset": "iso-8859-2"}
    (out / "data.csv").write_text("name;card\nAnna;4111111111111111\n")
    found["data.csv"] = {"text": ["name;card", "Anna;4111111111111111"]}
    (out / "data.json").write_text('{"card": "4111111111111111"}')
    found["data.json"] = {"within": ["4111111111111111"], "type": "application/json"}
    (out / "binary.bin").write_bytes(bytes(range(256)))
    found["binary.bin"] = {"answer": 0}
    return found


def make_markup(out: Path) -> dict[str, dict]:
    page = ("<html><head><meta charset={}><title>Title of HTML</title><style>hidden</style>"
            "</head><body><p>se<b>cr</b>et</p><script>hidden</script><td>one</td><td>two</td>"
            "<p>{}</p></body></html>")
    words = ["Title of HTML", "secret", "one", "two"]
    (out / "page.html").write_text(page.format("utf-8", LATIN))
    (out / "page-1251.html").write_bytes(page.format("windows-1251", RUSSIAN).encode("cp1251"))
    (out / "page-utf16.html").write_bytes(b"\xff\xfe" + page.format("x", LATIN).encode("utf-16-le"))
    (out / "page-open.html").write_text("<p>before <a href='never closed>behind it")
    record = ("<?xml version='1.0' encoding='{}'?><r note='an attribute'><a>one</a><b>two</b>"
              "<c><![CDATA[three]]></c>{}</r>")
    (out / "record.xml").write_bytes(record.format("iso-8859-1", LATIN).encode("latin-1"))
    (out / "record-utf16.xml").write_bytes(record.format("utf-16", RUSSIAN).encode("utf-16"))
    laughs = "<!DOCTYPE r [<!ENTITY a0 'ha'>" + "".join(
        f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)) + "]>"
    (out / "laughs.xml").write_text(laughs + "<r x='&a9;'>before &a9; behind</r>")
    (out / "fetch.xml").write_text(
        "<!DOCTYPE r SYSTEM 'file:///etc/passwd' [<!ENTITY f SYSTEM 'file:///etc/passwd'>"
        "<!ENTITY n SYSTEM 'http://127.0.0.1:9/'>]><r>before &f; &n; behind</r>")
    (out / "picture.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><text>In a picture"
                                     "</text></svg>")
    return {
        "page.html": {"text": [*words, LATIN], "absent": ["hidden"]},
        "page-1251.html": {"text": [*words, RUSSIAN], "type": "text/html"},
        "page-utf16.html": {"text": [*words, LATIN], "type": "text/html"},
        "page-open.html": {"text": ["before"], "within": ["behind it"]},
        "record.xml": {"text": ["one", "two", "three", "an attribute", LATIN]},
        "record-utf16.xml": {"text": ["one", "two", "three", RUSSIAN]},
        "laughs.xml": {"text": ["before"], "within": ["ha"], "damaged": True},
        "fetch.xml": {"text": ["before"], "absent": ["root:"], "damaged": True},
        "picture.svg": {"text": ["In a picture"], "type": "image/svg+xml"},
    }


# ---- old formats --------------------------------------------------------------------


def record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def make_old(out: Path) -> dict[str, dict]:
    sheet = (record(0x0009, struct.pack("<HH", 2, 0x10))
             + record(0x0004, struct.pack("<HHBBBB", 0, 0, 0, 0, 0, 14) + b"Excel 2 speaks")
             + record(0x0003, struct.pack("<HHBBBd", 0, 1, 0, 0, 0, 4242.5))
             + record(0x0002, struct.pack("<HHBBBH", 0, 2, 0, 0, 0, 77)) + record(0x000a, b""))
    (out / "excel2.xls").write_bytes(sheet)
    # The current user's token says that PowerPoint encrypted the rest (MS-PPT 2.3.2).
    show = (out / "slides.ppt").read_bytes()
    open_, closed = struct.pack("<I", 0xe391c05f), struct.pack("<I", 0xf3d1c4df)
    assert show.count(open_) == 1
    (out / "slides-password.ppt").write_bytes(show.replace(open_, closed))
    found = {
        "excel2.xls": {"text": ["Excel 2 speaks", "4242.5", "77"]},
        "slides-password.ppt": {"protected": True, "text": []},
    }
    for name, part, expect in (
            ("text.odt", 0.7, {}), ("table.ods", 0.9, {}), ("text.doc", 0.5, {"answer": -1}),
            ("table.xls", 0.5, {"answer": -1}), ("text.rtf", 0.8, {
                "text": TEXT["paragraphs"][:2]}), ("slides.fodp", 0.5, {})):
        whole = (out / name).read_bytes()
        cut = name.replace(".", "-cut.")
        (out / cut).write_bytes(whole[:int(len(whole) * part)])
        found[cut] = {"damaged": "answer" not in expect, **expect}
    assert SLIDES["title"]
    return found


def make(out: Path) -> dict[str, dict]:
    return make_pdf(out) | make_rtf(out) | make_text(out) | make_markup(out) | make_old(out)
