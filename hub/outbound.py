"""HTTP for plugins: a session that reads an answer never without end, whoever sends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

LONGEST_ANSWER = 4_000_000
"""Bytes, unpacked; what is beyond is cut off."""


class BoundedSession(requests.Session):
    """A `requests.Session` whose answers are cut at `LONGEST_ANSWER`, unless a call asks for `stream=True`."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request and read its answer. Raises `requests.RequestException`."""
        wants_stream = kwargs.get("stream", False)
        response = super().send(request, **{**kwargs, "stream": True})
        if not wants_stream:
            # What `requests` itself sets when it reads an answer whole.
            response._content = b"".join(_beginning(response))
            response.close()
        return response


def _beginning(response: requests.Response) -> Iterator[bytes]:
    left = LONGEST_ANSWER
    for chunk in response.iter_content(65_536):
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return
