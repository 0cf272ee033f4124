#!/usr/bin/python3
"""What transport rules cost a Postfix, beside what its milters cost anyway.

bench/source -> private Postfix -> discard, in_flow_delay=0, filters on UNIX
sockets, all of them up all the time and each with an SMTP port of its own. They
take turns; the first round only warms up. Figures are medians over the rounds,
ratios those of neighbours in a round. CPU and memory are those of the filter's
processes; RSS counts what they share in each of them, PSS once. "hits" are the
rules applied to a message, by posthub's own counters: one message in a hundred
matches one rule, and in mixed-10000-hits every message a hundred more.

rspamd has one regular expression for each rule of body-1000 and no other module.

"changes" is apart: how long a change of one rule among 10,000 takes until a
message is refused by it, and what mail has to wait while they are all loaded.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import filters
from bench.filters import Filter, NotInForce
from bench.milter import SINK
from bench.rulesets import (
    PROBE,
    RECIPIENT_DOMAIN,
    SETS,
    Condition,
    RuleSet,
    protocol,
    refusing,
    regexes,
    text_patterns,
    text_words,
    write_messages,
)
from tests.lab import ports, wait
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.smtp_mta import Mail, Session

NO_MILTER, NOOP, RSPAMD, CHANGES = "no milter", "no-op milter", "rspamd", "changes"
PEERS = (NO_MILTER, NOOP, RSPAMD)
BY_NAME = {each.name: each for each in SETS}
COMPARABLE = BY_NAME["body-1000"]
LARGEST = BY_NAME["mixed-10000"]
CHANGED = 10  # times each
QUIET = 10.0  # seconds of mail before anything is loaded
SETTLED = 5.0  # seconds without anything being compiled


# ---- mail ----------------------------------------------------------------------


class Probe:
    """One message again and again, until it is refused."""

    def __init__(self, host: Host, port: int) -> None:
        self._target = (host.address, port)
        self._session: Session | None = None

    def refused(self, text: str = PROBE) -> bool:
        content = f"From: <probe@sender.test>\r\nSubject: {text}\r\n\r\n{text}\r\n"
        mail = Mail("<probe>", "p@sender.test", (f"p@{RECIPIENT_DOMAIN}",), content.encode())
        try:
            if self._session is None:
                self._session = Session(self._target, "127.0.0.1", 30)
            self._session.send(mail)
        except OSError:
            self.close()
            raise
        return bool(mail.refused)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def source(lab: Lab, host: Host, port: int, listed: Path, *args: str) -> subprocess.Popen[str]:
    program = lab.binaries.parent / "bench" / "source"
    command = [str(program), *args, host.address, str(port), str(listed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=lab.env)


def outcome(running: subprocess.Popen[str]) -> dict[str, float]:
    """What source has to say, once it has ended."""
    text = running.communicate()[0]
    if running.returncode != 0:
        raise RuntimeError(f"source ended with {running.returncode}")
    result: dict[str, float] = json.loads(text)
    if result["refused"]:
        raise RuntimeError(f"{result['refused']} of {result['messages']} messages were refused")
    return result


# ---- variants ------------------------------------------------------------------


@dataclass
class Figures:
    """Of one size, a round each; the first is not used."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    hits: int = 0
    rss: float = 0
    pss: float = 0


@dataclass
class Variant:
    name: str
    port: int
    filter: Filter | None = None
    problem: str = ""
    figures: Figures = field(default_factory=Figures)


