"""What came back from a call, read whole but never without end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import requests

LONGEST_BODY = 65_536


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of SendGrid, or of what stands in its place. The names in `headers` know no case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """Return the body's JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def read_answer(response: requests.Response) -> Answer:
    """Return status, headers and the beginning of the body. A body that breaks off does not undo the status."""
    return Answer(status=response.status_code, headers=response.headers, body=b"".join(_beginning(response)))


def _beginning(response: requests.Response) -> Iterator[bytes]:
    left = LONGEST_BODY
    try:
        for chunk in response.iter_content(8192):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                return
    except requests.RequestException:
        return
