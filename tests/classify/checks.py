"""Checksums by their definitions, for the numbers in the cases: written apart from
lib/classify, mostly as divisions of whole numbers."""

from __future__ import annotations

from collections.abc import Callable


def digits(text: str) -> list[int]:
    """Digits alone."""
    return [int(c) for c in text if c.isdigit()]


def plain(text: str) -> str:
    """Letters and digits alone, in capitals."""
    return "".join(c for c in text.upper() if c.isalnum())


def dot(values: list[int], weights: list[int]) -> int:
    """The sum of products."""
    return sum(v * w for v, w in zip(values, weights, strict=False))


def letters(text: str) -> list[int]:
    """Digits as they are, letters from A as 10."""
    return [int(c, 36) for c in plain(text)]


def luhn(text: str) -> bool:
    """The sum of digits of doubled digits."""
    doubled = [int(c) * (1 + i % 2) for i, c in enumerate(reversed([str(d) for d in digits(text)]))]
    return sum(sum(map(int, str(d))) for d in doubled) % 10 == 0


def verhoeff(text: str) -> bool:
    """By the dihedral group's own arithmetic: a number below 5 turns, from 5 on mirrors."""

    def times(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5

    step = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for i, d in enumerate(reversed(digits(text))):
        for _ in range(i % 8):
            d = step[d]
        check = times(check, d)
    return check == 0


def iban(text: str) -> bool:
    """One large number."""
    t = plain(text)
    return int("".join(str(v) for v in letters(t[4:] + t[:4]))) % 97 == 1


def iso_11_10(text: str) -> bool:
    """ISO 7064, the hybrid system."""
    check = 5
    for d in digits(text):
        check = (((check or 10) * 2) % 11 + d) % 10
    return check == 1


def iso_11_2(text: str) -> bool:
    """ISO 7064: a polynomial at 2."""
    values = [10 if c == "X" else int(c) for c in plain(text)]
    return sum(v * 2**i for i, v in enumerate(reversed(values))) % 11 == 1


def belgium(text: str) -> bool:
    """97 less the rest, of both centuries."""
    n = plain(text)
    return any((int(century + n[:9]) + int(n[9:])) % 97 == 0 for century in ("", "2"))


def brazil(lengths: tuple[int, ...], cycle: int) -> Callable[[str], bool]:
    """Two digits; weights from the right, from 2 up to cycle."""

    def check(text: str) -> bool:
        d = digits(text)
        for n in lengths:
            s = sum(v * (2 + i % (cycle - 1)) for i, v in enumerate(reversed(d[:n])))
            if d[n] != (s * 10) % 11 % 10:
                return False
        return True

    return check


def chile(text: str) -> bool:
    """Weights 2 to 7 from the right."""
    t = plain(text)
    s = sum(int(c) * (2, 3, 4, 5, 6, 7)[i % 6] for i, c in enumerate(reversed(t[:-1])))
    return "0K987654321"[s % 11] == t[-1]


def finland(text: str) -> bool:
    """A rest of 31."""
    t = plain(text.replace("A", "", 1) if "A" in text[:7] else text)
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(t[:9]) % 31] == t[9]


def france(text: str) -> bool:
    """97 divides the sum."""
    t = plain(text).replace("2A", "19").replace("2B", "18")
    return (int(t[:13]) + int(t[13:])) % 97 == 0


