"""Manual pages: there is one for every program, they are well-formed, and what
the programs themselves say they know is in them. And "make install"."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest

from tests.lab.lab import ROOT, Lab, binaries

MCE = "{http://schemas.microsoft.com/office/2011/mce}"
SOURCES = sorted((ROOT / "man").glob("*.in"))
PAGES = [path.stem for path in SOURCES]


def page_path(name: str) -> Path:
    return binaries().parent / "man" / name


@cache
def shown(name: str) -> str:
    """The page as one reads it, without overstriking, lines unbroken."""
    command = ["mandoc", "-Tascii", "-O", "width=900", str(page_path(name))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return re.sub(".\b", "", done.stdout)


def items(text: str, indent: int = 5) -> set[str]:
    """The tags of a list: a short one has its text on the same line."""
    lines = re.findall(rf"^ {{{indent}}}(\S.*)$", text, re.M)
    return {line.split("  ")[0] for line in lines}


def names(text: str, indent: int = 5) -> set[str]:
    return {item.split()[0] for item in items(text, indent)}


def section(name: str, heading: str, indent: str = "") -> str:
    """From a heading to the next one of its kind, or of a higher one."""
    found = re.search(
        rf"^{indent}{re.escape(heading)}$(.*?)(?=^{indent}\S|^\S|\Z)", shown(name), re.S | re.M
    )
    assert found, f"{name} has no section {heading}"
    return found[1]


def posthub(*words: str) -> str:
    command = [str(binaries() / "posthub"), "-c", os.devnull, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kinds() -> list[str]:
    listed = posthub("--help").split("\nKinds (KIND above):\n")[1].split("\nOptions:")[0]
    return re.findall(r"^  (\w+)", listed, re.M)


def words(text: str) -> str:
    return " ".join(text.split()).lower()


# ---- every page --------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_no_macro_is_shown(page: str) -> None:
    text = shown(page)
    assert not re.findall(r"\b(?:Ic|Li|Pa|Fl|Cm|Dv|Xr|[PBDSQ]q) [-a-z]\w*", text)
    assert not re.findall(r"\S+\) [,;.](?=\s)", text)


@pytest.mark.parametrize("page", PAGES)
def test_page_is_well_formed(page: str) -> None:
    done = subprocess.run(
        ["mandoc", "-Tlint", "-W", "warning", str(page_path(page))],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("page", PAGES)
def test_page_refers_to_pages_that_are_there(page: str) -> None:
    referred = re.findall(r"^\.Xr (posthub\S*) (\d)", page_path(page).read_text(), re.M)
    assert referred
    assert {f"{name}.{number}" for name, number in referred} <= set(PAGES)


def test_every_program_has_a_page() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = re.search(r"^PROGRAMS = ((?:.*\\\n)*.*)$", makefile, re.M)
    assert listed
    programs = listed[1].replace("\\", " ").split()
    assert "posthub-transport" in programs
    for program in programs:
        page = f"{program}.{1 if program == 'posthub' else 8}"
        assert page in PAGES
        assert f"\n.Nm {program}\n" in page_path(page).read_text()


@pytest.mark.parametrize("page", [p for p in PAGES if p.endswith(".8")])
def test_page_of_a_daemon_says_what_an_administrator_asks(page: str) -> None:
    for heading in (
        "OPTIONS",
        "SIGNALS",
        "POSTFIX",
        "WHEN SOMETHING IS GONE",
        "FILES",
        "EXIT STATUS",
        "DIAGNOSTICS",
    ):
        assert section(page, heading).strip()
    usage = subprocess.run(
        [str(binaries() / page.removesuffix(".8")), "-h"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    options = set(re.findall(r"^  (-\w)", usage, re.M))
    assert options and options <= names(section(page, "OPTIONS"))


# ---- tables of the programs --------------------------------------------------


def test_every_setting_is_in_its_section() -> None:
    settings = json.loads(posthub("config", "show", "--json"))
    assert len(settings) > 30
    for row in settings:
        text = section("posthub.conf.5", row["Section"].upper())
        assert row["Name"] in names(text), row
        assert words(row["Help"]) in words(text), row
        if row["Default"]:
            assert f"default {row['Default']}".lower() in words(text), row


def test_every_section_of_the_page_is_one_of_the_file() -> None:
    sections = {row["Section"] for row in json.loads(posthub("config", "show", "--json"))}
    listed = re.findall(r"^Section\n\.Bq (\w+)", page_path("posthub.conf.5").read_text(), re.M)
    assert set(listed) == sections


@pytest.mark.parametrize("kind", kinds())
def test_every_field_of_a_kind(kind: str) -> None:
    fields = posthub(kind, "--help").split("\nFields:\n")[1]
    rows = re.findall(r"^  (\w+)\s+(.+?) \((.*)\)$", fields, re.M)
    assert len(rows) == len(re.findall(r"^  \w", fields, re.M)) > 0
    if kind == "rule":
        text = shown("posthub-rules.7")
        assert "posthub-rules(7)" in section("posthub-state.7", kind, "   ")
    else:
        text = section("posthub-state.7", kind, "   ")
    for name, help_text, kind_of in rows:
        assert name in names(text)
        assert words(help_text) in words(text)
        default = re.search(r"; default ([^;]*)", kind_of)
        if default:
            assert f"default {default[1]}".lower() in words(text)


def test_fields_that_are_refused_are_told_apart() -> None:
    """Whoever reads of a condition tries it."""
    fields = posthub("rule", "--help").split("\nFields:\n")[1]
    later = set(re.findall(r"^  (\w+)\s+.*not in this version\)$", fields, re.M))
    assert "ApplyRightsProtectionTemplate" in later
    listed = section("posthub-rules.7", "NOT IN THIS VERSION")
    assert later == {name for name in names(listed) if name in fields}
    for heading in ("PROPERTIES", "CONDITIONS", "ACTIONS"):
        assert not later & names(section("posthub-rules.7", heading))


def test_every_condition_says_whom_it_is_about() -> None:
    source = (ROOT / "milters/transport/rules/conditions.c").read_text()
    rows = re.findall(
        r'\.name = "(\w+)",\s+(?:\.with = "(\w+)",\s+)?(?:\.select = \w+,\s+)?'
        r"\.level = PH_LEVEL_(\w+)",
        source,
    )
    assert len(rows) == source.count('.name = "') > 50
    text = section("posthub-rules.7", "CONDITIONS")
    about = dict(
        re.findall(r"^ {5}(\w+)(?:  .*)?\n.*; about (the message|each recipient)", text, re.M)
        + re.findall(r"^ {5}(\w+)\n.*\n.*; about (the message|each recipient)", text, re.M)
    )
    level = {"MESSAGE": "the message", "RECIPIENT": "each recipient"}
    expected = {name: level[word] for *names, word in rows for name in names if name}
    assert about == expected


def test_actions_in_the_order_in_which_they_run() -> None:
    source = (ROOT / "milters/transport/rules/actions.c").read_text()
    rows = re.findall(r'\.name = "(\w+)",\s+(?:\.with = "(\w+)",\s+)?', source)
    text = section("posthub-rules.7", "ACTIONS")
    listed = re.findall(r"^ {5}(\w+)(?:$|  )", text, re.M)
    assert len(rows) > 15 and listed == [name for row in rows for name in row if name]


def test_every_attribute_that_rules_can_use() -> None:
    source = (ROOT / "lib/state/value.c").read_text()
    table = source.split("directory_attributes[] = {")[1].split("}")[0]
    attributes = re.findall(r'"(\w+)"', table)
    assert len(attributes) > 30
    text = section("posthub-rules.7", "Attributes", "   ").split("Attributes are ")[1]
    numbered = ", ".join(f"CustomAttribute{i}" for i in range(1, 16))
    text = text.replace("CustomAttribute1 to CustomAttribute15", numbered)
    assert re.split(r", | and ", text.strip().rstrip(".")) == attributes


# ---- examples ----------------------------------------------------------------

LETTER = """\
From: <board@example.com>
To: <anybody@elsewhere.example>
Subject: Figures

