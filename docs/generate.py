"""Writes configuration.md, commands.md and api-reference.md beside this file: `python3 run.py docs`."""

from pathlib import Path

from hub.__main__ import main
from hub.cli.reference import pages

for name, text in pages(main).items():
    Path(__file__).with_name(name).write_text(text, encoding="utf-8")
