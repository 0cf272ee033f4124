"""An organisation with a front end, and a client that talks to it line by line."""

from __future__ import annotations

from tests.conftest import MOTA, NUNO
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.protocols import Dialogue
from tests.lab.smtp_mta import Mail, dot_stuffed

# An address whose XCLIENT the front end believes, which stands for a login.
PROXY = "127.0.0.9"


def build(lab: Lab, timeout: str = "3s") -> Host:
    """FE1 and MBX1 in Lisbon, MBX2 in Porto; Nuno on MBX1, Mota on MBX2."""
    lab.domain("letsexchange.com")
    lab.host("MBX1", site="Lisbon")
    lab.host("MBX2", site="Porto")
    lab.sitelink("Lisbon-Porto", ["Lisbon", "Porto"])
    lab.database("DB1", ["MBX1"])
    lab.database("DB2", ["MBX2"])
    lab.mailbox(NUNO, "DB1")
    lab.mailbox(MOTA, "DB2")
    for host in lab.hosts.values():
        # Refusals of two lines.
        _postconf(host, "smtpd_reject_footer = 100% help: postmaster")
    front = lab.frontend("FE1", site="Lisbon")
    front.set("frontend", "timeout", timeout)
    _postconf(front, f"smtpd_authorized_xclient_hosts = {PROXY}")
    lab.start()
    return front


def _postconf(host: Host, line: str) -> None:
    with (host.postfix.conf / "main.cf").open("a", encoding="utf-8") as main:
        main.write(f"\n{line}\n")


def hello(host: Host) -> Dialogue:
    """A session that has said who it is."""
    client = host.connect_hub()
    assert client.command("EHLO client.test").startswith("250")
    return client


def begin(client: Dialogue, mail: Mail) -> list[str]:
    """MAIL, and the answer to each RCPT."""
    assert client.command(f"MAIL FROM:<{mail.sender}>").startswith("250")
    return [client.command(f"RCPT TO:<{recipient}>") for recipient in mail.recipients]


def content(client: Dialogue, mail: Mail) -> str:
    """DATA and the content; the answer to it, or DATA's refusal."""
    answer = client.command("DATA")
    if not answer.startswith("354"):
        return answer
    client.send(dot_stuffed(mail.content))
    return client.reply()


def backend_of(front: Host, mail: Mail) -> str:
    """Which server the front end gave a message to, from its log."""
    lines = [line for line in front.log_text("frontend").splitlines() if "backend=" in line]
    ids = {line.split()[5] for line in front.log_text("postfix").splitlines() if mail.ident in line}
    found = [line for line in lines if " status=250" in line and line.split()[4] in ids]
    return found[-1].split("backend=")[1].split(",")[0] if found else ""


def nothing_queued(lab: Lab, front: Host) -> None:
    """The front end has nothing, the others get rid of theirs, no bounce."""
    assert front.postfix.queued() == 0
    shown = front.postfix.run("postqueue", "-p").stdout
    assert shown.strip() == "Mail queue is empty", shown
    lab.wait_empty()
    for host in lab.hosts.values():
        assert "status=bounced" not in host.log_text("postfix"), host.name


def count(lab: Lab, mail: Mail) -> dict[str, int]:
    """How often the message is in each recipient's mailbox."""
    return {
        recipient: sum(m["Message-ID"] == mail.ident for m in lab.messages(recipient))
        for recipient in mail.recipients
    }


def rule(lab: Lab, name: str, **fields: str) -> None:
    """Write a rule and wait until every server has taken it."""
    lab.change(lambda: lab.rule(name, **fields))
