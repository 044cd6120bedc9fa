"""What the customers' shop does: it tells the hub about them with Segment's own library, its host set to the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hub.demo.customers import ADA, BEN, Customer
from hub.demo.patience import Unexpected

Call = Callable[[Any], object]
"""Something done with a `segment.analytics.Client`."""

_LONGEST_PAUSE_S = 1.0
"""Within which all calls of a batch are made; the library takes as long to end."""

ONCE_ONLY = "demo-signed-up-ada"
"""The messageId of an event that is sent twice."""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A program with Segment's library in it."""

    host: str
    write_key: str

    def first_sight(self, customers: Sequence[Customer]) -> int:
        """Identify everybody in one batch, Ben again with news, Ada's very event twice; return how many events."""
        by_id = {customer.user_id: customer for customer in customers}
        calls = [
            _identify(customer, message_id=ONCE_ONLY if customer.user_id == ADA else None) for customer in customers
        ]
        calls += [
            _identify(by_id[ADA], message_id=ONCE_ONLY),
            _identify(by_id[BEN], plan="team"),
            lambda client: client.track(ADA, "Report exported", {"format": "csv"}),
        ]
        return self._send(calls)

    def see_again(self, customers: Sequence[Customer]) -> int:
        """Identify people once more, as a shop does at every login; return how many events."""
        return self._send([_identify(customer, plan="business") for customer in customers])

    def _send(self, calls: Sequence[Call]) -> int:
        """Do all calls in one batch. Raises Unexpected when the hub did not take it."""
        from segment.analytics.client import Client

        troubles: list[str] = []
        client = Client(
            self.write_key,
            host=self.host,
            on_error=lambda error, events: troubles.append(str(error)),
            upload_size=len(calls),
            upload_interval=_LONGEST_PAUSE_S,
            max_retries=2,
        )
        for call in calls:
            call(client)
        client.shutdown()
        if troubles:
            raise Unexpected(f"Segment's library could not hand its events to the hub: {troubles[0]}")
        return len(calls)


def _identify(customer: Customer, *, message_id: str | None = None, **news: str) -> Call:
    traits = {**customer.traits, **news}
    return lambda client: client.identify(customer.user_id, traits, message_id=message_id)
