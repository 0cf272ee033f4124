"""The logs of all actors as one story."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

# "Nov 21 22:33:00" of Postfix and posthub, "21 Nov 2025 22:33:00.123" of Redis.
SYSLOG = re.compile(r"^([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) ")
REDIS = re.compile(r"^\d+:\w (\d\d) ([A-Z][a-z]{2}) \d{4} (\d\d:\d\d:\d\d)")


def _time(line: str, year: int) -> datetime | None:
    found = SYSLOG.match(line)
    if found:
        month, day, clock = found.groups()
    else:
        found = REDIS.match(line)
        if not found:
            return None
        day, month, clock = found.groups()
    return datetime.strptime(f"{year} {month} {day.strip()} {clock}", "%Y %b %d %H:%M:%S")


def merge(files: Iterable[tuple[str, Path]], since: datetime | None = None) -> list[str]:
    """Lines of all files in order of time, each after its actor's name.

    A line without a time (a sanitizer's report, an assertion) belongs to the
    line before it. Times are whole seconds, so within a second the order
    between actors is not known.
    """
    entries: list[tuple[datetime, str]] = []
    for actor, path in files:
        when = datetime.min
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            when = _time(line, datetime.now().year) or when
            if since is None or when >= since or when == datetime.min:
                entries.append((when, f"{actor:<22} {line}"))
    return [line for _, line in sorted(entries, key=lambda entry: entry[0])]
