"""Build backend: setuptools, after the assets and catalogues have been built, so that a wheel holds them.

Run as a script it only builds those, which is what ``make assets`` does.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """A wheel with built assets and compiled catalogues inside."""
    generate()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def generate() -> None:
    """Bundle the front end with the node that pip installed, and compile every catalogue."""
    for command in ([str(ROOT / "themes" / "make_assets.py")], ["-m", "core.host.i18n", "compile"]):
        subprocess.run([sys.executable, *command], cwd=ROOT, check=True)  # noqa: S603  # our own two scripts


if __name__ == "__main__":
    generate()
