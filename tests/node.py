"""Node.js for tests: Segment's own JavaScript SDKs, installed once into a cache outside of the tree."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_PINNED = Path(__file__).parent / "sdks"
_FILES = ("package.json", "package-lock.json")


class NotInstalled(Exception):
    """npm could not install the packages. The message says why."""


def installed_modules() -> Path:
    """Return the folder of the packages that `tests/sdks` pins; the first time, npm installs them there."""
    pins = b"".join((_PINNED / name).read_bytes() for name in _FILES)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "survey-hub"
    place = cache / f"sdks-{hashlib.sha256(pins).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:  # tests may run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _install(Path(scratch)).rename(place)
    return place / "node_modules"


def run(script: Path, *arguments: str, timeout_s: float = 60) -> str:
    """Return what a script printed; fail with all it said when it ends badly."""
    done = subprocess.run(
        ["node", script, *arguments], cwd=script.parent, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _install(folder: Path) -> Path:
    made = folder / "sdks"
    made.mkdir()
    for name in _FILES:
        shutil.copy(_PINNED / name, made)
    line = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(line, cwd=made, capture_output=True, text=True, timeout=100, check=False)
    except subprocess.TimeoutExpired:
        raise NotInstalled("npm did not install Segment's SDKs within 100 s") from None
    if done.returncode != 0:
        raise NotInstalled(f"npm could not install Segment's SDKs: {done.stderr.strip()[-500:]}")
    return made
