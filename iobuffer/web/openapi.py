"""`/api/openapi.json`, made from the route tables (OpenAPI 3.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .. import __version__
from .base import Route

__all__ = ["document"]

_PROBLEM = {
    "description": "What is wrong, in a sentence (RFC 9457).",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}


_DESCRIBED = ("/api/", "/metrics", "/healthz", "/readyz")


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The description of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if not route.path.startswith(_DESCRIBED):
            # The page is for people.
            continue
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "iobuffer",
            "version": __version__,
            "description": "Times are epoch seconds; sizes are in bytes.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "errors": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["title", "status"],
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
                "session": {"type": "apiKey", "in": "cookie", "name": "iobuffer"},
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    replies = {str(status): _reply(route, status) for status in route.statuses}
    found: dict[str, Any] = {
        "operationId": _identifier(route),
        "summary": route.summary,
        "responses": {**replies, "default": _PROBLEM},
        "security": [],
    }
    if route.roles is not None:
        found["security"] = [{"token": []}, {"password": []}, {"session": []}]
        found["x-roles"] = sorted(role.value for role in route.roles)
    if route.params:
        found["parameters"] = [
            {
                "name": param.name,
                "in": param.where,
                "required": param.required or param.where == "path",
                "description": param.help,
                "schema": dict(param.schema),
            }
            for param in route.params
        ]
    if route.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": dict(route.body)}},
        }
    return found


def _reply(route: Route, status: int) -> dict[str, Any]:
    if status == 204:
        return {"description": "Done, or nothing to say."}
    schema = {} if route.reply is None else {"schema": dict(route.reply)}
    return {
        "description": "Done.",
        "content": {
            kind: schema if kind == "application/json" else {}
            for kind in route.content_types
        },
    }


def _identifier(route: Route) -> str:
    words = re.findall(r"[a-z0-9]+", route.path.lower())
    return "_".join([route.method.lower(), *words])
