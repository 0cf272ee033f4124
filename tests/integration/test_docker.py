"""docker/: what can be known of it without a container engine. That mail flows
between containers is shown by "make containers"."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.lab import ROOT, Lab, binaries

DOCKER = ROOT / "docker"
# What both builders of Docker and buildah accept alike.
INSTRUCTIONS = {
    "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "LABEL", "RUN", "USER",
    "VOLUME", "WORKDIR",
}  # fmt: skip
ENTRYPOINT = "/usr/lib/posthub/entrypoint.sh"


# ---- Dockerfile --------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def stages() -> dict[str, list[tuple[str, str]]]:
    """Instructions by the name of their stage."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in instructions():
        if word == "FROM":
            assert re.fullmatch(r"\S+ AS \w+", rest), rest
            found[rest.split()[2]] = []
        elif found:
            list(found.values())[-1].append((word, rest))
    return found


def copies(stage: str) -> Iterator[tuple[str | None, list[str], str]]:
    """Stage that is copied from, sources, target."""
    for word, rest in stages()[stage]:
        if word == "COPY":
            paths = rest.split()
            other = paths.pop(0).removeprefix("--from=") if rest.startswith("--from=") else None
            yield other, paths[:-1], paths[-1]


def test_dockerfile_has_what_every_builder_accepts() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"^\s*#\s*(syntax|escape)\s*=", text, re.M)
    assert "<<" not in text
    assert {word for word, _ in instructions()} <= INSTRUCTIONS
    assert [word for word, _ in instructions()][:2] == ["ARG", "FROM"]
    assert len(stages()) >= 2


def test_sources_of_copies_exist() -> None:
    seen: list[str] = []
    for stage in stages():
        for other, sources, _ in copies(stage):
            assert other is None or other in list(stages())[: list(stages()).index(stage)]
            for source in sources if other is None else []:
                assert (ROOT / source).exists(), source
                seen.append(source)
    assert "Makefile" in seen


