"""Changes what belongs to the whole process when it is imported: folder, environment, signals, locale, time limits."""

from __future__ import annotations

import contextlib
import locale
import os
import signal
import socket

if os.environ.get("ZOO_IS_IMPATIENT"):  # never in the process of the tests
    os.chdir("/")
    os.environ["HUB_DATA_DIR"] = "/nowhere"
    os.environ["HUB_DATABASE_URL"] = "sqlite:////nowhere/hub.db"
    socket.setdefaulttimeout(0.001)
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, "tr_TR.UTF-8")
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
