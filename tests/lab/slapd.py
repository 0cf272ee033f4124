"""A private LDAP server: OpenLDAP's, with what Active Directory and Exchange
would hold as far as posthub reads it (ad.schema, ad_person.schema)."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

from tests.lab import ports, wait
from tests.lab.ldap import PASSWORD, Ldap, certify, ldif
from tests.lab.process import Child

SUFFIX = "dc=test"
ADMIN = f"cn=admin,{SUFFIX}"
READER = f"cn=posthub,{SUFFIX}"
ADDRESS = "127.0.1.200"
SCHEMAS = Path("/etc/ldap/schema")

CONF = """\
include {directory}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
include {ad}
include {person}
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
STREET = """
attributetype ( 1.3.6.1.4.1.4203.666.77.99 NAME 'streetAddress'
	EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
"""


class Slapd(Ldap):
    """The server: killed, stopped in its tracks, and started again."""

    suffix = people = SUFFIX
    databases = f"cn=Databases,{SUFFIX}"
    admin = ADMIN
    admin_password = PASSWORD
    reader = READER

    def __init__(self, directory: Path, env: dict[str, str], told: str = "0") -> None:
        """told: what it writes into its log, "stats" for requests."""
        super().__init__(directory, env)
        self.port = ports.ask(ADDRESS)
        self.tls_port = ports.ask(ADDRESS)
        self.uri = f"ldap://{ADDRESS}:{self.port}"
        self.ldaps = f"ldaps://{ADDRESS}:{self.tls_port}"
        self.conf = directory / "slapd.conf"
        # A copy: a Debian with AppArmor keeps the installed one to its own
        # directories.
        self.binary = directory / "slapd"
        argv = [str(self.binary), "-d", told, "-f", str(self.conf)]
        argv += ["-h", f"{self.uri} {self.ldaps}"]
        self.child = Child("slapd", argv, directory / "slapd.log", env)

    def make(self) -> None:
        """Files, certificates and the first entries; not started yet."""
        (self.directory / "data").mkdir(parents=True)
        self.directory.chmod(0o755)
        shutil.copy("/usr/sbin/slapd", self.binary)
        certify(self.directory, ADDRESS, self.env)
        # Two attributes in Active Directory, two names of one here.
        core = (SCHEMAS / "core.schema").read_text(encoding="utf-8")
        core = core.replace("( 'street' 'streetAddress' )", "'street'")
        (self.directory / "core.schema").write_text(core + STREET, encoding="utf-8")
        self.password_file.write_text(f"{PASSWORD}\nsecond line\n", encoding="utf-8")
        self.conf.write_text(
            CONF.format(
                schemas=SCHEMAS,
                ad=Path(__file__).with_name("ad.schema"),
                person=Path(__file__).with_name("ad_person.schema"),
                directory=self.directory,
                suffix=SUFFIX,
                admin=ADMIN,
                reader=READER,
                password=PASSWORD,
            ),
            encoding="utf-8",
        )

    def preload(self, text: str) -> None:
        """Entries by the ten thousand, written as LDIF, before it is started."""
        path = self.directory / "preload.ldif"
        path.write_text(text, encoding="utf-8")
        argv = ["slapadd", "-q", "-f", str(self.conf), "-l", str(path)]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=120, env=self.env, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"slapadd: {done.stderr}")

    # ---- life ----------------------------------------------------------------

    def start(self) -> None:
        self.child.start()
        wait.until("slapd to answer", self._answers)

    def searches(self) -> int:
        """How many below the base its log tells of."""
        log = self.child.log.read_text(encoding="utf-8", errors="replace")
        return log.count(" scope=2 deref=")

    def _answers(self) -> bool:
        if not self.child.alive():
            raise RuntimeError(f"slapd ended: {self.child.log.read_text()}")
        socket.create_connection((ADDRESS, self.port), 1).close()
        return True

    # ---- contents ------------------------------------------------------------

    def found(self) -> None:
        self.load(self.first())

    def first(self) -> str:
        """The suffix, and the account that posthub uses."""
        return (
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
