"""Waiting for something to become true: the only place that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEFAULT_TIMEOUT = 15.0


class TimedOut(AssertionError):
    """What was waited for did not happen; an assertion to pytest."""


def until(
    what: str,
    probe: Callable[[], T],
    timeout: float = DEFAULT_TIMEOUT,
    interval: float = 0.02,
) -> T:
    """Return the first true answer of probe, asked again and again.

    An OSError of the probe counts as "not yet": most probes connect to
    something that is starting. The last answer or error is in the report, so
    that a time-out says how far it came.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            last: object = probe()
            if last:
                return last  # type: ignore[return-value]
        except OSError as error:
            last = error
        if time.monotonic() >= deadline:
            raise TimedOut(f"{what}: not within {timeout:g} s; last: {last!r}")
        time.sleep(interval)


def pause(seconds: float) -> None:
    """Back off between two attempts, as an MTA does."""
    time.sleep(seconds)


def monotonic_ms() -> int:
    """As the daemons count: all processes of a machine have this clock."""
    return time.monotonic_ns() // 1_000_000
