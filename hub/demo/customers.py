"""The invented customers, and what the rules are to say about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.domain.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A person as the shop's own program knows them; `expected` is the reason of the first decision."""

    user_id: str
    name: str
    traits: Mapping[str, Any]
    expected: Reason

    @property
    def email(self) -> str:
        """The address they gave, empty when none."""
        return str(self.traits.get("email", ""))

    @property
    def is_asked(self) -> bool:
        """Whether a mail is to come."""
        return self.expected is Reason.SCHEDULED


ADA = "ada"
BEN = "ben"
CHLOE = "chloe"
DMITRI = "dmitri"
KOFI = "kofi"


def customers(now: datetime) -> list[Customer]:
    """Return everybody; the ages of customers are counted from `now`."""

    def ago(days: float) -> str:
        return (now - timedelta(days=days)).isoformat(timespec="seconds").replace("+00:00", "Z")

    def one(user_id: str, name: str, expected: Reason, **traits: Any) -> Customer:
        return Customer(user_id=user_id, name=name, traits={"name": name, **traits}, expected=expected)

    asked = Reason.SCHEDULED
    epoch = int((now - timedelta(days=5)).timestamp())
    return [
        one(ADA, "Ada Brandt", asked, email="ada@acme-customer.example", createdAt=ago(3)),
        one(BEN, "Ben Okafor", asked, email="ben@okafor-tools.example", createdAt=ago(1)),
        one(CHLOE, "Chloe Marchand", asked, email="chloe@marchand.example", createdAt=ago(13.9)),
        one(DMITRI, "Dmitri Volkov", asked, email="Dmitri.Volkov@volkov-labs.example", createdAt=epoch),
        one("emiko", "Emiko Sato", asked, email="emiko@sato-design.example", created_at=ago(2)[:10]),
        one("farid", "Farid Rahimi", asked, email="farid@rahimi.example"),
        one("grace", "Grace Lindqvist", Reason.TOO_OLD, email="grace@lindqvist.example", createdAt=ago(90)),
        one("hugo", "Hugo Ferreira", Reason.CREATED_AT_INVALID, email="hugo@ferreira.example", createdAt="last week"),
        one("ines", "Ines Castro", Reason.NO_EMAIL, createdAt=ago(4)),
        one("jonas", "Jonas Weber", Reason.BAD_EMAIL, email="jonas(at)weber.example", createdAt=ago(6)),
        one(KOFI, "Kofi Mensah", Reason.THROTTLED, email="Ada@acme-customer.example", createdAt=ago(2)),
        one("lena", "Lena Novak", Reason.CREATED_AT_FUTURE, email="lena@novak.example", createdAt=ago(-30)),
    ]
