"""What commands that measure share: how long they wait for a device that another uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


def wait_option(function: Callable[P, R]) -> Callable[P, R]:
    """The option `--wait`; it holds while the command runs, and is no parameter of it."""

    @wraps(function)
    def patient(*args: P.args, **kwargs: P.kwargs) -> R:
        wait = kwargs.pop("wait", None)
        if wait is None:
            return function(*args, **kwargs)
        from l0gm_edge import devices

        with devices.patience(float(str(wait))):
            return function(*args, **kwargs)

    told = "How long to wait for a device that another uses; 0: not at all.  [default: an hour]"
    return click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help=told)(patient)
