#!/usr/bin/python3
"""What the bodies of messages cost posthub-transport itself, without Postfix,
milter protocol and rules: keeping them, reading the text, searching it for the
words and patterns of body-1000, and asking the patterns that may be there.

Programs take turns, so that one that was built before a change can be compared
with one that was built after it. Figures are microseconds of processor time a
message, the least of all rounds: what disturbs only adds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.rulesets import SETS, terms, write_messages

SEARCHED = "body-1000"
MESSAGES = 60  # different ones
BYTES = 20_000_000  # of messages in a round


def run(program: Path, directory: Path, options: argparse.Namespace) -> dict[str, float]:
    """One round of one program; it compiles the terms in its first."""
    cache = directory / f"cache-{options.programs.index(program)}"
    turns = max(1, BYTES // MESSAGES // options.size)
    messages = sorted(str(path) for path in (directory / "messages").glob("[0-9]*"))
    command = [str(program), "-n", str(turns), "-c", str(cache), str(directory / "terms")]
    done = subprocess.run([*command, *messages], stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def show(programs: list[Path], figures: dict[Path, list[dict[str, float]]]) -> None:
    names = list(figures[programs[0]][0])
    width = max(len(str(program)) for program in programs) + 2
    print(f"{'':<{width}}" + "".join(f"{name:>10}" for name in names))
    for program in programs:
        least = {name: min(each[name] for each in figures[program]) for name in names}
        print(f"{str(program):<{width}}" + "".join(f"{least[name]:>10.2f}" for name in names))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=102400, help="bytes of a message")
    parser.add_argument("programs", type=Path, nargs="*", default=[ROOT / "build/bench/body"])
    options = parser.parse_args()
    figures: dict[Path, list[dict[str, float]]] = {program: [] for program in options.programs}
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        write_messages(directory / "messages", options.size, MESSAGES)
        searched = next(each for each in SETS if each.name == SEARCHED)
        lines = [f"{kind} {text}\n" for kind, text in terms(searched)]
        (directory / "terms").write_text("".join(lines), encoding="utf-8")
        for _ in range(options.rounds):
            for program in options.programs:
                figures[program].append(run(program, directory, options))
    show(options.programs, figures)


if __name__ == "__main__":
    main()
