# Everything from nothing but Python 3.11: `make demo`, `make test`.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# A file's tests stay together: what they share is made once.
CORES  ?= 2
SPREAD := -n $(CORES) --dist loadfile

.PHONY: demo test test-long test-arm64 emulated-pi lint bench clean

demo: $(STAMP)  ## the whole road on the digits: learns, cuts, compiles, measures, checks
	$(BIN)/l0gm-edge run recipes/digits.yaml --hardware hardware/host-cpu.yaml --out runs/digits

test: lint  ## everything that must hold
	$(BIN)/pytest $(SPREAD) -m "not long and not arm64"

test-long: $(STAMP)  ## what takes minutes: runs killed at many moments, on the whole road
	$(BIN)/pytest $(SPREAD) -m long

test-arm64: $(STAMP)  ## the road to an emulated Raspberry Pi, over SSH; its root is built once, in ~/.cache/l0gm-edge
	$(BIN)/pytest -m arm64

emulated-pi: $(STAMP)  ## switch the emulated Raspberry Pi of hardware/emulated-pi.yaml on, until Ctrl-C
	PYTHON=$(BIN)/python tools/emulated_pi/serve

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: demo  ## the figures of benchmarks/results that take minutes, not hours; data sets are read from L0GM_EDGE_DATA
	$(BIN)/python benchmarks/startup.py runs/digits
	$(BIN)/python benchmarks/presets.py
	$(BIN)/python benchmarks/road.py
	$(BIN)/python benchmarks/training.py

clean:  ## forget caches and runs; keep the environment
	rm -rf runs dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The stamp is newer than what it was made from. torch comes first and alone: pulled in by another package, it would
# bring several GB of CUDA.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
