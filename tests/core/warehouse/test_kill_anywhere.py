"""A real ``crm batch run`` is killed at moments nobody chose; run again, it ends byte for byte as if undisturbed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core.warehouse import batch, engine
from core.warehouse.source_file import read
from plugins.samplebank import bank, cli

if TYPE_CHECKING:
    from flask import Flask

    from core.warehouse.sources import Source

pytestmark = pytest.mark.training

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 180.0


@pytest.fixture
def source(crm_app: Flask) -> Source:
    """Two nights of a practice bank, delivered and described."""
    config = crm_app.config["CRM"]
    folder = config.instance / "deliveries"
    bank.write(folder, 300, 1, 1, bank.LAST_DAY, None)
    return read(cli.describe(config.sources, folder))


def start(app: Flask) -> tuple[subprocess.Popen[bytes], float]:
    """The command as the night starts it, and when it began to load."""
    config = app.config["CRM"]
    environment = {
        **os.environ, "CRM_INSTANCE": str(config.instance), "CRM_DATABASE_URL": config.database_url,
        "CRM_TRAINING": "1", "CRM_SECRET_KEY": config.secret_key,
    }  # fmt: skip
    command = [sys.executable, "-m", "core.cli", "batch", "run", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    limit = time.monotonic() + PATIENCE
    while not (engine.folder() / ".lock").exists():
        assert process.poll() is None and time.monotonic() < limit, process.communicate()[1].decode()
        time.sleep(0.002)
    return process, time.monotonic()


def kill_after(process: subprocess.Popen[bytes], begun: float, seconds: float) -> int:
    """Exit code: -9 when it was killed, 0 when it was faster than that."""
    try:
        process.wait(max(0.0, begun + seconds - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    return process.returncode


@pytest.mark.parametrize("kills", [pytest.param(4, id="4"), pytest.param(50, id="50", marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_next_run_ends_the_same(
    crm_app: Flask, source: Source, kills: int, published_state: Callable[[], Any], wipe: Callable[[], None]
) -> None:
    seed = int(os.environ.get("CRM_KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRM_KILL_SEED={seed}")
    chance, codes = random.Random(seed), []
    with crm_app.app_context():
        process, begun = start(crm_app)
        assert kill_after(process, begun, PATIENCE) == 0
        lasts, undisturbed = time.monotonic() - begun, published_state()
        assert undisturbed["customers_party"] > "0 " and len(undisturbed) > 14
        for number in range(kills):
            wipe()
            moment = chance.uniform(0, lasts)
            process, begun = start(crm_app)
            codes.append(kill_after(process, begun, moment))
            if codes[-1] == 0:  # the machine was busier when it was measured
                lasts = min(lasts, time.monotonic() - begun)
            report = batch.run([source])
            assert report.exit_code == 0 and report.waiting == [], (seed, number, moment, report)
            assert published_state() == undisturbed, (seed, number, moment)
        print(f"{codes.count(-9)} of {kills} were killed within {lasts:.2f} s")
    assert -9 in codes and set(codes) <= {0, -9}, codes
