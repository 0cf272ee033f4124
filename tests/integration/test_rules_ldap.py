"""Conditions about people, asked of LDAP: each with one message that they are
about and one that they are not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.lab import letter, outcome
from tests.lab.lab import Lab
from tests.lab.ldap import Values
from tests.lab.office import DISTRIBUTION, Office
from tests.lab.slapd import Slapd

DOMAIN = "letsexchange.com"
# Every name that rules know (facts of New-TransportRule), the attribute of
# Active Directory that it is, and what Anna has there; Otto has another text.
ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "City": ("l", "Lisbon"),
    "Company": ("company", "Lets Exchange"),
    "Country": ("c", "PT"),
    **{f"CustomAttribute{n}": (f"extensionAttribute{n}", f"custom{n}") for n in range(1, 16)},
    "Department": ("department", "Продажи"),
    "DisplayName": ("displayName", "Anna Lima"),
    "Email": ("mail", f"anna@{DOMAIN}"),
    "FaxNumber": ("facsimileTelephoneNumber", "101"),
    "FirstName": ("givenName", "Anna"),
    "HomePhoneNumber": ("homePhone", "102"),
    "Initials": ("initials", "AL"),
    "LastName": ("sn", "Lima"),
    "Manager": ("manager", "boss"),
    "MobileNumber": ("mobile", "103"),
    "Notes": ("info", "two\nlines"),
    "Office": ("physicalDeliveryOfficeName", "R1"),
    "OtherFaxNumber": ("otherFacsimileTelephoneNumber", "104"),
    "OtherHomePhoneNumber": ("otherHomePhone", "105"),
    "OtherPhoneNumber": ("otherTelephone", "106"),
    "PagerNumber": ("pager", "107"),
    "PhoneNumber": ("telephoneNumber", "108"),
    "POBox": ("postOfficeBox", "109"),
    "State": ("st", "Estremadura"),
    "Street": ("streetAddress", "Rua Augusta"),
    "Title": ("title", "Engineer"),
    "UserLogonName": ("userPrincipalName", f"alima@{DOMAIN}"),
    "ZipCode": ("postalCode", "1100-048"),
}
OTHER = {"c": "ES"}
LISTS = ("otherFacsimileTelephoneNumber", "otherHomePhone", "otherTelephone", "postOfficeBox")


def address(name: str) -> str:
    return f"{name}@{DOMAIN}"


ANNA, OTTO, BOSS, CHIEF = (address(name) for name in ("anna", "otto", "boss", "chief"))
SALES, RESEARCH, INNER = (address(name) for name in ("sales", "research", "inner"))


def people(office: Office) -> None:
    """Anna is in a group inside Sales, and the boss's; Otto is in Research, and
    the chief's."""
    ldap = office.ldap
    classes: Values = ["user", "personAttributes"]
    boss, chief = ldap.user("Boss", BOSS, department="Продажи"), ldap.user("Chief", CHIEF)
    values: dict[str, Values] = {attribute: value for attribute, value in ATTRIBUTES.values()}
    # The last of several counts as well.
    values |= {name: ["1", str(values[name])] for name in LISTS} | {"manager": boss}
    others: dict[str, Values] = {name: OTHER.get(name, "9") for name in values}
    others |= {"manager": chief, "mail": OTTO}
    anna, otto = (
        ldap.user(name, mail, objectClass=classes, **entry)
        for name, mail, entry in (("Anna", ANNA, values), ("Otto", OTTO, others))
    )
    inner = ldap.group("Inner", INNER, [anna], groupType=DISTRIBUTION)
    ldap.group("Sales", SALES, [inner], groupType=DISTRIBUTION)
    ldap.group("Research", RESEARCH, [otto], groupType=DISTRIBUTION)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with Lab() as lab:
        ldap = Slapd(lab.directory / "slapd", lab.env)
        ldap.make()
        ldap.start()
        ldap.found()
        made = Office(lab, ldap)
        people(made)
        lab.start()
        made.wait_known(ANNA)
        yield made


@dataclass(frozen=True)
class Message:
    sender: str
    to: str
    headers: Mapping[str, str] = field(default_factory=dict)


def rules_of(office: Office, path: Path, message: Message, verb: str = "test") -> set[str]:
    """Which rules act on a message."""
    mail = letter.compose(message.to, sender=message.sender, headers=message.headers)
    path.write_bytes(mail.content)
    words = ("--message", str(path), "--from", message.sender, "--to", message.to)
    done = office.host.cli("rule", verb, *words, "--auth", "Internal", "--json", check=False)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    (recipient,) = found["Recipients"]
    return {rule["Name"] for rule in recipient["Rules"]}


# ---- attributes -------------------------------------------------------------------

