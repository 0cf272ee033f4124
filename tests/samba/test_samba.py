"""Recipients in Active Directory: the same office as in test_ldap.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import NUNO
from tests.lab import letter
from tests.lab.lab import Lab
from tests.lab.office import Office
from tests.lab.office_tests import *  # noqa: F403
from tests.lab.samba import Samba


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    with Lab() as lab:
        ldap = Samba(lab.directory / "samba", lab.env)
        ldap.make()
        ldap.start()
        ldap.found()
        made = Office(lab, ldap)
        # Samba takes seconds for two hundred names.
        made.set(timeout="10s")
        made.people()
        lab.start()
        made.wait_known(NUNO)
        yield made


def test_away_and_back(office: Office) -> None:
    """Nobody is unknown meanwhile; and it is known as what it is, so that long
    attributes and names are asked for in its way."""
    fresh = "fresh@letsexchange.com"
    office.ldap.user("Fresh", fresh)
    office.ldap.kill()
    assert office.ask(fresh).startswith("TEMP ")
    mail = letter.post(office.host, letter.compose(fresh))
    assert mail.pending and mail.last.startswith("45"), mail.last
    office.ldap.start()
    office.wait_known(fresh)
    log = office.host.log_text("policy")
    assert f"{office.ldap.uri} answers, Active Directory" in log
