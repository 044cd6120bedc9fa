"""The commands that keep running: up, web, worker, scheduler."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

import click

from hub.admin.access import setup
from hub.admin.health import address_warning
from hub.cli.common import bring_up_to_date, explains_trouble, made_hub, require_hub
from hub.cli.up import Supervisor, address_of, check_port, only_one
from hub.config import Settings, load_settings, misspelt_settings
from hub.logs import configure_logging
from hub.registry import log_broken

log = logging.getLogger(__name__)

DEFAULT_PORT = 8000
PORTS = click.IntRange(1, 65_535)
WEB_THREADS = 16


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=PORTS, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="Worker processes.")
@explains_trouble
def up(host: str, port: int, workers: int) -> None:
    """Run everything on this machine: Redis, web, workers, scheduler."""
    if not os.environ.get("HUB_BASE_URL_FILE"):
        os.environ.setdefault("HUB_BASE_URL", address_of(host, port))
    settings = load_settings()
    for problem in misspelt_settings():
        click.echo(f"! {problem}", err=True)
    check_port(host, port)
    bring_up_to_date(settings, postgresql=True)
    with made_hub(settings) as hub:
        warning = address_warning(hub)
    if warning:
        click.echo(f"! {warning}", err=True)
    _log(settings)
    with only_one(settings):
        _supervise(settings, host=host, port=port, workers=workers)


def _supervise(settings: Settings, *, host: str, port: int, workers: int) -> None:
    supervisor = Supervisor(settings, host=host, port=port, workers=workers)
    _on_stop(supervisor.stop)
    try:
        supervisor.start()
        supervisor.wait_until_at_work()
        click.echo(f"Survey Hub is up: {supervisor.address} (data in {settings.data_dir}; Ctrl-C stops it)")
        _offer_setup(settings)
        supervisor.watch()
    finally:
        supervisor.shut_down()
    click.echo("Stopped.")


def _offer_setup(settings: Settings) -> None:
    """While nobody has an account, print the link that makes the first admin."""
    with made_hub(settings) as hub:
        link = setup.offer(hub)
    if link:
        click.echo(f"Nobody has an account yet. Make yours within 24 hours, with this link: {link}")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=PORTS, help="Port to listen on.")
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Server processes: with PostgreSQL up to one a core; with SQLite one is right, for only one can write.",
)
@explains_trouble
def web(host: str, port: int, processes: int) -> None:
    """Answer events, survey pages and the API."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    settings = load_settings()
    require_hub(settings)
    check_port(host, port)
    bring_up_to_date(settings, postgresql=False)
    if "HUB_PROCESS" not in os.environ:  # `hub up` says it itself
        _offer_setup(settings)
    os.environ.setdefault("HUB_PROCESS", "web")
    _log(settings)
    server = Granian(
        "hub.web.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=processes,
        blocking_threads=WEB_THREADS,
        log_level=LogLevels.error,
        log_dictconfig={"formatters": {}, "handlers": {}, "loggers": {}},
        workers_kill_timeout=6,
    )
    # Until it has handlers of its own, a forked process has ours: it would take a SIGTERM for done and start to serve.
    os.register_at_fork(after_in_child=_be_ended_by_signals)
    server.serve()


def _be_ended_by_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@click.command()
@explains_trouble
def worker() -> None:
    """Do the scheduled work: decide, deliver, sync."""
    from hub.wake import connect
    from hub.work.worker import keep_working

    settings = load_settings()
    require_hub(settings)
    bring_up_to_date(settings, postgresql=False)
    os.environ.setdefault("HUB_PROCESS", "worker")
    _log(settings)
    with made_hub(settings) as hub:
        log_broken(hub.registry.current())
    keep_working(connect(settings.effective_redis_url, timeout_s=None), settings)


@click.command()
@explains_trouble
def scheduler() -> None:
    """Wake workers for whatever is due."""
    from hub.pipeline.hub import open_hub
    from hub.wake import Wake
    from hub.work.schedule import Schedule

    settings = load_settings()
    require_hub(settings)
    bring_up_to_date(settings, postgresql=False)
    os.environ.setdefault("HUB_PROCESS", "scheduler")
    _log(settings)
    hub = open_hub(settings, pool_size=2)
    schedule = Schedule(hub, Wake(settings.effective_redis_url))
    _on_stop(schedule.stop)
    try:
        schedule.run()
    finally:
        hub.close()


def _log(settings: Settings) -> None:
    configure_logging(settings.log_format, secrets=settings.secrets)


def _on_stop(stop: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop())


COMMANDS = (up, web, worker, scheduler)
