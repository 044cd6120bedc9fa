"""Bodies as JSON: what is wrong with one as a whole, and the events it is made of.

A body is judged twice. At the door only its outer shape matters (`count_events`, `check_event`); the values
inside an event are skipped over, which is fast, and looked at when the body is read (`split_batch`,
`decode_value`).
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

MAX_DEPTH = 100
"""Levels of nesting inside one event: far beyond any SDK, far below what a Python stack can bear."""

_NOTHING = Raw(b"")
_T = TypeVar("_T")


class BodyError(Exception):
    """A body, or a value in one, that cannot be read; `code` is the word for it in an answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Batch(msgspec.Struct):
    """The outside of a batch; every value is still JSON text."""

    batch: list[Raw]
    context: Raw = _NOTHING
    integrations: Raw = _NOTHING
    sentAt: Raw = _NOTHING  # noqa: N815  Segment's name


class _Outline(msgspec.Struct):
    batch: Raw = _NOTHING
    writeKey: Raw = _NOTHING  # noqa: N815


_array = msgspec.json.Decoder(list[Raw])
_batch = msgspec.json.Decoder(Batch)
_outline = msgspec.json.Decoder(_Outline)
_value = msgspec.json.Decoder()


def count_events(body: bytes) -> int:
    """Return how many events a batch holds. Raises `BodyError` unless it is an object with a list `batch`."""
    return len(_parse(_batch, body).batch)


def check_event(body: bytes) -> None:
    """Raise `BodyError` unless the body is a JSON object."""
    _parse(_outline, body)


def looks_like_batch(body: bytes) -> bool:
    """Tell whether the body is an object with a `batch`. Raises `BodyError` unless it is an object."""
    return bool(bytes(_parse(_outline, body).batch))


def is_array(body: bytes) -> bool:
    """Tell whether the body is a JSON array, if it is JSON at all."""
    return _ARRAY.match(body) is not None


_ARRAY = re.compile(rb"[ \t\n\r]*\[[ \t\n\r]*")


def split_array(body: bytes) -> list[Raw]:
    """Return the elements of an array as JSON text. Raises `BodyError` unless it is an array."""
    return _parse(_array, body)


def first_of(body: bytes, elements: list[Raw]) -> bytes:
    """Return the text of an array's first element exactly as it came, halves of surrogate pairs included.

    `elements` may have been mended, which leaves their lengths as they were.
    """
    opening = _ARRAY.match(body)
    start = opening.end() if opening else 0
    return body[start : start + len(bytes(elements[0]))]


def write_key(body: bytes) -> str | None:
    """Return the `writeKey` in a body, None when there is none.

    Of an unreadable body it is what looks like one: the sender shall hear what is wrong with the body, not
    that its key is.
    """
    if b'"writeKey"' not in body:
        return None
    try:
        key = decode_value(_parse(_outline, body).writeKey)
    except BodyError:
        found = _WRITE_KEY.findall(body)
        return found[-1].decode() if found else None
    return key if isinstance(key, str) else None


_WRITE_KEY = re.compile(rb'"writeKey"\s*:\s*"([!#-\[\]-~]+)"')


def split_batch(body: bytes) -> Batch:
    """Return a batch with its events as JSON text. Raises `BodyError`."""
    return _parse(_batch, body)


def decode_value(raw: Raw | bytes) -> Any:
    """Return a JSON value, None for no text. Raises `BodyError`, also for endless numbers and depths."""
    text = legible(bytes(raw))
    if not text:
        return None
    value = _parse(_value, text)
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and not _is_shallow(value):
        raise _too_deep()
    return value


def legible(body: bytes) -> bytes:
    r"""Return JSON text with `\u0000` and the halves of surrogate pairs replaced by U+FFFD, length unchanged.

    JavaScript that cuts a text inside an emoji sends such halves. Neither can be stored as text, and neither
    is worth the loss of a customer.
    """
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        return _ESCAPE.sub(_replace_escape, body)
    return body


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2}|u0000)"
    rb"|.)",
    re.DOTALL,
)


def _replace_escape(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def _parse(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into text that it skips
        return _decode(decoder, body)
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError as error:
        message = f"This is not UTF-8: byte {error.start} fits no character."
        raise BodyError("invalid_encoding", message) from None
    except msgspec.ValidationError as error:
        raise BodyError("invalid_shape", f"This JSON has the wrong shape: {error}.") from None
    except msgspec.DecodeError as error:
        raise BodyError("invalid_json", f"This is not JSON: {error}.") from None


def _decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        repaired = legible(body)
        if repaired == body:
            raise
        return decoder.decode(repaired)


def _too_deep() -> BodyError:
    return BodyError("too_deep", f"This JSON is nested too deeply: an event may have {MAX_DEPTH} levels.")


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return True
    return False


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
