"""Completion, as one gets it who types into a bash."""

from __future__ import annotations

import os
import pty
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.command import BUILD, World
from tests.lab.lab import ROOT

TAB, ALL, LOOK = "\t", "\x1b*", "\x07"
RC = """\
PS1='$ ' PATH={bin}:$PATH
unset HISTFILE
. {completion}
look() {{ printf '%s' "$READLINE_LINE" >{out}.new; mv {out}.new {out}; READLINE_LINE=; }}
bind -x '"\\C-g": look'
"""


class Bash:
    """An interactive one on a terminal of its own."""

    def __init__(self, path: Path) -> None:
        self.out = path / "line"
        self.shown = b""
        rc = path / "bashrc"
        rc.write_text(
            RC.format(
                bin=os.path.abspath(os.path.join(BUILD, "bin")),
                completion=ROOT / "share/completions/posthub",
                out=self.out,
            )
        )
        env = os.environ | {"TERM": "dumb", "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--noprofile", "--rcfile", str(rc), "-i"], env)
        self.wait(lambda: self.shown.endswith(b"$ "))

    def wait(self, done) -> None:
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end, self.shown
            if select.select([self.fd], [], [], 0.02)[0]:
                self.shown += os.read(self.fd, 65536)

    def typed(self, text: str, key: str = TAB) -> str:
        """What the line becomes."""
        self.shown = b""
        os.write(self.fd, (text + key + LOOK).encode())
        self.wait(self.out.exists)
        line = self.out.read_text()
        self.out.unlink()
        return line

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def bash(tmp_path: Path) -> Iterator[Bash]:
    made = Bash(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "typed, line",
    [
        ("rul", "rule "),
        ("RUL", "rule "),
        ("rule ena", "rule enable "),
        ("rule set X Subj", "rule set X Subject"),
        ("rule set X SubjectC", "rule set X SubjectContainsWords="),
        ("rule set 'X y' SubjectContainsWords='a b' Mo", "rule set 'X y' SubjectContainsWords='a b' Mode="),
        ("rule set X Mode=En", "rule set X Mode=Enforce "),
        ("rule set X Mode=A", "rule set X Mode=Audit"),
        ("rule set X Mode='En", "rule set X Mode='Enforce' "),
        ("rule set X ExceptIfFromScope=No", "rule set X ExceptIfFromScope=NotInOrganization "),
        ("server set X Roles=Mailbox,Hub", "server set X Roles=Mailbox,HubTransport"),
        ("transportconfig set MaxRece", "transportconfig set MaxReceiveSize="),
        ("track --event-id=DELIVERF", "track --event-id=DELIVERFAIL "),
        ("track --event-id DELIVERF", "track --event-id DELIVERFAIL "),
        ("database move X --t", "database move X --to "),
        ("resolve nuno@x.test --js", "resolve nuno@x.test --json "),
        ("nothing ", "nothing "),
    ],
)  # fmt: skip
def test_words_of_the_tables(bash: Bash, typed: str, line: str) -> None:
    assert bash.typed(f"posthub {typed}") == f"posthub {line}"


def test_all_of_them(bash: Bash) -> None:
    assert bash.typed("posthub state ", ALL).split()[2:] == ["adopt", "show"]
    assert bash.typed("posthub site set A Comment=x HubSiteEnabled=", ALL).split()[4:] == [
        "Comment=x", "HubSiteEnabled=false", "true",
    ]  # fmt: skip


@pytest.fixture
def rules(world: World) -> World:
    for name in ("to a@b", "Mark external mail", "It's $5", "scan: all", "scan: none", "odd*[a]"):
        world.ok("rule", "set", name, "SubjectContainsWords=x", "DeleteMessage=true")
    world.ok("server", "set", "MBX1", "Comment=x")
    return world


@pytest.mark.parametrize(
    "typed, line",
    [
        ("rule show Ma", "rule show Mark\\ external\\ mail "),
        ("rule show mark\\ ex", "rule show Mark\\ external\\ mail "),
        ('rule show "Mark e', 'rule show "Mark external mail" '),
        ("rule show 'Mark e", "rule show 'Mark external mail' "),
        ("rule show It", "rule show It\\'s\\ \\$5 "),
        ('rule show "It', 'rule show "It\'s \\$5" '),
        ("rule show sc", "rule show scan:\\ "),
        ("rule show scan:\\ a", "rule show scan:\\ all "),
        ('rule show "scan: n', 'rule show "scan: none" '),
        ("rule show to\\ a@", "rule show to\\ a@b "),
        ("rule show o", "rule show odd\\*\\[a\\] "),
        ("rule move x --before=Ma", "rule move x --before=Mark\\ external\\ mail "),
        ("database set DB1 Servers=", "database set DB1 Servers=MBX1"),
        ("route a@x.test --from M", "route a@x.test --from MBX1 "),
    ],
)
def test_names_of_objects(rules: World, bash: Bash, typed: str, line: str) -> None:
    before = f"posthub -c {rules.conf} "
    assert bash.typed(before + typed) == before + line


def test_a_name_that_was_completed_is_the_name(rules: World, bash: Bash) -> None:
    line = bash.typed(f"posthub -c {rules.conf} rule show It")
    os.write(bash.fd, f"{line} --json\n".encode())
    bash.wait(lambda: b'"DeleteMessage": true' in bash.shown)
    assert b"It's $5" in bash.shown


def test_names_of_files(bash: Bash, tmp_path: Path) -> None:
    (tmp_path / "letter.eml").touch()
    for before in (
        "inspect ",
        "rule test --message ",
        "rule test --message=",
        "dataclassification set X Value=@",
        "dataclassification set X @",
        "-c ",
    ):
        line = f"posthub {before}{tmp_path}/"
        assert bash.typed(f"{line}lett") == f"{line}letter.eml "


def test_nothing_that_is_typed_is_run(bash: Bash, tmp_path: Path) -> None:
    for typed in (f"rule show $(touch {tmp_path}/ran)", f'rule show "`touch {tmp_path}/ran`'):
        bash.typed(f"posthub {typed}")
    assert not (tmp_path / "ran").exists()


def test_without_redis(rules: World, bash: Bash) -> None:
    """Nothing is found, nothing is said, and the line can be typed on."""
    typed = f"posthub -c {rules.conf} rule show Ma"
    rules.redis.send_signal(signal.SIGSTOP)
    try:
        assert bash.typed(typed) == typed
        assert bash.typed(f"posthub -c {rules.conf} rule sh").endswith(" show ")
    finally:
        rules.redis.send_signal(signal.SIGCONT)
    rules.stop()
    for conf in (rules.conf, "/nonexistent", "/dev/null"):
        typed = f"posthub -c {conf} rule show Ma"
        assert bash.typed(typed) == typed
        assert b"posthub:" not in bash.shown
