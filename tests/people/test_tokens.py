from __future__ import annotations

import stat
from pathlib import Path

import pytest

from iobuffer.people.errors import PeopleError
from iobuffer.people.person import Person, Role
from iobuffer.people.tokens import DAY_SECONDS, Tokens

AT = 1_700_000_000.0


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path)


def test_whoever_bears_a_token_has_its_role_and_its_channels(tokens: Tokens) -> None:
    token, text = tokens.create("lab-2", "relay", ["chem-1"], days=30, at=AT)

    found = tokens.find(text, at=AT)

    assert found == Person("token:lab-2", Role.RELAY, ("chem-1",))
    assert tokens.list() == [token]


def test_the_secret_is_256_random_bits_and_is_not_kept(
    tokens: Tokens, tmp_path: Path
) -> None:
    texts = [tokens.create("t", "viewer", [], days=1, at=AT)[1] for _ in range(3)]

    kept = (tmp_path / "tokens.json").read_text()

    secrets = [text.split("_", 2)[2] for text in texts]
    assert len(set(secrets)) == 3
    for secret in secrets:
        assert len(secret) == 43
        assert secret not in kept
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600


def test_a_token_ends_on_its_day(tokens: Tokens) -> None:
    _, text = tokens.create("t", "viewer", [], days=1, at=AT)

    assert tokens.find(text, at=AT + DAY_SECONDS - 1) is not None
    assert tokens.find(text, at=AT + DAY_SECONDS) is None


def test_a_revoked_token_is_void_at_once(tokens: Tokens, tmp_path: Path) -> None:
    token, text = tokens.create("t", "viewer", [], days=1, at=AT)
    other, other_text = tokens.create("t", "viewer", [], days=1, at=AT)
    assert tokens.find(text, at=AT) is not None

    # By the command line, which is another process.
    assert Tokens(tmp_path).revoke(token.id) == token

    assert tokens.find(text, at=AT) is None
    assert tokens.find(other_text, at=AT) is not None
    assert tokens.list() == [other]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.upper(),
        lambda text: "iob_" + "0" * 12 + text[16:],
        lambda text: text.replace("iob_", ""),
        lambda text: "iob__",
        lambda text: "\udcff" + text,
        lambda text: text * 1000,
        lambda text: "iob_zz_" + "é",
    ],
)
def test_what_is_not_the_token_to_the_last_letter_opens_nothing(
    tokens: Tokens, change: object
) -> None:
    _, text = tokens.create("t", "admin", [], days=1, at=AT)
    assert callable(change)

    assert tokens.find(change(text), at=AT) is None


def test_one_tokens_id_with_anothers_secret_opens_nothing(tokens: Tokens) -> None:
    _, one = tokens.create("t", "admin", [], days=1, at=AT)
    _, two = tokens.create("t", "viewer", [], days=1, at=AT)

    mixed = "_".join([*one.split("_", 2)[:2], two.split("_", 2)[2]])

    assert tokens.find(mixed, at=AT) is None


@pytest.mark.parametrize(
    ("name", "role", "channels", "days", "reason"),
    [
        ("", "viewer", [], 1, "a name has"),
        ("t", "king", [], 1, "is no role"),
        ("t", "relay", [], 1, "name at least one"),
        ("t", "viewer", [], 0, "up to 3650 days"),
        ("t", "viewer", [], 3651, "up to 3650 days"),
        ("t", "viewer", [], float("nan"), "up to 3650 days"),
    ],
)
def test_a_token_that_makes_no_sense_is_not_made(
    tokens: Tokens, name: str, role: str, channels: list[str], days: float, reason: str
) -> None:
    with pytest.raises(PeopleError, match=reason):
        tokens.create(name, role, channels, days=days, at=AT)

    assert tokens.list() == []


def test_expired_tokens_go_when_a_new_one_comes(tokens: Tokens) -> None:
    tokens.create("old", "viewer", [], days=1, at=AT)

    tokens.create("new", "viewer", [], days=1, at=AT + 2 * DAY_SECONDS)

    assert [token.name for token in tokens.list()] == ["new"]
    with pytest.raises(PeopleError, match="there is no token x"):
        tokens.revoke("x")
