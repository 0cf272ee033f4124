"""Settings that cannot be right are refused with file and line, status 78."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.lab.host import DAEMONS
from tests.lab.lab import Lab

BAD = {
    "unknown name": ("[delivery]\n", "[delivery]\nlmpt = 127.0.0.1:1\n"),
    "unknown section": ("[delivery]\n", "[deliveries]\n"),
    "bad endpoint": ("lmtp = ", "lmtp = nowhere:"),
    "not key = value": ("[redis]\n", "[redis]\nurl\n"),
    "bad size": ("map_size = 1GB", "map_size = 1 parsec"),
}


def test_missing_file(own_lab: Lab) -> None:
    for name in DAEMONS:
        done = _check(own_lab, name, "/nonexistent/posthub.conf")
        assert done.returncode == 78 and "/nonexistent/posthub.conf" in done.stderr


def _check(lab: Lab, daemon: str, conf: object) -> subprocess.CompletedProcess[str]:
    command = [str(lab.binaries / daemon), "-c", str(conf), "-f", "-t"]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=20, env=lab.env, check=False
    )


@pytest.mark.parametrize("what", BAD)
def test_every_daemon_refuses(own_lab: Lab, what: str) -> None:
    host = own_lab.host("MBX1")
    good = host.conf.read_text(encoding="utf-8")
    old, new = BAD[what]
    assert good.count(old) == 1
    line = good[: good.index(old)].count("\n") + 1 + ("\n" in new[:-1])
    host.conf.write_text(good.replace(old, new), encoding="utf-8")
    for name in DAEMONS:
        assert (done := _check(own_lab, name, host.conf)).returncode == 78, done.stderr
        assert re.search(rf"{re.escape(str(host.conf))}:{line}: ", done.stderr), done.stderr


def test_good_settings_pass(own_lab: Lab) -> None:
    host = own_lab.host("MBX1")
    for name in DAEMONS:
        assert (done := _check(own_lab, name, host.conf)).returncode == 0, done.stderr


def test_server_name_with_blanks_is_refused(own_lab: Lab) -> None:
    """It ends up in next hops, host names and connector names."""
    host = own_lab.host("MBX1")
    host.set("server", "name", "Mail Box 1")
    for name in DAEMONS:
        done = _check(own_lab, name, host.conf)
        assert done.returncode == 78 and "Mail Box 1" in done.stderr, (name, done.stderr)


def test_setting_without_which_a_server_is_nobody(own_lab: Lab) -> None:
    host = own_lab.host("MBX1")
    text = host.conf.read_text(encoding="utf-8").replace("name = MBX1\n", "")
    host.conf.write_text(text, encoding="utf-8")
    for name in DAEMONS:
        done = _check(own_lab, name, host.conf)
        assert done.returncode == 78 and "name" in done.stderr, done.stderr
