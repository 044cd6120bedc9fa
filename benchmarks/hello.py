"""The floor of every web request: Flask, saying hello."""

from __future__ import annotations

from flask import Flask, request

application = Flask(__name__)


@application.post("/")
@application.get("/")
def hello() -> str:
    """Say hello."""
    return "hello"


@application.post("/read")
def hello_after_reading() -> str:
    """Say hello to somebody who was heard out first."""
    request.get_data()
    return "hello"
