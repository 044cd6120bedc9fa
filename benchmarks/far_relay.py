"""A mail server that is far away: a TCP proxy in front of a near one, that delivers everything later.

python3 -m benchmarks.far_relay --to 12525 --listen 12526 --round-trip-ms 60
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

READ_AT_ONCE = 65_536


async def serve(*, listen: int, to: int, one_way_s: float) -> None:
    """Pass connections on from port `listen` to port `to` on this machine, every byte `one_way_s` later."""

    async def carry_both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * one_way_s)  # the TCP handshake
        to_server, from_server = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(
            _carry(reader, from_server, one_way_s=one_way_s), _carry(to_server, writer, one_way_s=one_way_s)
        )

    server = await asyncio.start_server(carry_both_ways, "127.0.0.1", listen)
    async with server:
        await server.serve_forever()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, one_way_s: float) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while octets := await reader.read(READ_AT_ONCE):
            loop.call_later(one_way_s, writer.write, octets)
    loop.call_later(one_way_s, writer.close)


def main() -> None:
    """Run until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", type=int, required=True, help="the port to be reached at")
    parser.add_argument("--to", type=int, required=True, help="the port of the near server")
    parser.add_argument("--round-trip-ms", type=float, default=60.0)
    given = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(listen=given.listen, to=given.to, one_way_s=given.round_trip_ms / 2_000))


if __name__ == "__main__":
    main()
