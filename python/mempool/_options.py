# SPDX-License-Identifier: MIT
"""Options: the table as the library has it, and Python's values put into a configuration. Any thread; nothing is kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple, Union

from . import _core
from ._errors import Invalid, InvalidOption, NotFound

OptionValue = Union[int, str]  # bool is an int


class Option(NamedTuple):
    """One row of the table; the numbers are the range of an int, the bytes of a text."""

    name: str
    type: str
    unit: str
    doc: str
    since: str
    minimum: int
    maximum: int
    default: str


def table() -> list[Option]:
    return [Option(*row) for row in _core.options()]


def configure(options: Mapping[str, OptionValue]) -> _core.Config:
    """A configuration with these options set. Raises InvalidOption, which names the option and what is allowed."""
    config = _core.Config()
    for name, value in options.items():
        put(config, name, value)
    return config


def put(config: _core.Config, name: str, value: OptionValue) -> None:
    try:
        if isinstance(value, str):
            config.set_text(name, value)
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            config.set_int(name, value)
        elif isinstance(value, int):
            raise InvalidOption(f"{name} is {value}, which is beyond every range; `mempool options` lists them")
        else:
            raise InvalidOption(f"{name} is {value!r}; give a number or a text")
    except NotFound as error:
        close = closest(name)
        hint = f"did you mean {close}?" if close else "`mempool options` lists them"
        raise _option_error(error.status, f"there is no option {name}; {hint}") from None
    except InvalidOption:
        raise
    except Invalid as error:
        raise _option_error(error.status, error.detail) from None


def closest(name: str) -> str | None:
    """The option that somebody may have meant."""
    close = difflib.get_close_matches(name, [option.name for option in table()], n=1)
    return close[0] if close else None


def read(config: _core.Config, option: Option) -> OptionValue:
    return config.get_text(option.name) if option.type == "text" else config.get_int(option.name)


def _option_error(status: int, detail: str) -> InvalidOption:
    error = InvalidOption(detail)
    error.status = status
    return error
