"""Offers what is no provider class, and a class without a schema."""

from hub.plugin import SurveyChannel, hookimpl


class Bare(SurveyChannel):
    """Lacks kind and schema."""

    def send(self, message, point_of_no_return):
        """Send nothing."""


@hookimpl
def hub_survey_channels():
    return [7, Bare]
