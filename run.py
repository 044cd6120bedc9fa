#!/usr/bin/env python3
"""Try, test and develop Survey Hub with nothing but Python: `python3 run.py demo`, `python3 run.py test`.

Keeps an environment of its own in `.venv` beside this file. Uses `uv` where it is installed, else pip.
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  the one place that an older Python reaches
    sys.exit(f"run.py needs Python 3.11 or newer; this is {platform.python_version()} ({sys.executable}).")
if os.name != "posix":
    sys.exit("Survey Hub runs on Linux and macOS; on Windows, run it inside WSL.")

import fcntl
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "survey-hub.json"
BIN = VENV / "bin"
INCLUDED = {"test": {"demo"}}
"""Which extras of pyproject.toml bring which others along."""
IN_PARALLEL = ("--numprocesses=auto", "--maxprocesses=8", "--dist=worksteal")
"""Each process has servers of its own. Neighbouring tests stay together, so that few fixtures are made twice."""


class SetupFailed(Exception):
    """The environment cannot be made. The message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A word after `run.py`: the extra it needs installed, what it does, and its line in the help."""

    extra: str
    run: Callable[[Sequence[str]], int]
    help: str


def main(argv: Sequence[str]) -> int:
    """Carry out one command; return its exit code (most commands replace this process instead)."""
    if not argv or argv[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0
    command = COMMANDS.get(argv[0])
    if command is None:
        print(f"run.py has no command {argv[0]!r}.\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        prepare(command.extra)
        return command.run(argv[1:])
    except SetupFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def usage() -> str:
    """Return the help text."""
    lines = [f"  {name:<7} {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: python3 run.py COMMAND [arguments]", "", *lines])


# Commands


def setup(arguments: Sequence[str]) -> int:
    """Say where the environment is."""
    print(f"Ready: {VENV} (activate it with: . {os.path.relpath(BIN / 'activate')})")
    return 0


def demo(arguments: Sequence[str]) -> int:
    """Become `hub demo`."""
    return become("hub", "demo", *arguments)


def test(arguments: Sequence[str]) -> int:
    """Check the source, then become pytest, in a process a core. With arguments only pytest is run, with those."""
    if arguments:
        return become("pytest", *arguments)
    return lint([]) or become("pytest", *IN_PARALLEL)


def lint(arguments: Sequence[str]) -> int:
    """Run every check of the source, and only then say which of them failed."""
    failed = [name for name, line in lint_steps(ROOT).items() if not passes(name, line)]
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def lint_steps(root: Path) -> dict[str, list[str]]:
    """Return the checks of the source, by name, in order. mypy also gets the packages of all plugins here."""
    packages = ["hub", *sorted(path.parent.name for path in root.glob("plugins/*/hub_*/__init__.py"))]
    return {
        "ruff check": ["ruff", "check"],
        "ruff format": ["ruff", "format", "--check"],
        "mypy": ["mypy", *(word for package in packages for word in ("--package", package))],
        "mypy benchmarks": ["mypy", "--explicit-package-bases", "benchmarks"],
        "lint-imports": ["lint-imports"],
    }


def passes(name: str, line: Sequence[str]) -> bool:
    """Run one check; show what it printed only when it fails."""
    done = subprocess.run([BIN / line[0], *line[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr, flush=True)
    return done.returncode == 0


def docs(arguments: Sequence[str]) -> int:
    """Write the pages of the documentation that come from the code."""
    return become("python", str(ROOT / "docs" / "generate.py"))


def gallery(arguments: Sequence[str]) -> int:
    """Take the pictures of the console and of what customers see."""
    os.chdir(ROOT)
    return become("python", "-m", "docs.gallery", *arguments)


def chaos(arguments: Sequence[str]) -> int:
    """Become the harness that injects faults into a real hub."""
    os.chdir(ROOT)
    return become("python", "-m", "tests.chaos", *arguments)


def bench(arguments: Sequence[str]) -> int:
    """Become the benchmarks."""
    os.chdir(ROOT)
    return become("python", "-m", "benchmarks", *arguments)


def become(program: str, *arguments: str) -> int:
    """Replace this process by a program of the environment: signals and the exit code are its own."""
    path = BIN / program
    if not path.exists():
        raise SetupFailed(f"{path} is missing. Remove {VENV} and try again.")
    if program == "pytest":
        os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(path, [str(path), *arguments])


COMMANDS = {
    "demo": Command(extra="demo", run=demo, help="see the hub at work on this machine; --check: try it and stop"),
    "test": Command(extra="test", run=test, help="check the source and run all tests; arguments go to pytest"),
    "chaos": Command(extra="test", run=chaos, help="inject faults into a real hub, prove that it kept its promises"),
    "bench": Command(extra="test", run=bench, help="measure the hub beside its floors and the naive ways"),
    "lint": Command(extra="test", run=lint, help="check the source only"),
    "docs": Command(extra="test", run=docs, help="write the pages of docs/ that come from the code"),
    "gallery": Command(extra="test", run=gallery, help="take the pictures of docs/console.md"),
    "setup": Command(extra="test", run=setup, help="make the environment and do nothing else"),
}


# The environment


def prepare(extra: str) -> None:
    """Make sure that `.venv` holds this project with `extra`. At once when nothing has changed.

    The stamp is removed before anything is changed and written last, so an interrupted set-up is seen as one.
    """
    if is_ready(read_stamp(), extra):
        return
    with only_one_at_a_time():
        stamp = read_stamp()
        if is_ready(stamp, extra):
            return
        started = time.monotonic()
        installer = choose_installer()
        STAMP.unlink(missing_ok=True)
        extras = {extra}
        if stamp and can_be_extended(stamp, installer.name):
            extras.update(stamp.extras)
        else:
            clear()
            print(f"Making .venv with Python {platform.python_version()}.", flush=True)
            run_quietly(installer.make)
        print(f"Installing survey-hub[{','.join(sorted(extras))}] with {installer.name}.", flush=True)
        run_quietly([*installer.install, "--editable", f"{ROOT}[{','.join(sorted(extras))}]"])
        write_stamp(installer.name, extras)
        print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a finished set-up leaves in the environment."""

    installer: str
    environment: Sequence[str]
    project: str
    extras: Sequence[str]


