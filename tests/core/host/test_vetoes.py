"""A veto is asked about what it names, closes it when it fails, and never stands in the way of switching it off."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from core.contract.protocols import runtime
from core.host import Host

from .conftest import StartHost, enable, state

ACTION = "visits.visit.view"
MANIFEST = """
    name = "{name}"
    title = "{title}"
    version = "0.1.0"
    api = ">=1.0,<2"
    protected = {protected}
    votes_on = {votes_on}
"""


def write(shelf: Path, name: str, code: str, *, protected: bool = False, votes_on: tuple[str, ...] = ()) -> None:
    folder = shelf / name
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    known = {"protected": str(protected).lower(), "votes_on": list(votes_on)}
    manifest = MANIFEST.format(name=name, title=name.capitalize(), **known)
    (folder / "plugin.toml").write_text(dedent(manifest))
    imports = "from core.sdk.hooks import Action, Decision, hookimpl\n\nasked = []\n\n\n"
    (folder / "plugin.py").write_text(imports + dedent(code).lstrip("\n"))


def guard(shelf: Path, body: str, *actions: str) -> None:
    code = f"@hookimpl\ndef crm_decide(action):\n    asked.append(action)\n    {body}\n"
    write(shelf, "guard", code, votes_on=actions)


def vetoes(host: Host, action: str = ACTION) -> tuple[str, ...]:
    with host.app.app_context():
        return runtime().dispatch.vetoes(1, action, None, None)


def begin(start: StartHost) -> Host:
    host = start()
    enable(host, "visits", "guard")
    return host


def test_it_is_asked_about_what_it_names_only(start: StartHost, shelf: Path) -> None:
    import sys

    guard(shelf, 'return Decision(False, "Closed at night")', ACTION)
    host = begin(start)
    assert vetoes(host) == ("Closed at night",)
    assert vetoes(host, "notes.note.view") == ()
    assert sys.modules["plugins.guard.plugin"].asked == [ACTION]


def test_a_pattern_names_what_lies_below_it(start: StartHost, shelf: Path) -> None:
    guard(shelf, 'return Decision(False, "")', "visits.visit.*")
    host = begin(start)
    assert vetoes(host) == ("",)  # a refusal without a reason is a refusal
    assert vetoes(host, "visits.visited.view") == ()


@pytest.mark.parametrize("body", ['return Decision(True, "fine")', "return None"])
def test_a_vote_for_it_and_an_abstention_forbid_nothing(start: StartHost, shelf: Path, body: str) -> None:
    guard(shelf, body, ACTION)
    assert vetoes(begin(start)) == ()


@pytest.mark.parametrize(
    "body", ['raise RuntimeError("secret 6222")', "return False", 'return "no"', "raise SystemExit"]
)
def test_one_that_fails_closes_what_it_names_and_is_named(start: StartHost, shelf: Path, body: str) -> None:
    guard(shelf, body, ACTION)
    host = begin(start)
    [reason] = vetoes(host)
    assert "Guard" in reason
    assert "6222" not in reason  # the text of an exception is for the modules page
    assert vetoes(host, "notes.note.view") == ()
    assert host.faults.counts["guard", "crm_decide", "raised"] == 1
    host.disable("guard", "sysadmin", "it is broken")
    assert vetoes(host) == ()


def test_an_open_breaker_closes_it_too(start: StartHost, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.host import snapshot

    guard(shelf, "return None", ACTION)
    host = begin(start)
    monkeypatch.setattr(snapshot.Snapshot, "is_closed", lambda self, plugin, hook: hook == "crm_decide")
    [reason] = vetoes(host)
    assert "Guard" in reason


@pytest.mark.parametrize("spoil", ["import nowhere\n", "def broken(:\n"])
def test_one_whose_code_is_broken_closes_it_until_it_is_switched_off(start: StartHost, shelf: Path, spoil: str) -> None:
    guard(shelf, "return None", ACTION)
    begin(start)
    plugin = shelf / "guard" / "plugin.py"
    plugin.write_text(spoil + plugin.read_text())
    host = start()
    assert state(host, "guard")[0] == "broken"
    [reason] = vetoes(host)
    assert "Guard" in reason
    assert vetoes(host, "notes.note.view") == ()
    host.disable("guard", "sysadmin", "it is broken")
    assert vetoes(host) == ()


def test_one_that_was_never_on_closes_nothing(start: StartHost, shelf: Path) -> None:
    guard(shelf, 'return Decision(False, "no")', ACTION)
    (shelf / "guard" / "plugin.py").write_text("import nowhere\n")
    host = start()
    enable(host, "visits")
    assert vetoes(host) == ()


def test_a_broken_one_cannot_close_what_nobody_may_veto(start: StartHost, shelf: Path) -> None:
    guard(shelf, "return None", ACTION)
    begin(start)
    guard(shelf, "return None", "core.recovery")
    host = start()
    assert state(host, "guard")[0] == "broken"
    assert vetoes(host, "core.recovery") == ()


WRONG = [
    ((), "votes_on"),
    (("everything",), "votes_on"),
    (("core.recovery",), "nobody may veto"),
    (("desk.*",), "nobody may veto"),
    (("desk.modules.switch",), "nobody may veto"),
    (("visits.visit.veiw",), "nobody declares"),
]


@pytest.mark.parametrize(("actions", "words"), WRONG)
def test_it_must_name_what_it_may_close(start: StartHost, shelf: Path, actions: tuple[str, ...], words: str) -> None:
    guard(shelf, "return None", *actions)
    desk = '@hookimpl\ndef crm_permissions():\n    return [Action("desk.modules.switch", "Switch")]\n'
    write(shelf, "desk", desk, protected=True)
    told, reason = state(start(), "guard")
    assert told == "broken"
    assert words in reason
