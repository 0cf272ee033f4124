#!/usr/bin/python3
"""What posthub-transport costs a Postfix: messages a second with it, as a ratio
of the same Postfix without any milter, and its own CPU a message.

smtp-source -> private Postfix -> discard, in_flow_delay=0, milter on a UNIX
socket. The variants take turns; the first round only warms up. Figures are
medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.lab.host import Host
from tests.lab.lab import Lab

# A Postfix that takes everything and throws it away.
SINK = {
    "relay_domains": "sink.test",
    "relay_recipient_maps": "",
    "relay_transport": "discard:",
    "transport_maps": "",
    "mynetworks": "127.0.0.0/8",
    "smtpd_authorized_xforward_hosts": "",
    "smtpd_recipient_restrictions": "",
    "smtpd_end_of_data_restrictions": "",
}
MILTER = "unix:posthub/transport.sock"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Variant:
    """A way to run; how many rules, or no milter at all."""

    name: str
    rules: int | None
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def send(host: Host, options: argparse.Namespace) -> float:
    """Messages a second."""
    start = time.monotonic()
    subprocess.run(
        ["smtp-source", "-d", "-s", str(options.sessions), "-m", str(options.messages)]
        + ["-l", str(options.size), "-f", "a@sender.test", "-t", "b@sink.test"]
        + [f"inet:{host.address}:{host.hub}"],
        check=True,
    )
    return options.messages / (time.monotonic() - start)


def prepare(lab: Lab, host: Host, variant: Variant) -> None:
    keys = lab.redis.keys("posthub:rule:*")
    if keys:
        lab.redis.call("DEL", *keys)
    for i in range(variant.rules or 0):
        lab.rule(f"rule {i}", SubjectContainsWords=f"word{i}", PrependSubject="[x] ")
    milters = "" if variant.rules is None else MILTER
    host.postfix.run("postconf", "-e", f"smtpd_milters = {milters}")
    host.postfix.run("postfix", "reload")
    time.sleep(2)  # rules are in force and old smtpd processes gone


def measure(lab: Lab, host: Host, variant: Variant, options: argparse.Namespace) -> None:
    prepare(lab, host, variant)
    pid = host.daemon("posthub-transport").pid
    before = cpu_seconds(pid)
    variant.rates.append(send(host, options))
    variant.cpu.append((cpu_seconds(pid) - before) / options.messages)


def show(variants: list[Variant]) -> None:
    floor = variants[0]
    print(f"{'variant':<24}{'messages/s':>12}{'ratio':>8}{'CPU ms a message':>18}")
    for v in variants:
        ratio = statistics.median(a / b for a, b in zip(v.rates[1:], floor.rates[1:]))
        rate = statistics.median(v.rates[1:])
        cpu = 1000 * statistics.median(v.cpu[1:])
        print(f"{v.name:<24}{rate:>12.0f}{ratio:>8.2f}{cpu:>18.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--size", type=int, default=5120, help="bytes of a message")
    options = parser.parse_args()
    variants = [
        Variant("no milter", None),
        Variant("posthub, no rule", 0),
        Variant("posthub, 100 rules", 100),
    ]
    with Lab() as lab:
        host = lab.host("MX1")
        host.postfix.run("postconf", "-e", *(f"{n} = {v}" for n, v in SINK.items()))
        host.set("transport", "resolve", "no")
        host.postfix.start()
        host.start("posthub-transport")
        for _ in range(options.rounds + 1):
            for variant in variants:
                measure(lab, host, variant, options)
    show(variants)


if __name__ == "__main__":
    main()