CONDITIONS = {
    "SenderADAttributeContainsWords": lambda name, value: f'"{name}:{value}"',
    "SenderADAttributeMatchesPatterns": lambda name, value: f'"{name}:^(?s).*{value}$"',
    "RecipientADAttributeContainsWords": lambda name, value: f'"{name}:{value}"',
    "RecipientADAttributeMatchesPatterns": lambda name, value: f'"{name}:^(?s).*{value}$"',
    "ADComparisonAttribute": lambda name, _: name,
}


def wanted(name: str) -> str:
    """The last word that Anna has there."""
    value = ATTRIBUTES[name][1]
    return address(value) if name == "Manager" else value.split("\n")[-1]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_attribute_is_what_the_directory_has(
    office: Office, tmp_path: Path, condition: str
) -> None:
    """A rule for each; all of them are about Anna, and none about Otto."""
    lab, path = office.lab, tmp_path / "message.eml"
    form = CONDITIONS[condition]
    rules = {
        f"{condition} {name}": {condition: form(name, wanted(name)), "SetSCL": "1"}
        for name in ATTRIBUTES
    }
    outcome.put_rules(lab, rules)
    comparison = condition == "ADComparisonAttribute"
    assert rules_of(office, path, Message(ANNA, ANNA)) == set(rules)
    assert rules_of(office, path, Message(OTTO, ANNA if comparison else OTTO)) == set()
    if not comparison:
        sender = condition.startswith("Sender")
        other = Message(OTTO, ANNA) if sender else Message(ANNA, OTTO)
        assert rules_of(office, path, other) == set()


# ---- people ------------------------------------------------------------------------

TO, CC = {"To": f"<{ANNA}>"}, {"To": f"<{OTTO}>", "Cc": f"<{ANNA}>"}
NEITHER = {"To": f"<{OTTO}>", "Cc": f"<{BOSS}>"}

# The condition, a message that it is about, and one that it is not.
ROWS: Mapping[str, tuple[Mapping[str, str], Message, Message]] = {
    "FromMemberOf": ({"FromMemberOf": SALES}, Message(ANNA, OTTO), Message(OTTO, ANNA)),
    "SentToMemberOf": ({"SentToMemberOf": SALES}, Message(OTTO, ANNA), Message(ANNA, OTTO)),
    "AnyOfToHeaderMemberOf": (
        {"AnyOfToHeaderMemberOf": SALES},
        Message(BOSS, OTTO, TO),
        Message(BOSS, OTTO, CC),
    ),
    "AnyOfCcHeaderMemberOf": (
        {"AnyOfCcHeaderMemberOf": SALES},
        Message(BOSS, OTTO, CC),
        Message(BOSS, OTTO, TO),
    ),
    "AnyOfToCcHeaderMemberOf": (
        {"AnyOfToCcHeaderMemberOf": SALES},
        Message(BOSS, OTTO, CC),
        Message(BOSS, OTTO, NEITHER),
    ),
    "BetweenMemberOf": (
        {"BetweenMemberOf1": SALES, "BetweenMemberOf2": RESEARCH},
        Message(OTTO, ANNA),
        Message(BOSS, ANNA),
    ),
    "the sender's manager": (
        {"ManagerForEvaluatedUser": "Sender", "ManagerAddresses": BOSS},
        Message(ANNA, OTTO),
        Message(OTTO, ANNA),
    ),
    "a recipient's manager": (
        {"ManagerForEvaluatedUser": "Recipient", "ManagerAddresses": BOSS},
        Message(OTTO, ANNA),
        Message(ANNA, OTTO),
    ),
    "Manager": (
        {"SenderManagementRelationship": "Manager"},
        Message(BOSS, ANNA),
        Message(CHIEF, ANNA),
    ),
    "DirectReport": (
        {"SenderManagementRelationship": "DirectReport"},
        Message(ANNA, BOSS),
        Message(ANNA, CHIEF),
    ),
    "compared": (
        {"ADComparisonAttribute": "Department"},
        Message(BOSS, ANNA),
        Message(BOSS, OTTO),
    ),
    "compared, not equal": (
        {"ADComparisonAttribute": "Department", "ADComparisonOperator": "NotEqual"},
        Message(BOSS, OTTO),
        Message(BOSS, ANNA),
    ),
    "FromScope": (
        {"FromScope": "InOrganization"},
        Message(ANNA, OTTO),
        Message("anna@outside.test", OTTO),
    ),
    "SentToScope": (
        {"SentToScope": "InOrganization"},
        Message(ANNA, OTTO),
        Message(ANNA, "otto@outside.test"),
    ),
}


@pytest.mark.parametrize("verb", ["test", "explain"])
def test_each_condition_about_people(office: Office, tmp_path: Path, verb: str) -> None:
    """All rules at once, so that one cannot answer for another."""
    path = tmp_path / "message.eml"
    outcome.put_rules(
        office.lab, {name: dict(fields) | {"SetSCL": "1"} for name, (fields, _, _) in ROWS.items()}
    )
    for name, (_, about, other) in ROWS.items():
        assert name in rules_of(office, path, about, verb), name
        assert name not in rules_of(office, path, other, verb), name
