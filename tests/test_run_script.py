"""`run.py` makes its environment, repairs it, and passes arguments and exit codes on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "run.py"


@pytest.fixture(scope="module")
def run() -> ModuleType:
    """`run.py` as a module."""
    spec = importlib.util.spec_from_file_location("run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# The environment, for real: a project that needs nothing from the network


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with this very `run.py`; its `hub` prints its arguments and exits with 3."""
    root = tmp_path_factory.mktemp("project")
    shutil.copy(SCRIPT, root)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    (root / "tiny.py").write_text("import sys\n\ndef main():\n    print(sys.argv[1:])\n    return 3\n")
    return root


PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
optional-dependencies = { demo = [], test = [] }
scripts = { hub = "tiny:main" }
"""

BACKEND = """
import os, zipfile

METADATA = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\nProvides-Extra: demo\\nProvides-Extra: test\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as wheel:
        wheel.writestr("tiny.pth", os.getcwd())
        wheel.writestr("tiny-1.dist-info/METADATA", METADATA)
        wheel.writestr("tiny-1.dist-info/WHEEL", WHEEL)
        wheel.writestr("tiny-1.dist-info/entry_points.txt", "[console_scripts]\\nhub = tiny:main\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return name
"""


def demo(project: Path) -> list[str]:
    """Run `run.py demo --check` and return the lines it printed; it ends as the program does."""
    done = subprocess.run(
        [sys.executable, "run.py", "demo", "--check"],
        cwd=project,
        env={**os.environ, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    lines = done.stdout.splitlines()
    assert lines.pop() == "['demo', '--check']"
    return [line.split()[0] for line in lines]


@pytest.mark.processes
def test_environment_is_made_once_and_kept_in_step_with_the_project(project: Path) -> None:
    assert demo(project) == ["Making", "Installing", "Set"]
    assert demo(project) == []
    with (project / "pyproject.toml").open("a") as pyproject:
        pyproject.write("# changed\n")
    assert demo(project) == ["Installing", "Set"]


@pytest.mark.processes
def test_interrupted_set_up_is_made_anew(project: Path) -> None:
    demo(project)
    (project / ".venv" / "survey-hub.json").unlink()
    assert demo(project) == ["Making", "Installing", "Set"]


@pytest.mark.processes
def test_moved_project_gets_a_new_environment(project: Path, tmp_path: Path) -> None:
    demo(project)
    moved = tmp_path / "moved"
    shutil.copytree(project, moved, symlinks=True)
    assert demo(moved) == ["Making", "Installing", "Set"]


def test_directory_that_is_no_environment_is_left_alone(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".venv"))
    (copy / ".venv").mkdir()
    (copy / ".venv" / "thesis.txt").touch()
    done = subprocess.run([sys.executable, "run.py", "demo"], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Move it away" in done.stderr
    assert (copy / ".venv" / "thesis.txt").exists()


# How it installs


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory on the PATH, empty; and a Python without ensurepip and pip."""
    for name in ("ensurepip", "pip"):
        (tmp_path / f"{name}.py").write_text("raise ImportError\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return programs


def program(directory: Path, name: str) -> None:
    """Put a program into a directory that succeeds whatever it is asked."""
    (directory / name).write_text("#!/bin/sh\n")
    (directory / name).chmod(0o755)


def test_uv_is_preferred(run: ModuleType, bare_machine: Path) -> None:
    program(bare_machine, "uv")
    program(bare_machine, "pip3")
    assert run.choose_installer().name == "uv"


def test_without_uv_the_pip_inside_python_installs(run: ModuleType, bare_machine: Path) -> None:
    (bare_machine.parent / "ensurepip.py").write_text("")
    assert run.choose_installer().name == "pip"


def test_without_ensurepip_the_systems_pip_installs_from_outside(run: ModuleType, bare_machine: Path) -> None:
    program(bare_machine, "pip3")
    installer = run.choose_installer()
    assert installer.install == ["pip3", "--python", str(run.BIN / "python"), "install"]
    assert "--without-pip" in installer.make


def test_without_any_installer_the_error_names_the_cures(run: ModuleType, bare_machine: Path) -> None:
    with pytest.raises(run.SetupFailed, match="uv, or your system's package python3-venv or python3-pip"):
        run.choose_installer()


# What it understands


def test_help_names_every_command(run: ModuleType) -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True)
    assert all(f"\n  {name}" in done.stdout for name in run.COMMANDS)


def test_unknown_command_is_refused() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "deploy"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no command 'deploy'" in done.stderr


def test_environment_for_tests_serves_the_demo_too(run: ModuleType) -> None:
    assert run.covers(["test"], "demo")
    assert not run.covers(["demo"], "test")


def test_environment_of_another_installer_is_not_added_to(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python").touch()
    monkeypatch.setattr(run, "BIN", tmp_path)
    stamp = run.Stamp(installer="uv", environment=run.environment(), project="", extras=["demo"])
    assert run.can_be_extended(stamp, "uv")
    assert not run.can_be_extended(stamp, "pip")


def test_types_of_all_plugins_are_checked(run: ModuleType, tmp_path: Path) -> None:
    for name in ("pigeon", "telegraph"):
        package = tmp_path / "plugins" / name / f"hub_{name}"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
    packages = ["--package", "hub", "--package", "hub_pigeon", "--package", "hub_telegraph"]
    assert run.lint_steps(tmp_path)["mypy"] == ["mypy", *packages]
