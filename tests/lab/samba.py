"""A domain controller of Samba's Active Directory, with what Exchange would add
to its schema as far as posthub reads it.

It takes the ports of its trade, so it is for a network namespace of one's own
(Makefile: check-samba) in which ADDRESS is on the loopback interface.
"""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.lab import wait
from tests.lab.ldap import PASSWORD, Ldap, certify, ldif
from tests.lab.process import Child

ADDRESS = "127.0.0.10"
REALM = "PH.TEST"
SUFFIX = "DC=ph,DC=test"
SCHEMA = f"CN=Schema,CN=Configuration,{SUFFIX}"
# Made up: no forest but ours ever sees them.
OID = "1.3.6.1.4.1.4203.666.78"
ADMIN_PASSWORD = "Passw0rd!x"

# samba-tool wants netlogon and sysvol to be there. Without strong auth "no"
# nobody could bind without TLS, which the suite tries as well.
CONF = """\
[global]
  realm = {realm}
  workgroup = PH
  netbios name = DC1
  server role = active directory domain controller
  interfaces = lo
  bind interfaces only = yes
  log file = {state}/log.%m
  state directory = {state}/state
  private dir = {state}/private
  cache directory = {state}/cache
  lock directory = {state}/lock
  pid directory = {state}/run
  ncalrpc dir = {state}/ncalrpc
  ntp signd socket directory = {state}/ntp_signd
  winbindd socket directory = {state}/winbindd
  server services = ldap, cldap, kdc, rpc
  dcerpc endpoint servers = drsuapi, lsarpc, samr, netlogon
  rpc start on demand helpers = no
  ldap server require strong auth = no
  dsdb:schema update allowed = yes
  tls keyfile = {directory}/server.key
  tls certfile = {directory}/server.pem
  tls cafile = {directory}/ca.pem
[netlogon]
  path = {state}/state/sysvol/ph.test/scripts
  read only = no
[sysvol]
  path = {state}/state/sysvol
  read only = no
"""

# attributeSyntax and oMSyntax of [MS-ADTS] 3.1.1.2.2.2.
TEXT, BOOL = ("2.5.5.12", "64"), ("2.5.5.8", "1")
NUMBER, NAME = ("2.5.5.9", "2"), ("2.5.5.1", "127")
ATTRIBUTES = {
    "targetAddress": TEXT,
    "homeMDB": NAME,
    "altRecipient": NAME,
    "deliverAndRedirect": BOOL,
    "msExchRequireAuthToSendTo": BOOL,
    "authOrig": NAME,
    "delivContLength": NUMBER,
    "extensionAttribute1": TEXT,
}
MANY = ("authOrig",)


def _attribute(number: int, name: str) -> str:
    syntax, om_syntax = ATTRIBUTES[name]
    text = (
        f"dn: CN={name},{SCHEMA}\nobjectClass: attributeSchema\n"
        f"cn: {name}\nlDAPDisplayName: {name}\nadminDisplayName: {name}\n"
        f"attributeID: {OID}.{number}\nattributeSyntax: {syntax}\noMSyntax: {om_syntax}\n"
        f"isSingleValued: {'FALSE' if name in MANY else 'TRUE'}\n"
    )
    if (syntax, om_syntax) == NAME:
        text += "oMObjectClass:: KwwCh3McAIVK\n"  # DS-DN
    return text + "\n"


UPDATE = "dn:\nchangetype: modify\nadd: schemaUpdateNow\nschemaUpdateNow: 1\n\n"


class Samba(Ldap):
    """The domain controller."""

    suffix = SUFFIX
    people = f"CN=Users,{SUFFIX}"
    databases = f"CN=Databases,{SUFFIX}"
    uri = f"ldap://{ADDRESS}"
    ldaps = f"ldaps://{ADDRESS}"
    admin = f"Administrator@{REALM.lower()}"
    admin_password = ADMIN_PASSWORD
    reader = f"posthub@{REALM.lower()}"
    reader_name = f"posthub@{REALM}"

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        super().__init__(directory, env)
        self.conf = directory / "smb.conf"
        self.keytab = directory / "posthub.keytab"
        argv = ["samba", "-s", str(self.conf), "-F", "--no-process-group", "-M", "single"]
        self.child = Child("samba", argv, directory / "samba.log", env)

    def make(self) -> None:
        """Provisioned; not started yet."""
        state = self.directory / "state"
        for name in ("state", "private", "cache", "lock", "run", "ncalrpc", "ntp_signd"):
            (state / name).mkdir(parents=True)
        (state / "winbindd").mkdir(mode=0o755)
        self.directory.chmod(0o755)
        certify(self.directory, ADDRESS, self.env)
        (self.directory / "server.key").chmod(0o600)
        self.password_file.write_text(f"{PASSWORD}\n", encoding="utf-8")
        self.conf.write_text(
            CONF.format(realm=REALM, state=state, directory=self.directory), encoding="utf-8"
        )
        self._tool(
            *("domain", "provision", f"--realm={REALM}", "--domain=PH", "--server-role=dc"),
            *(f"--adminpass={ADMIN_PASSWORD}", "--dns-backend=NONE"),
            *("--host-name=dc1", f"--host-ip={ADDRESS}"),
        )

    def _tool(self, *args: str) -> None:
        done = subprocess.run(
            ["samba-tool", *args, "-s", str(self.conf)],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.env,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"samba-tool {' '.join(args)}: {done.stderr}{done.stdout}")

    def start(self) -> None:
        self.child.start()
        wait.until("Samba to answer", self._answers, 60)

    def _answers(self) -> bool:
        if not self.child.alive():
            raise RuntimeError(f"samba ended: {self.child.log.read_text()}")
        socket.create_connection((ADDRESS, 389), 1).close()
        return True

    def found(self) -> None:
        """Exchange's attributes, the account that posthub uses, a database."""
        self.load("".join(_attribute(number, name) for number, name in enumerate(ATTRIBUTES)))
        self.modify(UPDATE)
        may = "".join(f"add: mayContain\nmayContain: {name}\n-\n" for name in ATTRIBUTES)
        self.modify(f"dn: CN=Mail-Recipient,{SCHEMA}\nchangetype: modify\n{may}\n{UPDATE}")
        self._tool("user", "create", "posthub", PASSWORD)
        self._tool("domain", "exportkeytab", str(self.keytab), f"--principal={self.reader_name}")
        # Its tickets are for the host that the URI names.
        self._tool("spn", "add", f"ldap/{ADDRESS}", "DC1$")
        self.load(ldif(self.databases, {"objectClass": "container"}))
        self.load(ldif(f"CN=DB1,{self.databases}", {"objectClass": "container"}))
