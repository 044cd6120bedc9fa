"""Fixtures that every test may use. Servers start when the first test asks for them."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser, sync_playwright

from hub import logs
from hub.admin.access import passwords
from hub.web.app import HubApp
from tests import node, processes, servers
from tests.lab import Lab, make_schema, open_lab

# How long an example takes to be made says how busy the machine is, not whether the test is a good one.
settings.register_profile("local", print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", derandomize=True, print_blob=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
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


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """At the end, whatever tests started has ended."""
    processes.adopt_orphans()
    before = set(processes.below_this())
    yield
    give_up_at = time.monotonic() + 10
    while (left := {pid: line for pid, line in processes.below_this().items() if pid not in before}) and (
        time.monotonic() < give_up_at
    ):
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"tests left processes running: {left}"


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """A guess of a password costs a millisecond instead of a quarter of a second, in this process."""
    method = "scrypt:1024:8:1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_NOBODY", passwords._NOBODY.replace(passwords.METHOD, method))
        patch.setattr(passwords, "METHOD", method)
        yield


@pytest.fixture(scope="module", autouse=True)
def secrets_of_other_tests_are_forgotten() -> Iterator[None]:
    """Log lines are searched for the secrets of this module's hubs alone: for those of thousands it takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "_concealed", type(logs._concealed)())
        yield


class RememberedTemplates(BytecodeCache):
    """Keeps compiled templates, the same for all applications."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket with what was compiled before from the same source."""
        if bucket.key in self._compiled:
            bucket.load_bytecode(BytesIO(self._compiled[bucket.key]))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def templates_are_compiled_once() -> Iterator[None]:
    """Each test has an application of its own, and compiling its pages would take longer than most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HubApp, "jinja_options", {"bytecode_cache": RememberedTemplates()})
        yield


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
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of a new, empty database: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hub.db'}"
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a new database with the hub's schema: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_template"), tmp_path, dirs_exist_ok=True)
        yield f"sqlite:///{tmp_path / 'hub.db'}"
        return
    template = request.getfixturevalue("postgres_template")
    with request.getfixturevalue("postgres_server").database(template) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a hub on SQLite. Copying them takes a fraction of the time of making them."""
    folder = tmp_path_factory.mktemp("template")
    make_schema(f"sqlite:///{folder / 'hub.db'}", folder)
    return folder


@pytest.fixture(scope="session")
def postgres_template(
    postgres_server: servers.PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a PostgreSQL database with the hub's schema."""
    with postgres_server.database() as url:
        make_schema(url, tmp_path_factory.mktemp("template"))
        yield url.rpartition("/")[2]


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


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """A Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(node_modules: Path) -> str:
    """The program that finds what makes a page hard to use for people with disabilities."""
    return (node_modules / "axe-core" / "axe.min.js").read_text("utf-8")


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
