"""What customers see of a survey as a form: the texts of one language, and how it looks in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import FileStorage, MultiDict

from hub.admin.configuration.text_edits import Edit
from hub.domain.logos import setting_of
from hub.domain.texts import BLOCKS, LIMITS, direction_of, isolated, texts_of
from hub.mail.own_texts import SHIPPED
from hub.mail.words import words_for as mail_words
from hub.web.console import forms
from hub.web.console.forms import Field
from hub.web.console.languages import name_of
from hub.web.console.texts_ratings import Rating, Typed, meant, ratings_of, typed_ratings, unlabelled
from hub.web.words import words_for as page_words

_TEXTS = "texts."
"""Before the names of texts, in the names of their fields."""
MAIL = "subject", "question", "greeting", "neutral_greeting", "intro", "lowest", "highest", "closing"
ASK = "ask_anyone", "ask_detractor", "ask_passive", "ask_promoter"
THANKS = "thanks_detractor", "thanks_passive", "thanks_promoter"
LABELS: Mapping[str, str] = {
    "subject": "Subject",
    "question": "Question",
    "greeting": "Greeting",
    "neutral_greeting": "Greeting without a name",
    "intro": "Introduction",
    "lowest": "What 0 means",
    "highest": "What 10 means",
    "closing": "Closing",
    "ask_anyone": "Before a score is chosen",
    "ask_detractor": "After 0 to 6",
    "ask_passive": "After 7 or 8",
    "ask_promoter": "After 9 or 10",
    "thanks_detractor": "Thanks for 0 to 6",
    "thanks_passive": "Thanks for 7 or 8",
    "thanks_promoter": "Thanks for 9 or 10",
    "brand": "Name of the brand",
    "brand_colour": "Colour",
    "logo": "Logo",
    "language": "Language for all others",
    "ratings": "Ratings",
}
_PAGES = "page-10 page-8 page-3 page"
SEEN_IN: Mapping[str, str] = {
    **dict.fromkeys(MAIL, "mail text"),
    **dict.fromkeys(("question", "lowest", "highest"), f"mail text {_PAGES}"),
    "closing": "text",
    "ask_anyone": "page",
    "ask_detractor": "page-3",
    "ask_passive": "page-8",
    "ask_promoter": "page-10",
    "thanks_detractor": "thanks-3",
    "thanks_passive": "thanks-8",
    "thanks_promoter": "thanks-10",
}
"""The views of `VIEWS` that show each text, the best first."""
_LONG: Mapping[str, Mapping[str, str]] = {"question": {"rows": "2"}}
"""Texts of one line that fill more than one of a field, with what their fields need for that."""
_HELP: Mapping[str, str] = {
    "question": "In the mail and on the page.",
    "ask_anyone": "Read by whoever opens the page without a score from the mail.",
    "neutral_greeting": "To whoever told no name.",
    "intro": "What to do, above the scores.",
    "closing": "Ends the mail for readers of plain text.",
    "brand": "Left empty, it is the sender's name of the channel.",
    "language": "What customers get whose own language has no texts, neither yours nor ours.",
}


@dataclass(frozen=True, kw_only=True)
class TextsForm:
    """The fields by what they are about, and what is wrong with none of them. `logo` is the image as it would be.

    `words_in` is the language of what has no field, where that is not the language of the texts; `unlabelled` are the
    ratings that this language has no words for, as customers read them.
    """

    mail: Sequence[Field]
    ask: Sequence[Field]
    thanks: Sequence[Field]
    ratings: Sequence[Rating]
    look: Sequence[Field]
    logo: str
    logo_problem: str
    ratings_problem: str
    unlabelled: Sequence[str]
    words_in: str
    problems: Sequence[str]


def form_of(
    survey: str,
    settings: Mapping[str, Any],
    language: str,
    problems: Sequence[str] = (),
    rated: Sequence[Typed] | None = None,
) -> TextsForm:
    """Return the form for settings, checked or not, in a language, with the problems that `hub.admin` found.

    `rated` are the ratings as they were typed.
    """
    said = settings["texts"].get(language) or {}
    wrong = _Wrong(survey, language, problems)
    standing = words_without(settings, language)

    def of(names: Sequence[str]) -> list[Field]:
        return [_text_field(name, said, standing, language, wrong) for name in names]

    return TextsForm(
        mail=of(MAIL),
        ask=of(ASK),
        thanks=of(THANKS),
        ratings=list(ratings_of(settings, language, rated, wrong.labels, _label_attributes(language))),
        look=[_look_field(name, settings, wrong) for name in ("brand", "brand_colour", "language")],
        logo=str(settings.get("logo") or ""),
        logo_problem=wrong.look.get("logo", ""),
        ratings_problem=wrong.look.get("ratings", ""),
        unlabelled=unlabelled(settings, language),
        words_in=_words_in(settings, language),
        problems=wrong.told(),
    )


def read_edit(
    form: MultiDict[str, str], files: MultiDict[str, FileStorage], settings: Mapping[str, Any], language: str
) -> Edit:
    """Return what was typed, unchecked; a field that was not sent says what is stored."""
    stored = settings["texts"].get(language) or {}
    typed = {name: _lines(name, form[_TEXTS + name]) for name in LIMITS if _TEXTS + name in form}
    look: dict[str, Any] = {name: form[name].strip() for name in ("brand", "brand_colour", "language") if name in form}
    labels = stored.get("ratings") or {}
    rows = typed_ratings(form)
    if rows is not None:
        rated = meant(rows)
        look["ratings"] = [name for name, _ in rated]
        labels = {name: label for name, label in rated if label}
    logo = _read_logo(form, files)
    return Edit(
        language=language,
        texts={**stored, **typed, "ratings": labels},
        look={**look, **({} if logo is None else {"logo": logo})},
    )


def words_without(settings: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return what stands for each text in a language where the survey says nothing of its own in it."""
    others = {tag: said for tag, said in settings["texts"].items() if tag != language}
    texts = texts_of({"language": settings.get("language"), "texts": others})
    of_hub = texts.words_language(language, SHIPPED)
    mail, page = mail_words(of_hub), page_words(of_hub)
    shipped = {
        **{name: getattr(mail, name) for name in MAIL if name != "intro"},
        "intro": mail.request,
        **{name: getattr(page, name) for name in (*ASK, *THANKS)},
    }
    return {
        name: texts.text(name, language, SHIPPED) or word.format(brand="{{ brand }}", name="{{ name }}")
        for name, word in shipped.items()
    }


