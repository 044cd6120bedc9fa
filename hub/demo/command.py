"""The command `hub demo`."""

from __future__ import annotations

import importlib
import io
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hub.cli.common import explains_trouble
from hub.cli.processes import DEFAULT_PORT
from hub.cli.up import check_port
from hub.config import ConfigError
from hub.demo import ports
from hub.demo.patience import Patience, Stopped, Unexpected

LOG_LINES = 60
WIDEST = 110


@click.command()
@click.option("--check", is_flag=True, help="Walk the whole loop without a person, verify it, and stop.")
@click.option("--port", type=click.IntRange(1024, 65_000), help="Port of the hub. Default: a free one.")
@click.option(
    "--data-dir", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep the data in this empty or new folder."
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder afterwards.")
@click.option("--within", default=45.0, show_default=True, help="Seconds that --check may take.")
@explains_trouble
def demo(check: bool, port: int | None, data_dir: Path | None, keep: bool, within: float) -> None:
    """See the hub at work: invented customers, a mailbox and a stand-in for Segment, all on this machine."""
    _require_extra()
    port = _port(port, near=None if check else DEFAULT_PORT)
    stopping = _stopped_by_signals()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    with _folder(data_dir, keep=keep) as folder:
        if check:
            _check(folder, port=port, within_s=within, stopping=stopping)
        else:
            _show(folder, port=port, stopping=stopping)


def _check(folder: Path, *, port: int, within_s: float, stopping: threading.Event) -> None:
    from hub.demo.check import check as walk

    patience = Patience(within_s=within_s, stopping=stopping)

    def say(sentence: str) -> None:
        start = f"{click.style('✓', fg='green')} {patience.spent_s:5.1f} s  "
        width = min(shutil.get_terminal_size().columns, WIDEST)
        click.echo(click.wrap_text(f"{sentence}.", width, initial_indent=start, subsequent_indent=" " * 11))

    click.echo("Checking the whole loop, from a customer's event to their answer in Segment.")
    with _explaining(folder, stopping):
        walk(folder, port=port, patience=patience, stopping=stopping, say=say)
        patience.check("ending")
    click.echo(f"Everything holds. It took {patience.spent_s:.1f} s.")


def _show(folder: Path, *, port: int, stopping: threading.Event) -> None:
    from hub.demo.tour import show

    with _explaining(folder, stopping, stop_is_fine=True):
        show(folder, port=port, stopping=stopping)
    click.echo("Stopped; nothing is left running.")


@contextmanager
def _explaining(folder: Path, stopping: threading.Event, *, stop_is_fine: bool = False) -> Iterator[None]:
    """Turn what is off into a sentence, the end of the logs above it, and exit code 1."""
    from hub.demo.stage import LOG

    try:
        yield
    except Stopped:
        if stop_is_fine:
            return
        click.echo("Stopped before the end.", err=True)
        raise SystemExit(1) from None
    except (Unexpected, ConfigError) as error:
        log = folder / LOG
        lines = log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:] if log.exists() else []
        if lines:
            click.echo(f"The last {len(lines)} lines that the hub's processes logged:", err=True)
        for line in lines:
            click.echo(f"  {line}", err=True)
        click.echo(f"{click.style('✗', fg='red')} {error}", err=True)
        raise SystemExit(1) from None


def _require_extra() -> None:
    missing = []
    for module, distribution in (
        ("aiosmtpd.controller", "aiosmtpd"),
        ("segment.analytics.client", "segment-analytics-python"),
    ):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError:
            missing.append(distribution)
    if missing:
        what = " and ".join(missing)
        cure = "install the extra, beside your copy of the source: pip install './survey-hub[demo]'"
        raise ConfigError([f"`hub demo` needs {what}; {cure}"])


def _port(wanted: int | None, *, near: int | None) -> int:
    if wanted is None:
        return ports.any_free() if near is None else ports.first_free(near)
    check_port(ports.HOST, wanted)
    return wanted


def _stopped_by_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


@contextmanager
def _folder(wanted: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield the folder for all data: the wanted one, else a temporary one that is removed unless kept."""
    if wanted is None and not keep:
        with tempfile.TemporaryDirectory(prefix="survey-hub-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    folder = Path(tempfile.mkdtemp(prefix="survey-hub-demo-")) if wanted is None else wanted.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
    except OSError as error:
        raise ConfigError([f"--data-dir {folder}: {error.strerror}"]) from None
    if is_used:
        raise ConfigError([f"--data-dir {folder}: is not empty; `HUB_DATA_DIR={folder} hub up` runs what is in it"])
    try:
        yield folder
    finally:
        click.echo(f"The data of this demo is kept in {folder}.")
