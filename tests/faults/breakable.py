"""Servers of the test's own, which it may kill, freeze, fill and lock."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.processes import dying_with_parent, free_port, group_of, stop
from tests.servers import (
    PostgresServer,
    RedisServer,
    find_postgres,
    find_valkey,
    initialise,
    memory,
    postgres_command,
    short_directory,
    unprivileged_user,
    valkey_command,
)


class BreakableRedis:
    """A server on a unix socket, without persistence: started again it is empty."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self._binary = binary
        self._server = RedisServer(socket=directory / "socket")
        self.url = self._server.url
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        command = [*dying_with_parent(signal.SIGKILL), *valkey_command(self._binary, self._server)]
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


class BreakablePostgres(PostgresServer):
    """A cluster that is cut off, restarted and write-protected under its clients."""

    def __init__(self, binaries: Path, directory: Path, user: str | None) -> None:
        super().__init__(free_port())
        self._user = user
        self._command = postgres_command(binaries, directory, port=self.port)
        self.start()

    def start(self) -> None:
        """Start it; what was committed is there again."""
        self._process = subprocess.Popen(
            [*dying_with_parent(signal.SIGQUIT), *self._command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            group=group_of(self._user),
            extra_groups=[] if self._user else None,
        )
        give_up_at = time.monotonic() + 60
        while not self.is_ready():
            assert time.monotonic() < give_up_at, "PostgreSQL did not start"
            time.sleep(0.02)

    def crash(self) -> None:
        """Stop it at once, without a word to its clients."""
        stop(self._process, signal.SIGQUIT, timeout_s=20)

    def cut(self) -> None:
        """End every connection."""
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'hub' AND pid <> pg_backend_pid()"
        )

    def protect(self) -> None:
        """Have every transaction that writes refused."""
        self._set("on")

    def unprotect(self) -> None:
        """Let clients write again."""
        self._set("off")

    def close(self) -> None:
        """End it."""
        stop(self._process, signal.SIGINT, timeout_s=20)

    def _set(self, read_only: str) -> None:
        self.run(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        self.run("SELECT pg_reload_conf()")


@contextmanager
def breakable_postgres() -> Iterator[BreakablePostgres]:
    """Run one."""
    binaries = find_postgres()
    assert binaries is not None
    user = unprivileged_user()
    with short_directory("hub-pg-", owner=user, within=memory()) as directory:
        initialise(binaries, directory / "data", user=user)
        server = BreakablePostgres(binaries, directory, user)
        try:
            yield server
        finally:
            server.close()