def _words_in(settings: Mapping[str, Any], language: str) -> str:
    """Return the language of the hub's words that go with texts in a language, "" where it is the same."""
    words = texts_of(settings).words_language(language, SHIPPED)
    return "" if words in (language, language.partition("-")[0]) else name_of(words)


def told(problem: str, survey: str) -> str:
    """Return a problem of what customers see with the names that people know: of the setting, of the language."""
    path, _, why = problem.partition(": ")
    said = f"{place_named(path.removeprefix(f'surveys.{survey}.'))}: {why.rstrip('.')}" if why else problem
    return said if said.endswith("?") else f"{said}."


def place_named(path: str) -> str:
    """Return what a path in a survey's settings is called, as in `texts.de.subject`."""
    if not path.startswith(_TEXTS):
        return LABELS.get(path.partition(".")[0], path)
    _, language, name = [*path.split(".", 2), ""][:3]
    label = LABELS.get(name) or f"Rating {name.removeprefix('ratings.')}"
    return f"{label} ({name_of(language)})" if name else name_of(language)


class _Wrong:
    """Problems, by the field that they are about."""

    def __init__(self, survey: str, language: str, problems: Sequence[str]) -> None:
        self._survey = survey
        self._problems = problems
        self.texts, _ = forms.by_field(problems, f"surveys.{survey}.{_TEXTS}{language}", _known(problems))
        self.labels = {
            name.removeprefix("ratings."): one for name, one in self.texts.items() if name.startswith("ratings.")
        }
        self.look, _ = forms.by_field(problems, f"surveys.{survey}")

    def told(self) -> list[str]:
        """Return all of them as sentences."""
        return [told(one, self._survey) for one in self._problems]


def _known(problems: Sequence[str]) -> list[str]:
    """Return the names of texts, with those of the ratings that problems are about."""
    of_ratings = {one.partition(": ")[0].partition(".ratings.")[2] for one in problems if ".ratings." in one}
    return [*LIMITS, *(f"ratings.{name}" for name in of_ratings)]


def _text_field(name: str, said: Mapping[str, Any], standing: Mapping[str, str], language: str, wrong: _Wrong) -> Field:
    return Field(
        name=_TEXTS + name,
        label=LABELS[name],
        kind="text area" if name in BLOCKS or name in _LONG else "text",
        value=str(said.get(name) or ""),
        help=_HELP.get(name, ""),
        problem=wrong.texts.get(name, ""),
        placeholder=isolated(standing[name], language),
        attributes={**_prose_in(language), **_LONG.get(name, {}), "data-seen-in": SEEN_IN[name]},
        is_default_shown=True,
    )


def _label_attributes(language: str) -> dict[str, str]:
    return {**_prose_in(language), "data-seen-in": _PAGES}


def _prose_in(language: str) -> dict[str, str]:
    """Return how a field is written that may be empty, when nothing typed says in which direction."""
    return {"dir": direction_of(language), "lang": language}


def _look_field(name: str, settings: Mapping[str, Any], wrong: _Wrong) -> Field:
    attributes = {"brand": {"dir": "auto"}, "language": {"list": "languages"}}
    return Field(
        name=name,
        label=LABELS[name],
        value=str(settings.get(name) or ""),
        help=_HELP.get(name, ""),
        problem=wrong.look.get(name, ""),
        placeholder="#2451b3" if name == "brand_colour" else "",
        attributes=attributes.get(name, {}),
    )


def _read_logo(form: MultiDict[str, str], files: MultiDict[str, FileStorage]) -> str | None:
    """Return the logo that was chosen, now or before a save that was refused; "" for none, None where none was."""
    file = files.get("logo_file")
    image = file.read() if file is not None else b""
    if image:
        return setting_of(image)
    return "" if "no_logo" in form else form.get("logo")


def _lines(name: str, text: str) -> str:
    """Return a text with its line breaks as they are stored, or as blanks where it is shown in one line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if name in BLOCKS else lines.replace("\n", " ")
