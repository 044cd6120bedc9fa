"""The listener `webhook`: what happens in the hub as signed JSON requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.plugin import CheckFailed, Done, Listener, Notice, NoticeKind, Parked, Retry, Services
from hub_webhook.address import Address, AddressSettings
from hub_webhook.answers import moment

TYPES: Mapping[NoticeKind, str] = {
    NoticeKind.ANSWERED: "response.answered",
    NoticeKind.DETRACTOR: "response.detractor",
    NoticeKind.BOUNCED: "mail.bounced",
    NoticeKind.CHANNEL_PAUSED: "channel.paused",
    NoticeKind.BRAKE: "survey.braked",
    NoticeKind.TEST: "hub.test",
}


class WebhookListener(Listener):
    """What happens in the hub as JSON requests, signed by the Standard Webhooks specification."""

    kind = "webhook"
    config_schema = AddressSettings

    def __init__(self, name: str, config: Mapping[str, Any], services: Services) -> None:
        super().__init__(name, config, services)
        self._address = Address(config, services)

    def check(self) -> None:
        """Post a signed request that tells of nothing."""
        result = self._post("hub-check", {"type": "hub.check", "hub": self.services.hub_id, "data": {}})
        if not isinstance(result, Done):
            raise CheckFailed(result.why)

    def hear(self, notice: Notice) -> Done | Retry | Parked:
        """Post a notice."""
        document = {
            "type": TYPES.get(notice.kind, f"hub.{notice.kind}"),
            "timestamp": moment(notice.at),
            "hub": self.services.hub_id,
            "data": {**_subject(notice), **notice.data, **_links(notice)},
        }
        return self._post(notice.id, document)

    def _post(self, message_id: str, document: Mapping[str, Any]) -> Done | Retry | Parked:
        response = self._address.post(message_id, document)
        if isinstance(response, Retry):
            return response
        status = response.status_code
        if 200 <= status < 300:
            return Done(detail=f"{self._address.host} answered {status}.")
        if status == 410:
            why = f"{self._address.host} answered 410: it wants no more; take the listener out of use, or change `url`."
            return Parked(why=why, code="gone")
        return self._address.try_again(response)


def _links(notice: Notice) -> dict[str, str]:
    answer = {"answer_link": notice.answer_link} if notice.answer_link else {}
    return {"link": notice.link, **answer}


def _subject(notice: Notice) -> dict[str, str | None]:
    survey = {} if notice.survey is None else {"survey": notice.survey}
    if notice.person is None:
        return {**survey}
    person = notice.person
    anonymous_id = person.anonymous_ids[0] if person.anonymous_ids else None
    return {**survey, "user_id": person.user_id, "anonymous_id": anonymous_id, "email": person.email}
