"""Forms out of schemas: whatever a plugin's settings are, they are shown, edited, and saved untouched as they were."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, validate
from werkzeug.datastructures import MultiDict

from hub.admin.configuration.document import KEPT
from hub.admin.configuration.schemas import OPTIONS, SurveySchema
from hub.plugin import Secret
from hub.plugins import find_plugins
from hub.web.console import forms
from tests.console.sending import sent


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Colour(fields.Field[str]):
    """A stranger's field: six hexadecimal digits."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return bytes.fromhex(value).hex()


class Exploding(fields.Field[str]):
    def _deserialize(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("boom")

    def _serialize(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("boom")


class Address(Schema):
    street = fields.String(required=True)
    number = fields.Integer()


class Odd(Schema):
    """What no plugin of ours has."""

    text = fields.String()
    number = fields.Integer(load_default=3)
    ratio = fields.Float(load_default=1_234_567.5)
    price = fields.Decimal()
    switch = fields.Boolean(load_default=True)
    maybe = fields.Boolean()
    one_of = fields.Integer(validate=validate.OneOf([25, 587], labels=["relay", "submission"]))
    by_name = fields.Enum(Size)
    by_value = fields.Enum(Size, by_value=True, load_default=Size.LARGE)
    names = fields.List(fields.String(), load_default=list)
    numbers = fields.List(fields.Integer())
    days = fields.List(fields.String(validate=validate.OneOf(["mon", "tue"])), load_default=lambda: ["mon"])
    sizes = fields.List(fields.Integer(), validate=validate.ContainsOnly([1, 2]))
    rows = fields.List(fields.Dict())
    table = fields.Dict(keys=fields.String())
    pair = fields.Tuple((fields.String(), fields.Integer()))
    address = fields.Nested(Address)
    addresses = fields.Nested(Address, many=True)
    street = fields.Pluck(Address, "street")
    at = fields.DateTime()
    day = fields.Date()
    time = fields.Time()
    span = fields.TimeDelta()
    url = fields.Url()
    email = fields.Email()
    uuid = fields.UUID()
    ip = fields.IP()
    anything = fields.Raw(load_default={"deep": [1, {"a": None}]})
    colour = Colour()
    exploding = Exploding(load_default="x")
    renamed = fields.String(data_key="the name")
    secret = Secret()
    made = Secret(generate=True)
    only_in = fields.String(load_only=True)
    only_out = fields.String(dump_only=True)
    fixed = fields.Constant(7)


EVERY = ["the name" if name == "renamed" else name for name in Odd().fields if name not in ("only_out", "fixed")]


def form_of(schema: Schema, table: dict[str, Any], *, is_new: bool = False) -> list[forms.Field]:
    return forms.fields_of(schema, table, {}, is_new=is_new)


def saved(schema: Schema, table: dict[str, Any], **typed: str) -> dict[str, Any]:
    """Return the table after its form was shown and saved."""
    form = sent(form_of(schema, table), **typed)
    return forms.without_defaults(forms.read([schema], form, is_new=False), [schema], table)


def only(field: fields.Field[Any]) -> Schema:
    return Schema.from_dict({"it": field})()


def test_every_field_of_an_odd_schema_is_shown_but_what_nobody_can_set():
    assert [field.name for field in form_of(Odd(), {}, is_new=True)] == EVERY


def test_an_odd_schema_saved_untouched_says_nothing():
    assert saved(Odd(), {}) == {}


SAMPLES: dict[str, Any] = {
    "text": "line one\nline two\n",
    "number": 12,
    "ratio": 0.1,
    "price": 9.99,
    "switch": False,
    "maybe": False,
    "one_of": 587,
    "by_name": "SMALL",
    "by_value": 1,
    "names": ["Ada", "Grace"],
    "numbers": [1, 2],
    "days": [],
    "sizes": [2, 1],
    "rows": [{"a": 1}, {}],
    "table": {"plan": "pro", "seats": 4, "nested": {"deep": [True, None]}},
    "pair": ["a", 1],
    "address": {"street": "High Street", "number": 1},
    "addresses": [{"street": "High Street"}],
    "street": "High Street",
    "at": "2026-03-01T09:30:00Z",
    "day": "2026-03-01",
    "time": "09:30",
    "span": 5,
    "url": "https://example.com/?a=b&c=<d>",
    "email": "ada@example.com",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "ip": "::1",
    "anything": [1, "two", {"three": 3.5}],
    "colour": "ff0000",
    "exploding": {"what": "ever"},
    "the name": "something",
    "secret": KEPT,
    "made": "$HUB_KEY",
    "only_in": "x",
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_setting_of_every_kind_is_saved_untouched_as_it_was(name):
    assert saved(Odd(), {name: SAMPLES[name]}) == {name: SAMPLES[name]}


def test_there_is_a_sample_of_every_kind():
    assert sorted(SAMPLES) == sorted(EVERY)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(table=st.dictionaries(st.sampled_from([*SAMPLES]), JSON))
def test_whatever_is_stored_is_saved_untouched_as_it_was(table):
    """Null says nothing where the default is none."""
    table = {
        name: f"${value}" if name in ("secret", "made") else value
        for name, value in table.items()
        if name not in ("secret", "made") or (isinstance(value, str) and value.isalnum())
    }
    with_default = [field.name for field in form_of(Odd(), dict.fromkeys(EVERY)) if field.value == "null"]
    expected = {name: value for name, value in table.items() if value is not None or name in with_default}
    assert saved(Odd(), table) == expected


@given(typed=st.dictionaries(st.sampled_from([*SAMPLES]), st.text()))
def test_whatever_is_typed_is_read_and_shown_again(typed):
    table = forms.read([Odd()], MultiDict(typed), is_new=True)
    assert len(form_of(Odd(), table, is_new=True)) == len(EVERY)


@pytest.mark.parametrize("schema", [*OPTIONS.values(), SurveySchema])
def test_the_hubs_own_forms_saved_untouched_say_nothing(schema):
    assert saved(schema(), {}) == {}


@pytest.mark.parametrize("kind", sorted(find_plugins().kinds))
def test_every_setting_of_the_shipped_plugins_is_explained_and_saved_untouched(kind):
    schema = find_plugins().kinds[kind].config_schema()
    assert saved(schema, {}) == {}
    assert all(field.help and field.label for field in form_of(schema, {}))


@pytest.mark.parametrize(
    ("field", "typed", "meant"),
    [
        (fields.String(), "  Acme ", "Acme"),
        (fields.String(), "one\r\ntwo", "one\ntwo"),
        (fields.Integer(), "587", 587),
        (fields.Integer(), "many", "many"),
        (fields.Float(), "0.5", 0.5),
        (fields.Float(), "nan", "nan"),
        (fields.Float(), "9" * 5_000, "9" * 5_000),
        (fields.Boolean(load_default=False), "true", True),
        (fields.Boolean(), "false", False),
        (fields.List(fields.String()), "one\r\n\r\n two ", ["one", "two"]),
        (fields.List(fields.String()), '["a\\nb"]', ["a\nb"]),
        (fields.List(fields.Integer()), "1\r\nmany", [1, "many"]),
        (fields.Dict(), '{"a": 1}', {"a": 1}),
        (fields.Dict(), "{a", "{a"),
        (fields.Dict(), "[" * 100_000, "[" * 100_000),
        (fields.Nested(Address), '{"street": "High Street"}', {"street": "High Street"}),
        (fields.Raw(), "plain", "plain"),
        (fields.TimeDelta(), "5", "5"),
        (fields.Pluck(Address, "street", many=True), '["a", "b"]', ["a", "b"]),
        (Colour(), "ff00ff", "ff00ff"),
        (Exploding(), "{}", "{}"),
        (fields.Integer(validate=validate.OneOf([25, 587])), "25", 25),
        (fields.Enum(Size, by_value=True), "2", 2),
        (Secret(), " s3cret ", "s3cret"),
    ],
)
def test_what_is_typed_is_read_as_the_setting_takes_it(field, typed, meant):
    assert forms.read([only(field)], MultiDict({"it": typed}), is_new=True) == {"it": meant}


@pytest.mark.parametrize("field", [fields.String(), fields.Integer(), fields.Dict(), fields.Raw(), Secret(), Colour()])
def test_what_is_left_empty_gets_its_default(field):
    assert forms.read([only(field)], MultiDict({"it": " "}), is_new=True) == {}


@pytest.mark.parametrize(
    "field", [fields.String(load_default=""), fields.Raw(load_default=""), Secret(load_default="")]
)
def test_an_empty_text_that_is_the_default_is_an_empty_input(field):
    for table in ({}, {"it": ""}):
        (shown,) = form_of(only(field), table)
        assert (shown.kind in ("text", "secret"), shown.value, shown.is_json) == (True, "", False)


def test_a_list_can_be_emptied_where_its_default_is_not_empty():
    assert saved(Odd(), {"days": ["mon", "tue"]}) == {"days": ["mon", "tue"]}
    assert forms.read([Odd()], MultiDict({"days": ""}), is_new=False) == {"days": []}


def test_a_stored_secret_is_not_shown_and_kept_when_left_empty():
    (field,) = form_of(only(Secret()), {"it": KEPT})
    assert (field.value, field.is_masked, field.placeholder) == ("", True, "stored; leave empty to keep it")
    assert saved(only(Secret()), {"it": KEPT}) == {"it": KEPT}


def test_a_secret_that_is_not_stored_is_not_said_to_be():
    (field,) = form_of(only(Secret()), {})
    assert (field.placeholder, field.anew) == ("", "")
    assert saved(only(Secret()), {}) == {}


def test_the_name_of_a_variable_is_shown():
    (field,) = form_of(only(Secret()), {"it": "$SMTP_PASSWORD"})
    assert (field.value, field.is_masked) == ("$SMTP_PASSWORD", False)


def test_a_stored_secret_can_be_forgotten():
    (field,) = form_of(only(Secret()), {"it": KEPT})
    assert field.anew == "Forget the stored one"
    assert forms.read([only(Secret())], MultiDict({"it": "", "anew:it": "true"}), is_new=False) == {}


def test_a_secret_that_is_needed_cannot_be_forgotten():
    (field,) = form_of(only(Secret(required=True)), {"it": KEPT})
    assert field.anew == ""


def test_help_calls_other_settings_as_the_form_does():
    schema = Schema.from_dict(
        {
            "sync_at": fields.String(metadata={"label": "Time of the sync"}),
            "zone": fields.String(metadata={"help": "The time zone of sync_at, not of sync_until."}),
        }
    )()
    _, zone = form_of(schema, {})
    assert zone.help == "The time zone of “Time of the sync”, not of sync_until."


def test_a_secret_of_the_hubs_can_be_made_anew():
    schema = only(Secret(generate=True))
    (field,) = form_of(schema, {"it": KEPT})
    assert field.anew.startswith("Make a new one")
    assert [*forms.anew([schema], MultiDict({"it": "", "anew:it": "true"}))] == ["it"]
    assert forms.anew([schema], MultiDict({"it": "my own", "anew:it": "true"})) == {}
    assert forms.anew([schema], MultiDict({"it": ""})) == {}


def test_settings_do_not_meet_the_names_of_the_page():
    schema = Schema.from_dict({"csrf": fields.String()})()
    (field,) = forms.fields_of(schema, {"csrf": "a setting"}, {}, is_new=False, prefix="s.")
    form = MultiDict({field.name: field.value, "csrf": "a token"})
    assert forms.read([schema], form, is_new=False, prefix="s.") == {"csrf": "a setting"}


def test_a_setting_may_have_any_name():
    schema = Schema.from_dict({"a": fields.String(data_key='<b "c">')})()
    (field,) = form_of(schema, {})
    assert field.id == "field--b-c-"


@pytest.mark.parametrize(
    ("field", "label", "unit"),
    [
        (fields.Float(), "Wait", "seconds"),
        (fields.String(), "Wait s", ""),
        (fields.Float(metadata={"label": "Patience", "unit": "s"}), "Patience", "s"),
    ],
)
def test_a_setting_without_a_label_gets_one_of_its_name(field, label, unit):
    (shown,) = form_of(Schema.from_dict({"wait_s": field})(), {})
    assert (shown.label, shown.unit) == (label, unit)


def test_a_choice_that_is_no_longer_offered_is_not_lost():
    schema = only(fields.String(validate=validate.OneOf(["us", "eu"])))
    (field,) = form_of(schema, {"it": "moon"})
    assert (field.kind, field.value, field.is_json) == ("text area", '"moon"', True)


def problems_of(schema: Schema, table: dict[str, Any]) -> list[str]:
    from hub.admin.configuration.document import problems_of

    with pytest.raises(ValidationError) as caught:
        schema.load(table)
    return problems_of("targets.x", caught.value.messages, schema)


def test_problems_stand_beside_their_fields_in_the_words_of_a_form():
    table = {
        "number": "many",
        "numbers": [1, "x"],
        "table": "{a",
        "address": {"number": 1},
        "one_of": 1,
        "maybe": "perhaps",
    }
    found, others = forms.by_field(problems_of(Odd(), table), "targets.x", [*Odd().fields])
    assert found == {
        "number": "Write a whole number.",
        "numbers": "Entry 2: write a whole number.",
        "table": 'Write a table as JSON, as in {"plan": "pro"}.',
        "address": "street: is missing.",
        "one_of": "Must be one of: 25, 587.",
        "maybe": "Write true or false.",
    }
    assert others == []


def test_a_problem_with_a_setting_of_no_field_is_not_lost():
    problems = [
        "channels.relay.a.b: is wrong",
        "channels.relay.gone: is unknown",
        "channels.relay: is odd",
        "All is odd",
    ]
    found, others = forms.by_field(problems, "channels.relay", ["a.b", "a"])
    assert found == {"a.b": "Is wrong."}
    assert others == ["channels.relay.gone: is unknown.", "Is odd.", "All is odd."]


def test_what_is_missing_is_needed():
    schema = only(fields.String(required=True, metadata={"help": "Name of the server."}))
    assert forms.by_field(problems_of(schema, {}), "targets.x")[0] == {"it": "This is needed."}