def is_ready(stamp: Stamp | None, extra: str) -> bool:
    """Tell whether the environment serves as it is."""
    if stamp is None or not is_whole(stamp) or stamp.project != fingerprint(ROOT / "pyproject.toml"):
        return False
    return covers(stamp.extras, extra)


def covers(extras: Sequence[str], extra: str) -> bool:
    """Tell whether one of these extras is the wanted one or brings it along."""
    return any(extra == name or extra in INCLUDED.get(name, ()) for name in extras)


def can_be_extended(stamp: Stamp, installer: str) -> bool:
    """Tell whether this installer can add to the environment. One that uv made has no pip inside."""
    return stamp.installer == installer and is_whole(stamp)


def is_whole(stamp: Stamp) -> bool:
    """Tell whether the environment is still in its place and was made by this very Python."""
    return stamp.environment == environment() and (BIN / "python").exists()


def environment() -> list[str]:
    """Return what an environment is bound to: its place and the Python that made it."""
    return [str(VENV), sys.version, os.path.realpath(sys.base_prefix)]


def fingerprint(pyproject: Path) -> str:
    """Return a hash that changes with the project's requirements and entry points."""
    return hashlib.sha256(pyproject.read_bytes()).hexdigest()


def read_stamp() -> Stamp | None:
    """Return what the last finished set-up wrote."""
    try:
        return Stamp(**json.loads(STAMP.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_stamp(installer: str, extras: set[str]) -> None:
    """Record a finished set-up."""
    stamp = Stamp(
        installer=installer,
        environment=environment(),
        project=fingerprint(ROOT / "pyproject.toml"),
        extras=sorted(extras),
    )
    STAMP.write_text(json.dumps(asdict(stamp)), encoding="utf-8")


def clear() -> None:
    """Remove an environment that cannot be used any more, and nothing else."""
    if not VENV.exists() and not VENV.is_symlink():
        return
    if VENV.is_symlink() or not (VENV / "pyvenv.cfg").exists():
        raise SetupFailed(f"{VENV} is not an environment of run.py's. Move it away and try again.")
    shutil.rmtree(VENV)


@contextlib.contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold a lock on the project's directory, so that two terminals don't make one environment together."""
    directory = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is at work; waiting for it.", flush=True)
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


# Installers


@dataclass(frozen=True, kw_only=True)
class Installer:
    """A way to make the environment and to install into it, as command lines."""

    name: str
    make: Sequence[str]
    install: Sequence[str]


def choose_installer() -> Installer:
    """Return the best way this machine offers: uv, the pip inside Python, a pip of the system's.

    The system's pip installs into `.venv` from outside; that works where Python lacks ensurepip (Debian
    without python3-venv) and where its own packages are managed by the system (PEP 668).
    """
    base = str(getattr(sys, "_base_executable", sys.executable))
    python = str(BIN / "python")
    uv = shutil.which("uv")
    if uv:
        return Installer(
            name="uv",
            make=[uv, "venv", "--python", base, str(VENV)],
            install=[uv, "pip", "install", "--python", python],
        )
    if works([base, "-c", "import ensurepip"]):
        return Installer(
            name="pip",
            make=[base, "-m", "venv", str(VENV)],
            install=[python, "-m", "pip", "install"],
        )
    for pip in ([base, "-m", "pip"], ["pip3"], ["pip"]):
        if works([*pip, "--python", base, "--version"]):
            return Installer(
                name="the system's pip",
                make=[base, "-m", "venv", "--without-pip", str(VENV)],
                install=[*pip, "--python", python, "install"],
            )
    raise SetupFailed(
        "Found neither uv nor ensurepip nor pip (22.3 or newer). "
        "Install one of them: uv, or your system's package python3-venv or python3-pip."
    )


def works(line: Sequence[str]) -> bool:
    """Tell whether a command can be run and succeeds."""
    try:
        return subprocess.run(line, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_quietly(line: Sequence[str]) -> None:
    """Run a command of the set-up; show what it printed only when it fails."""
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(
            line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=calm(), check=False
        ).returncode
        if code != 0:
            output.seek(0)
            print(output.read().decode(errors="replace"), file=sys.stderr, flush=True)
            raise SetupFailed(f"Set-up failed (exit {code}): {' '.join(line)}")


def calm() -> dict[str, str]:
    """Return an environment in which pip minds this project only, whatever the user's settings are."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return {**kept, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