class Bench:
    """A Postfix with a port for each variant."""

    def __init__(self, stack: ExitStack, options: argparse.Namespace) -> None:
        self._stack = stack
        self.options = options
        self.lab = stack.enter_context(Lab(persist=False))
        self.host = self.lab.host("MX1")
        self.host.postfix.run("postconf", "-e", "max_idle = 1h")
        self.host.postfix.run("postconf", "-e", *(f"{n} = {v}" for n, v in SINK.items()))
        self._lists: dict[int, Path] = {}
        wanted = [*PEERS, *BY_NAME, CHANGES]
        self.variants = {
            name: Variant(name, ports.ask(self.host.address))
            for name in wanted
            if not options.only or name in options.only
        }
        self._write_services()
        self.host.postfix.start()

    def socket(self, name: str) -> Path:
        return self.host.postfix.sockets / f"{name.replace(' ', '-')}.sock"

    def _write_services(self) -> None:
        """As the listener of the role, but with ports and milters of their own."""
        path = self.host.postfix.conf / "master.cf"
        text = path.read_text(encoding="utf-8")
        name = f"{self.host.address}:{self.host.hub} "
        lines = text[text.index(f"\n{name}") + 1 :].splitlines()
        options = []
        for line in lines[1:]:
            if not line.startswith(" "):
                break
            options.append(line)
        for variant in self.variants.values():
            milter = f"unix:posthub/{self.socket(variant.name).name}"
            if variant.name == NO_MILTER:
                milter = ""
            service = lines[0].replace(name, f"{self.host.address}:{variant.port} ")
            text += "\n".join(["", service, *options, f"  -o smtpd_milters={milter}", ""])
        path.write_text(text, encoding="utf-8")

    def messages(self, size: int) -> Path:
        if size not in self._lists:
            self._lists[size] = write_messages(self.lab.directory / f"messages-{size}", size)
        return self._lists[size]

    def probe(self, variant: Variant) -> Probe:
        return Probe(self.host, variant.port)

    # ---- starting --------------------------------------------------------------

    def start(self) -> None:
        for variant in self.variants.values():
            say(f"starting {variant.name}")
            try:
                self._start(variant)
            except NotInForce as error:
                variant.problem = str(error)

    def _start(self, variant: Variant) -> None:
        socket = self.socket(variant.name)
        if variant.name == NO_MILTER:
            return
        if variant.name == NOOP:
            variant.filter = filters.start_noop(self._stack, self.lab, socket)
        elif variant.name == RSPAMD:
            self._start_rspamd(variant, socket)
        else:
            variant.filter = filters.start_posthub(self._stack, socket)
            if variant.name != CHANGES:
                self._load(variant, BY_NAME[variant.name])

    def _start_rspamd(self, variant: Variant, socket: Path) -> None:
        if not filters.rspamd_installed():
            raise NotInForce("not installed")
        expressions = regexes(COMPARABLE)
        variant.filter = filters.start_rspamd(self._stack, self.lab, socket, expressions)
        probe = self.probe(variant)
        wait.until("rspamd to refuse the probe", probe.refused)
        probe.close()

    def _load(self, variant: Variant, rule_set: RuleSet) -> None:
        assert variant.filter is not None
        probe = self.probe(variant)
        try:
            variant.filter.load(rule_set, probe.refused)
        finally:
            probe.close()

    # ---- measuring -------------------------------------------------------------

    def measured(self) -> list[Variant]:
        return [v for v in self.variants.values() if v.name != CHANGES]

    def measure(self, variant: Variant, size: int) -> None:
        count = self.options.messages
        args = ("-s", str(self.options.sessions), "-m", str(count))
        used = filters.cpu_seconds(variant.filter.pid) if variant.filter else 0
        sent = outcome(source(self.lab, self.host, variant.port, self.messages(size), *args))
        variant.figures.rates.append(count / sent["seconds"])
        if variant.filter is not None:
            spent = filters.cpu_seconds(variant.filter.pid) - used
            variant.figures.cpu.append(1000 * spent / count)
        # What is still to be thrown away would be done in another's time.
        wait.until("the queue to be empty", lambda: not self.host.postfix.queued(), 120, 0.1)

    def run_size(self, size: int) -> None:
        able = [v for v in self.measured() if not v.problem]
        self.messages(size)
        for variant in able:
            variant.figures = Figures(hits=-self._hits(variant))
        for number in range(self.options.rounds + 1):
            say(f"{size} bytes, round {number}")
            for variant in able:
                self.measure(variant, size)
        wait.pause(2)  # counters are written once a second
        for variant in able:
            variant.figures.hits += self._hits(variant)
            if variant.filter is not None:
                variant.figures.rss = filters.megabytes(variant.filter.pid, "Rss")
                variant.figures.pss = filters.megabytes(variant.filter.pid, "Pss")

    @staticmethod
    def _hits(variant: Variant) -> int:
        return variant.filter.hits() if variant.filter and variant.filter.lab else 0


# ---- changes -------------------------------------------------------------------


def change_times(bench: Bench, variant: Variant, kind: Condition) -> list[float]:
    """Seconds from the command that changes a rule to the answer that refuses
    the first message for it."""
    assert variant.filter is not None and variant.filter.lab is not None
    lab, probe, times = variant.filter.lab, bench.probe(variant), []
    for i in range(CHANGED + 1):
        word = f"{PROBE}{kind.__name__.replace('_', '')}{chr(ord('a') + i)}"
        fields = refusing(kind(word, 0))
        filters.wait_idle(variant.filter.pid, variant.name)
        started = time.monotonic()
        lab.put("rule", f"changing {kind.__name__}", **fields)
        wait.until("the change", lambda: probe.refused(f"{word}-2025"), 120, interval=0.001)
        times.append(time.monotonic() - started)
    probe.close()
    return times[1:]  # the first one made the rule


def flow(bench: Bench, variant: Variant, meanwhile: Callable[[], None]) -> dict[str, float]:
    """Mail of the first size at a moderate rate for as long as something else
    takes."""
    args = ("-s", str(bench.options.sessions), "-m", "0", "-r", str(bench.options.rate))
    listed = bench.messages(bench.options.sizes[0])
    running = source(bench.lab, bench.host, variant.port, listed, *args)
    try:
        wait.pause(1)
        meanwhile()
    except BaseException:
        running.kill()
        running.wait()
        raise
    running.send_signal(signal.SIGTERM)
    return outcome(running)


