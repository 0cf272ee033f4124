"""What LDAP servers of the lab have in common: how entries come into them."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from tests.lab.process import Child

Values = str | list[str]
PASSWORD = "Secret 1, with a blank"


def escape(text: str) -> str:
    """A value in a distinguished name (RFC 4514)."""
    text = "".join(f"\\{c}" if c in '"+,;<=>\\#' else c for c in text)
    if text.startswith(" "):
        text = f"\\{text}"
    if text.endswith(" "):
        text = f"{text[:-1]}\\ "
    return text


def ldif(dn: str, attributes: dict[str, Values]) -> str:
    """An entry, all values in base64, so that any text is fine."""

    def line(name: str, value: str) -> str:
        return f"{name}:: {base64.b64encode(value.encode()).decode()}\n"

    text = line("dn", dn)
    for name, values in attributes.items():
        for value in [values] if isinstance(values, str) else values:
            text += line(name, value)
    return text + "\n"


def certify(directory: Path, address: str, env: dict[str, str], host: str = "") -> None:
    """An authority (ca.pem), and a certificate of it for an address, and for a
    host name (server.pem, server.key)."""

    def openssl(*args: str) -> None:
        subprocess.run(
            ["openssl", *args],
            cwd=directory,
            env=env,
            check=True,
            capture_output=True,
            timeout=60,
        )

    new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Lab")
    openssl(*new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=ldap")
    names = directory / "names"
    more = f",DNS:{host}" if host else ""
    names.write_text(f"subjectAltName=IP:{address}{more}\n", encoding="ascii")
    sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"]
    openssl(*sign, "-CAcreateserial", "-extfile", "names", "-out", "server.pem")


class Ldap:
    """A server with its account for posthub, and its contents."""

    suffix: str
    people: str  # where entries are put
    databases: str  # where mailbox databases are said to be
    uri: str
    ldaps: str
    admin: str
    admin_password: str
    reader: str
    child: Child

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.env = env
        self.password_file = directory / "password"

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    # ---- life ----------------------------------------------------------------

    def start(self) -> None:
        """Until it answers."""
        raise NotImplementedError

    def kill(self) -> None:
        self.child.kill()

    # ---- contents ------------------------------------------------------------

    def name(self, cn: str) -> str:
        """The distinguished name of an entry among people."""
        return f"cn={escape(cn)},{self.people}"

    def load(self, text: str) -> None:
        """Add entries that are written as LDIF."""
        self._change("ldapadd", text)

    def modify(self, text: str) -> None:
        self._change("ldapmodify", text)

    def _change(self, program: str, text: str) -> None:
        path = self.directory / "load.ldif"
        path.write_text(text, encoding="utf-8")
        login = ["-x", "-H", self.uri, "-D", self.admin, "-w", self.admin_password]
        done = subprocess.run(
            [program, *login, "-f", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.env | {"LDAPNOINIT": "1", "HOME": os.devnull},
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}")

    def add(self, name: str, **attributes: Values) -> str:
        dn = self.name(name)
        self.load(ldif(dn, {"cn": name} | attributes))
        return dn

    def remove(self, name: str) -> None:
        self.load(f"dn: {self.name(name)}\nchangetype: delete\n")

    def user(self, name: str, address: str, database: str = "DB1", **more: Values) -> str:
        """A mailbox; its distinguished name."""
        dn = self.name(name)
        plain: dict[str, Values] = {
            "objectClass": "user",
            "cn": name,
            "sn": "User",
            "homeMDB": f"cn={database},{self.databases}",
            "proxyAddresses": [f"SMTP:{address}"],
        }
        self.load(ldif(dn, {k: v for k, v in (plain | more).items() if v}))
        return dn

    def group(self, name: str, address: str, members: list[str], **more: Values) -> str:
        dn = self.name(name)
        plain: dict[str, Values] = {
            "objectClass": "group",
            "cn": name,
            "proxyAddresses": f"SMTP:{address}",
            "member": members,
        }
        self.load(ldif(dn, {k: v for k, v in (plain | more).items() if v}))
        return dn

    def dynamic(self, name: str, address: str, **more: Values) -> str:
        """A dynamic group; its distinguished name."""
        plain: dict[str, Values] = {
            "objectClass": "msExchDynamicDistributionList",
            "proxyAddresses": f"SMTP:{address}",
        }
        return self.add(name, **(plain | more))
