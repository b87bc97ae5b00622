"""Whom the commands ask, and what they say when that fails."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from iobuffer import serving
from iobuffer.cli import main
from iobuffer.cli._api import SOCKET_NAME, TOKEN_VARIABLE
from iobuffer.errors import ExitStatus

from .gateways import gateway, url_gateway

RELOADED = {"done": True, "channels": ["chem-1"], "warnings": []}


def _reload(*arguments: str | Path, token: str | None = None) -> Result:
    return CliRunner().invoke(
        main, ["reload", *map(str, arguments)], env={TOKEN_VARIABLE: token}
    )


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return tmp_path


def test_the_socket_is_where_the_gateway_makes_it() -> None:
    assert SOCKET_NAME == serving.SOCKET_NAME


def test_a_state_directory_or_a_configuration_says_which_gateway(
    state_dir: Path,
) -> None:
    config = state_dir / "c.ini"
    config.write_text(f"[gateway]\nstate_dir = {state_dir}\n")

    with gateway(state_dir, RELOADED) as asked:
        by_directory = _reload(state_dir)
        by_configuration = _reload(config)

    assert by_directory.output == by_configuration.output == "read again; channels: 1\n"
    assert asked.targets == ["POST /api/reload"] * 2
    # Through the socket no secret is needed, and none is told.
    assert "Authorization" not in asked.headers


def test_where_nothing_runs_it_says_how_to_start_it(state_dir: Path) -> None:
    config = state_dir / "c.ini"
    config.write_text(f"[gateway]\nstate_dir = {state_dir}\n")

    result = _reload(config)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert result.stderr == (
        f"iobuffer: nothing runs on {state_dir}: start it with "
        f"`twistd -n iobuffer --config {config}`\n"
    )


def test_a_socket_that_a_killed_gateway_left_is_nothing_that_runs(
    state_dir: Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(state_dir / SOCKET_NAME))

    result = _reload(state_dir)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert f"nothing runs on {state_dir}: start it with" in result.stderr


def test_a_problem_is_printed_as_a_sentence(state_dir: Path) -> None:
    problem = {"title": "There is no channel x", "status": 404, "detail": "Look again."}

    with gateway(state_dir, problem, 404):
        result = _reload(state_dir)

    assert result.exit_code == 1
    assert result.stderr == "iobuffer: There is no channel x. Look again.\n"


def test_every_error_of_a_problem_has_a_line(state_dir: Path) -> None:
    problem = {"title": "The configuration has errors", "errors": ["a:1: x", "a:2: y"]}

    with gateway(state_dir, problem, 422):
        result = _reload(state_dir)

    assert result.stderr == (
        "iobuffer: The configuration has errors:\n  a:1: x\n  a:2: y\n"
    )


def test_what_is_no_gateway_is_named(state_dir: Path) -> None:
    with gateway(state_dir, b"<html>"):
        page = _reload(state_dir)
    (state_dir / SOCKET_NAME).unlink()
    with gateway(state_dir, b"<html>", 502):
        proxy = _reload(state_dir)

    place = state_dir / SOCKET_NAME
    assert page.stderr == f"iobuffer: {place} does not speak as a gateway\n"
    assert page.exit_code == ExitStatus.UNAVAILABLE
    assert proxy.stderr == f"iobuffer: {place} answers 502 Bad Gateway\n"


def test_by_url_the_token_goes_along(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")

    with url_gateway(RELOADED) as asked:
        url = f"http://127.0.0.1:{asked.port}/"
        result = _reload(url, token="from-environment")
        assert asked.headers["Authorization"] == "Bearer from-environment"
        _reload(url, "--token-file", file, token="from-environment")
        assert asked.headers["Authorization"] == "Bearer from-file"

    assert result.exit_code == ExitStatus.OK, result.output
    assert asked.targets == ["POST /api/reload"] * 2


def test_a_token_never_crosses_the_network_in_the_clear() -> None:
    result = _reload("http://gateway.example:8080", token="secret")

    assert result.exit_code == 1
    assert "the token is not sent to gateway.example without TLS" in result.stderr
    assert "secret" not in result.output


@pytest.mark.parametrize("url", ["http://", "https://me:pw@host", "http://h:port"])
def test_what_is_no_url_of_a_gateway_is_refused(url: str) -> None:
    result = _reload(url)

    assert result.exit_code == 1
    assert url in result.stderr


def test_where_no_port_is_open_the_url_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    result = _reload(f"http://127.0.0.1:{port}")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert result.stderr == (f"iobuffer: nothing answers on http://127.0.0.1:{port}\n")


def test_a_token_file_that_is_not_there_is_named() -> None:
    result = _reload("http://127.0.0.1:1", "--token-file", "/nonexistent/token")

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "/nonexistent/token" in result.stderr


def test_a_directory_that_is_no_state_directory_is_named(tmp_path: Path) -> None:
    result = _reload(tmp_path)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert result.stderr == (
        f"iobuffer: no gateway has ever run on {tmp_path}: is it the state_dir of "
        "[gateway]?\n"
    )


def test_a_word_that_is_no_place_at_all_is_told_what_one_is() -> None:
    result = _reload("chem-1")

    assert result.exit_code == ExitStatus.CONFIG
    assert result.stderr == (
        "chem-1: no such file; expected the configuration, its state directory or the "
        "URL of the page\n"
    )


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Path]:
    """Run as a user who may do nothing; the directory is root's, for root alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o111)
    yield tmp_path
    os.seteuid(0)


