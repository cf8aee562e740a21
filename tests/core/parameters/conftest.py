from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from core.app import create_app
from core.db.base import metadata, tables_of
from core.extensions import db


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app({"instance": tmp_path / "instance", "testing": True, "training": True})
    with app.app_context():
        metadata.create_all(db.engine, tables=tables_of("core"))
    yield app
    with app.app_context():
        db.engine.dispose()