def hong_kong(text: str) -> bool:
    """Nine places, the first may be a blank."""
    values = letters(text)
    return dot([36] * (9 - len(values)) + values, [9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 == 0


def ireland(text: str) -> bool:
    """A rest of 23 as a letter of the alphabet, W for none."""
    t = plain(text)
    s = dot(digits(t[:7]), [8, 7, 6, 5, 4, 3, 2])
    s += 9 * (ord(t[8]) - 64) if len(t) > 8 and t[8] != "W" else 0
    return t[7] == (chr(64 + s % 23) if s % 23 else "W")


def korea(text: str) -> bool:
    """Weights 2 to 9."""
    d = digits(text)
    return (dot(d, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) + d[12]) % 11 % 10 in (0, 1) and (
        11 - dot(d, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11
    ) % 10 == d[12]


def new_zealand(text: str) -> bool:
    """24 letters."""
    t = plain(text)
    alphabet = "-ABCDEFGHJKLMNPQRSTUVWXYZ"
    values = [alphabet.index(c) for c in t[:3]] + digits(t[3:6])
    return (dot(values, [7, 6, 5, 4, 3, 2]) + (int(t[6]) or 10)) % 11 == 0


def norway(text: str) -> bool:
    """Two digits."""
    d = digits(text)
    first = -dot(d[:9], [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11
    second = -dot(d[:9] + [first], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return d[9:] == [first, second]


def singapore(text: str) -> bool:
    """Letters from the end."""
    t = plain(text)
    s = dot(digits(t), [2, 7, 6, 5, 4, 3, 2]) + (4 if t[0] in "TG" else 0)
    return {"S": "ABCDEFGHIZJ", "T": "ABCDEFGHIZJ", "F": "KLMNPQRTUWX", "G": "KLMNPQRTUWX"}[t[0]][
        10 - s % 11
    ] == t[8]


def spain(text: str) -> bool:
    """A rest of 97."""
    t = plain(text)
    n = int(t[2:-2])
    return (int(t[:2]) * 10 ** (7 if n < 10**7 else 8) + n) % 97 == int(t[-2:])


def taiwan(text: str) -> bool:
    """The letter is two digits."""
    t = plain(text)
    number = [0] + [10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(c) for c in t[0]]
    both = [number[1] // 10, number[1] % 10] + digits(t[1:])
    return dot(both, [1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1]) % 10 == 0


def weighted(modulus: int, weights: list[int], last: int = 1) -> Callable[[str], bool]:
    """The last value, times "last", fills the sum of the others up to a multiple."""

    def check(text: str) -> bool:
        values = letters(text)[: len(weights) + 1]
        return len(values) > len(weights) and (
            dot(values, weights) + last * values[len(weights)]
        ) % modulus == 0

    return check


CHECKS: dict[str, Callable[[str], bool]] = {
    "aba": weighted(10, [3, 7, 1, 3, 7, 1, 3, 7], 1),
    "au-medicare": weighted(10, [1, 3, 7, 9, 1, 3, 7, 9], -1),
    "au-tfn": weighted(11, [1, 4, 3, 7, 5, 8, 6, 9], 10),
    "be": belgium,
    "br-cnpj": brazil((12, 13), 9),
    "br-cpf": brazil((9, 10), 11),
    "br-rg": weighted(11, [2, 3, 4, 5, 6, 7, 8, 9], 1),
    "cl": chile,
    "cz": lambda t: int(plain(t)) % 11 == 0,
    "de-licence": weighted(11, [9, 8, 7, 6, 5, 4, 3, 2, 1], -1),
    "de-passport": weighted(10, [7, 3, 1, 7, 3, 1, 7, 3, 1], -1),
    "dea": lambda t: (sum(digits(t)[0:6:2]) + 2 * sum(digits(t)[1:6:2])) % 10 == digits(t)[6],
    "dk": weighted(11, [4, 3, 2, 7, 6, 5, 4, 3, 2], 1),
    "es": spain,
    "fi": finland,
    "fr": france,
    "hk": hong_kong,
    "iban": iban,
    "ie": ireland,
    "iso-11-10": iso_11_10,
    "iso-11-2": iso_11_2,
    "kr": korea,
    "luhn": luhn,
    "luhn-10": lambda t: luhn(plain(t)[-10:]),
    "nl": weighted(11, [9, 8, 7, 6, 5, 4, 3, 2], -1),
    "no": norway,
    "nz": new_zealand,
    "pl-id": weighted(10, [7, 3, 1, 9, 7, 3, 1, 7], 3),
    "pl-passport": weighted(10, [7, 3, 9, 1, 7, 3, 1, 7], 3),
    "pl-pesel": weighted(10, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3], 1),
    "sg": singapore,
    "tw": taiwan,
    "uk-nhs": weighted(11, [10, 9, 8, 7, 6, 5, 4, 3, 2], 1),
    "verhoeff": verhoeff,
}


def complete(check: str, text: str) -> str:
    """The text with its "?" made what passes."""
    for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        if CHECKS[check](text.replace("?", c)):
            return text.replace("?", c)
    raise ValueError(f"{check}: nothing completes {text}")
