"""`hub`, and `python -m hub`: the command line with the demo, which stands above it."""

from __future__ import annotations

from hub.cli import main
from hub.demo.command import demo

main.add_command(demo)

if __name__ == "__main__":
    main()
