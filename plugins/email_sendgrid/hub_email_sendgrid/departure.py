"""A request body that passes the point of no return right before its first byte leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hub.plugin import Abandoned


class Departure:
    """The bytes of one mail, let out once: after name lookup, TCP, TLS and the request's head.

    requests takes the length from `__len__`; http.client writes the head and only then asks the iterator. What is
    raised there makes urllib3 close the connection, and a server without the body has no request.
    """

    def __init__(self, content: bytes, point_of_no_return: Callable[[], None]) -> None:
        self._content = content
        self._point_of_no_return = point_of_no_return
        self.departed = False
        self.fault: Exception | None = None
        """What the point of no return raised, other than `Abandoned`."""

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        if self.departed:
            raise RuntimeError("A mail leaves only once.")
        try:
            self._point_of_no_return()
        except Exception as error:
            # urllib3 takes a broken pipe raised here for its own, and waits for an answer that cannot come.
            self.fault = error
            raise Abandoned from error
        self.departed = True
        yield self._content
