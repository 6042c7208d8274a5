"""Settings of all tests, and what the one over all of timm says at its end."""

import browsing
import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # shape checks compile at the first call
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Last of all: how many of timm's models can be used, and why the others cannot."""
    yield
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    tried = [(dict(report.user_properties), report) for report in reports if report.when == "call"]
    tried = [(said, report) for said, report in tried if "timm model" in said]
    if tried:
        failed = sum(report.failed for _, report in tried)
        refused = [f"{said['timm model']}: {said['refused']}" for said, _ in tried if "refused" in said]
        seconds = sum(report.duration for _, report in tried)
        built = len(tried) - len(refused) - failed
        terminalreporter.section("timm models")
        terminalreporter.write_line(
            f"timm models: {built} built, {len(refused)} refused, {failed} failed, in {seconds:.0f} s of tests"
        )
        for line in sorted(refused):
            terminalreporter.write_line(f"refused {line}")


@pytest.fixture(scope="module")  # and not longer: while it is open, a test cannot start an event loop of its own
def browser():
    """A headless Chromium; see `browsing`."""
    with browsing.launched() as browser:
        yield browser


@pytest.fixture
def visit(browser):
    """Opens a file: `visit(path, width=320, color_scheme="dark")` gives a `browsing.Visit`."""
    visits = []

    def opened(*args, **options):
        visits.append(browsing.Visit(browser, *args, **options))
        return visits[-1]

    yield opened
    for each in visits:
        each.close()
