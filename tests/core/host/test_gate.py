"""The gate in front of every page."""

from __future__ import annotations

import sys

import pytest

from core.host.gate import GatedFlask


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt()])
def test_a_page_cannot_end_its_process(ending: BaseException) -> None:
    """gunicorn ends the whole server when a worker exits with 3 or 4."""
    app = GatedFlask("gate-test")
    app.logger.disabled = True

    @app.get("/")
    def page() -> str:
        if isinstance(ending, SystemExit):
            sys.exit(ending.code)
        raise ending

    assert app.test_client().get("/").status_code == 500
