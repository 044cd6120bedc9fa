"""A process that sends what is due when it is told to, and says how many mails it handed over."""

from __future__ import annotations

import sys
import time

from hub.config import load_settings
from hub.pipeline import deliver
from hub.pipeline.hub import open_hub

LONGEST_S = 240.0


def main() -> None:
    """Get ready as a worker does before it forks, then work at every line that comes in."""
    hub = open_hub(load_settings(), pool_size=4)
    hub.registry.current()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(deliver.drain(hub, until=time.monotonic() + LONGEST_S), flush=True)
    hub.registry.close()
    hub.close()


if __name__ == "__main__":
    main()
