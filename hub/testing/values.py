"""Values for tests: a fixed time, and bodies and headers that an honest sender would not send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from hub.plugin import InboundRequest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

HOSTILE_BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "number": b"7",
    "text": b'"identify"',
    "list of numbers": b"[1, 2]",
    "empty object": b"{}",
    "cut off": b'{"type": "identify", "userId": "1',
    "trailing characters": b'{"type": "identify"} {}',
    "not JSON": b"<xml/>",
    "XML in an unknown encoding": b'<?xml version="1.0" encoding="utf-99"?><customer id="1"/>',
    "XML in an encoding of many bytes": b'<?xml version="1.0" encoding="utf-7"?><customer id="1"/>',
    "XML in another encoding than it says": b'<?xml version="1.0" encoding="utf-16"?><customer id="1"/>',
    "XML with an unknown entity": b"<customer><id>&nobody;</id></customer>",
    "XML with a file as an entity": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///nowhere">]><a>&b;</a>',
    "XML with a DTD elsewhere": b'<!DOCTYPE customer SYSTEM "file:///nowhere"><customer id="1"/>',
    "XML with entities that swell": b"<!DOCTYPE a [<!ENTITY a0 'xx'>%b]><a>&a7;</a>"
    % b"".join(b"<!ENTITY a%d '%b'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 8)),
    "deep XML": b"<a>" * 20_000 + b"</a>" * 20_000,
    "form": b"type=identify&userId=1",
    "form of nothing": b"&&=&=1&;&",
    "form with one name twice": b"userId=1&userId=2&userId[]=3&userId[a]=4",
    "form with odd octets": b"userId=%00&email=%ff%fe&name=%ed%a0%bd&%=%&%zz=1&locale=%u00e4",
    "long form": b"&".join(b"a%d=1" % number for number in range(5_000)),
    "UTF-16": '{"type": "identify", "userId": "1"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"type": "identify", "userId": "1"}',
    "invalid UTF-8": b'{"type": "identify", "userId": "\xff\xfe"}',
    "open brackets": b"[" * 100_000,
    "deep list": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep traits": b'{"type":"identify","userId":"1","traits":{"a":%b}}' % (b"[" * 900 + b"]" * 900),
    "deep batch": b'{"batch":[{"type":"identify","userId":"1","traits":%b}]}'
    % (b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    "infinite number": b'{"type":"identify","userId":"1","traits":{"a":1e400}}',
    "long number": b'{"type":"identify","userId":"1","traits":{"a":%b}}' % (b"9" * 10_000),
    "long number as id": b'{"type":"identify","userId":%b}' % (b"9" * 4_000),
    "NaN": b'{"type":"identify","userId":"1","traits":{"a":NaN}}',
    "Infinity": b'{"batch":[{"type":"identify","userId":Infinity}]}',
    "NUL": b'{"type":"identify","userId":"a\\u0000b","traits":{"name":"\\u0000","\\u0000":1}}',
    "raw NUL": b'{"type":"identify","userId":"a\x00b"}',
    "lone surrogate": b'{"type":"identify","userId":"1","traits":{"name":"\\ud83d","\\ude00":1}}',
    "duplicate keys": b'{"type":"identify","type":"track","batch":[],"batch":[1],"userId":"1","userId":2}',
    "wrong types": b'{"type":[],"messageId":{},"userId":[],"anonymousId":true,"traits":1,"context":2,'
    b'"integrations":"x","timestamp":{},"sentAt":[]}',
    "batch of anything": b'{"batch":[null,1,"a",[],{},{"type":null},{"type":"identify","userId":{}}],"context":3}',
    "batch with a hostile outside": b'{"batch":[{"type":"identify","userId":"1"}],"context":{"a":1e400}}',
    "extreme times": b'{"type":"identify","userId":"1","timestamp":"0001-01-01T00:00:00+14:00",'
    b'"sentAt":"9999-12-31T23:59:59-14:00"}',
}
"""Bodies by what is wrong with them. A source may refuse or store each, and must raise on none."""

ODD_HEADERS: Mapping[str, Callable[[str], str | None]] = {
    "missing": lambda value: None,
    "empty": lambda value: "",
    "blank": lambda value: " ",
    "not ASCII": lambda value: "\xe4",
    "not ASCII at the start": lambda value: f"\xe4{value}",
    "not ASCII at the end": lambda value: f"{value}\xe4",
    "cut in half": lambda value: value[: len(value) // 2],
    "twice": lambda value: f"{value}, {value}",
    "a long number": lambda value: "9" * 10_000,
    "very long": lambda value: value + "a" * 100_000,
}
"""What may become of a header's value, by what is wrong with it; None: the header is missing."""


def with_odd_headers(request: InboundRequest, oddity: str) -> Iterator[InboundRequest]:
    """Yield a request once for each of its headers, with that one made odd as `ODD_HEADERS` says."""
    for name, value in request.headers.items():
        others = {other: kept for other, kept in request.headers.items() if other != name}
        odd = ODD_HEADERS[oddity](value)
        yield replace(request, headers=others if odd is None else {**others, name: odd})
