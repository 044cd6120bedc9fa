"""Survey mails through SendGrid's API: the channel kind `sendgrid`."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import SurveyChannel, hookimpl

from .channel import SendGridChannel

__all__ = ["SendGridChannel", "hub_api", "hub_survey_channels"]

hub_api = (1, 1)


@hookimpl
def hub_survey_channels() -> Sequence[type[SurveyChannel]]:
    """Offer the channel kind `sendgrid`."""
    return [SendGridChannel]
