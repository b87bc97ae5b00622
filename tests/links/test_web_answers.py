from __future__ import annotations

import pytest

from iobuffer.links.web_answers import sample, trouble_in
from iobuffer.links.web_client import WebAnswer

NOW = 1_800_000_000.0


def answer(status: int, body: bytes = b"", **headers: str) -> WebAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return WebAnswer(status, named, body)


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 409, 410, 422])
def test_what_is_about_the_question_is_no_trouble(status: int) -> None:
    assert trouble_in(answer(status), "lis", NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("999999", 3600.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float) -> None:
    found = trouble_in(answer(503, retry_after=value), "lis", NOW)

    assert found is not None
    assert found.wait_seconds == seconds
    assert not found.needs_somebody


@pytest.mark.parametrize("status", [301, 307, 401, 403, 407, 508])
def test_what_does_not_go_away_by_itself_needs_somebody(status: int) -> None:
    found = trouble_in(answer(status), "lis", NOW)

    assert found is not None
    assert found.needs_somebody


def test_a_problem_document_speaks_for_itself() -> None:
    body = b'{"title": "No room", "detail": "of disk", "status": 503}'
    kind = "application/problem+json"

    assert sample(answer(503, body, content_type=kind)) == ": No room: of disk"
    assert sample(answer(503, b"[1", content_type=kind)) == ": [1"
    assert sample(answer(503, b"a\n\x00b " + b"x" * 9000)).startswith(": a b xxx")
    assert len(sample(answer(503, b"x" * 9000))) == 302
    assert sample(answer(503)) == ""
