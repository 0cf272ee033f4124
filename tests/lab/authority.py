"""A certificate authority, and certificates of it for hosts of the lab."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    """ca.pem in its directory, and NAME.pem with NAME.key for each host."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.directory = directory
        self.env = env
        directory.mkdir()
        own = ["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Lab"]
        self._openssl("req", *_KEY, *own)

    def _openssl(self, *args: str) -> None:
        subprocess.run(
            ["openssl", *args],
            cwd=self.directory,
            env=self.env,
            check=True,
            capture_output=True,
            timeout=60,
        )

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key for a host name; whoever runs in the lab may read
        them."""
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        request = f"{name}.csr"
        self._openssl("req", *_KEY, "-keyout", key.name, "-out", request, "-subj", f"/CN={name}")
        names = self.directory / f"{name}.names"
        names.write_text(f"subjectAltName=DNS:{name}\n", encoding="ascii")
        sign = ["x509", "-req", "-in", request, "-CA", "ca.pem", "-CAkey", "ca.key"]
        self._openssl(*sign, "-CAcreateserial", "-extfile", names.name, "-out", cert.name)
        key.chmod(0o644)
        return cert, key
