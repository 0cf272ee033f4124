"""README's promise: one piece works alone in a Postfix that is there already."""

from __future__ import annotations

from tests.lab import letter
from tests.lab.lab import Lab

# A Postfix of somebody's own, which knows its domains, recipients and routes
# without posthub; of ours it has the milter alone.
OWN = {
    "relay_domains": "letsexchange.com",
    "relay_recipient_maps": "",
    "relay_transport": "discard:",
    "transport_maps": "",
    "mynetworks": "127.0.0.0/8",
    "smtpd_authorized_xforward_hosts": "",
    "smtpd_recipient_restrictions": "",
}
ANYBODY = "anybody@letsexchange.com"


def _posted(lab: Lab, subject: str) -> str:
    host = lab.hosts["MX1"]
    # From an address of a server of ours, so that AuthAs is believed and the
    # scope of the sender has to be found out.
    mail = letter.compose(
        ANYBODY,
        subject=subject,
        headers={"X-PostHub-AuthAs": "Internal"},
    )
    return letter.post(host, mail, host.address).last


def test_rules_alone(own_lab: Lab) -> None:
    host = own_lab.host("MX1")
    own_lab.domain("letsexchange.com")
    # Edited in place: about each setting that stands twice, postlogd would
    # send itself a warning, and wait for ever for somebody to read it.
    host.postfix.run("postconf", "-e", *(f"{name} = {value}" for name, value in OWN.items()))
    host.set("transport", "resolve", "no")
    own_lab.rule(
        "No secrets",
        SubjectContainsWords="secret",
        FromScope="NotInOrganization",
        RejectMessageReasonText="Not by mail",
    )
    host.postfix.start()
    host.start("posthub-transport")
    assert _posted(own_lab, "top secret").startswith("550 5.7.1 Not by mail")
    assert _posted(own_lab, "nothing").startswith("250 ")
