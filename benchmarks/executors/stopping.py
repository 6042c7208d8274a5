"""What ends a command on request."""


class Stopped(BaseException):
    """A stop was requested; no failure of what was called, so no `Exception`."""
