"""The log: one event, one line, for people or for machines, whatever peers say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from iobuffer.logs import LogOutput, no_observer

AT = 1_700_000_000.25


def event(text: str, level: Any = LogLevel.info, **fields: Any) -> dict[str, Any]:
    fields.setdefault("log_namespace", "iobuffer")
    return {
        "log_format": "{text}",
        "text": text,
        "log_level": level,
        "log_time": AT,
        **fields,
    }


def failed() -> Failure:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        return Failure()


def written(path: Path, *events: dict[str, Any], **options: str) -> list[str]:
    log_format = options.get("log_format", "text")
    output = LogOutput(str(path), log_format, options.get("level", "info"))
    for each in events:
        output(each)
    output.close()
    return path.read_text().splitlines()


def test_a_line_has_a_time_with_its_zone_a_level_and_the_text(tmp_path: Path) -> None:
    (line,) = written(tmp_path / "log", event("chem-1: running", LogLevel.warn))
    stamp, rest = line.split(" ", 1)
    assert rest == "warn  chem-1: running"
    assert len(stamp) == len("2026-11-22T08:42:07+0000")


def test_what_is_less_grave_than_the_level_is_left_out(tmp_path: Path) -> None:
    events = [
        event(name, getattr(LogLevel, name)) for name in ("debug", "info", "warn")
    ]
    assert len(written(tmp_path / "a", *events)) == 2
    assert len(written(tmp_path / "b", *events, level="warn")) == 1
    assert len(written(tmp_path / "c", *events, level="debug")) == 3


def test_what_a_library_says_of_itself_is_shown_from_warn_on(tmp_path: Path) -> None:
    said = [
        event("starting factory", log_namespace="twisted.internet"),
        event("deprecated", LogLevel.warn, log_namespace="twisted"),
    ]
    (line,) = written(tmp_path / "log", *said, level="debug")
    assert line.endswith("deprecated")


def test_a_peers_own_words_cannot_forge_a_line(tmp_path: Path) -> None:
    forged = "bad\n2026-01-01 info all is well\r\x1b[2J\u2028\x85end"
    (line,) = written(tmp_path / "log", event(forged))
    assert line.endswith(r"bad\x0a2026-01-01 info all is well\x0d\x1b[2J\u2028\x85end")


def test_what_is_no_utf8_is_written_as_an_escape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = written(tmp_path / "log", event("file \udce4.txt"))
    assert line.endswith(r"file \udce4.txt")
    (line,) = written(tmp_path / "json", event("file \udce4.txt"), log_format="json")
    assert json.loads(line)["text"] == "file \udce4.txt"
    LogOutput("-", "text", "info")(event("file \udce4.txt"))
    captured = capsys.readouterr()
    assert r"file \udce4.txt" in captured.out
    assert captured.err == ""


def test_a_traceback_is_indented_under_its_line(tmp_path: Path) -> None:
    first, *rest = written(
        tmp_path / "log", event("a fault", LogLevel.critical, log_failure=failed())
    )
    assert first.endswith("critical a fault")
    assert rest
    assert all(row.startswith("    ") for row in rest)


def test_as_json_an_event_is_an_object_with_what_it_is_about(tmp_path: Path) -> None:
    line, fault = written(
        tmp_path / "log",
        event("größer\n", LogLevel.error, channel="chem-1", part="lis"),
        event("a fault", LogLevel.error, log_failure=failed()),
        log_format="json",
    )
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "error",
        "text": "größer\n",
        "channel": "chem-1",
        "part": "lis",
    }
    assert "größer" in line
    assert "ValueError" in json.loads(fault)["traceback"]


def test_after_a_rotation_the_new_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    output = LogOutput(str(path), "text", "info")
    output(event("old"))
    path.rename(tmp_path / "log.1")
    output(event("still old"))
    output.reopen()
    output(event("new"))
    output.close()
    assert "new" in path.read_text()
    assert "old" not in path.read_text()
    assert "still old" in (tmp_path / "log.1").read_text()


def test_a_log_that_cannot_be_reopened_keeps_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    output = LogOutput(str(folder / "log"), "text", "info")
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        output.reopen()
    output(event("still heard"))
    output.close()
    assert "still heard" in (tmp_path / "moved" / "log").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_log_disk_is_told_on_standard_error_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    class Terminal:
        def write(self, text: str) -> None:
            said.append(text)

        def flush(self) -> None: ...

    monkeypatch.setattr(sys, "__stderr__", Terminal())
    output = LogOutput("/dev/full", "text", "info")
    output(event("lost"))
    assert "cannot write the log" in "".join(said)
    # The line that did not fit goes with the old file, and does not keep it open.
    output.reopen()
    output.close()


def test_twistd_is_given_an_observer_that_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    no_observer()(event("something"))
    assert capsys.readouterr().out == ""
