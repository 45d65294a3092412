# The steps of continuous integration, by hand: make check test coverage.
# They work in the active virtual environment, or else in .venv, which they make. PYTHON chooses what makes it.

PYTHON ?= python3
VENV ?= $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.netbp-installed
TOOLS := .venv-tools
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4

# One thread for each worker's linear algebra: the workers are the parallelism.
test coverage: export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg

# Seconds of `make fuzz`.
SECONDS ?= 60

.PHONY: install check format test coverage processors fuzz docs bench lock audit sbom clean

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

# Every parser of what others may have written, fed damaged and hostile bytes: SECONDS=3600 for an hour.
fuzz: install
	$(BIN)/python -m fuzz --seconds $(SECONDS)

# The numerical tests as other processors would compute them, one after the other; SAMPLE=--sample: what CI takes of them.
processors: install
	$(BIN)/python tests/processors.py $(SAMPLE)

# Every example, every code block of README.md and docs/, every name in the reading guide.
docs: install
	$(BIN)/python -m pytest tests/test_docs.py

# The tables of benchmarks/RESULTS.md.
bench: install
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

# Every version in constraints.txt, and what other systems need beside them, with the SHA-256 of its files on PyPI.
lock: $(TOOLS)/.installed
	echo hatchling | $(TOOLS)/bin/uv pip compile --quiet pyproject.toml - --all-extras --constraints constraints.txt \
		--universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' \
		--output-file requirements.lock

# Known vulnerabilities of what is locked, by the Python Packaging Authority's database; what cannot be looked up is a failure.
audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit --strict --disable-pip --requirement requirements.lock

# A software bill of materials in CycloneDX's format: what is locked, with its checksums.
sbom: $(TOOLS)/.installed
	mkdir -p dist
	$(TOOLS)/bin/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml \
		--mc-type library --output-reproducible --output-file dist/sbom.json

$(TOOLS)/.installed: Makefile
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1 uv==0.13.9
	touch $@

clean:
	rm -rf .venv $(TOOLS) node_modules .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist paper fuzz-*.bin
