"""One mail by hand: what a test or the demo sends."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from email.utils import formatdate

from tests.lab.host import Host
from tests.lab.smtp_mta import Mail, Session

# A sender outside the organisation; its address is nobody's in the lab.
STRANGER = "alice@sender.test"
STRANGER_ADDRESS = "127.0.0.1"


def compose(
    *recipients: str,
    sender: str = STRANGER,
    subject: str = "Testing Mail Flow",
    body: str = "Hello.",
    headers: Mapping[str, str] | None = None,
    ident: str | None = None,
) -> Mail:
    """A message with the header fields that every mail program writes."""
    ident = ident or f"<{uuid.uuid4().hex}@sender.test>"
    fields = {
        "From": f"<{sender}>",
        "To": ", ".join(f"<{r}>" for r in recipients),
        "Subject": subject,
        "Date": formatdate(usegmt=True),
        "Message-ID": ident,
    } | dict(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    text = "".join(f"{line}\r\n" for line in body.split("\n"))
    return Mail(ident, sender, recipients, f"{head}\r\n{text}".encode())


def post(host: Host, mail: Mail, source: str = STRANGER_ADDRESS) -> Mail:
    """One attempt at a host's hub; the outcome is in the mail: accepted,
    refused (5xx), or pending (4xx, closed, not there), and the last reply."""
    try:
        session = Session((host.address, host.hub), source, 30)
    except OSError as error:
        mail.last = str(error)
        return mail
    try:
        session.send(mail)
    except OSError as error:
        mail.last = str(error)
    finally:
        session.close()
    return mail
