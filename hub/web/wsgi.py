"""What the web server's worker process loads: the application of the environment's hub."""

from __future__ import annotations

import multiprocessing
import signal

from hub.config import load_settings
from hub.lifeline import die_with_parent
from hub.logs import configure_logging
from hub.pipeline.hub import open_hub
from hub.web.app import HubApp, create_app
from hub.web.one_core import OnOneCore, choose_core


def application() -> HubApp:
    """Return the application; the server calls this once in each of its processes."""
    server = multiprocessing.parent_process()
    # At once: a graceful end waits for senders that keep their connections open, and keeps the port meanwhile.
    die_with_parent(server.pid if server else None, by=signal.SIGKILL)
    settings = load_settings()
    configure_logging(settings.log_format, secrets=settings.secrets)
    app = create_app(open_hub(settings, pool_size=16))
    core = choose_core()
    if core is not None:
        app.wsgi_app = OnOneCore(app.wsgi_app, core)  # type: ignore[method-assign]
    return app
