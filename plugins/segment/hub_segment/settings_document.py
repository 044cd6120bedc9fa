"""The settings that browser and mobile SDKs fetch before they send."""

from __future__ import annotations

from typing import Any


def settings_document(api_key: str, base_url: str) -> dict[str, Any]:
    """Return the least that analytics-next starts with: one integration, this hub."""
    protocol, _, host = base_url.partition("://")
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": api_key,
                "apiHost": f"{host}/v1",
                "protocol": protocol,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
            }
        },
        "plan": {name: {"__default": {"enabled": True}} for name in ("track", "identify", "group")},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "analyticsNextEnabled": True,
        "metrics": {"sampleRate": 0},
    }
