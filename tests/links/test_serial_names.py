"""The serial lines of a machine, from a folder that looks like /dev."""

from __future__ import annotations

from pathlib import Path

from iobuffer.links.serial_names import present_lines


def test_a_name_that_lasts_goes_before_the_number_of_the_adapter(
    tmp_path: Path,
) -> None:
    by_id = tmp_path / "serial" / "by-id"
    by_id.mkdir(parents=True)
    for name in ("ttyUSB0", "ttyUSB1", "ttyACM0", "ttyS0", "null"):
        (tmp_path / name).touch()
    (by_id / "usb-FTDI_A1-if00").symlink_to("../../ttyUSB1")

    assert present_lines(str(tmp_path)) == [
        f"{by_id}/usb-FTDI_A1-if00",
        f"{tmp_path}/ttyUSB0",
        f"{tmp_path}/ttyACM0",
    ]


def test_a_machine_without_lines_has_none(tmp_path: Path) -> None:
    assert present_lines(str(tmp_path)) == []


def test_so_many_lines_are_not_all_listed(tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"ttyUSB{number}").touch()

    assert len(present_lines(str(tmp_path))) == 50
