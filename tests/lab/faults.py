"""Where a program can be told to die: the list is the source's own."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "lib/base/fault.c"


def points(program: str) -> list[str]:
    """Names without the program's: a new one is walked by the tests at once."""
    names = re.findall(rf'"{program}\.([a-z-]+)"', SOURCE.read_text(encoding="utf-8"))
    if not names:
        raise RuntimeError(f"no fault points of {program}")
    return names
