"""The plugin is found however iobuffer got onto the machine."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def plugins(cwd: Path, first: Path | None = None, without: Path | None = None) -> str:
    """What twistd finds, from a folder, with one path put first and one taken away."""
    code = (
        "import sys\n"
        f"sys.path = [p for p in sys.path if p != {str(without)!r}]\n"
        f"sys.path[:0] = {[str(first)] if first else []!r}\n"
        "from twisted.plugin import getPlugins\n"
        "from twisted.application.service import IServiceMaker\n"
        "print([p.tapname for p in getPlugins(IServiceMaker)])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return found.stdout


def test_an_editable_install_knows_the_plugin_from_any_folder(tmp_path: Path) -> None:
    assert "'iobuffer'" in plugins(tmp_path)

    shown = subprocess.run(
        [Path(sys.executable).parent / "twistd", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "iobuffer" in shown.stdout


def test_a_bare_checkout_knows_the_plugin(tmp_path: Path) -> None:
    """`PYTHONPATH=. twistd iobuffer`, as the README says for a checkout."""
    assert "'iobuffer'" in plugins(tmp_path, first=ROOT, without=ROOT)
    assert "'iobuffer'" not in plugins(tmp_path, without=ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--disable-pip-version-check", "-w", str(where), str(ROOT)),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return next(where.glob("*.whl"))


def test_a_wheel_holds_every_module_and_the_plugin(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "iobuffer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert ours <= names
    assert "twisted/plugins/iobuffer_plugin.py" in names
    assert "twisted/__init__.py" not in names
    assert "twisted/plugins/__init__.py" not in names


def test_twistd_knows_the_plugin_of_an_installed_wheel(
    wheel: Path, tmp_path: Path
) -> None:
    installed = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(installed)

    assert "'iobuffer'" in plugins(tmp_path, first=installed, without=ROOT)
