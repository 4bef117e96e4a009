"""Certificates that tests make for themselves with the `openssl` command: a CA, and what it signs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.checkout import need

LIMIT_S = 30
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
DAYS = "2"


def openssl(*arguments: str | Path) -> None:
    """Run the command. Skips the test where it is not installed; fails with its words where it fails."""
    need(shutil.which("openssl"), "the openssl command")
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"


class Authority:
    """A CA in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        subject = ("-subj", f"/CN={folder.name}", "-days", DAYS)
        openssl("req", "-x509", *CURVE, "-nodes", *subject, "-keyout", self._key, "-out", self.certificate)

    def sign(self, name: str, *, password: str = "", names: str = "", days: str = DAYS) -> tuple[Path, Path]:
        """Return certificate and key (PEM, PKCS#8) for `name`. `names`: what else it is for, such as IP:127.0.0.1."""
        certificate, key, request = (self._folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        secret = ("-passout", f"pass:{password}") if password else ("-nodes",)
        openssl("req", "-new", *CURVE, *secret, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n", encoding="utf-8")
        signed_by = ("-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial")
        openssl("x509", "-req", "-in", request, *signed_by, "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key

    def revoke(self, *certificates: Path) -> Path:
        """Return a list of revoked certificates with these in it."""
        settings, database, revoked = (self._folder / name for name in ("ca.cnf", "index.txt", "crl.pem"))
        database.touch()
        settings.write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={database}\ndefault_md=sha256\ndefault_crl_days={DAYS}\n",
            encoding="utf-8",
        )
        own = ("-config", settings, "-keyfile", self._key, "-cert", self.certificate)
        for certificate in certificates:
            openssl("ca", *own, "-revoke", certificate)
        openssl("ca", *own, "-gencrl", "-out", revoked)
        return revoked
