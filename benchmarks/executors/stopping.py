"""What ends a command that was asked to stop."""


class Stopped(BaseException):
    """A stop was asked for; no failure of what was called, so no `Exception`."""
