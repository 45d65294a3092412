# The steps of continuous integration, by hand: make check test coverage.
# They work in the active virtual environment, or else in .venv, which they make. PYTHON chooses what makes it.

PYTHON ?= python3
VENV ?= $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.netbp-installed
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4

# One thread for each worker's linear algebra: the workers are the parallelism.
test coverage: export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

.PHONY: install check format test coverage docs bench clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

check: install node_modules/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	npm run --silent check

# TypeScript, which checks the types of the lab's page; the page itself needs neither node nor a build.
node_modules/.installed: package.json package-lock.json
	npm ci --silent --no-audit --no-fund
	touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The whole suite; the lines it runs are counted for `make coverage`.
test: install
	rm -f .coverage .coverage.*
	$(PYTEST) --cov --cov-report= --cov-fail-under=0

# The compiled kernels' lines, run as plain Python on tiny cases, are added to what `make test` counted.
coverage: install
	test -f .coverage || $(MAKE) test
	NUMBA_DISABLE_JIT=1 $(PYTEST) -m kernels --cov --cov-append --cov-report= --cov-fail-under=0
	$(BIN)/coverage report --skip-covered

# Every example, every code block of README.md and docs/, every name in the reading guide.
docs: install
	$(BIN)/python -m pytest tests/test_docs.py

# The tables of benchmarks/RESULTS.md.
bench: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv node_modules .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist paper
