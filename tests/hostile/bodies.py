"""Bodies that senders should not send: valid ones changed at random, and those that were always trouble."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

from tests.hostile.texts import TEXTS

EVENT: dict[str, Any] = {
    "type": "identify",
    "messageId": "m-1",
    "userId": "ada",
    "anonymousId": "a-1",
    "traits": {"email": "ada@acme.example", "firstName": "Ada", "createdAt": "2026-03-01T09:00:00Z", "plan": [1, 2.5]},
    "context": {"locale": "en-GB", "timezone": "UTC", "active": True, "traits": {"lastName": "Lovelace"}},
    "integrations": {"All": True},
    "timestamp": "2026-03-01T09:00:00Z",
    "sentAt": "2026-03-01T09:00:01Z",
}
TRACK = {**EVENT, "type": "track", "event": "Order Completed", "properties": {"plan": "pro"}}
VALID: list[Any] = [
    EVENT,
    TRACK,
    {**EVENT, "type": "delete"},
    {"batch": [EVENT, TRACK], "context": {"locale": "fr"}, "sentAt": "2026-03-01T09:00:02Z", "writeKey": "k"},
    [EVENT, TRACK],
    {"user_id": "ada", "email": "ada@acme.example", "name": "Ada", "created_at": 1_772_000_000},
    [
        {
            "event": "bounce",
            "email": "ada@acme.example",
            "timestamp": 1_772_000_000,
            "sg_event_id": "s1",
            "reason": "550",
        }
    ],
]

RAW = [
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"userId": "\xc3\x28"}',
    b'{"userId": "\xed\xa0\x80"}',
    b'{"userId": 1e400}',
    b'{"userId": -1e400, "traits": {"n": 1e400}}',
    b'{"userId": ' + b"9" * 5_000 + b"}",
    b'{"traits": {"n": ' + b"9" * 5_000 + b'}, "userId": "u"}',
    b'{"userId": NaN}',
    b'{"userId": Infinity, "traits": {"n": -Infinity}}',
    b'{"userId": "a", "userId": "b", "type": "identify", "type": "track"}',
    b'{"userId": "\\u0000", "traits": {"\\u0000": "\\u0000"}}',
    b'{"userId": "\\ud800", "traits": {"\\udfff": "\\ud83d"}}',
    b'{"userId": "u", "traits": {"a": ' + b"[" * 90 + b"]" * 90 + b"}}",
    b"[" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    b'{"batch":[' * 50_000 + b"]}" * 50_000,
    b'{"batch": 7}',
    b'{"batch": [null, 1, "x", [], {}]}',
    b'{"batch": [' + b"{}," * 3_000 + b"{}]}",
    b'{"userId": "u", "messageId": 7, "timestamp": {}, "context": [], "integrations": 3}',
    b'{"type": "delete", "userId": ""}',
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    b"a=1&a=2&b[c][d]=%00&e",
]
VALUES: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda _: "",
    lambda _: [],
    lambda _: {},
    lambda _: [[]],
    lambda chosen: chosen.choice([0, -1, 2**31, 2**63, -(2**63) - 1, 10**30, 1e308, -0.0, 0.1]),
    lambda chosen: chosen.choice(TEXTS),
    lambda chosen: f"{chosen.choice(TEXTS)} <hello@acme.example>",
    lambda chosen: "x" * chosen.choice([100, 111, 301, 513, 40_000]),
    lambda chosen: nested(chosen.choice([50, 101, 150])),
    lambda chosen: {chosen.choice(TEXTS): chosen.choice(TEXTS) for _ in range(4)},
    lambda chosen: chosen.choice(["9999-12-31T23:59:59Z", "0001-01-01", "2026-02-30", "10000-01-01", "1e9", "٣"]),
]


def body(chosen: random.Random) -> bytes:
    """Return a body that is more or less valid."""
    kind = chosen.random()
    if kind < 0.15:
        return chosen.choice(RAW)
    if kind < 0.2:
        return chosen.randbytes(chosen.choice([1, 50, 3_000]))
    document = json.loads(json.dumps(chosen.choice(VALID)))
    for _ in range(chosen.choice([0, 1, 1, 2, 5])):
        document = mutated(chosen, document)
    written = json.dumps(document, ensure_ascii=chosen.random() < 0.5).encode(errors="surrogatepass")
    return torn(chosen, written) if chosen.random() < 0.2 else written


def mutated(chosen: random.Random, value: Any) -> Any:
    """Return a document with another value, another name or one thing less somewhere."""
    places = list(_places(value))
    if not places:
        return chosen.choice(VALUES)(chosen)
    holder, key = chosen.choice(places)
    what = chosen.random()
    if what < 0.1:
        del holder[key]
    elif what < 0.2 and isinstance(holder, dict):
        holder[chosen.choice(TEXTS)] = holder.pop(key)
    else:
        holder[key] = chosen.choice(VALUES)(chosen)
    return value


def _places(value: Any) -> Any:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def nested(depth: int) -> Any:
    """Return a value of that many levels."""
    value: Any = "deep"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def torn(chosen: random.Random, text: bytes) -> bytes:
    """Return bytes cut short, doubled, with some of them changed, or in another encoding."""
    what = chosen.randrange(5)
    if what == 0:
        return text[: chosen.randrange(len(text) + 1)]
    if what == 1:
        return text + text
    if what == 2:
        return text.decode(errors="replace").encode(chosen.choice(["utf-16", "utf-32-le", "utf-8-sig", "utf-7"]))
    changed = bytearray(text)
    for _ in range(chosen.choice([1, 3, 20])):
        changed[chosen.randrange(len(changed))] = chosen.choice(b'\x00\xff"{}[]\\,:0e')
    return bytes(changed)


def packed(chosen: random.Random, text: bytes) -> tuple[bytes, str]:
    """Return a body as something that says it is compressed, and what it says."""
    whole = gzip.compress(text, compresslevel=1, mtime=0)
    return chosen.choice(
        [
            lambda: (whole, "gzip"),
            lambda: (whole, "x-gzip"),
            lambda: (whole, "GZIP"),
            lambda: (whole, "gzip, gzip"),
            lambda: (whole, "identity"),
            lambda: (whole, "br"),
            lambda: (whole, "\xff"),
            lambda: (whole[: chosen.randrange(len(whole))], "gzip"),
            lambda: (whole + whole, "gzip"),
            lambda: (whole + b"garbage", "gzip"),
            lambda: (gzip.compress(whole, mtime=0), "gzip"),
            lambda: (text, "gzip"),
            lambda: (zlib.compress(text), "gzip"),
            lambda: (_bomb(), "gzip"),
        ]
    )()


def _bomb() -> bytes:
    return gzip.compress(b" " * 8_000_000, compresslevel=1, mtime=0)
