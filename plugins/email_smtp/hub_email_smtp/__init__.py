"""Survey mails over SMTP: the channel kind `smtp`."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import SurveyChannel, hookimpl

from .channel import SmtpChannel

__all__ = ["SmtpChannel", "hub_api", "hub_survey_channels"]

hub_api = (1, 1)


@hookimpl
def hub_survey_channels() -> Sequence[type[SurveyChannel]]:
    """Offer the channel kind `smtp`."""
    return [SmtpChannel]
