"""Everything that runs during a demo: the real hub, a mailbox, Segment's stand-in, and their pages."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hub.admin.access import accounts
from hub.admin.access.accounts import AccountRole
from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.cli.common import made_hub
from hub.cli.up import Supervisor, only_one
from hub.config import VARIABLES, Settings, load_settings
from hub.demo import ports
from hub.demo.mailbox import Mailbox
from hub.demo.pages import serve
from hub.demo.stand_in import StandIn
from hub.pipeline.hub import Hub
from hub.store import configuration

WORKERS = 2
LOG = "demo.log"
DOCUMENT = "hub.toml"
_KEPT = ("HUB_REDIS_SERVER",)

_TOML = """\
[sources.product]
kind = "segment"
api_key = "{key}"

[channels.mailbox]
kind = "smtp"
host = "{host}"
port = {smtp_port}
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "{key}"
host = "{stand_in}"

[surveys.onboarding]
sources = ["product"]
channels = ["mailbox"]
targets = ["product"]
enabled = true
min_delay_days = 0
max_delay_days = 14
min_interval_weeks = 26
"""


ACCOUNT = "demo"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What runs, and where."""

    hub: Hub
    supervisor: Supervisor
    mailbox: Mailbox
    segment: StandIn
    pages: str
    write_key: str
    password: str
    """Of the console's account `demo`."""
    folder: Path

    @property
    def address(self) -> str:
        """Where the hub answers."""
        return self.supervisor.address


@contextmanager
def raised(folder: Path, *, port: int, stopping: threading.Event) -> Iterator[Stage]:
    """Yield a running stage whose state is in `folder`; end all of it afterwards.

    Raises ConfigError when a part of the hub never gets ready. `stopping` cuts the start short.
    """
    settings = _settings(folder, port)
    key = f"demo-{secrets.token_urlsafe(18)}"
    with ExitStack() as stack:
        stack.enter_context(only_one(settings))
        mailbox = Mailbox(ports.any_free())
        stack.callback(mailbox.close)
        segment = StandIn(key)
        pages = stack.enter_context(serve(mailbox, segment, hub=settings.base_url, near=port + 1))
        hub = stack.enter_context(made_hub(settings))
        with hub.store.write() as connection:
            configuration.write_setting(connection, configuration.DEMO, True)
        password = secrets.token_urlsafe(12)
        accounts.add(hub, ACCOUNT, password, AccountRole.ADMIN)
        document = _TOML.format(key=key, host=mailbox.host, smtp_port=mailbox.port, stand_in=pages)
        (folder / DOCUMENT).write_text(document, encoding="utf-8")
        applying.apply(hub, planning.plan(hub, document))
        output = stack.enter_context((folder / LOG).open("ab"))
        supervisor = Supervisor(settings, host=ports.HOST, port=port, workers=WORKERS, output=output, stopping=stopping)
        stack.callback(supervisor.shut_down)
        supervisor.start()
        yield Stage(
            hub=hub,
            supervisor=supervisor,
            mailbox=mailbox,
            segment=segment,
            pages=pages,
            write_key=key,
            password=password,
            folder=folder,
        )


def _settings(folder: Path, port: int) -> Settings:
    """Return the settings of this demo alone, and make them those of the processes to come.

    Whatever hub this machine may know otherwise stays out of it, and so does any proxy.
    """
    for name in VARIABLES:
        if name not in _KEPT:
            os.environ.pop(name, None)
            os.environ.pop(f"{name}_FILE", None)
    os.environ["HUB_DATA_DIR"] = str(folder)
    os.environ["HUB_BASE_URL"] = f"http://{ports.HOST}:{port}"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ports.HOST
    return load_settings()
