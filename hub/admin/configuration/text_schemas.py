"""What may stand in a survey's settings of what customers see: texts by language, colour, logo and ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.admin.words import hint
from hub.domain.logos import logo_of
from hub.domain.texts import LANGUAGE, LIMITS, LONGEST_LABEL, MOST_RATINGS, RATING
from hub.mail.colours import colours_of
from hub.mail.wording import WordingError, check

MOST_LANGUAGES = 40

HELP: Mapping[str, str] = {
    "subject": "Subject of the mail.",
    "question": "The question, in the mail and on the page.",
    "greeting": "First words of the mail to somebody whose name is known, as in `Hello {{ name }},`.",
    "neutral_greeting": "First words of the mail to anybody else.",
    "intro": "What to do, between greeting and scores.",
    "lowest": "What 0 means.",
    "highest": "What 10 means.",
    "closing": "Last words of the mail's text part, before the brand.",
    "ask_anyone": "What the page asks while no score is chosen.",
    "ask_detractor": "What the page asks whoever chose 0 to 6.",
    "ask_passive": "What the page asks whoever chose 7 or 8.",
    "ask_promoter": "What the page asks whoever chose 9 or 10.",
    "thanks_detractor": "What the page says to whoever gave 0 to 6.",
    "thanks_passive": "What the page says to whoever gave 7 or 8.",
    "thanks_promoter": "What the page says to whoever gave 9 or 10.",
}


def _is_wording(text: str) -> None:
    try:
        check(text)
    except WordingError as error:
        raise ValidationError(str(error)) from None


def _text(longest: int, text: str = "") -> fields.String:
    limit = validate.Length(max=longest, error="is longer than {max} characters")
    return fields.String(validate=[limit, _is_wording], metadata={"help": text})


class _ByKey(fields.Dict):
    """A table whose problems are told under the key that they are about, without a step between."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            told = {key: one.get("key") or one.get("value") for key, one in error.messages.items()}
            raise ValidationError(told) from None


_RATING_NAME = validate.Regexp(
    RATING.pattern + r"\Z", error="a rating's name has lower-case letters, digits, - and _, 30 at most"
)

LanguageTexts = Schema.from_dict(
    {
        **{name: _text(longest, HELP[name]) for name, longest in LIMITS.items()},
        "ratings": _ByKey(
            keys=fields.String(validate=_RATING_NAME),
            values=_text(LONGEST_LABEL),
            metadata={"help": "What the ratings are called, by their name."},
        ),
    },
    name="LanguageTextsSchema",
)
"""The texts of a survey in one language; what is missing is a word that the hub ships."""


class Texts(_ByKey):
    """Texts by language. Empty ones count as missing."""

    def __init__(self, **kwargs: Any) -> None:
        key = validate.Regexp(LANGUAGE.pattern + r"\Z", error="write a language such as de, pt-BR or zh-Hant")
        values = fields.Nested(LanguageTexts(unknown=RAISE))
        super().__init__(keys=fields.String(validate=key), values=values, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, Mapping) and len(value) > MOST_LANGUAGES:
            raise ValidationError(f"has more than {MOST_LANGUAGES} languages")
        _check_names(value)
        by_language = super()._deserialize(value, attr, data, **kwargs)
        said = {language: _without_empty(texts) for language, texts in by_language.items()}
        return {language: texts for language, texts in said.items() if texts}


def _check_names(value: Any) -> None:
    """Refuse texts that there are not, with the name that may have been meant."""
    known = [*LIMITS, "ratings"]
    wrong = {
        language: {name: [f"there is no such text{hint(str(name), known)}"] for name in texts if name not in known}
        for language, texts in (value.items() if isinstance(value, Mapping) else ())
        if isinstance(texts, Mapping)
    }
    wrong = {language: problems for language, problems in wrong.items() if problems}
    if wrong:
        raise ValidationError(wrong)


def _without_empty(texts: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, text in texts.items():
        said = _without_empty(text) if isinstance(text, Mapping) else text.strip("\n") if text.strip() else ""
        if said:
            kept[name] = said
    return kept


def _is_colour(setting: str) -> None:
    try:
        colours_of(setting or None)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _is_logo(setting: str) -> None:
    try:
        logo_of(setting)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def _are_different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ValidationError("names one rating twice")


class AppearanceSchema(Schema):
    """What customers see of a survey."""

    brand = fields.String(
        load_default="",
        validate=validate.Length(max=60),
        metadata={"help": "Whom the mail asks about. Default: the sender's name of the channel."},
    )
    brand_colour = fields.String(
        load_default="",
        validate=_is_colour,
        metadata={
            "help": "The brand's colour, as in #2451b3. What stands on it, and texts in it, are kept readable.",
            "label": "Colour",
        },
    )
    logo = fields.String(
        load_default="",
        validate=_is_logo,
        metadata={
            "help": "The brand's logo: a PNG, JPEG or GIF of 24 KB at most, as `data:image/png;base64,...`. "
            "The hub serves it to mails and pages.",
        },
    )
    language = fields.String(
        load_default="en",
        validate=validate.Regexp(LANGUAGE.pattern + r"\Z", error="write a language such as de, pt-BR or zh-Hant"),
        metadata={"help": "The language of customers for whose own one there are no texts.", "label": "Language"},
    )
    texts = Texts(
        load_default=dict,
        metadata={"help": "Texts of your own by language, as in `[surveys.NAME.texts.de]`; see [texts](texts.md)."},
    )
    ratings = fields.List(
        fields.String(validate=_RATING_NAME),
        load_default=list,
        validate=[validate.Length(max=MOST_RATINGS, error="has more than {max} ratings"), _are_different],
        metadata={"help": 'Names of up to five things to rate from 1 to 5 beside the score, as in `["support"]`.'},
    )
