"""A Valkey of the test's own, which it may kill, freeze, fill and lock."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.processes import dying_with_parent, stop
from tests.servers import RedisServer, find_valkey, short_directory


class BreakableRedis:
    """A server on a unix socket, without persistence: started again it is empty."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self._binary = binary
        self._directory = directory
        self._server = RedisServer(socket=directory / "socket")
        self.url = self._server.url
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        options = ["--port", "0", "--unixsocket", str(self._server.socket), "--save", "", "--appendonly", "no"]
        command = [*dying_with_parent(signal.SIGKILL), str(self._binary), *options, "--dir", str(self._directory)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        give_up_at = time.monotonic() + 30
        while not self._server.is_ready():
            assert time.monotonic() < give_up_at, "Valkey did not start"
            time.sleep(0.01)

    def kill(self) -> None:
        """Kill it at once."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Have it answer nothing more, and keep its connections."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it answer again, also what was asked meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def fill(self) -> None:
        """Have it refuse every write for want of memory."""
        self._ask(lambda client: client.config_set("maxmemory", "1"))

    def empty(self) -> None:
        """Give it room again."""
        self._ask(lambda client: client.config_set("maxmemory", "0"))

    def lock(self) -> None:
        """Have it ask for a password, of those as well that are connected."""
        self._ask(lambda client: (client.config_set("requirepass", "secret"), client.client_kill_filter(skipme=True)))

    def unlock(self) -> None:
        """Ask for no password any more."""
        self._ask(lambda client: client.config_set("requirepass", ""), password="secret")

    def flush(self) -> None:
        """Forget everything."""
        self._server.flush()

    def close(self) -> None:
        """End it."""
        self.thaw()
        stop(self._process, signal.SIGTERM, timeout_s=10)

    def _ask(self, what: Callable[[redis.Redis], object], password: str | None = None) -> None:
        with redis.Redis.from_url(self.url, password=password) as client:
            what(client)


@contextmanager
def breakable_redis() -> Iterator[BreakableRedis]:
    """Run one."""
    binary = find_valkey()
    assert binary is not None
    with short_directory("hub-valkey-") as directory:
        server = BreakableRedis(binary, directory)
        try:
            yield server
        finally:
            server.close()
