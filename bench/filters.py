"""What stands behind smtpd_milters in a benchmark, and what it uses of the
machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.rulesets import PROBE, RuleSet, protocol
from tests.lab import protocols, wait
from tests.lab.lab import PREFIX, Lab
from tests.lab.process import Child

TICKS = os.sysconf("SC_CLK_TCK")
IDLE = 0.03  # of a processor: heartbeats and the like
PATIENCE = 600.0  # seconds for thousands of rules to be compiled


class NotInForce(Exception):
    """A filter does not do what is to be measured."""


# ---- processes -----------------------------------------------------------------


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none: it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        fields = _stat(int(entry)) if entry.isdigit() else []
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Of a family, with its dead whom somebody has waited for."""
    stats = [fields for fields in map(_stat, family(pid)) if fields]
    return sum(int(tick) for fields in stats for tick in fields[11:15]) / TICKS


def megabytes(pid: int, name: str) -> float:
    """A line of smaps_rollup (Rss, or Pss, which counts shared memory once),
    summed over a family."""
    total = 0
    for each in family(pid):
        try:
            lines = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return total / 1024


def wait_idle(pid: int, what: str) -> None:
    """Until a family has had nothing to do for two seconds: what it compiles
    when its rules change is done."""
    used = [cpu_seconds(pid)]

    def idle() -> bool:
        used.append(cpu_seconds(pid))
        return len(used) > 2 and used[-1] - used[-3] < 2 * IDLE

    wait.until(f"{what} to be idle", idle, PATIENCE, interval=1)


# ---- filters -------------------------------------------------------------------


@dataclass
class Filter:
    """A process with a milter socket."""

    child: Child
    # Of posthub: where its rules and their counters are.
    lab: Lab | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.child.pid

    def status(self) -> dict[str, object]:
        """What posthub-transport says of itself."""
        assert self.lab is not None
        path = self.lab.hosts["MX1"].state / "posthub-transport.status"
        if not path.exists():
            return {}
        status: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return status

    def refused_rules(self) -> list[str]:
        """Rules that are not in force as they are written, and why."""
        errors = self.status().get("errors", [])
        assert isinstance(errors, list)
        return [f"{e['key']}: {e['text']}" for e in errors if "rule:" in e["key"]]

    def compiling(self) -> bool:
        """With mail flowing nothing is idle, so: a child at work, or terms that
        the status says are not in a database yet."""
        return len(family(self.pid)) > 1 or bool(self.status().get("terms_pending", 0))

    def hits(self) -> int:
        """How often rules have applied, that of the probe aside."""
        assert self.lab is not None
        keys = self.lab.redis.keys(f"{PREFIX}stats:rule:*")
        counted = [k for k in keys if not k.endswith(":probe")]
        return sum(int(str(self.lab.redis.call("HGET", k, "Hits") or 0)) for k in counted)

    def write(self, data: bytes) -> None:
        """Commands for Redis, many at once."""
        assert self.lab is not None
        command = ["redis-cli", "-s", str(self.lab.redis.socket), "--pipe"]
        done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=True)
        if b"errors: 0" not in done.stdout:
            raise RuntimeError(done.stdout.decode())

    def load(self, rule_set: RuleSet, refused: Callable[[], bool]) -> None:
        """Write a set, wait until it is in force and compiled. refused: of the
        probe."""
        started = time.monotonic()
        self.write(protocol(rule_set.rules()))
        wait.until(
            f"{rule_set.name} in force", lambda: refused() or self.refused_rules(), PATIENCE
        )
        in_force = time.monotonic() - started
        wait_idle(self.pid, rule_set.name)
        compiled = time.monotonic() - started
        bad = self.refused_rules()
        if bad:
            raise NotInForce(f"{len(bad)} of {rule_set.count} rules are refused ({bad[0]})")
        pending = self.status().get("terms_pending", 0)
        if pending:
            raise NotInForce(f"{pending} terms are not compiled")
        self.notes.append(f"in force after {in_force:.1f} s, idle after {compiled:.0f} s")


