"""The tables come, go and come again, and are what the models say."""

from __future__ import annotations

from core.host import migrations
from core.sdk.testing.recipes import engine_of


def test_up_down_up_leaves_no_drift(database_url: str) -> None:
    import plugins.customers.models  # noqa: F401 - the drift is between these and the tables

    engine = engine_of(database_url)
    try:
        migrations.upgrade(engine, "customers")
        assert migrations.drift(engine, "customers") == ()
        migrations.downgrade(engine, "customers")
        migrations.upgrade(engine, "customers")
        assert migrations.drift(engine, "customers") == ()
        assert migrations.pending(engine, "customers") == ()
    finally:
        engine.dispose()
