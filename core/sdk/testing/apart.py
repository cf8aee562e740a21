"""Run something in a forked child, so that what it breaks in the process is gone with the child."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

SECONDS = 120


def apart(work: Callable[[], Any]) -> Any:
    """What ``work`` returns (something picklable), from a child process that has this one's modules.

    Raises:
        AssertionError: it raised, died or did not end; the message holds its traceback.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(work, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        told = ours.poll(SECONDS)
        good, result = ours.recv() if told else (False, f"did not end within {SECONDS} seconds")
    except EOFError:
        good, result = False, "the child process died"
    child.kill()
    child.join()
    if not good:
        raise AssertionError(result)
    return result


def _run(work: Callable[[], Any], answer: Connection) -> None:
    try:
        answer.send((True, work()))
    except BaseException:  # whatever it was, the test wants to see it
        answer.send((False, traceback.format_exc()))
    finally:
        answer.close()
