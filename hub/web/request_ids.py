"""An id for each request, in its answer and in what is logged meanwhile: `X-Request-ID`."""

from __future__ import annotations

import re
import secrets

from flask import Flask, Response, request

from hub.logs import request_id

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._:=-]{1,128}", re.ASCII)


def add_request_ids(app: Flask) -> None:
    """Take over the id that a proxy gave a request, or make one."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get(HEADER, "")
        request_id.set(given if _SANE.fullmatch(given) else secrets.token_hex(8))

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers[HEADER] = request_id.get()
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        request_id.set("")  # the thread goes on to other requests, those of the intake among them