def start_posthub(stack: ExitStack, socket: Path) -> Filter:
    """posthub-transport with a Redis of its own, so that a set is loaded once
    however often it has its turn."""
    lab = stack.enter_context(Lab(persist=False))
    host = lab.host("MX1")
    host.set("transport", "resolve", "no")
    host.set("transport", "milter", f"unix:{socket}")
    host.start("posthub-transport")
    wait.until("posthub-transport to serve", partial(protocols.accepts, socket))
    return Filter(host.daemon("posthub-transport"), lab)


def _start(
    stack: ExitStack, name: str, argv: Sequence[str], log: Path, env: dict[str, str]
) -> Child:
    child = Child(name, list(argv), log, env)
    child.start()
    stack.callback(child.stop)
    return child


def start_noop(stack: ExitStack, lab: Lab, socket: Path) -> Filter:
    program = lab.binaries.parent / "bench" / "noop_milter"
    log = lab.directory / "noop.log"
    child = _start(stack, "noop", [str(program), str(socket)], log, lab.env)
    wait.until("the no-op milter to serve", partial(protocols.accepts, socket))
    return Filter(child)


# ---- rspamd --------------------------------------------------------------------

# All modules are off but the one that has regular expressions, nothing is asked
# of the network, and nobody guesses the language of a text, which would take as
# long as all the rest. hs_helper, which has Hyperscan compile them, starts by
# itself. As many workers as processors.
RSPAMD_CONF = """\
options {{
  pidfile = "{dir}/pid";
  control_socket = "{dir}/control.sock mode=0600";
  hs_cache_dir = "{dir}/cache";
  url_tld = "{dir}/tld";
  tempdir = "{dir}/cache";
  filters = "regexp";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; }}
}}
logging {{ type = "console"; level = "warning"; }}
actions {{ reject = 15; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666";
  milter = yes;
  timeout = 60s;
  count = {workers};
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
lang_detection {{ languages = "{dir}/none"; }}
regexp {rules}
"""
RSPAMD_USER = "_rspamd"
REJECTING = 20


def rspamd_installed() -> bool:
    path = f"/usr/sbin:/usr/bin:{os.environ.get('PATH', '')}"
    return shutil.which("rspamd", path=path) is not None


def start_rspamd(stack: ExitStack, lab: Lab, socket: Path, regexes: Sequence[str]) -> Filter:
    """With a regular expression for each rule: over the decoded text parts,
    which is where its own rules for bodies look. That of the probe refuses."""
    directory = lab.directory / "rspamd"
    (directory / "cache").mkdir(parents=True)
    for path in (directory, directory / "cache"):
        shutil.chown(path, RSPAMD_USER)
    (directory / "tld").write_text("com\nnet\norg\ntest\nexample\n", encoding="ascii")
    rules = {
        f"RULE_{i}": {"re": f"/{each}/iu{{mime}}", "score": REJECTING if PROBE in each else 0.001}
        for i, each in enumerate(regexes)
    }
    text = RSPAMD_CONF.format(
        dir=directory,
        socket=socket,
        workers=os.cpu_count() or 1,
        rules=json.dumps(rules, ensure_ascii=False, indent=1),
    )
    conf = directory / "rspamd.conf"
    conf.write_text(text, encoding="utf-8")
    # Its title covers the environment, and the lab's mark in it.
    argv = ["setpriv", "--pdeathsig", "TERM", "rspamd", "-f", "-c", str(conf)]
    argv += ["-u", RSPAMD_USER, "-g", RSPAMD_USER]
    child = _start(stack, "rspamd", argv, directory / "log", lab.env)
    wait.until("rspamd to serve", partial(protocols.accepts, socket), PATIENCE)
    databases = partial(directory.glob, "cache/*.hs")
    wait.until("rspamd's database", lambda: list(databases()), PATIENCE)
    wait_idle(child.pid, "rspamd")
    return Filter(child)
