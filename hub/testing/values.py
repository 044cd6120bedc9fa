"""Values for tests: a fixed time, and bodies that an honest sender would not send."""

from __future__ import annotations

from datetime import UTC, datetime

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
    "form": b"type=identify&userId=1",
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
