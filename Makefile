# Two commands: `make demo` (first look) and `make test` (the whole check). Needs Python 3.11+, git and make.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

.PHONY: demo test slow lint sample notebooks clean

# two test processes share two cores: one thread each
test slow: export OMP_NUM_THREADS = 1
test slow: export OPENBLAS_NUM_THREADS = 1

demo: $(VENV)/ready
	$(RUN)/nextbuy demo

test: $(VENV)/ready-dev lint
	$(RUN)/pytest -q -n 2

slow: $(VENV)/ready-dev
	$(RUN)/pytest -q -m slow

lint: $(VENV)/ready-dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

sample: $(VENV)/ready
	$(RUN)/python -m nextbuy.datasets data/sample

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/ready-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@ $(VENV)/ready

clean:
	rm -rf $(VENV) build dist offers

notebooks: $(VENV)/ready-dev
	$(RUN)/jupytext --to ipynb --update notebooks/*.py
	$(RUN)/jupyter execute --inplace notebooks/*.ipynb
