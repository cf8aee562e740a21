"""The order plugins load in: what a plugin requires comes before it. Says who misses what, and names cycles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True, slots=True)
class Node:
    """A plugin as the graph sees it: its version, and the version ranges of what it requires.

    Of two that could load now the one of lower ``rank`` does, so that in a clash ours stays and a third party's goes.
    """

    version: str
    requires: Mapping[str, str]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Resolution:
    """``order`` holds those that can load, requirements first; ``problems`` a reason for each of the others."""

    order: tuple[str, ...]
    problems: Mapping[str, str]


def resolve(nodes: Mapping[str, Node], broken: Mapping[str, str] | None = None) -> Resolution:
    """Order ``nodes``. The order depends on names and requirements only, not on the order they are given in.

    ``broken`` are plugins that are there but cannot be used, with the reason; what requires them cannot load.
    """
    problems: dict[str, str] = {}
    known_broken = dict(broken or {})
    for name in sorted(nodes):
        reason = _unmet(name, nodes, known_broken)
        if reason:
            problems[name] = reason
    for cycle in cycles(nodes):
        for name in cycle:
            problems.setdefault(name, f"requires itself in a circle: {' → '.join([*cycle, cycle[0]])}")
    _spread(nodes, problems)
    return Resolution(_ordered({n: nodes[n] for n in nodes if n not in problems}), problems)


def _unmet(name: str, nodes: Mapping[str, Node], broken: Mapping[str, str]) -> str:
    for wanted, versions in sorted(nodes[name].requires.items()):
        if wanted in broken:
            return f"requires {wanted}, which is broken: {broken[wanted]}"
        if wanted not in nodes:
            return f"requires {wanted} {versions}, which is not installed"
        if Version(nodes[wanted].version) not in SpecifierSet(versions, prereleases=True):
            return f"requires {wanted} {versions}, but version {nodes[wanted].version} is installed"
    return ""


def _spread(nodes: Mapping[str, Node], problems: dict[str, str]) -> None:
    """A plugin goes down with what it requires; nobody else does."""
    grown = True
    while grown:
        grown = False
        for name in sorted(nodes.keys() - problems.keys()):
            culprit = next((r for r in sorted(nodes[name].requires) if r in problems), None)
            if culprit is not None:
                problems[name] = f"requires {culprit}, which is broken: {problems[culprit]}"
                grown = True


def _ordered(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    waiting = {name: len(node.requires) for name, node in nodes.items()}
    ready = [(nodes[name].rank, name) for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(name)
        for follower in direct_dependants(name, nodes):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, (nodes[follower].rank, follower))
    return tuple(order)


def cycles(nodes: Mapping[str, Node]) -> list[tuple[str, ...]]:
    """A circle through each plugin that requires itself by some way, each circle once, from its first name on."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    seen: set[str] = set()
    for name in sorted(nodes):
        circle = () if name in seen else _circle(name, nodes)
        if circle:
            found.setdefault(frozenset(circle), circle)
            seen.update(circle)
    return sorted(found.values())


def _circle(start: str, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """The shortest way from ``start`` back to itself, or nothing."""
    ways: list[tuple[str, ...]] = [(start,)]
    visited: set[str] = set()
    for way in ways:  # grows while it is walked: a breadth-first search
        for nearer in sorted(nodes[way[-1]].requires):
            if nearer == start:
                return way
            if nearer in nodes and nearer not in visited:
                visited.add(nearer)
                ways.append((*way, nearer))
    return ()


def direct_dependants(name: str, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Who requires ``name`` itself, by name."""
    return tuple(sorted(other for other, node in nodes.items() if name in node.requires))


def dependants(names: Iterable[str], nodes: Mapping[str, Node]) -> frozenset[str]:
    """Everybody who goes when ``names`` go: those that require one of them, directly or through others."""
    gone, todo = set(names), list(names)
    while todo:
        for follower in direct_dependants(todo.pop(), nodes):
            if follower not in gone:
                gone.add(follower)
                todo.append(follower)
    return frozenset(gone.difference(names))