def load_in_flow(bench: Bench, variant: Variant) -> str:
    """Load the largest set; how long that took."""
    loaded = variant.filter
    assert loaded is not None
    probe = bench.probe(variant)
    started = time.monotonic()
    loaded.write(protocol(LARGEST.rules()))
    written = time.monotonic() - started
    wait.until("the rules", lambda: probe.refused() or loaded.refused_rules(), filters.PATIENCE)
    in_force = time.monotonic() - started
    probe.close()
    busy = [time.monotonic()]

    def settled() -> bool:
        if loaded.compiling():
            busy.append(time.monotonic())
        return time.monotonic() - busy[-1] > SETTLED

    wait.until("the compiler to be done", settled, filters.PATIENCE, interval=0.2)
    bad = loaded.refused_rules()
    if bad:
        raise NotInForce(f"{len(bad)} of {LARGEST.count} rules are refused ({bad[0]})")
    compiled = busy[-1] - started
    times = f"written after {written:.2f} s, in force after {in_force:.2f} s"
    return f"{times}, compiled after {compiled:.1f} s"


def show_changes(bench: Bench, variant: Variant) -> None:
    print(f"\nchanges, {LARGEST.count} rules ({LARGEST.name})")
    quiet = flow(bench, variant, lambda: wait.pause(QUIET))
    took: list[str] = []
    try:
        busy = flow(bench, variant, lambda: took.append(load_in_flow(bench, variant)))
    except NotInForce as error:
        print(error)
        return
    print(f"loaded by redis-cli --pipe while mail flows at {bench.options.rate:g}/s: {took[0]}")
    print(f"{'delay of a message, ms':<34}{'median':>10}{'99 %':>10}{'longest':>10}")
    for name, each in (("before, no rule", quiet), ("while they are loaded", busy)):
        numbers = "".join(f"{each[key]:>10.1f}" for key in ("p50_ms", "p99_ms", "max_ms"))
        print(f"{name:<34}{numbers}")
    print(f"{'one rule changed, ms until live':<34}{'least':>10}{'median':>10}{'most':>10}")
    for name, kind in (("a word", text_words), ("a pattern", text_patterns)):
        times = [1000 * t for t in change_times(bench, variant, kind)]
        print(f"{name:<34}{min(times):>10.1f}{statistics.median(times):>10.1f}{max(times):>10.1f}")


# ---- the table -----------------------------------------------------------------


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ratio(variant: Variant, peer: Variant | None) -> str:
    if peer is None or not peer.figures.rates:
        return "-"
    pairs = zip(variant.figures.rates[1:], peer.figures.rates[1:])
    return f"{statistics.median(a / b for a, b in pairs):.2f}"


def _cells(bench: Bench, variant: Variant) -> list[str]:
    figures = variant.figures
    cells = [f"{statistics.median(figures.rates[1:]):.0f}"]
    cells += [_ratio(variant, bench.variants.get(name)) for name in PEERS]
    if variant.filter is None:
        return [*cells, "-", "-", "-", "-"]
    cells.append(f"{statistics.median(figures.cpu[1:]):.2f}")
    cells += [f"{figures.rss:.0f}", f"{figures.pss:.0f}"]
    sent = bench.options.messages * len(figures.rates)
    return [*cells, f"{figures.hits / sent:.2f}" if variant.filter.lab else "-"]


def show(bench: Bench, size: int) -> None:
    columns = ["messages/s", "/none", "/no-op", "/rspamd", "CPU ms", "RSS MB", "PSS MB", "hits"]
    print(f"\n{f'{size} bytes':<24}" + "".join(f"{c:>11}" for c in columns))
    for variant in bench.measured():
        if variant.problem:
            print(f"{variant.name:<24}{variant.problem}")
        else:
            print(f"{variant.name:<24}" + "".join(f"{c:>11}" for c in _cells(bench, variant)))
    sys.stdout.flush()


def show_notes(bench: Bench) -> None:
    for variant in bench.measured():
        for note in variant.filter.notes if variant.filter else ():
            print(f"{variant.name}: {note}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--messages", type=int, default=2000, help="in a round")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5120, 102400], help="bytes")
    parser.add_argument("--rate", type=float, default=100, help="messages a second for changes")
    names = [*PEERS, *BY_NAME, CHANGES]
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"this one; may be given again; of: {', '.join(names)}",
    )
    return parser.parse_args()


def main() -> None:
    options = parse()
    with ExitStack() as stack:
        bench = Bench(stack, options)
        bench.start()
        show_notes(bench)
        if bench.measured():
            for size in options.sizes:
                bench.run_size(size)
                show(bench, size)
        changes = bench.variants.get(CHANGES)
        if changes is not None:
            show_changes(bench, changes)


if __name__ == "__main__":
    main()