Not secret at all.
"""


def written_examples(page: str) -> list[str]:
    source = page_path(page).read_text().split("\n.Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    found = re.findall(r"^\.Bd -literal.*\n((?:.*\n)*?)\.Ed$", source, re.M)
    return [example.replace("\\e", "\\").replace("\\-", "-") for example in found]


@pytest.fixture
def shell(own_lab: Lab, tmp_path: Path) -> dict[str, str]:
    """The environment in which a page's commands mean a Redis of their own."""
    conf = tmp_path / "posthub.conf"
    conf.write_text(
        f"[server]\nname = MBX1\nstate_dir = {tmp_path}\n"
        f"[redis]\nurl = {own_lab.redis.url}\n[transport]\nresolve = no\n"
    )
    for name, command in (
        ("posthub", f"{binaries() / 'posthub'} -c {conf}"),
        ("redis-cli", f"{shutil.which('redis-cli')} -s {own_lab.redis.socket}"),
    ):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        script.chmod(0o755)
    return own_lab.env | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_examples_of_rules_can_be_typed(tmp_path: Path, shell: dict[str, str]) -> None:
    def typed(text: str) -> str:
        done = subprocess.run(
            ["sh", "-e", "-c", text],
            env=shell,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, (text, done.stdout, done.stderr)
        return done.stdout

    (tmp_path / "letter.eml").write_text(LETTER)
    examples = written_examples("posthub-rules.7")
    shown = [typed(text) for text in examples]
    assert "delivered" in shown[-1]
    rules = json.loads(typed("posthub rule list --json"))
    quoted = r"'posthub:rule:(.+?)'|posthub:rule:(\S+)|rule set '(.+?)'|rule set (\w+)"
    names = re.findall(quoted, "".join(examples))
    assert {rule["Name"] for rule in rules} == {"".join(name) for name in names}
    assert len(rules) > 6 and {rule["State"] for rule in rules} == {"Enabled"}


def test_every_verb_with_its_options() -> None:
    verbs = posthub("--help").split("\nVerbs:\n")[1].split("\nKinds ")[0]
    listed = [line.split("  ")[0] for line in re.findall(r"^ {2}(\S.*)$", verbs, re.M)]
    assert "state adopt" in listed
    text = section("posthub.1", "VERBS")
    assert set(listed) <= items(text)
    options = re.findall(r"^ {6}(--\S+)", verbs, re.M)
    assert "--event-id" in options and set(options) <= names(text, 13)


def test_every_column_of_the_tracking_log() -> None:
    source = (ROOT / "lib/track/record.c").read_text()
    columns = re.findall(r'= \{"([a-z-]+)",\s+"(\w+)",\s+"', source)
    assert len(columns) == 30
    listed = items(section("posthub-tracking.8", "Columns", "   "))
    assert {f"{name} ({title})" for name, title in columns} <= listed


def test_a_table_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.in"
    page.write_text('.Dd x\n.\\" @table settings nothing\n')
    mantable = binaries().parent / "tools" / "mantable"
    done = subprocess.run(
        [str(mantable), str(page)], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 65 and done.stdout == ""
    assert "page.in:2: no such table: settings nothing" in done.stderr


# ---- make install --------------------------------------------------------------


def test_install_into_a_directory(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    command = [
        "make", "-s", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr",
        "SYSCONFDIR=/usr/etc", f"BUILD={binaries().parent}",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    for path in binaries().iterdir():
        place = "bin" if path.name == "posthub" else "sbin"
        installed = tmp_path / "usr" / place / path.name
        assert installed.read_bytes() == path.read_bytes()
        assert stat.S_IMODE(installed.stat().st_mode) == 0o755
    for page in PAGES:
        installed = tmp_path / f"usr/share/man/man{page[-1]}" / page
        assert installed.read_text() == page_path(page).read_text()
        assert stat.S_IMODE(installed.stat().st_mode) == 0o644
    shipped = tmp_path / "usr/share/posthub/postfix-conf"
    for path in (ROOT / "postfix-conf").rglob("*"):
        assert (shipped / path.relative_to(ROOT / "postfix-conf")).exists()
    completion = tmp_path / "usr/share/bash-completion/completions/posthub"
    assert completion.read_text() == (ROOT / "share/completions/posthub").read_text()
    unit = (tmp_path / "usr/lib/systemd/system/posthub@.service").read_text()
    start = re.search(r"^ExecStart=/(\S+)%i -f$", unit, re.MULTILINE)
    assert start is not None, unit
    for path in binaries().glob("posthub-*"):
        assert f"{tmp_path}/{start[1]}{path.name.removeprefix('posthub-')}" == str(
            tmp_path / "usr/sbin" / path.name
        )
    # Where the programs look, whatever packages are used to say.
    assert (tmp_path / "etc/posthub").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"usr", "etc"}


def test_sensitive_information_types() -> None:
    text = section("posthub-sensitive-types.7", "TYPES")
    listed = items(text)
    found: dict[str, str] = {}
    for path in sorted((ROOT / "share/posthub/sensitive-types").glob("*.xml")):
        for resource in ET.parse(path).iter(f"{MCE}Resource"):
            found[str(resource.findtext(f"{MCE}Name"))] = resource.attrib["idRef"]
    assert len(found) == 80 and set(found) <= listed
    assert all(guid in text for guid in found.values())
    checks = names(section("posthub-sensitive-types.7", "CHECKSUMS"))
    assert {"luhn", "iban", "verhoeff", "aba"} <= checks