def test_who_may_not_open_the_socket_is_told_who_may(nobody: Path) -> None:
    state_dir = nobody / "state"
    state_dir.mkdir(mode=0o700)
    with gateway(state_dir, RELOADED):
        os.seteuid(65534)
        result = _reload(state_dir)
        os.seteuid(0)

    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "is for the user who runs the gateway; run this command as" in result.stderr
    assert "or give the URL and a token" in result.stderr


def test_who_may_not_read_the_configuration_is_told_who_may(nobody: Path) -> None:
    config = nobody / "c.ini"
    config.write_text("[gateway]\nstate_dir = /s\n")
    config.chmod(0o600)
    os.seteuid(65534)
    result = _reload(config)

    assert result.exit_code == ExitStatus.CONFIG
    assert "c.ini: may not be read by you; run this command as the" in result.stderr


@pytest.mark.parametrize(
    ("token", "status", "remedy"),
    [
        (None, 401, "asks who you are: put an API token into IOBUFFER_TOKEN"),
        ("old", 401, "does not know this token, or it has expired"),
        ("small", 403, "`iobuffer token create CONFIG NAME --role ROLE` makes one"),
    ],
)
def test_who_may_not_is_told_how_to_come_by_a_token(
    token: str | None, status: int, remedy: str
) -> None:
    problem = {"title": "A viewer may not do this", "detail": "It takes an admin."}
    with url_gateway(problem, status) as asked:
        result = _reload(f"http://127.0.0.1:{asked.port}", token=token)

    assert result.exit_code == 1
    assert remedy in result.stderr


def test_a_gateway_that_is_older_than_the_command_is_to_be_restarted(
    state_dir: Path,
) -> None:
    with gateway(state_dir, {"title": "There is nothing by this path"}, 404):
        result = _reload(state_dir)

    assert "is older than this command; restart it" in result.stderr


def test_an_answer_that_is_cut_off_is_no_answer(state_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(state_dir / SOCKET_NAME))
        listener.listen()

        def answer() -> None:
            with listener.accept()[0] as line:
                line.recv(4096)
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                line.sendall(head + b"5\r\nfirst\r\n5\r\nsec")

        answering = threading.Thread(target=answer)
        answering.start()
        result = CliRunner().invoke(main, ["export", str(state_dir), "chem-1"])
        answering.join(10.0)

    assert result.stdout.startswith("first")
    assert result.exit_code == ExitStatus.UNAVAILABLE
    assert "IncompleteRead" in result.stderr
