"""Where a request goes, what its body is taken for, and the key it carries outside its body."""

from __future__ import annotations

import base64

from hub.plugin import InboundRequest

BATCH = "batch"
WEBHOOK = "webhook"
WEBHOOKS = "webhooks"
BY_KEY = " by key"
"""Behind the hint of a webhook that nothing but the API key vouches for: a browser source's key is public."""
HINTS = {
    "identify": "identify",
    "i": "identify",
    "track": "track",
    "t": "track",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "group": "group",
    "g": "group",
    "alias": "alias",
    "a": "alias",
    "batch": BATCH,
    "b": BATCH,
    "import": BATCH,
}
"""What the body on an endpoint is: an event of this type, or a batch."""


def is_tracking(path: str) -> bool:
    """Tell whether the path is of the Tracking API."""
    return "/v1/" in path


def endpoint_of(path: str) -> str:
    """Return what follows `/v1/`, "" when the path is not of the Tracking API."""
    return path.rpartition("/v1/")[2].rstrip("/") if is_tracking(path) else ""


def settings_key(path: str) -> str | None:
    """Return the key in `/v1/projects/<key>/settings`."""
    parts = endpoint_of(path).split("/")
    is_settings = len(parts) == 3 and parts[0] == "projects" and parts[2] == "settings"
    return parts[1] or None if is_settings else None


def basic_user(request: InboundRequest) -> str | None:
    """Return the user name of HTTP Basic authentication: Segment's libraries put the key there."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip()).decode().partition(":")[0] or None
    except ValueError:
        return None
