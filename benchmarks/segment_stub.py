"""A Segment that takes everything at once and counts the events: as cheap a server as Python has."""

from __future__ import annotations

import asyncio
import sys

TAKEN = b'{"success":true}'
_EVENT = b'"messageId"'
_END = b"\r\n\r\n"


class _Segment(asyncio.Protocol):
    """One connection. A POST carries events, a GET asks how many came in so far."""

    events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._came = bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._came += data
        while (end := self._came.find(_END)) >= 0:
            head = bytes(self._came[:end]).lower()
            size = end + len(_END) + _length(head)
            if len(self._came) < size:
                return
            _Segment.events += self._came.count(_EVENT, end, size)
            del self._came[:size]
            self._answer(str(_Segment.events).encode() if head.startswith(b"get ") else TAKEN)

    def _answer(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _length(head: bytes) -> int:
    said = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return int(said) if said else 0


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(_Segment, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
