"""An organisation whose people are in LDAP."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import ANA, MOTA, NUNO
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.ldap import Ldap

STAFF, ALL = "staff@letsexchange.com", "all@letsexchange.com"
TEAM, INNER = "team@letsexchange.com", "inner@letsexchange.com"
CLOSED = "closed@letsexchange.com"
# Universal groups.
DISTRIBUTION, SECURITY = "8", "-2147483640"


class Office:
    """One server that asks an LDAP server, which has been started."""

    def __init__(self, lab: Lab, ldap: Ldap) -> None:
        self.lab = lab
        self.ldap = ldap
        lab.domain("letsexchange.com")
        self.host: Host = lab.host("MBX1")
        lab.database("DB1", ["MBX1"])
        self.connect(self.host)

    def connect(self, host: Host) -> None:
        """Have a server ask the LDAP server; before it is started."""
        settings = {
            "type": "ldap",
            "uri": self.ldap.uri,
            "base": self.ldap.suffix,
            "bind_dn": self.ldap.reader,
            "password_file": str(self.ldap.password_file),
            "ca_file": str(self.ldap.ca),
            "timeout": "1s",
            "connect_timeout": "500ms",
            "negative_ttl": "0",
        }
        for name, value in settings.items():
            host.set("directory", name, value)

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.host.set("directory", name, value)

    def can_say(self, address: str) -> bool:
        done = self.host.cli("resolve", "--json", address, check=False)
        return done.stdout.strip() != "[]"

    def entry(self, address: str) -> Any:
        """What the command says of one address."""
        done = self.host.cli("resolve", "--json", address, check=False)
        found = json.loads(done.stdout)
        assert found, done.stderr
        return found[0]["Entry"]

    def ask(self, address: str) -> str:
        return self.host.ask_map("recipient", address)

    def wait_known(self, address: str) -> None:
        self.host.wait_recipient(address)

    def people(self) -> None:
        ldap = self.ldap
        nuno = ldap.user(
            "Nuno",
            NUNO,
            proxyAddresses=[f"SMTP:{NUNO}", "smtp:nm@letsexchange.com", "X500:/o=x/cn=nuno"],
            displayName="Nuno Mota",
            telephoneNumber="12",
            delivContLength="2048",
            extensionAttribute1="Lisbon",
            msExchRequireAuthToSendTo="FALSE",
        )
        mota = ldap.user("Mota", MOTA, manager=nuno, altRecipient=nuno, deliverAndRedirect="TRUE")
        partner = ldap.add(
            "Partner",
            objectClass="contact",
            sn="Partner",
            targetAddress="SMTP:partner@partner.test",
            proxyAddresses="SMTP:partner@letsexchange.com",
        )
        mute = ldap.add("No mail", objectClass="contact", sn="Mute")
        staff = ldap.group("Staff", STAFF, [nuno, mute, partner], groupType=SECURITY)
        ldap.group("All", ALL, [mota, staff], managedBy=nuno, groupType=DISTRIBUTION)
        ana = ldap.user("Ana", ANA, msExchRequireAuthToSendTo="TRUE")
        inner = ldap.group("Inner", INNER, [nuno, ana], groupType=DISTRIBUTION)
        ldap.group("Team", TEAM, [mota, nuno, inner], groupType=DISTRIBUTION)
        ldap.group("Closed", CLOSED, [mota], groupType=DISTRIBUTION, authOrig=nuno)
