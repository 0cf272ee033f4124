#!/usr/bin/python3
"""What a large directory costs: a million recipients in Redis and in the shared
file of one host, all of whose daemons run.

"look-ups": the maps of posthub-policy beside the floor, a server that only has
a hash table (bench/lookups serve). They take turns; the first round only warms
up. Figures are medians over the rounds, ratios those of neighbours in a round.

"memory": of all daemons together, beside the size of the file. RSS counts what
they share in each of them, PSS once.

"changes": from HSET of one recipient to the answer of the map that has it.

"re-read": the connections that watch Redis are cut, and everything is read
again; meanwhile somebody else asks Redis, and in turn an idle Redis, which
shows what is the machine's: two waits for a processor.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.filters import megabytes
from tests.lab import protocols, wait
from tests.lab.host import Host
from tests.lab.lab import PREFIX, Lab
from tests.lab.process import Child
from tests.lab.redis import Client, Redis

DOMAIN = "letsexchange.com"
FLOOR = "floor"
PATIENCE = 900.0  # seconds until all recipients are there
CHANGED = 30
CALM = 10.0  # seconds of asking Redis before anything is read
ASKING = 0.002  # seconds between two questions to Redis


# ---- recipients ----------------------------------------------------------------


def primary(i: int) -> str:
    return f"first{i % 997}.last{i}@{DOMAIN}"


def proxy(i: int) -> str:
    return f"u{i}@{DOMAIN}"


def fields(i: int) -> dict[str, str]:
    """As large as that of an employee is."""
    return {
        "RecipientType": "UserMailbox",
        "PrimarySmtpAddress": primary(i),
        "EmailAddresses": f"{proxy(i)},x{i}.old@{DOMAIN}",
        "Database": "DB1",
        "DisplayName": f"First{i % 997} Last{i}",
        "Department": f"Department {i % 50}",
        "Manager": primary(i // 10),
    }


def command(words: Sequence[str]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded)


def commands(count: int) -> Iterator[bytes]:
    for i in range(count):
        pairs = [word for pair in fields(i).items() for word in pair]
        yield command(["HSET", f"{PREFIX}recipient:{primary(i)}", *pairs])


def load(lab: Lab, count: int) -> None:
    argv = ["redis-cli", "-s", str(lab.redis.socket), "--pipe"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        assert running.stdin is not None
        running.stdin.writelines(commands(count))
    if running.returncode != 0:
        raise RuntimeError("redis-cli could not load the recipients")


def write_list(path: Path, lines: Iterable[str]) -> Path:
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


# ---- the host ------------------------------------------------------------------


class Bench:
    """One host with all its daemons, and the floor."""

    def __init__(self, stack: ExitStack, options: argparse.Namespace) -> None:
        self.options = options
        self.lab = stack.enter_context(Lab(persist=False))
        self.host: Host = self.lab.host("MBX1")
        self.host.set("directory", "map_size", "4GB")
        self.lab.domain(DOMAIN)
        self.lab.database("DB1", ["MBX1"])
        say(f"loading {options.recipients} recipients")
        load(self.lab, options.recipients)
        for daemon in self.host.daemons:
            self.host.start(daemon)
        started = time.monotonic()
        wait.until("posthub-policy to serve", partial(protocols.accepts, self.host.map_socket))
        last = primary(options.recipients - 1)
        self.host.wait_recipient(last, timeout=PATIENCE)
        self.filled = time.monotonic() - started
        self._floor(stack)
        self.idle = Redis(self.lab.directory / "idle", self.lab.env, persist=False)
        self.idle.start()
        stack.callback(self.idle.kill)

    @property
    def program(self) -> str:
        return str(self.lab.binaries.parent / "bench" / "lookups")

    def _floor(self, stack: ExitStack) -> None:
        count = self.options.recipients
        directory = self.lab.directory
        self.primaries = write_list(directory / "primaries", map(primary, range(count)))
        self.proxies = write_list(directory / "proxies", map(proxy, range(count)))
        self.floor_socket = directory / "floor.sock"
        argv = [self.program, "serve", str(self.floor_socket), str(self.primaries)]
        child = Child(FLOOR, argv, directory / "floor.log", self.lab.env)
        child.start()
        stack.callback(child.stop)
        wait.until("the floor to serve", partial(protocols.accepts, self.floor_socket))

    # ---- look-ups --------------------------------------------------------------

    def ask(self, socket: Path, table: str, keys: Path, clients: int) -> dict[str, float]:
        each = self.options.requests // clients
        argv = [self.program, "-c", str(clients), "-n", str(each)]
        argv = [*argv, "ask", str(socket), table, str(keys)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        result: dict[str, float] = json.loads(done.stdout)
        return result

    def lookups(self, clients: int) -> None:
        maps = {
            FLOOR: partial(self.ask, self.floor_socket, "recipient", self.primaries),
            "recipient": partial(self.ask, self.host.map_socket, "recipient", self.primaries),
            "alias": partial(self.ask, self.host.map_socket, "alias", self.proxies),
            "transport": partial(self.ask, self.host.map_socket, "transport", self.primaries),
        }
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in maps}
        for number in range(self.options.rounds + 1):
            say(f"{clients} clients, round {number}")
            for name, ask in maps.items():
                taken[name].append(ask(clients))
        title = f"look-ups, {clients} clients"
        print(f"\n{title:<24}" + "".join(f"{c:>12}" for c in LOOKUP_COLUMNS))
        for name, rounds in taken.items():
            floor, rounds = taken[FLOOR][1:], rounds[1:]
            cells = [f"{median(r['rate'] for r in rounds):.0f}"]
            cells += [ratio(rounds, floor, "rate")]
            cells += [f"{median(r[k] for r in rounds):.0f}" for k in ("p50_us", "p99_us")]
            cells += [ratio(rounds, floor, "p99_us")]
            print(f"{name:<24}" + "".join(f"{c:>12}" for c in cells), flush=True)

    # ---- memory ----------------------------------------------------------------

    def memory(self) -> None:
        file = (self.host.state / "directory").stat().st_size / 2**20
        print(f"\n{'memory, MB':<24}{'RSS':>12}{'PSS':>12}{'PSS/file':>12}")
        total = [0.0, 0.0]
        for name, child in self.host.daemons.items():
            used = [megabytes(child.pid, each) for each in ("Rss", "Pss")]
            total = [a + b for a, b in zip(total, used)]
            print(f"{name:<24}{used[0]:>12.0f}{used[1]:>12.0f}")
        print(f"{'together':<24}{total[0]:>12.0f}{total[1]:>12.0f}{total[1] / file:>12.2f}")
        print(f"{'the file':<24}{file:>12.0f}", flush=True)

    # ---- changes ---------------------------------------------------------------

    def changes(self) -> None:
        times = []
        for i in range(CHANGED):
            address = f"changed{i}@{DOMAIN}"
            started = time.monotonic()
            self.lab.put("recipient", primary(i * 31), EmailAddresses=address)
            self.host.wait_recipient(address)
            times.append(1000 * (time.monotonic() - started))
        print(f"\n{'one changed, ms':<24}{'least':>12}{'median':>12}{'most':>12}")
        numbers = (min(times), statistics.median(times), max(times))
        print(f"{'until a map has it':<24}" + "".join(f"{n:>12.0f}" for n in numbers), flush=True)

    # ---- reading everything again ----------------------------------------------

    def status(self) -> dict[str, object]:
        path = self.host.state / "directory.status"
        status: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return status

    def watch(self, when: str, done: Callable[[], bool]) -> None:
        """Ask Redis and the idle one until something is done, and print how
        long the answers took."""
        clients = [Client(self.lab.redis.socket), Client(self.idle.socket)]
        times: tuple[list[float], ...] = ([], [])
        while not done():
            for client, taken in zip(clients, times):
                wait.pause(ASKING)
                asked = time.monotonic()
                client.call("GET", "bench:nothing")
                taken.append(1000 * (time.monotonic() - asked))
        for client, taken, name in zip(clients, times, ("Redis", "idle Redis")):
            client.close()
            taken.sort()
            numbers = (taken[int(part * (len(taken) - 1))] for part in (0.5, 0.9, 0.99, 1))
            cells = "".join(f"{n:>12.2f}" for n in numbers)
            print(f"{f'{name}, {when}':<24}{cells}", flush=True)

    def reread(self) -> None:
        end = time.monotonic() + CALM
        print(f"\n{'re-read, ms':<24}{'median':>12}{'90 %':>12}{'99 %':>12}{'longest':>12}")
        self.watch("calm", lambda: time.monotonic() > end)
        before = self.reads()
        started = time.monotonic()
        self.lab.redis.call("CLIENT", "KILL", "TYPE", "pubsub")
        self.watch("meanwhile", lambda: self.reads() > before)
        print(f"{'it took, s':<24}{time.monotonic() - started:>12.1f}", flush=True)

    def reads(self) -> int:
        return int(str(self.status().get("reads", 0)))


# ---- the table -----------------------------------------------------------------

LOOKUP_COLUMNS = ("a second", "/floor", "p50 µs", "p99 µs", "p99/floor")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def median(numbers: Iterable[float]) -> float:
    return statistics.median(list(numbers))


def ratio(rounds: list[dict[str, float]], peer: list[dict[str, float]], key: str) -> str:
    return f"{median(a[key] / b[key] for a, b in zip(rounds, peer)):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--requests", type=int, default=200_000, help="in a round")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 10])
    options = parser.parse_args()
    with ExitStack() as stack:
        bench = Bench(stack, options)
        print(f"{options.recipients} recipients, in the file after {bench.filled:.0f} s")
        for clients in options.clients:
            bench.lookups(clients)
        bench.memory()
        bench.changes()
        bench.reread()


if __name__ == "__main__":
    main()
