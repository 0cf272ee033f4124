"""Logins at a host's Postfix: Cyrus SASL with a password file of its own."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterable

from tests.lab.host import Host
from tests.lab.protocols import Dialogue

PASSWORD = "secret"

CONF = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN
sasldb_path: {database}
"""

MAIN = """
smtpd_sasl_auth_enable = yes
"""


def enable(host: Host, logins: Iterable[str], main: str = MAIN) -> None:
    """Before the host is started, at every listener unless main.cf gets other
    lines. Debian's Postfix looks for the settings below
    its own; smtpd opens the password file before and after it has gone into its
    chroot, so it is there under the same name."""
    directory = host.postfix.conf / "sasl"
    directory.mkdir()
    database = directory / "sasldb2"
    for login in logins:
        user, _, realm = login.partition("@")
        subprocess.run(
            ["saslpasswd2", "-p", "-c", "-f", database, "-u", realm or host.postfix.fqdn, user],
            input=f"{PASSWORD}\n",
            text=True,
            env=host.env,
            timeout=60,
            check=True,
        )
    shutil.chown(database, "postfix")
    inside = host.postfix.queue_directory.joinpath(*directory.parts[1:])
    inside.mkdir(parents=True)
    shutil.copy(database, inside)
    shutil.chown(inside / database.name, "postfix")
    (directory / "smtpd.conf").write_text(CONF.format(database=database), encoding="utf-8")
    with (host.postfix.conf / "main.cf").open("a", encoding="utf-8") as file:
        file.write(main)


def answer(client: Dialogue, name: str, password: str = PASSWORD) -> str:
    """To AUTH PLAIN."""
    words = base64.b64encode(f"\0{name}\0{password}".encode()).decode()
    return client.command(f"AUTH PLAIN {words}")


def login(host: Host, name: str) -> Dialogue:
    """A session of somebody who has logged in."""
    client = host.connect_hub()
    assert "AUTH" in client.command("EHLO client.test")
    said = answer(client, name)
    assert said.startswith("235"), said
    return client
