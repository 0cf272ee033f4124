"""Rule sets and messages of the benchmarks: always the same ones.

Words are made of syllables, some with letters outside ASCII. Those of the
messages and those of the rules are different but alike, so that a rule is
seldom ruled out by its first letters. One message in a hundred matches one rule
of each set, by a text that was put into it.

A rule has one condition with one word, pattern or value, and sets the header
field X-Rule. The last rule of a set refuses a probe instead: who sends the probe
sees when the set is in force.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Fields = dict[str, str]

MESSAGES = 200  # different ones; those whose number ends with 00 match
SENDER_DOMAIN = "sender.test"
RECIPIENT_DOMAIN = "sink.test"

# What the messages that match have, each where one kind of rules looks.
SUBJECT_WORD = "Quillwendal"
BODY_WORD = "Zorbentrask"
BODY_PATTERN = r"graumbelt[-_ ]?\d{4,8}"
BODY_PATTERN_TEXT = "Graumbelt-204518"
# What all messages have.
COMMON_WORD = "Tovaral"
COMMON_PATTERN = r"tovaral\s+(?:number|no\.?)\s*\d+"
COMMON_TEXT = "Tovaral number 17"
MAILER = "Benchmail"
# What only the probe has.
PROBE = "wrexiprobe"

SYLLABLES = (
    "ba be bi bo da de di do fa fe fi ga ge gi go ha he hi ka ke ki ko la le li lo ma me mi mo"
    " na ne ni no pa pe pi po ra re ri ro sa se si so ta te ti to va ve vi wa we st tr pl an en"
    " in on er ar or el al is es th ch sh ing ent ion"
).split()
ACCENTED = "é ü ñ ø č ó å ß".split()


@cache
def _vocabulary() -> tuple[list[str], list[str]]:
    """Words of the messages, words of the rules."""
    chance = random.Random(20130)
    words: dict[str, None] = {}
    while len(words) < 40000:
        word = "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 5)))
        if chance.random() < 0.02:
            word += chance.choice(ACCENTED)
        if len(word) > 3:
            words[word] = None
    made = list(words)
    return made[:20000], made[20000:]


# ---- messages ----------------------------------------------------------------


def _sentence(chance: random.Random, words: list[str], weights: list[float]) -> str:
    chosen = chance.choices(words, cum_weights=weights, k=chance.randint(5, 18))
    return " ".join(chosen).capitalize() + chance.choice(".....?!")


@cache
def _weights(count: int) -> list[float]:
    """Cumulative; the n-th word is used as often as in a language."""
    total, weights = 0.0, []
    for rank in range(1, count + 1):
        total += 1 / rank
        weights.append(total)
    return weights


def _text(chance: random.Random, size: int) -> str:
    """Paragraphs of lines of 70 characters or so."""
    words = _vocabulary()[0]
    lines, line, length = [], "", 0
    while length < size:
        for word in _sentence(chance, words, _weights(len(words))).split():
            if len(line) + len(word) > 70:
                lines.append(line)
                length += len(line) + 2
                line = ""
            line += f" {word}" if line else word
        if chance.random() < 0.15:
            lines += [line, ""]
            length += len(line) + 4
            line = ""
    return "\r\n".join(lines)


def make_message(number: int, size: int) -> bytes:
    """What follows DATA, of about that many bytes. No line begins with a dot."""
    chance = random.Random(number)
    subject = " ".join(chance.choices(_vocabulary()[0], k=6)).capitalize()
    special = ""
    if number % 100 == 0:
        subject += f" {SUBJECT_WORD}"
        special = BODY_WORD if number % 200 == 0 else BODY_PATTERN_TEXT
    head = [
        f"Received: from client.{SENDER_DOMAIN} (client.{SENDER_DOMAIN} [192.0.2.7])",
        f"\tby mx.{SENDER_DOMAIN} (Postfix) with ESMTPS id {number:010X};",
        "\tTue, 4 Feb 2025 10:00:00 +0000 (UTC)",
        "Date: Tue, 4 Feb 2025 10:00:00 +0000",
        f"From: Person {number % 50} <person{number % 50}@{SENDER_DOMAIN}>",
        f"To: Reader {number % 30} <reader{number % 30}@{RECIPIENT_DOMAIN}>",
        f"Subject: {_encoded(subject)}",
        f"Message-ID: <{number:x}.{size:x}@{SENDER_DOMAIN}>",
        f"X-Mailer: {MAILER} 1.0",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        f"{special} {COMMON_TEXT}".strip(),
        "",
    ]
    text = "\r\n".join(head) + "\r\n"
    text += _text(chance, size - len(text) - 3)
    return f"{text}\r\n.\r\n".encode()


def _encoded(text: str) -> str:
    """As RFC 2047 says."""
    return " ".join(w if w.isascii() else f"=?utf-8?Q?{_quoted(w)}?=" for w in text.split())


def _quoted(word: str) -> str:
    return "".join(chr(b) if b < 128 else f"={b:02X}" for b in word.encode())


def write_messages(directory: Path, size: int, count: int = MESSAGES) -> Path:
    """The files and the list that bench/source reads."""
    directory.mkdir()
    lines = []
    for number in range(count):
        path = directory / str(number)
        path.write_bytes(make_message(number, size))
        sender = f"person{number % 50}@{SENDER_DOMAIN}"
        lines.append(f"{sender} reader{number % 30}@{RECIPIENT_DOMAIN} {path}\n")
    listed = directory / "list"
    listed.write_text("".join(lines), encoding="utf-8")
    return listed


# ---- conditions ----------------------------------------------------------------
#
# Each makes the condition of a rule: from a word of its own, or for one that
# all messages match.

Condition = Callable[[str, int], Fields]


def pattern_of(word: str, number: int) -> str:
    """The kinds of patterns that people write."""
    kinds = (
        r"{}[-_ ]?\d{{4,8}}",
        r"{}\s+(?:number|no\.?)\s*\d+",
        r"\b{}(?:ed|s)?\b",
        r"{}@[a-z0-9.-]+\.[a-z]{{2,6}}",
        r"\b[a-z]{{2}}\d{{6}}-{}\b",
    )
    return kinds[number % len(kinds)].format(word)


def _as_list(text: str) -> str:
    """A list of one, whatever commas it has."""
    return json.dumps([text], ensure_ascii=False)


def subject_words(word: str, _number: int) -> Fields:
    return {"SubjectContainsWords": word}


def from_words(word: str, _number: int) -> Fields:
    return {"FromAddressContainsWords": word}


def sender_domain(word: str, _number: int) -> Fields:
    return {"SenderDomainIs": f"{_ascii(word)}.example"}


def recipient_domain(word: str, _number: int) -> Fields:
    return {"RecipientDomainIs": f"{_ascii(word)}.example"}


def header_words(word: str, _number: int) -> Fields:
    return {"HeaderContainsMessageHeader": "X-Mailer", "HeaderContainsWords": word}


def text_words(word: str, _number: int) -> Fields:
    return {"SubjectOrBodyContainsWords": word}


def text_patterns(word: str, number: int) -> Fields:
    return {"SubjectOrBodyMatchesPatterns": _as_list(pattern_of(word, number))}


def odds_and_ends(_word: str, number: int) -> Fields:
    """Sizes and the like: values that repeat in any large set of rules."""
    kinds: tuple[Fields, ...] = (
        {"MessageSizeOver": f"{10 + number % 20}MB"},
        {"SCLOver": str(5 + number % 5)},
        {"WithImportance": "High"},
    )
    return kinds[number % len(kinds)]


def domains(word: str, number: int) -> Fields:
    return (sender_domain if number % 2 else recipient_domain)(word, number)


def _ascii(word: str) -> str:
    return "".join(c for c in word if c.isascii())


ALWAYS: dict[Condition, Fields] = {
    text_words: text_words(COMMON_WORD, 0),
    text_patterns: {"SubjectOrBodyMatchesPatterns": _as_list(COMMON_PATTERN)},
    domains: {"SenderDomainIs": SENDER_DOMAIN},
    header_words: header_words(MAILER, 0),
    odds_and_ends: {"MessageSizeOver": "1KB"},
}
# The last one of each is that of the probe.
HEADERS: tuple[Condition, ...] = (
    from_words,
    sender_domain,
    header_words,
    recipient_domain,
    subject_words,
)
BODY: tuple[Condition, ...] = (text_patterns, text_words)
MIXED: tuple[Condition, ...] = (
    text_words,
    domains,
    text_words,
    header_words,
    text_patterns,
    odds_and_ends,
    text_words,
    domains,
    header_words,
    text_words,
)


# ---- sets ----------------------------------------------------------------------


@dataclass(frozen=True)
class RuleSet:
    """count rules with these conditions in turn; the first ones match one
    message in a hundred together."""

    name: str
    count: int
    conditions: tuple[Condition, ...]
    matching: tuple[Fields, ...]
    always: int = 0  # one rule in so many matches all messages; 0: none does

    def rules(self) -> Iterator[tuple[str, Fields]]:
        """Names and fields."""
        words = _vocabulary()[1]
        first = self._matching()
        for i in range(self.count - 1):
            make = self.conditions[i % len(self.conditions)]
            condition = first.get(i) or make(words[i], i // len(self.conditions))
            # Those that match always are spread over all kinds of conditions.
            if self.always and i % self.always == i // self.always % len(self.conditions) + 1:
                condition = ALWAYS[make]
            yield f"rule {i}", condition | {"SetHeaderName": "X-Rule", "SetHeaderValue": str(i)}
        yield "probe", refusing(self.conditions[-1](PROBE, 0))

    def _matching(self) -> dict[int, Fields]:
        """Each in the place of a rule of its own kind, somewhere in the middle."""
        places = {}
        for fields in self.matching:
            kinds = [set(c("x", 0)) for c in self.conditions]
            kind = kinds.index(set(fields))
            half = (self.count - 1) // 2 // len(kinds) * len(kinds)
            places[half + kind] = fields
        return places


def refusing(condition: Fields) -> Fields:
    return condition | {"RejectMessageReasonText": "probe", "Priority": "0"}


TEXT_MATCHING: tuple[Fields, ...] = (
    {"SubjectOrBodyContainsWords": BODY_WORD},
    {"SubjectOrBodyMatchesPatterns": _as_list(BODY_PATTERN)},
)
SETS = (
    RuleSet(
        "headers-1000", 1000, HEADERS, ({"SubjectContainsWords": SUBJECT_WORD},)
    ),
    RuleSet("body-1000", 1000, BODY, TEXT_MATCHING),
    RuleSet("mixed-10", 10, MIXED, TEXT_MATCHING),
    RuleSet("mixed-10000", 10000, MIXED, TEXT_MATCHING),
    RuleSet("mixed-10000-hits", 10000, MIXED, TEXT_MATCHING, always=100),
)


def terms(rule_set: RuleSet) -> Iterator[tuple[str, str]]:
    """The words and patterns of a set that looks at texts: "word" or "pattern",
    and which."""
    for _, fields in rule_set.rules():
        if "SubjectOrBodyContainsWords" in fields:
            yield "word", fields["SubjectOrBodyContainsWords"]
        else:
            for pattern in json.loads(fields["SubjectOrBodyMatchesPatterns"]):
                yield "pattern", pattern


def regexes(rule_set: RuleSet) -> list[str]:
    """The same for who has regular expressions alone."""
    return [rf"\b{text}\b" if kind == "word" else text for kind, text in terms(rule_set)]


def protocol(rules: Iterator[tuple[str, Fields]], prefix: str = "posthub:rule:") -> bytes:
    """The commands that write rules, as redis-cli --pipe reads them."""
    out = []
    for name, fields in rules:
        words = ["HSET", prefix + name, *(w for pair in fields.items() for w in pair)]
        out.append(b"*%d\r\n" % len(words))
        out += [b"$%d\r\n%s\r\n" % (len(w), w) for w in (word.encode() for word in words)]
    return b"".join(out)
