from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from core.host.graph import Node, cycles, dependants, direct_dependants, resolve

NAMES = [f"p{n}" for n in range(8)]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Node]:
    """Plugins with any requirements: circles, and some that are not there."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
    return {
        name: Node(
            draw(st.sampled_from(["1.0", "2.0"])),
            {
                other: draw(st.sampled_from([">=1", ">=2"]))
                for other in draw(st.sets(st.sampled_from(NAMES), max_size=3))
                if other != name
            },
            draw(st.integers(0, 1)),
        )
        for name in names
    }


def reaches(nodes: dict[str, Node], start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for other in nodes[todo.pop()].requires:
            if other in nodes and other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


@given(graphs(), st.randoms())
def test_order_is_topological_complete_and_the_same_for_any_input_order(
    nodes: dict[str, Node], chance: random.Random
) -> None:
    found = resolve(nodes)
    assert set(found.order) | set(found.problems) == set(nodes)
    assert not set(found.order) & set(found.problems)
    for place, name in enumerate(found.order):
        assert all(required in found.order[:place] for required in nodes[name].requires)
    shuffled = list(nodes.items())
    chance.shuffle(shuffled)
    assert resolve(dict(shuffled)) == found


@given(graphs())
def test_only_plugins_with_a_reason_are_left_out(nodes: dict[str, Node]) -> None:
    problems = resolve(nodes).problems
    for name, node in nodes.items():
        unmet = any(
            other not in nodes or float(nodes[other].version) < float(wanted[2:])
            for other, wanted in node.requires.items()
        )
        in_circle = name in reaches(nodes, name)
        on_broken = any(other in problems for other in node.requires)
        assert (name in problems) is (unmet or in_circle or on_broken)


@given(graphs())
def test_cycles_are_real_and_every_member_is_named(nodes: dict[str, Node]) -> None:
    circles = cycles(nodes)
    for circle in circles:
        for one, following in zip(circle, (*circle[1:], circle[0]), strict=True):
            assert following in nodes[one].requires
    named = {name for circle in circles for name in circle}
    assert named == {name for name in nodes if name in reaches(nodes, name)}


def test_a_cycle_is_told_with_its_members() -> None:
    nodes = {"a": Node("1", {"b": ">=1"}), "b": Node("1", {"c": ">=1"}), "c": Node("1", {"a": ">=1"})}
    assert resolve(nodes).problems["b"] == "requires itself in a circle: a → b → c → a"


def test_ours_come_before_third_parties() -> None:
    nodes = {"a": Node("1", {}, 1), "m": Node("1", {}, 0), "b": Node("1", {"a": ">=1"}, 0)}
    assert resolve(nodes).order == ("m", "a", "b")


def test_what_is_broken_takes_down_those_that_require_it_and_nobody_else() -> None:
    nodes = {"a": Node("1", {"x": ">=1"}), "b": Node("1", {"a": ">=1"}), "c": Node("1", {})}
    found = resolve(nodes, {"x": "it is bad"})
    assert found.order == ("c",)
    assert found.problems["b"] == "requires a, which is broken: requires x, which is broken: it is bad"


def test_dependants() -> None:
    nodes = {"a": Node("1", {}), "b": Node("1", {"a": ">=1"}), "c": Node("1", {"b": ">=1"}), "d": Node("1", {})}
    assert direct_dependants("a", nodes) == ("b",)
    assert dependants(["a"], nodes) == {"b", "c"}
