# Everything sets itself up in .venv: `make demo` and `make test` are all a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
# A test that has not ended after five minutes hangs: it prints where its threads are, and is run once more.
LIMIT := --max-worker-restart 1 -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema vendor.
# Minutes, no GPU, no download of data or weights.
DEMO_OUT ?= runs/demo

.PHONY: demo test test-long test-slow test-faults record-faults fuzz test-exhaustive lint bench bench-compare docs site lock clean

demo: .venv/runtime.stamp  ## compare the four architectures on the built-in scenes
	@[ "$(DEMO_OUT)" != runs/demo ] || rm -rf runs/demo
	$(BIN)/segarena compare --epochs 10 --batch-size 4 --seeds 1 --out $(DEMO_OUT)

test: .venv/dev.stamp  ## the fast tests, a process per core
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(LIMIT) --durations=10

test-long: .venv/dev.stamp  ## the tests that take seconds each; before a change lands, after `make test`
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(LIMIT) \
	  -m "long and not slow and not exhaustive and not gpu and not faults"

test-slow: .venv/dev.stamp  ## the tests that take minutes, and those that need a GPU where there is one
	$(BIN)/pytest -m "slow and not gpu"
	$(BIN)/pytest -m gpu
	$(BIN)/pytest --hypothesis-profile new tests/data tests/image_files tests/converters tests/loading tests/kernels tests/scoring

# Their folders are 25 GB in all: those of failed tests are kept.
test-faults: .venv/dev.stamp  ## commands that are killed at random moments; SEGARENA_FAULTS=5 tries each signal five times
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m faults -o tmp_path_retention_policy=failed tests/faults tests/training/test_torchrun.py $(FAULTS)

record-faults:  ## test-faults, and what it measured into docs/reliability.md
	rm -f runs/faults.xml
	-$(MAKE) test-faults FAULTS="--junitxml=runs/faults.xml -o junit_logging=all"
	$(BIN)/python tests/faults/record.py runs/faults.xml
	$(BIN)/python docs/build_reliability_page.py

fuzz: .venv/dev.stamp  ## text files that reach new lines of code, an hour for each kind; KINDS="COCO 'lists of VOC'"
	$(BIN)/uv pip install --quiet --python $(BIN)/python atheris
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/fuzz.py $(KINDS)

test-exhaustive: .venv/dev.stamp  ## hours: every architecture on every encoder at every output stride
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m exhaustive tests/models

lint: .venv/dev.stamp  ## formatting, style, types; workflows, issue forms and citation against their schemas
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(SCHEMA)github-workflows .github/workflows/*.yml
	$(SCHEMA)github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA)github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA)dependabot .github/dependabot.yml
	$(SCHEMA)citation-file-format CITATION.cff

bench: .venv/dev.stamp  ## works on a CPU beside other libraries, as one table; ten minutes
	$(BIN)/python benchmarks/cpu/run.py

bench-compare: .venv/dev.stamp  ## a whole comparison beside four trainings written by hand; an hour
	$(BIN)/python benchmarks/cpu/whole.py

docs: .venv/dev.stamp  ## the Python functions in src/segarena/api; the list of modules; tables and pictures of data, files, models, performance.md and claims.md
	$(BIN)/python docs/build_signatures.py
	$(BIN)/python docs/build_modules.py
	$(BIN)/python docs/build_files_page.py
	$(BIN)/python docs/build_data_page.py
	$(BIN)/python docs/build_models_page.py
	$(BIN)/python docs/build_performance_page.py
	$(BIN)/python docs/build_claims_page.py
	$(BIN)/python docs/build_reliability_page.py
	$(BIN)/python docs/build_licenses_page.py

site: .venv/dev.stamp  ## the documentation as a site, into site/; a broken link or reference is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lock: .venv/dev.stamp  ## exact versions with the hashes of their files, without registry addresses
	$(BIN)/uv pip compile -q --universal --no-header --no-annotate --generate-hashes pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --no-header --no-annotate --generate-hashes --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "segarena needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

.venv/runtime.stamp: requirements.lock pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/runtime.stamp
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-dev.lock
	@$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true  # PyTorch has a file for Python 3.12
	@touch $@
