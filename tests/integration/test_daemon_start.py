"""What a daemon says when what its configuration names is not there."""

import os
import subprocess
from contextlib import contextmanager

import pytest

from tests.lab.command import BUILD, CONFIG
from tests.lab.wait import until


def binary(name):
    return os.path.abspath(os.path.join(BUILD, "bin", name))


def add(world, text):
    with open(world.conf, "a") as conf:
        conf.write(text)


@contextmanager
def running(world, name):
    """The daemon, in the foreground; what it has logged so far."""
    log = world.path / f"{name}.log"
    with open(log, "w") as file:
        daemon = subprocess.Popen([binary(name), "-c", world.conf, "-f"], stderr=file)
    try:
        yield log.read_text
    finally:
        daemon.terminate()
        daemon.wait()


@pytest.mark.parametrize(
    ("role", "others"), [("transport", "fork = unix:{0}/fork.sock\n"), ("frontend", "")]
)
def test_no_directory_for_the_milters_socket(world, role, others):
    path = world.path / "nowhere" / "milter.sock"
    add(world, f"[{role}]\nmilter = unix:{path}\n" + others.format(world.path))
    done = subprocess.run(
        [binary(f"posthub-{role}"), "-c", world.conf, "-f"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == CONFIG
    assert f"cannot listen on unix:{path}: {path.parent}: No such file" in done.stderr


@pytest.mark.parametrize("role", ["policy", "frontend"])
def test_a_second_start(world, role):
    """It takes nothing from the daemon that runs."""
    names = ("map", "policy", "expand") if role == "policy" else ("milter",)
    paths = [world.path / f"{name}.sock" for name in names]
    add(world, f"[{role}]\n" + "".join(f"{p.stem} = unix:{p}\n" for p in paths))
    argv = [binary(f"posthub-{role}"), "-c", world.conf, "-f"]
    with running(world, f"posthub-{role}"):
        until("its socket", paths[0].exists)
        before = [path.stat().st_ino for path in paths]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
        assert done.returncode == CONFIG
        said = [f"unix:{path}: somebody listens there already" for path in paths]
        assert sum(done.stderr.count(line) for line in said) == 1, done.stderr
        assert [path.stat().st_ino for path in paths] == before
    # One that was left behind is nobody's.
    with running(world, f"posthub-{role}"):
        until("another one", lambda: paths[0].exists() and paths[0].stat().st_ino != before[0])


def test_a_quarantine_mailbox_that_is_no_address(world):
    """Each message for it would be put off when it comes."""
    add(world, f"[transport]\nfork = unix:{world.path}/f.sock\nquarantine_mailbox = quarantine\n")
    done = subprocess.run(
        [binary("posthub-transport"), "-c", world.conf, "-f"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == CONFIG
    assert 'quarantine_mailbox: "quarantine" is not an address' in done.stderr


def test_the_mail_log_is_not_there_yet(world):
    path = world.path / "mail.log"
    add(world, f"[tracking]\nmaillog = {path}\n")
    with running(world, "posthub-tracking") as said:
        until("a warning", lambda: f"warning: {path} is not there; it is waited for" in said())
        path.touch()
        until("its end", lambda: f"{path} is there" in said())
        assert said().count("is not there") == 1
