"""Fixtures that every test may use. Servers start when the first test asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import node, servers
from tests.lab import Lab, open_lab

settings.register_profile("local", print_blob=True)
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to leave anything out where HUB_REQUIRE_ALL says so."""
    if os.environ.get("HUB_REQUIRE_ALL") == "1" and servers.left_out():
        raise pytest.UsageError(f"HUB_REQUIRE_ALL=1, but {describe_left_out()}")


def pytest_report_header() -> list[str]:
    """Say what is left out, and how to get it."""
    return [describe_left_out()] if servers.left_out() else []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests whose marker names a program that this machine lacks."""
    lacking = servers.left_out()
    for marker, program in {"browser": "Chromium", "node": "Node.js", "openssl": "OpenSSL"}.items():
        for item in items:
            if program in lacking and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{program} is not installed"))


def describe_left_out() -> str:
    """Return one line about what this machine lacks."""
    lacking = [f"{name} ({cure})" for name, cure in servers.left_out().items()]
    return f"left out, for want of: {', '.join(lacking)}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[servers.PostgresServer]:
    """A private PostgreSQL cluster."""
    binaries = servers.find_postgres()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with servers.postgres(binaries) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: servers.PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty PostgreSQL database."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[servers.RedisServer]:
    """A private Valkey server."""
    binary = servers.find_valkey()
    if binary is None:
        pytest.skip("Valkey is not installed")
    with servers.valkey(binary) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: servers.RedisServer) -> str:
    """The address of an empty Valkey."""
    redis_server.flush()
    return redis_server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of a new, empty database: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def smtp_sink() -> Iterator[servers.SmtpSink]:
    """An SMTP server that keeps what it gets."""
    with servers.smtp() as sink:
        yield sink


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser's program."""
    found = servers.find_chromium()
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder of Segment's own SDKs, at the versions that `tests/sdks` names."""
    try:
        return node.installed_modules()
    except node.NotInstalled as error:
        if os.environ.get("HUB_REQUIRE_ALL") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def lab(database_url: str, tmp_path: Path) -> Iterator[Lab]:
    """A configured hub with fake plugins, on SQLite and on PostgreSQL."""
    opened = open_lab(database_url, tmp_path)
    opened.set()
    yield opened
    opened.hub.close()
