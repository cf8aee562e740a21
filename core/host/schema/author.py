"""Write migration files: for plugin authors, and for the core's own."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from alembic import command
from alembic.operations import ops
from alembic.script import Script
from sqlalchemy import Table, create_engine

from core.db.base import CORE
from core.host.schema.change import told, upgrade
from core.host.schema.exclusive import transaction
from core.host.schema.line import folder_of
from core.host.schema.models import Backfill
from core.host.schema.revisions import config_of, line_of, options, scripts_of
from core.host.schema.state import MigrationError


def revision(name: str, message: str) -> Path:
    """Write the next migration file of ``name``: what its loaded models have and its migrations do not; returns it.

    The migrations so far are run in an empty scratch database, so the state of the author's own does not matter.

    Raises:
        MigrationError: models and migrations already agree, or the migrations so far do not run.
    """
    with TemporaryDirectory() as scratch, told(name):
        engine = create_engine(f"sqlite:///{scratch}/scratch.db")
        if name != CORE:  # an online backfill keeps its progress there
            cast(Table, Backfill.__table__).create(engine)
        upgrade(engine, name)
        folder = folder_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        number = f"{len(line_of(scripts_of(name))) + 1:04d}"
        with transaction(engine) as connection, redirect_stdout(io.StringIO()):
            config = config_of(name, connection=connection, options=options(name, connection))
            script = command.revision(
                config,
                message,
                autogenerate=True,
                version_path=folder,
                rev_id=number,
                process_revision_directives=_wanted,
            )
    if not isinstance(script, Script):
        raise MigrationError(name, "models and migrations already agree")
    file = Path(script.path)
    _tidy(file)
    return file


def _wanted(_context: Any, _revision: Any, directives: list[Any]) -> None:
    """No file when nothing differs; and a table that comes or goes as a whole needs no batch for its indexes."""
    script = directives[0]
    if script.upgrade_ops.is_empty():
        directives.clear()
        return
    made = {step.table_name for step in script.upgrade_ops.ops if isinstance(step, ops.CreateTableOp)}
    for side in (script.upgrade_ops, script.downgrade_ops):
        side.ops = [plain for step in side.ops for plain in _plainly(step, made)]


def _plainly(step: Any, made: set[str]) -> list[Any]:
    if not isinstance(step, ops.ModifyTableOps) or step.table_name not in made:
        return [step]
    return [inner for inner in step.ops if not isinstance(inner, ops.DropIndexOp)]


def _tidy(file: Path) -> None:
    """Without Alembic's remarks, and formatted where ruff is installed, as it is for authors."""
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join(line for line in lines if "# ###" not in line) + "\n", "utf-8")
    if find_spec("ruff"):
        style = ["--isolated", "--line-length=120", "--quiet", str(file)]
        subprocess.run([sys.executable, "-m", "ruff", "format", *style], check=False)  # noqa: S603 - nothing of it comes from outside
