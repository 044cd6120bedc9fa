"""Logging of the hub's processes: one line each on standard error."""

from __future__ import annotations

import logging
import os


def configure_logging(level: int = logging.INFO) -> None:
    """Send log lines to standard error, quietly where other libraries are chatty."""
    role = os.environ.get("HUB_PROCESS", "")
    prefix = f"{role:9} " if role else ""
    logging.basicConfig(
        level=level, format=f"%(asctime)s {prefix}%(levelname)s %(message)s", datefmt="%H:%M:%S", force=True
    )
    for name in ("rq", "rq.worker", "alembic", "urllib3", "werkzeug", "_granian"):
        logging.getLogger(name).setLevel(logging.WARNING)
