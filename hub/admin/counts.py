"""How many there are of something, without ever counting a big table to its end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many; `is_more`: more than that, counting stopped there."""

    number: int
    is_more: bool = False

    @classmethod
    def up_to(cls, most: int, number: int) -> Count:
        """Return what a count found that went no further than one above the most."""
        return cls(number=min(number, most), is_more=number > most)

    def __add__(self, other: Count) -> Count:
        return Count(number=self.number + other.number, is_more=self.is_more or other.is_more)

    def __bool__(self) -> bool:
        return self.number > 0

    @property
    def is_one(self) -> bool:
        """Whether it is exactly one."""
        return self.number == 1 and not self.is_more

    @property
    def brief(self) -> str:
        """The count where little room is."""
        return f"{self.number:,}+" if self.is_more else f"{self.number:,}"

    def __str__(self) -> str:
        return f"more than {self.number:,}" if self.is_more else f"{self.number:,}"
