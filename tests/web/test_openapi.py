"""The description of the API is made from the tables, and is one."""

from __future__ import annotations

import json
import re

from openapi_spec_validator import OpenAPIV31SpecValidator

from iobuffer.serving import ROUTES
from iobuffer.web import page
from iobuffer.web.openapi import document


def test_the_document_is_openapi() -> None:
    OpenAPIV31SpecValidator(document(ROUTES)).validate()
    json.dumps(document(ROUTES), allow_nan=False)


def test_every_route_is_in_it_with_its_roles() -> None:
    paths = document(ROUTES)["paths"]
    for route in ROUTES:
        if route in page.ROUTES:
            # The page is for people.
            assert route.path not in paths
            continue
        found = paths[route.path][route.method.lower()]
        roles = None if route.roles is None else sorted(r.value for r in route.roles)
        assert found.get("x-roles") == roles
        assert bool(found["security"]) == (route.roles is not None)


def test_every_name_in_a_path_is_declared() -> None:
    for route in ROUTES:
        names = set(re.findall(r"\{([a-z_]+)\}", route.path))
        declared = {param.name for param in route.params if param.where == "path"}
        assert names == declared, route.path
