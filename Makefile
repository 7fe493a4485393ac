# Every target sets up what it needs: a fresh machine wants only make and Python 3.11 or newer.
# `make demo PORT=9000` and `make test PYTHON=python3.12` choose the port and the interpreter.

PORT ?= 8848
PYTHON ?=
ARGS ?=
VENV = .venv
PY = $(VENV)/bin/python
PIP = $(PY) -m pip install --quiet --disable-pip-version-check
# Dragoman itself: no dependencies and no downloaded build backend, since the locks have brought both.
SELF = $(PIP) --no-deps --no-build-isolation --editable .

.DEFAULT_GOAL := help
.PHONY: help demo assistant test sandbox kills mutations test-servers check ruff mypy pyright format conformance interop doctor bench scorecard compat lock clean

help:
	@echo "make demo         serve a made company's documents and database (PORT=$(PORT))"
	@echo "make assistant    a stand-in for a language model, for 'dragoman ask' on what make demo serves"
	@echo "make test         run every test"
	@echo "make test-servers stores in Redis and PostgreSQL, our pages in Chromium (Debian packages), logins at oidc-provider (npm)"
	@echo "make live         sources of data on PostgreSQL, MariaDB, sshd, web servers (Debian packages), S3, Azure: what ran, what was skipped"
	@echo "make sandbox      hostile servers in each sandbox that works here (bubblewrap is a Debian package): what gets out"
	@echo "make kills        workers killed in mid-task (N=200) on SQLite, Redis and PostgreSQL: nothing lost or done twice"
	@echo "make faults       broken networks, slow peers, overload, ends under load (TIMES=100): the figures of docs/faults.md"
	@echo "make soak         everything at once for MINUTES=20: memory, descriptors and latency as plots, which must not grow"
	@echo "make fuzz         every reader against what nobody would write, for MINUTES=5 (ARGS=--guided, ARGS=--growth)"
	@echo "make mutations    rules of authorization and failure modes of others put in, each in a copy: their tests have to notice"
	@echo "make check        ruff, mypy strict, pyright strict"
	@echo "make conformance  the official conformance suite, server and client"
	@echo "make interop      other packages' clients with our server, our client with theirs"
	@echo "make doctor       the doctor's verdicts on ten public servers from PyPI and npm"
	@echo "make bench        the benchmark tables of docs/benchmarks.md (10 minutes); BASE=REV compares two revisions"
	@echo "make scorecard    what tools cost, a hundred questions beside other servers, attacks, pages (no model is asked)"
	@echo "make compat       score servers written for other packages, run unchanged"
	@echo "make format       let ruff rewrite layout and imports"
	@echo "make lock         resolve the dependencies again (UPGRADE=1 takes newer versions)"
	@echo "make clean        remove the environment, caches and demo data"
	@echo "PYTHON=python3.12 chooses the interpreter; ARGS='...' goes to the program that runs."

$(PY):
	@sh tools/make_venv.sh "$(VENV)" "$(PYTHON)"

# A stamp is written last, so an interrupted set-up is done again and a finished one costs nothing.
$(VENV)/.demo: requirements/demo.lock pyproject.toml | $(PY)
	@echo "installing what the demo needs (once)..."
	@$(PIP) --require-hashes -r requirements/demo.lock
	@$(SELF)
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(PY)
	@echo "installing what the tests need (once)..."
	@sh tools/install.sh "$(VENV)" requirements/dev.lock
	@$(SELF)
	@touch $@ $(VENV)/.demo

$(VENV)/.live: requirements/live.lock $(VENV)/.dev
	@sh tools/install.sh "$(VENV)" requirements/live.lock
	@touch $@

demo: $(VENV)/.demo
	@exec $(PY) examples/acme/demo.py --port $(PORT) $(ARGS)

assistant: $(VENV)/.demo
	@exec $(PY) examples/acme/assistant.py $(ARGS)

# A file's tests stay in one process: they share what it sets up. Four processes even on two cores: tests wait, too.
# Files come by name, and not those of few tests last: these are the long ones.
test: $(VENV)/.dev
	@$(PY) -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

# Beside `make test`, which needs no server: installs what is missing (as root), skips by name what stays missing.
test-servers: $(VENV)/.dev
	@sh tools/install_servers.sh
	@$(PY) -m pytest -q tests/servers $(ARGS)

# Servers that try to get out of a sandbox: installs bubblewrap if it is missing (as root), and says what was skipped.
sandbox: $(VENV)/.dev
	@sh tools/install_servers.sh sandbox
	@$(PY) -m pytest -q -rs tests/sandbox $(ARGS)

# Sources of data on the servers that hold them: installs what is missing (as root), skips by name what stays missing.
live: $(VENV)/.live
	@sh tools/install_servers.sh live
	@$(PY) -m pytest -q tests/live $(ARGS)

# `make -j3 check` lets them run beside each other.
check: ruff mypy pyright

ruff: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

mypy pyright: $(VENV)/.dev
	$(VENV)/bin/$@

format: $(VENV)/.dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

N ?= 200
kills: $(VENV)/.dev
	@$(PY) -m tests.kills.run --kills $(N) $(ARGS)

TIMES ?= 100
faults: $(VENV)/.dev
	@sh tools/install_servers.sh stores
	@$(PY) -m tests.faults.run --times $(TIMES) $(ARGS)

MINUTES ?=
soak: $(VENV)/.dev
	@$(PY) -m tests.soak.run --minutes $(or $(MINUTES),20) $(ARGS)

# Beside Hypothesis: `make fuzz ARGS=--guided` wants atheris (the group `fuzz`), and says so where that is missing.
fuzz: $(VENV)/.dev
	@$(PY) -m tests.fuzz.run --minutes $(or $(MINUTES),5) $(ARGS)

mutations: $(VENV)/.dev
	@$(PY) -m tests.mutations.run $(ARGS)

conformance: $(VENV)/.dev
	@$(PY) tests/conformance/run.py $(ARGS)

interop: $(VENV)/.dev
	@$(PY) -m tests.interop.run $(ARGS)

doctor: $(VENV)/.dev
	@$(PY) -m tests.doctor.public $(ARGS)

bench: $(VENV)/.dev
	@$(PY) benchmarks/run.py $(if $(BASE),--base $(BASE)) $(ARGS)

# The first run installs the servers that it compares with, from npm and PyPI.
scorecard: $(VENV)/.dev
	@$(PY) -m benchmarks.scorecard.run $(ARGS)

compat: $(VENV)/.dev
	@$(PY) tests/compat/score.py $(ARGS)

# The demo is locked within the tests' versions, so that one environment serves both.
UV = $(VENV)/bin/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: | $(PY)
	@test -x $(VENV)/bin/uv || $(PIP) uv
	@$(UV) --extra all --group dev --output-file requirements/dev.lock
	@$(UV) --extra docs --extra sql --extra tables --extra yaml --extra auth --extra fast --group demo --group build --constraint requirements/dev.lock --output-file requirements/demo.lock
	@$(UV) --group live --constraint requirements/dev.lock --output-file requirements/live.lock
	@if grep -n '://' requirements/*.lock; then echo "a lock names a host: see above" >&2; exit 1; fi

clean:
	rm -rf $(VENV) .conformance .compat .interop .scorecard examples/acme/data .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
