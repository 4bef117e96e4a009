"""Reads the file that says how to reach a secured Kafka: librdkafka's TLS and SASL options, `name = value` a line."""

from __future__ import annotations

from pathlib import Path

from config.security_options import PREFIXES

BYTES_MAX = 64 * 1024


class SecurityFileProblem(Exception):
    """A line of the file is not an option of that kind. The message names the line, never its value."""

    exit_code = 78


def read_security(path: Path) -> dict[str, str]:
    r"""Return the options of the file; empty lines and lines that begin with # are passed over.

    A certificate or key written into the file itself (`ssl.*.pem`) is one line too: `\n` stands for each line's end.

    Raises SecurityFileProblem for an unreadable or oversized file, a line without `=`, and an option that is not
    about security: what protects exactness must not be set from outside.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SecurityFileProblem(f"{path} cannot be read: {error.strerror}") from error
    if len(text) > BYTES_MAX:
        raise SecurityFileProblem(f"{path} is larger than {BYTES_MAX} bytes; it should hold a few options")
    return dict(_options(path, text.decode(errors="replace")))


def _options(path: Path, text: str) -> list[tuple[str, str]]:
    options = []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in stripped.partition("="))
        if not equals or not name.startswith(PREFIXES):
            known = ", ".join(prefix + "*" for prefix in PREFIXES)
            raise SecurityFileProblem(f"{path}, line {number}: expected `name = value` with a name like {known}")
        options.append((name, value.replace("\\n", "\n") if name.endswith(".pem") else value))
    return options
