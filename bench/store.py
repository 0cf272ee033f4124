#!/usr/bin/python3
"""What the store driver makes of a disk: messages a second by LMTP into
Maildirs, beside Dovecot's LMTP server with mail_fsync = always, and beside a
program that does open, write, fsync, rename and fsync of the directory, and
nothing else, with as many threads; and beside the same program when messages
come to it by LMTP, which no LMTP server can go below.

They are spoken to by TCP, or with --unix by a UNIX socket, as on the host of a
Postfix that delivers to them. Messages are kept below /tmp with all else, or
with --disk where a mail store often is, on a disk of its own.

Each session's messages go to ten mailboxes in turn, all on one file system. The
variants take turns; the first round only warms up. Ratios are those of one
round, and the median over the rounds counts, because the disk has moods.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.filters import cpu_seconds, megabytes
from tests.lab import letter, maildir, ports, wait
from tests.lab.dovecot import ADDRESS, Dovecot
from tests.lab.host import USER, Host
from tests.lab.lab import Lab
from tests.lab.track import rows

DOMAIN = "letsexchange.com"
MAILBOXES = [f"user{i}@{DOMAIN}" for i in range(10)]


Target = tuple[str, int] | tuple[Path]  # an address and port, or a socket


@dataclass
class Variant:
    """Somebody who stores; run answers seconds and CPU seconds."""

    name: str
    run: Callable[[], tuple[float, float]]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # ms a message, of the server


def write_list(lab: Lab, size: int) -> Path:
    """A message without Message-ID: each copy of it is another one."""
    line = "All that is gold does not glitter, not all those who wander are lost.\r\n"
    head = f"From: <a@sender.test>\r\nTo: <{MAILBOXES[0]}>\r\nSubject: bench\r\n\r\n"
    text = (head + line * (size // len(line) + 1))[: size - 2] + "\r\n.\r\n"
    content = lab.directory / "content"
    content.write_text(text, encoding="ascii", newline="")
    path = lab.directory / "list"
    path.write_text("".join(f"a@sender.test {to} {content}\n" for to in MAILBOXES))
    return path


def own_socket(host: Host) -> Path:
    return host.state / "lmtp"


def build(lab: Lab) -> Host:
    lab.domain(DOMAIN)
    host = lab.host("MBX1")
    host.set("delivery", "lmtp_socket", f"unix:{own_socket(host)}")
    lab.database("DB1", ["MBX1"])
    for address in MAILBOXES:
        lab.mailbox(address, "DB1")
    return host


def start(host: Host, *daemons: str) -> None:
    host.start(*daemons)
    host.wait_up(*daemons)
    for address in MAILBOXES:
        host.wait_recipient(address)


def program(lab: Lab, name: str) -> str:
    return str(lab.binaries.parent / "bench" / name)


def output(argv: list[str]) -> dict[str, Any]:
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def send(
    lab: Lab, target: Target, options: argparse.Namespace, rate: float = 0
) -> dict[str, Any]:
    argv = [program(lab, "source"), "-LP", "-s", str(options.sessions)]
    argv += ["-m", str(options.messages), "-r", str(rate)]
    argv += [*(str(part) for part in target), str(lab.directory / "list")]
    told = output(argv)
    if told["refused"]:
        raise RuntimeError(f"{told['refused']} messages were refused")
    return told


# ---- messages a second -----------------------------------------------------------


def served(
    lab: Lab, pid: int, target: Target, options: argparse.Namespace
) -> tuple[float, float]:
    before = cpu_seconds(pid)
    seconds = float(send(lab, target, options)["seconds"])
    return seconds, cpu_seconds(pid) - before


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def floor(lab: Lab, disk: Path, options: argparse.Namespace) -> tuple[float, float]:
    directory = disk / "floor"
    argv = [program(lab, "floor"), "-t", str(options.sessions), "-m", str(options.messages)]
    before = children_cpu()
    told = output([*argv, "-l", str(options.size), str(directory)])
    return float(told["seconds"]), children_cpu() - before


@contextmanager
def floor_by_lmtp(
    lab: Lab, disk: Path, options: argparse.Namespace
) -> Iterator[tuple[int, Target]]:
    """Its process, and where it listens."""
    port = ports.ask(ADDRESS)
    argv = [program(lab, "floor"), "-p", str(port), "-t", str(options.sessions)]
    with subprocess.Popen([*argv, str(disk / "floor-lmtp")]) as child:
        wait.until("the floor", lambda: socket.create_connection((ADDRESS, port)).close() is None)
        yield child.pid, (ADDRESS, port)
        child.terminate()


def ratio(variants: list[Variant], a: int, b: int) -> float:
    pairs = zip(variants[a].rates[1:], variants[b].rates[1:])
    return statistics.median(x / y for x, y in pairs)


def show(variants: list[Variant]) -> None:
    heads = [f"of {v.name}" for v in variants[:-1]]
    print(f"{'variant':<12}{'messages/s':>12}" + "".join(f"{h:>15}" for h in heads) + f"{'CPU ms':>8}")
    for i, v in enumerate(variants):
        rate, cpu = statistics.median(v.rates[1:]), statistics.median(v.cpu[1:])
        ratios = "".join(f"{ratio(variants, i, k):>15.2f}" for k in range(len(heads)))
        print(f"{v.name:<12}{rate:>12.0f}{ratios}{cpu:>8.2f}", flush=True)


@contextmanager
def disk_of(lab: Lab, options: argparse.Namespace) -> Iterator[Path]:
    """A directory on the disk that is measured, in which all may make theirs."""
    if not options.disk:
        yield lab.directory
        return
    with tempfile.TemporaryDirectory(dir=options.disk, ignore_cleanup_errors=True) as directory:
        shutil.chown(directory, USER)
        lab.share_store(Path(directory) / "store")
        yield Path(directory)


def compare(lab: Lab, options: argparse.Namespace) -> None:
    with disk_of(lab, options) as disk:
        compare_on(disk, lab, options)


def compare_on(disk: Path, lab: Lab, options: argparse.Namespace) -> None:
    host = build(lab)
    write_list(lab, options.size)
    start(host, "policy", "delivery")
    dovecot = Dovecot(lab.directory / "dovecot", lab.env, options.sessions)
    for number, address in enumerate(MAILBOXES):
        dovecot.add(address, disk / f"dovecot{number}" if options.disk else None)
    with dovecot, floor_by_lmtp(lab, disk, options) as (pid, by_lmtp):
        own: Target = (host.address, host.lmtp)
        other: Target = (ADDRESS, dovecot.lmtp_port)
        if options.unix:
            own, other = (own_socket(host),), (dovecot.socket,)
        variants = [
            Variant("floor", lambda: floor(lab, disk, options)),
            Variant("Dovecot", lambda: served(lab, dovecot.child.pid, other, options)),
            Variant("LMTP floor", lambda: served(lab, pid, by_lmtp, options)),
            Variant("posthub", lambda: served(lab, host.daemon("delivery").pid, own, options)),
        ]
        variants = [v for v in variants if options.only in (None, v.name) or "floor" in v.name]
        for _ in range(options.rounds + 1):
            for variant in variants:
                seconds, cpu = variant.run()
                variant.rates.append(options.messages / seconds)
                variant.cpu.append(1000 * cpu / options.messages)
    show(variants)


# ---- memory ----------------------------------------------------------------------


def steady(lab: Lab, options: argparse.Namespace) -> None:
    """RSS at a rate of 10,000 messages a minute, minute by minute; mailboxes are
    emptied in between, as their owners do."""
    host = build(lab)
    write_list(lab, options.size)
    start(host, "policy", "delivery")
    options.messages = 10000
    print(f"{'minute':<8}{'messages':>10}{'seconds':>9}{'p50 ms':>8}{'p99 ms':>8}{'RSS MB':>8}")
    for minute in range(options.minutes):
        told = send(lab, (host.address, host.lmtp), options, 10000 / 60)
        rss = megabytes(host.daemon("delivery").pid, "Rss")
        print(
            f"{minute + 1:<8}{told['messages']:>10}{told['seconds']:>9.1f}"
            f"{told['p50_ms']:>8.1f}{told['p99_ms']:>8.1f}{rss:>8.1f}",
            flush=True,
        )
        for address in MAILBOXES:
            for path in maildir.files(lab.own_maildir(address)):
                path.unlink()


# ---- from the Outbox -------------------------------------------------------------


def submitted(host: Host, ident: str) -> float:
    """When Transport had taken it, wall seconds, as the tracking log says."""
    found = wait.until(
        "SUBMIT", lambda: [r for r in rows(host, ident) if r["event-id"] == "SUBMIT"], interval=0.05
    )
    return datetime.fromisoformat(found[0]["date-time"].replace("Z", "+00:00")).timestamp()


def outbox(lab: Lab, options: argparse.Namespace) -> None:
    """From the file's appearance in the Outbox to Transport's 250."""
    host = build(lab)
    lab.start()
    owner = MAILBOXES[0]
    lab.make_outbox(owner)
    delays = []
    for _ in range(options.messages):
        mail = letter.compose(MAILBOXES[1], sender=owner)
        began = time.time()
        lab.outbox(owner, mail.content)
        delays.append(1000 * (submitted(host, mail.ident) - began))
    delays.sort()
    print(
        f"{len(delays)} messages, from the Outbox to Transport: "
        f"median {statistics.median(delays):.1f} ms, "
        f"p90 {delays[int(0.9 * len(delays))]:.1f} ms, longest {delays[-1]:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--size", type=int, default=5120, help="bytes of a message")
    parser.add_argument("--only", choices=("Dovecot", "posthub"), help="beside the floor")
    parser.add_argument("--disk", metavar="DIRECTORY", help="where messages are kept")
    parser.add_argument("--unix", action="store_true", help="by UNIX sockets instead of TCP")
    parser.add_argument("--steady", action="store_true", help="memory at a steady rate")
    parser.add_argument("--minutes", type=int, default=10, help="of --steady")
    parser.add_argument("--outbox", action="store_true", help="from an Outbox to Transport")
    options = parser.parse_args()
    run = steady if options.steady else outbox if options.outbox else compare
    with Lab(persist=False) as lab:
        run(lab, options)


if __name__ == "__main__":
    main()
