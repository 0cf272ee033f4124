#!/usr/bin/python3
"""What a change of a large organisation costs (the topology is made anew), and
what a decision in it costs, beside a small one.

Processor time, the least of all rounds: what disturbs only adds. The paths from
a server's site are worked out by the first decision after a change.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "build/bench/routing"
# Sites, servers, databases, send connectors.
SIZES = {
    "small": (6, 60, 40, 2),
    "large": (500, 10_000, 5_000, 20),
}
FIGURES = {
    "topology": ("the topology after a change", "ms", 100.0),
    "first": ("the first decision after it", "us", None),
    "decision": ("next hops of a mailbox", "us", 10.0),
    "selection": ("a server for a message (front end)", "us", 10.0),
    "connector": ("a send connector", "us", 10.0),
}


def run(size: tuple[int, ...]) -> dict[str, float]:
    command = [str(PROGRAM), *map(str, size)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in SIZES}
    for _ in range(options.rounds):
        for name, size in SIZES.items():
            rounds[name].append(run(size))
    for name, size in SIZES.items():
        print("{}: {} sites, {} servers, {} databases, {} connectors".format(name, *size))
    print(f"{'':<40}" + "".join(f"{name:>12}" for name in SIZES) + f"{'ratio':>9}{'wanted':>9}")
    for key, (text, unit, wanted) in FIGURES.items():
        least = [min(each[key] for each in rounds[name]) for name in SIZES]
        goal = f"< {wanted:.0f}" if wanted else ""
        cells = "".join(f"{value:>12.2f}" for value in least)
        print(f"{f'{text}, {unit}':<40}{cells}{least[1] / least[0]:>9.1f}{goal:>9}")


if __name__ == "__main__":
    main()
