"""The signature that Segment puts on a webhook."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

HEADER = "x-signature"


def is_signed(text: bytes, signature: str, secrets: Iterable[bytes]) -> bool:
    """Tell whether the signature is the hex HMAC-SHA1 of the text under one of the secrets.

    Segment signs a single event whole, and of an array the first element alone:
    https://segment.com/docs/connections/destinations/catalog/actions-webhook/
    """
    given = signature.strip().lower().encode(errors="surrogatepass")
    return any(hmac.compare_digest(hmac.digest(secret, text, "sha1").hex().encode(), given) for secret in secrets)
