"""What the web server's worker process loads: the application of the environment's hub."""

from __future__ import annotations

import multiprocessing
import signal

from hub.config import load_settings
from hub.lifeline import die_with_parent
from hub.logs import configure_logging
from hub.pipeline.hub import open_hub
from hub.web.app import HubApp, create_app


def application() -> HubApp:
    """Return the application; the server calls this once in each of its processes."""
    server = multiprocessing.parent_process()
    if server is not None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the server's own handler, there since the fork, swallows it
    die_with_parent(server.pid if server else None)
    settings = load_settings()
    configure_logging(settings.log_format, secrets=settings.secrets)
    return create_app(open_hub(settings, pool_size=16))
