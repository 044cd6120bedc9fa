"""Survey mails through SendGrid's API: the channel kind `sendgrid`."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import SurveyChannel, hookimpl

from .channel import SendGridChannel

__all__ = ["SendGridChannel", "hub_survey_channels"]


@hookimpl
def hub_survey_channels() -> Sequence[type[SurveyChannel]]:
    """Offer the channel kind `sendgrid`."""
    return [SendGridChannel]
