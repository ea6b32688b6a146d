"""NormalizePath: paths with and without a slash at their end are one."""


class NormalizePath:
    """Have the router match "/a/" as "/a".

    Nothing that runs: a router that has it among its layers trims the slash as it is compiled, because a
    layer runs only behind the route.
    """

    __slots__ = ()
