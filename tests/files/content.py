"""What the documents in tests/files/documents say."""

from __future__ import annotations

PASSWORD = "posthub"

PROPERTIES = {
    "Title": "Quarterly figures",
    "Author": "Anna Example",
    "Subject": "Budget of the north",
    "Keywords": "falcon, merger",
    "Comments": "Not for the press",
}
CUSTOM = {"Department": "Finance", "Project": "Grüner Falke"}

TEXT = {
    "paragraphs": [
        "The first paragraph names the word confidential.",
        "Grüße aus Köln, Привет из Москвы, 日本語のテキスト, 😀 done.",
        "A card number 4111 1111 1111 1111 stands here.",
    ],
    "cells": ["Name", "Amount", "Beatrix", "12345.67"],
    "header": "Header of every page",
    "footer": "Footer of every page",
    "footnote": "The footnote mentions plutonium.",
    "comment": "A comment about osmium.",
    "box": "Text box with iridium.",
    "link": "https://example.com/secret-place",
    "link_text": "a link to somewhere",
}
TABLE = {
    "first": [["Customer", "Card", "Balance"], ["Anna Example", 411111111111111, 12.5],
              ["Grüße Köln", "4111 1111 1111 1111", -7]],
    "hidden": [["hidden sheet speaks of tungsten", 424242]],
    "formula": ('="gall"&"ium in a formula"', "gallium in a formula"),
    "comment": "A cell's comment about osmium.",
    "header": "Sheet header rhenium",
    "names": ["Accounts", "Concealed"],
}
SLIDES = {
    "title": "Slide with a title",
    "body": "Body text mentions confidential things",
    "notes": "Speaker notes about plutonium",
    "box": "Shape with iridium",
    "second": "Grüße, Привет, 日本語",
    "footer": "Footer of the slides",
    "comment": "A slide's comment about osmium",
}
