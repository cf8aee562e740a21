"""The ``crm`` command. Exit codes: 0 done, 1 failed, 2 wrong use, 3 held or waiting for approval."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import FlaskGroup, with_appcontext

from core.config import ConfigError, load
from core.contract.protocols import runtime

ELSEWHERE = {
    "batch": "core.warehouse.cli",
    "migrate": "core.host.cli",
    "plugin": "core.host.cli",
    "role": "core.permissions.cli",
    "source": "core.warehouse.cli",
    "user": "core.permissions.cli_users",
    "warehouse": "core.warehouse.cli",
}
"""Commands by the module they stand in, which is imported when one is called: ``crm serve`` needs none of them."""


class CrmGroup(FlaskGroup):
    """Core's commands, then those of enabled plugins."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A core command by name, else the plugin's."""
        if name in ELSEWHERE:
            found: click.Command = _elsewhere(name)
            return found
        return self.commands.get(name) or self._of_plugins(ctx).get(name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, sorted."""
        return sorted({*self.commands, *ELSEWHERE, *self._of_plugins(ctx)})

    def _of_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        app: Flask = ctx.ensure_object(self._info_class()).load_app()
        with app.app_context():
            found = [command.command for _, command in runtime().registry.of("crm_cli")]
        return {str(command.name): with_context(command) for command in found}

    @staticmethod
    def _info_class() -> type[Any]:
        from flask.cli import ScriptInfo

        return ScriptInfo


def _elsewhere(name: str) -> Any:
    """A command, or group of commands, of :data:`ELSEWHERE`."""
    return getattr(import_module(ELSEWHERE[name]), name)


def with_context(command: click.Command) -> click.Command:
    """The command, run inside an app context, as a plugin may expect."""
    if command.callback is not None and not getattr(command.callback, "crm_context", False):
        command.callback = with_appcontext(command.callback)
        command.callback.crm_context = True  # type: ignore[attr-defined]
    return command


def _create_app() -> Flask:
    from core.app import create_app

    return create_app()


@click.group(cls=CrmGroup, create_app=_create_app, add_default_commands=False, add_version_option=False)
def crm() -> None:
    """Jinqiao CRM (金桥)."""


@crm.command(with_appcontext=False)  # the server makes its own app; making one here would only cost time
@click.option("--no-scheduler", is_flag=True, help="Leave the scheduler to another process.")
@click.option("--demo", "with_demo", is_flag=True, help="First whatever `crm demo` finds missing.")
@click.pass_context
def serve(ctx: click.Context, no_scheduler: bool, with_demo: bool) -> None:
    """Serve the web pages in the foreground."""
    config = load()
    if with_demo:
        ctx.invoke(demo, customers=20_000)
        click.echo(f"users and passwords: {config.instance / 'demo-users.txt'} (rm02, head01, comp, sysadmin, …)")
    click.echo(f"serving on http://{config.host}:{config.port}")
    sys.stdout.flush()
    # A process of its own, which has imported no plugin: its workers then load new code at a rolling restart.
    flags = ["--no-scheduler"] if no_scheduler else []
    os.execv(sys.executable, [sys.executable, "-m", "core.serve", *flags])  # noqa: S606


@crm.command()
@click.option("--customers", type=click.IntRange(1, 5_000_000), default=20_000, show_default=True)
@click.pass_context
def demo(ctx: click.Context, customers: int) -> None:
    """Prepare training mode: tables, demo users, and the sample bank loaded. Repeats nothing that is there."""
    config = current_app.config["CRM"]
    _step(ctx, _elsewhere("migrate"))
    _step(ctx, seed, demo=True)
    commands = {item.command.name: item.command for _, item in runtime().registry.of("crm_cli")}
    if "sample" in commands and not (config.sources / "samplebank_core.toml").exists():
        _step(ctx, commands["sample"], customers=customers)
    _step(ctx, _elsewhere("batch").commands["run"])


def _step(ctx: click.Context, command: click.Command, **values: Any) -> None:
    """Run one command, other options at their defaults; a code that is neither done nor held ends everything."""
    try:
        ctx.invoke(with_context(command), **values)
    except (SystemExit, click.exceptions.Exit) as ended:
        code = ended.code if isinstance(ended, SystemExit) else ended.exit_code
        if code not in (0, None, 3):
            raise


@crm.command()
def scheduler() -> None:
    """Take part in the election and run jobs when elected."""
    from core.scheduler import leader

    leader.serve(current_app._get_current_object())  # type: ignore[attr-defined]


@crm.command(hidden=True)
def courier() -> None:
    """Deliver events beside the scheduler; started by it."""
    from core.host import courier as of_host

    of_host.serve(current_app._get_current_object())  # type: ignore[attr-defined]


@crm.command()
@click.option("--demo", is_flag=True, help="Also the demo organisations and users (training mode only).")
def seed(demo: bool) -> None:
    """Add the rows that core and plugins need; safe to repeat."""
    from core.db.session import system_session
    from core.demo import seed_demo

    config = current_app.config["CRM"]
    if demo and not config.training:
        raise click.UsageError("demo data needs training mode: set CRM_TRAINING=1")
    with system_session("seed") as session:
        if demo:
            seed_demo(session, config)
        for name, item in runtime().registry.of("crm_seed"):
            if demo or not item.demo:
                item.run(session)
                click.echo(f"{name}: {item.name}")
        session.commit()


@crm.group()
def job() -> None:
    """Jobs of the enabled modules."""


@job.command("list")
@click.option("--json", "as_json", is_flag=True)
def job_list(as_json: bool) -> None:
    """Declared jobs with the schedules in force."""
    from core.db.session import system_session
    from core.scheduler import cron, runs

    with system_session("job list") as session:
        lines = runs.schedules(session)
    rows = [
        {
            "name": name,
            "module": plugin_name,
            "schedule": lines[name],
            "time_limit": item.time_limit,
            "trouble": cron.trouble(lines[name] or "* * * * *"),
        }
        for name, (plugin_name, item) in runs.declared().items()
    ]
    if as_json:
        click.echo(json.dumps({"jobs": rows}, ensure_ascii=False))
        return
    for row in rows:
        trouble = f"  never due: {row['trouble']}" if row["trouble"] else ""
        click.echo(f"{row['name']}  {row['schedule'] or '-'}  <= {row['time_limit']} s{trouble}")


@job.command("child", hidden=True)
@click.argument("run_id", type=int)
def job_child(run_id: int) -> None:
    """Run one claimed run; started by the scheduler."""
    from core.scheduler import child

    sys.exit(0 if child.run_one(run_id) in {"done", "skipped"} else 1)


def main() -> None:
    """Entry point: settings that make no sense end in one clear line instead of a traceback."""
    os.umask(0o077)  # what lies in the instance folder is for its owner only
    try:
        crm(prog_name="crm")
    except ConfigError as error:
        click.echo(f"crm: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        from core.host.store import is_missing_table

        if not is_missing_table(error):
            raise
        click.echo("crm: the database has no tables for this yet; run crm migrate", err=True)
        sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUTF8", "1")
    main()
