"""A private LDAP server: OpenLDAP's, with what Active Directory and Exchange
would hold as far as posthub reads it (ad.schema)."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from tests.lab import ports, wait
from tests.lab.process import Child

SUFFIX = "dc=test"
ADMIN = f"cn=admin,{SUFFIX}"
READER = f"cn=posthub,{SUFFIX}"
PASSWORD = "secret, with a blank"
ADDRESS = "127.0.1.200"
SCHEMAS = Path("/etc/ldap/schema")

CONF = """\
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
include {ad}
pidfile {directory}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {directory}/ca.pem
TLSCertificateFile {directory}/server.pem
TLSCertificateKeyFile {directory}/server.key
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw "{password}"
limits dn.exact="{reader}" size.prtotal=unlimited
directory {directory}/data
maxsize 268435456
index objectClass,mail,proxyAddresses eq
access to attrs=userPassword by anonymous auth
access to * by dn.exact="{reader}" read by anonymous search
"""

Values = str | list[str]


def name_of(cn: str) -> str:
    """The distinguished name of an entry below the suffix (RFC 4514)."""
    text = "".join(f"\\{c}" if c in '"+,;<=>\\#' else c for c in cn)
    if text.startswith(" "):
        text = f"\\{text}"
    if text.endswith(" "):
        text = f"{text[:-1]}\\ "
    return f"cn={text},{SUFFIX}"


def ldif(dn: str, attributes: dict[str, Values]) -> str:
    """An entry, all values in base64, so that any text is fine."""

    def line(name: str, value: str) -> str:
        return f"{name}:: {base64.b64encode(value.encode()).decode()}\n"

    text = line("dn", dn)
    for name, values in attributes.items():
        for value in [values] if isinstance(values, str) else values:
            text += line(name, value)
    return text + "\n"


class Slapd:
    """The server: killed, stopped in its tracks, and started again."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.env = env
        self.port = ports.ask(ADDRESS)
        self.tls_port = ports.ask(ADDRESS)
        self.conf = directory / "slapd.conf"
        self.password_file = directory / "password"
        # A copy: a Debian with AppArmor keeps the installed one to its own
        # directories.
        self.binary = directory / "slapd"
        argv = [str(self.binary), "-d", "0", "-f", str(self.conf), "-h", f"{self.uri} {self.ldaps}"]
        self.child = Child("slapd", argv, directory / "slapd.log", env)

    @property
    def uri(self) -> str:
        return f"ldap://{ADDRESS}:{self.port}"

    @property
    def ldaps(self) -> str:
        return f"ldaps://{ADDRESS}:{self.tls_port}"

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def make(self) -> None:
        """Files, certificates and the first entries; not started yet."""
        (self.directory / "data").mkdir(parents=True)
        self.directory.chmod(0o755)
        shutil.copy("/usr/sbin/slapd", self.binary)
        self._certify()
        self.password_file.write_text(f"{PASSWORD}\nsecond line\n", encoding="utf-8")
        self.conf.write_text(
            CONF.format(
                schemas=SCHEMAS,
                ad=Path(__file__).with_name("ad.schema"),
                directory=self.directory,
                suffix=SUFFIX,
                admin=ADMIN,
                reader=READER,
                password=PASSWORD,
            ),
            encoding="utf-8",
        )

    def _certify(self) -> None:
        """An authority, and a certificate of it for our address."""

        def openssl(*args: str) -> None:
            subprocess.run(
                ["openssl", *args],
                cwd=self.directory,
                env=self.env,
                check=True,
                capture_output=True,
                timeout=60,
            )

        new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl(*new, "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Lab")
        openssl(*new, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=ldap")
        names = self.directory / "names"
        names.write_text(f"subjectAltName=IP:{ADDRESS}\n", encoding="ascii")
        sign = ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key"]
        openssl(*sign, "-CAcreateserial", "-extfile", "names", "-out", "server.pem")

    # ---- life ----------------------------------------------------------------

    def start(self) -> None:
        self.child.start()
        wait.until("slapd to answer", self._answers)

    def _answers(self) -> bool:
        if not self.child.alive():
            raise RuntimeError(f"slapd ended: {self.child.log.read_text()}")
        socket.create_connection((ADDRESS, self.port), 1).close()
        return True

    def kill(self) -> None:
        self.child.kill()

    def freeze(self) -> None:
        """It takes connections, because the kernel does, and says nothing."""
        self.child.signal(signal.SIGSTOP)
        wait.until("slapd to stand still", self._frozen)

    def _frozen(self) -> bool:
        tasks = Path(f"/proc/{self.child.pid}/task").iterdir()
        stats = (task.joinpath("stat").read_text(encoding="latin-1") for task in tasks)
        return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)

    def thaw(self) -> None:
        self.child.signal(signal.SIGCONT)

    # ---- contents ------------------------------------------------------------

    def load(self, text: str) -> None:
        """Add entries that are written as LDIF."""
        path = self.directory / "load.ldif"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            ["ldapadd", "-x", "-H", self.uri, "-D", ADMIN, "-w", PASSWORD, "-f", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.env | {"LDAPNOINIT": "1", "HOME": os.devnull},
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"ldapadd: {done.stderr}")

    def add(self, name: str, **attributes: Values) -> str:
        dn = name_of(name)
        self.load(ldif(dn, {"cn": name} | attributes))
        return dn

    def remove(self, name: str) -> None:
        self.load(f"dn: {name_of(name)}\nchangetype: delete\n")

    def found(self) -> None:
        """The suffix, and the account that posthub uses."""
        self.load(
            ldif(SUFFIX, {"objectClass": ["dcObject", "organization"], "dc": "test", "o": "Test"})
            + ldif(
                READER,
                {
                    "objectClass": ["organizationalRole", "simpleSecurityObject"],
                    "cn": "posthub",
                    "userPassword": PASSWORD,
                },
            )
        )

    def user(self, name: str, address: str, database: str = "DB1", **more: Values) -> str:
        """A mailbox; its distinguished name."""
        dn = name_of(name)
        plain: dict[str, Values] = {
            "objectClass": "user",
            "cn": name,
            "sn": "User",
            "homeMDB": f"cn={database},cn=Databases,{SUFFIX}",
            "proxyAddresses": [f"SMTP:{address}"],
        }
        self.load(ldif(dn, plain | more))
        return dn

    def dynamic(self, name: str, address: str, **more: Values) -> str:
        """A dynamic group; its distinguished name."""
        plain: dict[str, Values] = {
            "objectClass": "msExchDynamicDistributionList",
            "proxyAddresses": f"SMTP:{address}",
        }
        return self.add(name, **(plain | more))

    def group(self, name: str, address: str, members: list[str], **more: Values) -> str:
        dn = name_of(name)
        plain: dict[str, Values] = {
            "objectClass": "group",
            "cn": name,
            "proxyAddresses": f"SMTP:{address}",
            "member": members,
        }
        self.load(ldif(dn, {k: v for k, v in (plain | more).items() if v}))
        return dn
