"""File systems of a test's own: small ones, ones that can be frozen, and what
an administrator does with mount(8)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.host import USER


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip()}")


def _give(path: Path) -> None:
    shutil.chown(path, USER)
    path.chmod(0o700)


@contextmanager
def _mounted(path: Path) -> Iterator[Path]:
    try:
        _give(path)
        yield path
    finally:
        _run("umount", "--lazy", str(path))


@contextmanager
def tmpfs(path: Path, options: str) -> Iterator[Path]:
    """Mounted on a directory that is there, and the daemons' user's."""
    _run("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path))
    with _mounted(path):
        yield path


@contextmanager
def image_again(path: Path, image: Path) -> Iterator[Path]:
    """The file system that ext4 has made in a file."""
    _run("mount", "-o", "loop", str(image), str(path))
    with _mounted(path):
        yield path


@contextmanager
def ext4(path: Path, image: Path, size: int) -> Iterator[Path]:
    """On a file, so that it can be frozen."""
    with image.open("wb") as file:
        file.truncate(size)
    _run("mkfs.ext4", "-q", "-F", str(image))
    with image_again(path, image):
        yield path


def remount(path: Path, options: str) -> None:
    _run("mount", "-o", f"remount,{options}", str(path))


@contextmanager
def frozen(path: Path) -> Iterator[None]:
    """Whoever writes there waits, as on a disk that does not answer."""
    _run("fsfreeze", "--freeze", str(path))
    try:
        yield
    finally:
        _run("fsfreeze", "--unfreeze", str(path))


def fill(directory: Path, leave: int = 0) -> Path:
    """A file that takes all blocks but that many bytes."""
    path = directory / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
        size = file.tell()
        file.truncate(max(size - leave, 0))
    return path


def fill_inodes(directory: Path) -> Path:
    """A directory of files that take all inodes."""
    path = directory / "fillers"
    path.mkdir()
    try:
        for number in range(1_000_000):
            (path / str(number)).touch()
    except OSError:
        pass
    return path


def free(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        os.unlink(path)
