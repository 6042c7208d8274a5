"""Settings of all tests, and what the one over all of timm says at its end."""

import browsing
import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # shape checks compile at the first call
settings.load_profile("any machine")

# The longest first, so that no worker is left with a long file when the others have none.
LONGEST = (
    "test_harness", "test_ray", "test_slurm", "test_scoring", "test_speed", "test_contracts", "test_docs_run", "test_export", "test_contract_plugin",
    "test_third_party", "test_paraphrases", "test_reproduce", "test_backbones", "test_timm", "test_folder",
    "test_device", "test_simulation", "test_audit", "test_page_size", "test_browser_access", "test_grid", "test_caption",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Files in the order in which they should start; inside a file nothing moves."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(LONGEST)))


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
