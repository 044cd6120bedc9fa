"""What happens in a demo, step by step: the same for the person who watches and for the check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hub.admin.people import people
from hub.admin.people.people import Story
from hub.demo import visitor
from hub.demo.customers import CHLOE, DMITRI, Customer, customers
from hub.demo.feed import Shop
from hub.demo.mailbox import Mail
from hub.demo.patience import Patience
from hub.demo.stage import Stage
from hub.demo.verify import Answered, answers_of, reasons_of
from hub.pipeline import sync
from hub.wake import Wake

FIRST_ANSWERS = (
    Answered(user_id=CHLOE, score=10, comment="Set up in an afternoon, and support answers like people."),
    Answered(user_id=DMITRI, score=5, comment="Works, but exports are slow on our larger projects."),
)
"""Given at once, so that there is a score to look at."""


@dataclass(kw_only=True)
class Play:
    """The steps. Each waits until what it caused can be seen."""

    stage: Stage
    patience: Patience
    cast: Sequence[Customer] = field(init=False)

    def __post_init__(self) -> None:
        self.cast = customers(self.stage.hub.now())
        self._shop = Shop(host=self.stage.address, write_key=self.stage.write_key)

    @property
    def asked(self) -> list[Customer]:
        """Those who are to get a mail."""
        return [customer for customer in self.cast if customer.is_asked]

    def customer(self, user_id: str) -> Customer:
        """Return one of the cast."""
        return next(customer for customer in self.cast if customer.user_id == user_id)

    def feed(self) -> int:
        """Tell the hub about everybody; return how many events that took, once everybody to be asked has a mail."""
        count = self._shop.first_sight(self.cast)
        wanted = len(self.asked)
        mailbox = self.stage.mailbox
        self.patience.wait_for(f"{wanted} mails", lambda: len(mailbox.mails()) >= wanted)
        return count

    def see_again(self, *user_ids: str) -> dict[str, str]:
        """Tell the hub about people once more; return the reasons of the decisions that this led to."""
        known = {user_id: len(reasons_of(self.story(user_id))) for user_id in user_ids}
        self._shop.see_again([self.customer(user_id) for user_id in user_ids])
        return {user_id: self.wait_for_reasons(user_id, known[user_id] + 1)[-1] for user_id in user_ids}

    def wait_for_reasons(self, user_id: str, count: int) -> list[str]:
        """Return a person's reasons once there are `count`."""

        def look() -> list[str] | None:
            found = reasons_of(self.story(user_id))
            return found if len(found) >= count else None

        return self.patience.wait_for(f"decision {count} on {user_id}", look)

    def story(self, user_id: str) -> Story:
        """Return what the hub knows of somebody."""
        stories = people.why(self.stage.hub, user_id)
        return stories[0] if stories else _NOBODY

    def mail_to(self, user_id: str) -> Mail:
        """Return the mail that somebody got."""
        email = self.customer(user_id).email
        return self.patience.wait_for(f"the mail to {user_id}", lambda: self._mail(email))

    def _mail(self, email: str) -> Mail | None:
        return next((mail for mail in self.stage.mailbox.mails() if mail.recipient.lower() == email.lower()), None)

    def answer(self, given: Answered) -> list[tuple[int, str]]:
        """Answer as this person does; return every version of the answer that the hub has then."""
        visitor.answer(self.mail_to(given.user_id), score=given.score, comment=given.comment)
        return answers_of(self.story(given.user_id))

    def sync_now(self, count: int) -> None:
        """Do what `hub sync now` does, and return when the stand-in has `count` events."""
        hub = self.stage.hub
        sync.start_now(hub)
        Wake(hub.settings.effective_redis_url)("sync")
        self.patience.wait_for(f"{count} synced answers", lambda: len(self.stage.segment.events()) >= count)


_NOBODY = Story(
    id="", name=None, email=None, user_ids=(), anonymous_ids=(), first_seen_at=None, is_suppressed=False, entries=()
)
