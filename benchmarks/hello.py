"""The floor of every web request: Flask, saying hello."""

from __future__ import annotations

from flask import Flask

application = Flask(__name__)


@application.post("/")
@application.get("/")
def hello() -> str:
    """Say hello."""
    return "hello"
