"""README's promise: one piece works alone in a Postfix that is there already."""

from __future__ import annotations

from tests.lab import letter, wait
from tests.lab.host import Host
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
    "smtpd_end_of_data_restrictions": "",
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


def _start_transport(host: Host) -> None:
    host.start("posthub-transport")
    wait.until("the milter's socket", host.milter_socket.exists)


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
    _start_transport(host)
    assert _posted(own_lab, "top secret").startswith("550 5.7.1 Not by mail")
    assert _posted(own_lab, "nothing").startswith("250 ")


# Aliases of its own, which stay, and the way of copies (posthub-transport(8)).
ALIASES = {
    "transport_maps": "inline:{fork.posthub.invalid=ph-fork:unix:posthub/fork.sock}",
    "virtual_alias_maps": "inline:{anna@letsexchange.com=a@letsexchange.com,"
    "bert@letsexchange.com=b@letsexchange.com}",
}


def test_rules_alone_with_copies(own_lab: Lab) -> None:
    """One of two gets another message; aliases hold for both."""
    host = own_lab.host("MX1")
    own_lab.domain("letsexchange.com")
    host.postfix.run("postconf", "-e", *(f"{k} = {v}" for k, v in (OWN | ALIASES).items()))
    listed = host.postfix.run("postconf", "-P").stdout.splitlines()
    mapped = [line.split(" = ")[0] for line in listed if "no_address_mappings" in line]
    assert any(name.startswith("posthub-inject/") for name in mapped)
    host.postfix.run("postconf", "-PX", *mapped)
    host.set("transport", "resolve", "no")
    own_lab.rule("Mark", RecipientAddressContainsWords="anna", PrependSubject="[A] ")
    host.postfix.start()
    _start_transport(host)
    mail = letter.compose("anna@letsexchange.com", "bert@letsexchange.com")
    assert letter.post(host, mail).last.startswith("250 ")
    host.postfix.wait_empty()
    sent = [line for line in host.log_text("postfix").splitlines() if "/discard[" in line]
    ids = {
        name: line.split("]: ")[1].split(":")[0]
        for name in ("a", "b")
        for line in sent
        if f"to=<{name}@letsexchange.com>, orig_to=<" in line and "status=sent" in line
    }
    assert set(ids) == {"a", "b"} and ids["a"] != ids["b"] and len(sent) == 2
