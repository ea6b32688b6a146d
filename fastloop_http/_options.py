"""Options of a server: their checks. Each says the option, its value and what it may be."""

import math


def check_count(name: str, value: object) -> None:
    """Raise ValueError unless value is an int from 1 to 2**31 - 1."""
    if not isinstance(value, int) or not 0 < value < 2**31:
        raise ValueError(f"{name} must be an int from 1 to {2**31 - 1}, not {value!r}")


def check_seconds(name: str, value: object) -> None:
    """Raise ValueError unless value is a finite number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number of seconds, 0 or more, not {value!r}")


def check_timeout(name: str, value: object) -> None:
    """Raise ValueError unless value is a number of seconds above 0, or None: no limit."""
    if value is not None and (not isinstance(value, (int, float)) or not 0 < value < 1e9):
        raise ValueError(f"{name} must be seconds above 0, or None for no limit, not {value!r}")


def check_flag(name: str, value: object) -> None:
    """Raise TypeError unless value is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r}")


def check_mode(name: str, value: object) -> None:
    """Raise ValueError unless value is the permission bits of a file."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0o777:
        raise ValueError(f"{name} must be permission bits from 0 to 0o777, like 0o660, not {value!r}")
