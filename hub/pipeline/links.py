"""The public links of an invitation."""

from __future__ import annotations


def survey_url(base_url: str, token: str) -> str:
    """Return the address of the survey page."""
    return f"{base_url}/s/{token}"


def unsubscribe_url(base_url: str, token: str) -> str:
    """Return the address that unsubscribes."""
    return f"{base_url}/u/{token}"


def logo_url(base_url: str, logo: str) -> str:
    """Return the address of a logo, "" for none."""
    return f"{base_url}/s/logo/{logo}" if logo else ""
