"""Routes of the API: each says in one place which scope it needs, what it takes and what it answers.

flask-smorest reads arguments, writes answers and documents both in OpenAPI; nothing else of the hub knows it.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, cast

from flask import Flask, Response, request
from flask_smorest import Api, Blueprint
from marshmallow import RAISE, Schema
from marshmallow.fields import Field
from webargs.flaskparser import FlaskParser, abort
from werkzeug.exceptions import NotFound, UnsupportedMediaType

from hub import __version__
from hub.admin.access.tokens import Scope
from hub.config import ConfigError
from hub.store.types import is_storable
from hub.web.api import errors
from hub.web.api.access import authorise
from hub.web.api.schemas.shared import ErrorSchema
from hub.web.backing import hub

PREFIX = "/api/v1"
LARGEST_BODY = 1_000_000
LARGEST_UPLOAD = 64_000_000
JSON = "application/json"

View = Callable[..., Any]


class Routes:
    """The routes about one noun."""

    def __init__(self, name: str, description: str) -> None:
        self.blueprint: Any = Blueprint(name, __name__, url_prefix=PREFIX, description=description)
        self.blueprint.ARGUMENTS_PARSER = _Parser()
        self.blueprint.register_error_handler(ConfigError, errors.impossible)
        self.blueprint.after_request(_add_headers)

    def __call__(
        self,
        method: str,
        rule: str,
        *,
        scope: Scope,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        upload: Mapping[str, Any] | None = None,
        answer: type[Schema] | None = None,
        status: int = 200,
        download: Mapping[str, Any] | None = None,
    ) -> Callable[[View], View]:
        """Register a view: `query` and `body` become its first arguments, what it returns is written by `answer`.

        `upload` and `download` are media types with their JSON schemas, for views that read or write them alone.
        """

        def add(view: View) -> View:
            made = self._answering(view, answer, status, download)
            if body is not None:
                made = self.blueprint.arguments(body)(made)
            if query is not None:
                made = self.blueprint.arguments(query, location="query")(made)
            made = self.blueprint.doc(**_documented(scope, upload))(made)
            accepted = [JSON] if body is not None else list(upload or ())
            made = _guarded(made, scope, accepted, LARGEST_UPLOAD if upload else LARGEST_BODY)
            self.blueprint.route(rule, methods=[method], merge_slashes=False)(made)
            return view

        return add

    def _answering(
        self, view: View, answer: type[Schema] | None, status: int, download: Mapping[str, Any] | None
    ) -> View:
        if download is None:
            return cast("View", self.blueprint.response(status, answer)(view))
        content = {media: {"schema": schema} for media, schema in download.items()}
        documented = {"responses": {str(status): {"description": "OK", "content": content}}}
        return cast("View", self.blueprint.doc(**documented)(view))


def _documented(scope: Scope, upload: Mapping[str, Any] | None) -> dict[str, Any]:
    documented: dict[str, Any] = {"security": [{"token": [scope.value]}]}
    if upload:
        content = {media: {"schema": schema} for media, schema in upload.items()}
        documented["requestBody"] = {"required": True, "content": content}
    return documented


def _guarded(view: View, scope: Scope, accepted: Collection[str], largest: int) -> View:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        request.max_content_length = largest
        authorise(hub(), scope)
        if not all(is_storable(str(value)) for value in (request.view_args or {}).values()):
            raise NotFound("There is nothing of this name.")
        if accepted:
            _check_media_type(accepted)
        return view(*args, **kwargs)

    guarded.scope = scope  # type: ignore[attr-defined]
    return guarded


def _check_media_type(accepted: Collection[str]) -> None:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(f"Send the body with Content-Type {' or '.join(accepted)}.")


class _Parser(FlaskParser):
    """Reads arguments; unknown ones are refused, so that a misspelt filter never means "no filter"."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}  # noqa: RUF012

    def load_json(self, req: Any, schema: Schema) -> Any:
        """Return the body. A NUMBER that JSON does not know or a depth that Python cannot bear is no JSON."""
        try:
            return json.loads(req.get_data(cache=True), parse_float=_finite, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            abort(400, messages={"json": {"body": ["Is no valid JSON."]}})


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        _refuse_constant(number)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _add_headers(response: Response) -> Response:
    response.headers.update(errors.HEADERS)
    if request.method == "OPTIONS":
        response.headers.remove("Content-Type")
    return response


def raw_body() -> Any:
    """Return the body as it was sent, after it was found valid."""
    return json.loads(request.get_data(cache=True))


class _Api(Api):  # type: ignore[misc]
    """Leaves errors to `hub.web.api.errors`: those of the pages are none of its business."""

    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        """Register none."""


def document(routes: Collection[Routes]) -> dict[str, Any]:
    """Return the OpenAPI document of routes."""
    app = Flask(__name__)
    app.config.update(API_TITLE="Survey Hub", API_VERSION=__version__, OPENAPI_VERSION="3.1.0")
    api = _Api(app, spec_kwargs={"info": {"description": _ABOUT}})
    api.ma_plugin.converter.add_attribute_function(_description)
    scheme = {"type": "http", "scheme": "bearer", "description": "A token that `hub token add` made."}
    api.spec.components.security_scheme("token", scheme)
    for one in routes:
        api.register_blueprint(one.blueprint)
    return cast("dict[str, Any]", api.spec.to_dict())


def _description(_converter: Any, field: Field[Any], **_: Any) -> dict[str, Any]:
    """Document a field by the help that stands in its schema."""
    return {"description": field.metadata["help"]} if "help" in field.metadata else {}


_ABOUT = "Everything an operator can see and change, over HTTP."
