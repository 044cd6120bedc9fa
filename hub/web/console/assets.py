"""The console's style sheet and scripts, served by the hub itself, under names that change with what is in them."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request

_WEB = Path(__file__).parents[1]
_FOR_EVER = "public, max-age=31536000, immutable"
_DARK = "@media (prefers-color-scheme: dark)"


@dataclass(frozen=True, kw_only=True)
class _Asset:
    content: bytes
    packed: bytes
    media_type: str
    digest: str


def _read() -> dict[str, _Asset]:
    found = {path.name: path.read_bytes() for path in (_WEB / "static").iterdir()}
    tokens = (_WEB / "templates" / "tokens.css").read_text("utf-8")
    found["console.css"] = (tokens + _chosen(tokens)).encode() + found["console.css"]
    return {name: _asset(name, content) for name, content in found.items()}


def _asset(name: str, content: bytes) -> _Asset:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    digest = hashlib.sha256(content).hexdigest()[:12]
    return _Asset(content=content, packed=gzip.compress(content, mtime=0), media_type=media_type, digest=digest)


def _chosen(tokens: str) -> str:
    """Return the rules by which somebody's own choice of light or dark goes before the system's."""
    light, _, rest = tokens.partition(_DARK)
    dark = rest[rest.index("{") + 1 : rest.rindex("}")]
    rules = {"light": light, "dark": dark}
    chosen = [
        rule.replace(":root", f':root[data-theme="{name}"]').replace("color-scheme: light dark", "")
        + f':root[data-theme="{name}"] {{ color-scheme: {name}; }}\n'
        for name, rule in rules.items()
    ]
    return "".join(chosen)


_ASSETS = _read()


def address_of(name: str) -> str:
    """Return where an asset is."""
    return f"/assets/{_ASSETS[name].digest}/{name}"


def serve(digest: str, name: str) -> Response:
    """Return an asset, packed where the browser takes that."""
    asset = _ASSETS.get(name)
    if asset is None or asset.digest != digest:
        abort(404)
    is_packed = request.accept_encodings["gzip"] > 0
    response = Response(asset.packed if is_packed else asset.content, mimetype=asset.media_type)
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = _FOR_EVER
    response.headers["Vary"] = "Accept-Encoding"
    return response
