"""The demonstration is a test that people read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lab import demo
from tests.lab.lab import ROOT
from tests.lab.track import SEVEN_ROWS


def test_it_shows_the_seven_rows_and_exits_with_0() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/lab/demo.py")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [tuple(line.split()) for line in done.stdout.splitlines()]
    rows = [tuple(" ".join(cell or "-" for cell in row).split()) for row in SEVEN_ROWS]
    assert any(lines[n : n + len(rows)] == rows for n in range(len(lines)))
    assert done.stdout.count("[Inbox]") == 3
    assert "Subject: [EXTERNAL] Testing the rule" in done.stdout


@pytest.mark.parametrize("rows", [SEVEN_ROWS[:-1], SEVEN_ROWS[::-1], [*SEVEN_ROWS, SEVEN_ROWS[-1]]])
def test_it_fails_when_the_rows_are_others(rows: list[tuple[str, ...]]) -> None:
    with pytest.raises(demo.DemoFailed, match="not as expected"):
        demo.compare(rows, SEVEN_ROWS)
    demo.compare(list(SEVEN_ROWS), SEVEN_ROWS)
