"""Parsing of what a caller sent, into models that cannot be wrong."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from dotline_service.problem import Problem

Model = TypeVar("Model", bound=BaseModel)


async def parse_body(request: web.Request, model: type[Model]) -> Model:
    """Parses a JSON body. Raises Problem 400 that names every wrong field."""
    raw = await request.read()
    return _parse(lambda: model.model_validate_json(raw))


def parse_query(request: web.Request, model: type[Model]) -> Model:
    """Parses the query string. Raises Problem 400 that names every wrong field."""
    return _parse(lambda: model.model_validate(dict(request.query)))


def _parse(validate: Callable[[], Model]) -> Model:
    try:
        return validate()
    except ValidationError as error:
        errors = [
            {"field": ".".join(map(str, issue["loc"])), "message": issue["msg"]}
            for issue in error.errors(include_url=False, include_context=False)
        ]
    detail = "; ".join(f"{entry['field'] or 'body'}: {entry['message']}" for entry in errors)
    raise Problem(400, "Invalid request", detail, errors=errors)
