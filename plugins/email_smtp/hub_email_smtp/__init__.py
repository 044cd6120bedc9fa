"""Survey mails over SMTP: the channel kind `smtp`."""

from __future__ import annotations

from collections.abc import Sequence

from hub.plugin import SurveyChannel, hookimpl

from .channel import SmtpChannel

__all__ = ["SmtpChannel", "hub_survey_channels"]


@hookimpl
def hub_survey_channels() -> Sequence[type[SurveyChannel]]:
    """Offer the channel kind `smtp`."""
    return [SmtpChannel]
