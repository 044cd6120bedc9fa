"""Which tone a word of the hub's has: of states, outcomes and bands, wherever a page shows one."""

from __future__ import annotations

from hub.web.console.frame import pages

_TONES = {
    "promoter": "good",
    "passive": "attention",
    "detractor": "bad",
    "held": "held",
    "unknown": "unknown",
    "sent": "good",
    "delivered": "good",
    "done": "good",
    "not_sent": "attention",
    "deferred": "attention",
    "rejected": "bad",
    "dropped": "bad",
    "bounced": "bad",
    "complained": "bad",
    "unsubscribed": "bad",
    "parked": "bad",
}


@pages.app_template_filter()
def tone(word: str) -> str:
    """Return the tone of a word, empty for one that is neither good nor bad."""
    return _TONES.get(str(word), "")
