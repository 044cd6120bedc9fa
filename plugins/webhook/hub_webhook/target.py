"""The sync target `webhook`: each answer as a signed JSON request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.plugin import CheckFailed, CustomerUpdate, Done, Limits, Parked, Retry, Services, SyncTarget
from hub_webhook.address import Address, AddressSettings
from hub_webhook.answers import TRAITS, TYPE, fields_of


class WebhookTarget(SyncTarget):
    """Answers as JSON requests, signed by the Standard Webhooks specification."""

    kind = "webhook"
    config_schema = AddressSettings
    limits = Limits(count=4)
    """With the time limits of a request, a push of four ends within the minute that the hub waits."""

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._address = Address(config, services)

    @property
    def trait_names(self) -> frozenset[str]:
        """The names of score, comment and time in the requests."""
        return frozenset(TRAITS)

    def check(self) -> None:
        """Post a signed request without an answer in it; one that is refused for that has arrived, too."""
        result = self._post("hub-check", {"type": "survey.check", "hub": self.services.hub_id, "data": {}})
        if isinstance(result, Retry):
            raise CheckFailed(result.why)

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        """Post each answer; after trouble that concerns all, leave the rest for later."""
        results: list[Done | Retry | Parked] = []
        trouble: Retry | None = None
        for update in updates:
            answer = fields_of(update)
            result = answer if isinstance(answer, Parked) else trouble or self._post(*self._document(update, answer))
            trouble = result if isinstance(result, Retry) else None
            results.append(result)
        return results

    def _document(self, update: CustomerUpdate, answer: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        document = {"type": TYPE, "timestamp": answer["NPS_date"], "hub": self.services.hub_id, "data": answer}
        return update.message_id, document

    def _post(self, message_id: str, document: Mapping[str, Any]) -> Done | Retry | Parked:
        response = self._address.post(message_id, document)
        if isinstance(response, Retry):
            return response
        status = response.status_code
        if 200 <= status < 300:
            return Done()
        if status in (400, 413, 422):
            return Parked(why=f"{self._address.host} answered {status}: {response.text[:200]}")
        return self._address.try_again(response)