def test_everything_that_is_built_is_copied() -> None:
    """A new directory of sources must not be missing in the image alone."""
    copied = {source for other, sources, _ in copies("build") if not other for source in sources}
    tracked = subprocess.run(
        ["git", "ls-files", "*.c", "*.h", "man", "postfix-conf"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    files = tracked or [str(p.relative_to(ROOT)) for p in ROOT.glob("*/**/*.c")]
    built = {path.split("/")[0] for path in files} - {"tests", "build", "bench"}
    assert {"lib", "milters"} <= built <= copied


def test_each_package_name_is_one() -> None:
    """A stray word in an apt-get line would be a package that is not there."""
    for stage in stages():
        for word, rest in stages()[stage]:
            for found in re.findall(r"apt-get install ([^&]*)", rest if word == "RUN" else ""):
                wanted = [name for name in found.split() if not name.startswith("-")]
                assert wanted and all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", n) for n in wanted)


def test_image_ends_in_the_entry_point() -> None:
    targets = [f"{target}{Path(s).name}" for _, sources, target in copies("posthub")
               for s in sources]  # fmt: skip
    assert ENTRYPOINT in targets and "/usr/lib/posthub/health.sh" in targets
    (entry,) = [rest for word, rest in stages()["posthub"] if word == "ENTRYPOINT"]
    assert yaml.safe_load(entry) == ["/bin/bash", ENTRYPOINT]


# ---- scripts -----------------------------------------------------------------


@pytest.mark.parametrize("script", sorted(p.name for p in DOCKER.glob("*.sh")))
def test_script_can_be_parsed(script: str) -> None:
    path = DOCKER / script
    shell = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")
    for checker in (shell, "/bin/bash"):
        done = subprocess.run([checker, "-n", str(path)], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
    assert os.access(path, os.X_OK)


def roles() -> dict[str, str]:
    """What entrypoint.sh does for each role."""
    text = (DOCKER / "entrypoint.sh").read_text(encoding="utf-8")
    body = text.split("case $role in\n")[1].split("esac")[0]
    return {m[1]: m[2] for m in re.finditer(r"^(\w+)\)\n(.*?)^\t;;", body, re.S | re.M)}


def test_roles_run_programs_that_are_built_with_files_that_are_shipped() -> None:
    assert set(roles()) == {"transport", "frontend", "tool", "script"}
    started = set()
    for role, body in roles().items():
        for name in re.findall(r"write_postfix (\w+)", body):
            assert name == role and (ROOT / "postfix-conf" / name / "main.cf").exists()
        started |= set(re.findall(r"posthub-\w+", body))
    assert started == {path.name for path in binaries().iterdir()} - {"posthub"}


def test_an_unknown_role_is_a_wrong_usage() -> None:
    done = subprocess.run(
        ["/bin/bash", str(DOCKER / "entrypoint.sh"), "mailbox"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert all(role in done.stderr for role in ("mailbox", *roles()))


class Answerer:
    """An SMTP or LMTP server of one connection, by a table."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heard: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        peer, _ = self.listener.accept()
        with peer, peer.makefile("rwb", buffering=0) as stream:
            stream.write(self.answers[""].encode())
            for line in stream:
                word = line.decode().split()[0]
                self.heard.append(line.decode().strip())
                if word == "QUIT":
                    return
                stream.write(self.answers[word].encode())

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/bash", str(DOCKER / "health.sh"), str(self.port), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.thread.join(10)
        self.listener.close()
        return done


HEALTHY = {
    "": "220 here\r\n",
    "EHLO": "250-here\r\n250-SIZE 1\r\n250 DSN\r\n",
    "LHLO": "250 here\r\n",
    "MAIL": "250 2.1.0 Ok\r\n",
}


def test_health_of_a_service_that_answers() -> None:
    server = Answerer(HEALTHY)
    assert server.ask().returncode == 0
    assert server.heard == ["EHLO localhost", "MAIL FROM:<>", "QUIT"]
    server = Answerer(HEALTHY)
    assert server.ask("LHLO").returncode == 0
    assert server.heard[0] == "LHLO localhost"


@pytest.mark.parametrize(
    "word, answer",
    [
        ("", "421 too busy\r\n"),
        ("EHLO", "250-half of it\r\n421 bye\r\n"),
        ("MAIL", "451 4.7.1 Service unavailable\r\n"),
    ],
)
def test_health_of_a_service_that_does_not(word: str, answer: str) -> None:
    done = Answerer(HEALTHY | {word: answer}).ask()
    assert done.returncode != 0
    assert answer.splitlines()[-1] in done.stderr


def test_health_of_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = ["/bin/bash", str(DOCKER / "health.sh"), str(port)]
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode != 0


# ---- the organisation ----------------------------------------------------------


def organise(lab: Lab, tmp_path: Path) -> None:
    """organisation.sh as it is, with the posthub that was built."""
    conf = tmp_path / "posthub.conf"
    state = tmp_path / "state"
    conf.write_text(f"[server]\nstate_dir = {state}\n[redis]\nurl = {lab.redis.url}\n")
    command = tmp_path / "posthub"
    command.write_text(f'#!/bin/sh\nexec {binaries()}/posthub -c {conf} "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", str(DOCKER / "organisation.sh")],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def servers(lab: Lab) -> dict[str, dict[str, str]]:
    found = {}
    for key in lab.redis.keys("posthub:server:*"):
        reply = lab.redis.call("HGETALL", key)
        assert isinstance(reply, list)
        flat = [str(word) for word in reply]
        found[key.rpartition(":")[2]] = dict(zip(flat[::2], flat[1::2]))
    return found


def test_organisation_is_valid_and_that_of_the_containers(own_lab: Lab, tmp_path: Path) -> None:
    organise(own_lab, tmp_path)
    first = servers(own_lab)
    organise(own_lab, tmp_path)
    assert servers(own_lab) == first
    named = {
        service["environment"]["POSTHUB_SERVER"]: service["hostname"]
        for service in compose()["services"].values()
        if "hostname" in service
    }
    assert {name: fields["Fqdn"] for name, fields in first.items()} == named
    for fields in first.values():
        hosts = {value.rpartition(":")[0] for value in fields.values() if ":" in value}
        assert hosts == {fields["Fqdn"]}
    assert own_lab.redis.keys("posthub:recipient:mota@letsexchange.com")


# ---- compose.yaml --------------------------------------------------------------

REQUIRED = {"image", "build", "networks"}
KNOWN = REQUIRED | {
    "command", "container_name", "depends_on", "environment", "healthcheck", "hostname", "ports",
    "restart", "stop_grace_period", "volumes",
}  # fmt: skip


def compose() -> dict[str, Any]:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def services() -> list[str]:
    return sorted(compose()["services"])


def test_compose_file_has_the_parts_of_one() -> None:
    keys = {key for key in compose() if not key.startswith("x-")}
    assert keys == {"name", "services", "networks", "volumes"}
    assert services() == ["fe1", "mbx1", "mbx2", "organisation", "redis"]


@pytest.mark.parametrize("name", services())
def test_service_is_complete(name: str) -> None:
    file = compose()
    service = file["services"][name]
    assert REQUIRED <= set(service) <= KNOWN
    build = service["build"]
    assert (DOCKER / build["context"] / build["dockerfile"]).samefile(DOCKER / "Dockerfile")
    assert build["target"] in stages()
    # One image has one target, whichever service builds it.
    same = [s for s in file["services"].values() if s["image"] == service["image"]]
    assert all(s["build"] == build for s in same)
    assert set(service["networks"]) <= set(file["networks"])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (DOCKER / source).is_file()
        else:
            assert source in file["volumes"]
    for other, wants in service.get("depends_on", {}).items():
        needed = {
            "service_healthy": "healthcheck" in file["services"][other],
            "service_completed_successfully": file["services"][other]["restart"] == "no",
        }
        assert needed[wants["condition"]]


@pytest.mark.parametrize("name", services())
def test_service_has_a_role_and_says_whether_it_is_well(name: str) -> None:
    service = compose()["services"][name]
    if service["build"]["target"] == "posthub":
        assert service["command"][0] in roles()
    if service["restart"] == "no":
        return
    check = service["healthcheck"]
    assert set(check) == {"test", "interval", "timeout", "retries"}
    test = check["test"]
    commands = test.split(" && ") if isinstance(test, str) else [shlex.join(test[1:])]
    assert isinstance(test, str) or test[0] == "CMD"
    for command in commands:
        program = shlex.split(command)
        assert program[0] in ("bash", "redis-cli")
        if program[0] == "bash":
            assert (DOCKER / Path(program[1]).name).exists()


def test_volumes_are_used_once_and_all() -> None:
    file = compose()
    used = [
        volume.split(":")[0]
        for service in file["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    ]
    assert sorted(used) == sorted(file["volumes"])


def test_names_resolve_in_both_directions() -> None:
    """Docker answers "container.network" for an address."""
    file = compose()
    for service in file["services"].values():
        if "hostname" in service:
            network = file["networks"]["mail"]["name"]
            assert service["hostname"] == f"{service['container_name']}.{network}"
            assert service["networks"]["mail"]["aliases"] == [service["hostname"]]


def compose_command() -> bool:
    """Debian 12 has no compose 2; whoever has installed one gets its word as
    well."""
    try:
        return not subprocess.run(
            ["docker", "compose", "version"], capture_output=True, timeout=30, check=False
        ).returncode
    except FileNotFoundError:
        return False


def test_compose_file_is_read_as_it_is_written() -> None:
    """No key is there twice: the second one would replace the first."""

    class Strict(yaml.SafeLoader):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), keys
            return super().construct_mapping(node, deep)

    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert yaml.load(text, Strict)["name"] == "posthub"
    if compose_command():
        done = subprocess.run(
            ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "config", "-q"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
