# PiEVSE. `make demo` and `make test` are all a newcomer needs; both make .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SEED ?= 20261121
JOBS ?= auto
# Tests of real processes run by themselves: they live by the clock, and each has five processes
# that mostly wait: four at a time cost two cores nothing.
PROC_JOBS ?= 4

.PHONY: demo test check format soak mutate bench boot-test docs clean help

help:
	@echo "make demo    a car is plugged in, charged, unplugged and billed, in front of you (20 s)"
	@echo "make test    every test (about five minutes on two cores)"
	@echo "make check   format, lint, types, freshness of generated documents (under a minute)"
	@echo "make soak    long runs: 1000 simulated hours of random lives, a month of two EVSEs (hours)"
	@echo "make mutate  puts faults into the deciding modules: do the tests notice? (ten minutes)"
	@echo "make boot-test  boots a Debian tree in a container and charges there, under systemd (as root)"
	@echo "make bench   speed and memory, as a table and as JSON"
	@echo "make docs    write the generated documents anew"

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14) and "PiEVSE needs Python 3.11 to 3.13, this is %d.%d. Name another one: make PYTHON=python3.12 ..." % v)'
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 \
	  || { $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m venv --clear --without-pip $(VENV) \
	       && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; } \
	  || { rm -rf $(VENV); echo "This Python cannot make a virtual environment yet. Type: sudo apt install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (once, about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/evse demo

test: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --bench sim,native -m "not proc and not soak and not boot"
	$(BIN)/python -m pytest -n $(PROC_JOBS) --dist loadscope -m "proc and not soak and not boot"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m hil.docs.gendocs --check

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(READY)
	$(BIN)/python -m pytest -m soak --timeout 14400 -n $(JOBS)

mutate: $(READY)
	PYTHONHASHSEED=0 $(BIN)/python -m hil.mutation

# The tree is kept in PIEVSE_BOOT_DIR (build/boot); what it takes is told in docs/units.md.
boot-test: $(READY)
	$(BIN)/python -m pytest -m boot -rP tests/boot

bench: $(READY)
	$(BIN)/python -m tests.bench

docs: $(READY)
	$(BIN)/python -m hil.docs.gendocs

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
