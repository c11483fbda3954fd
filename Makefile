# Two commands do all the set-up on a fresh machine: `make run` and `make test`.
VENV := .venv
BIN := $(VENV)/bin
# The first Python here that nnexp supports; `make run PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)
# pip says hundreds of lines. On a terminal each takes the place of the one before; in a log only errors are kept.
QUIET := $(shell test -t 2 || echo --quiet)
define pip
@{ $(BIN)/python -u -m pip install $(QUIET) --disable-pip-version-check $(1) || touch $(VENV)/failed; } \
	| $(BIN)/python -uc 'import sys; [print(end=f"\r{line.rstrip():78.78}") for line in sys.stdin] and print()' 2>/dev/null; \
	test ! -e $(VENV)/failed
endef

.PHONY: help dev run test test-all lint browser bench bench-quick bench-page catalog schema reference errors map site pictures docs results studies lock clean

help:  ## Say what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 12

dev: $(VENV)/installed  ## Set up for work on nnexp: the environment, and the linters before each commit.
	$(BIN)/pre-commit install

run: $(VENV)/installed  ## Set up .venv, get Fashion-MNIST, run the main experiment.
	$(BIN)/nnexp run configs/fashion_sigmoid128.yaml
	@echo; echo "What next:  source $(BIN)/activate   and then   nnexp"

test: lint browser  ## Lint, types, and the whole test suite but its minutes-long trials.
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: lint browser  ## The whole test suite.
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(VENV)/installed  ## Style, types, import direction.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

browser: $(VENV)/installed  ## See that there is a Chromium, in which the report is tested.
	scripts/get-browser $(BIN)/python

bench: $(VENV)/installed  ## Side by side with what people use instead, under 30 minutes.
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/installed  ## The same in 3 minutes: fewer rounds, nothing is installed.
	$(BIN)/python -m benchmarks --quick

bench-page: $(VENV)/installed  ## Tables and charts of docs/performance.md, from the last bench.
	$(BIN)/python -m benchmarks --charts

catalog: $(VENV)/installed  ## Write again what Keras offers, after a new version of it.
	$(BIN)/python -m nnexp.config.catalog_build

schema: $(VENV)/installed  ## Write again the JSON Schemas that editors use.
	$(BIN)/nnexp schema > configs/experiment.schema.json
	$(BIN)/nnexp schema --sweep > configs/sweep.schema.json

map: $(VENV)/installed  ## Draw docs/images/code_map.svg again, after a new import between packages.
	$(BIN)/python docs/make_map.py

reference: $(VENV)/installed  ## Write docs/reference/ again, after a new command, option, key or catalogue.
	$(BIN)/python docs/make_reference.py

site: $(VENV)/installed  ## The documents as a site in site/; mkdocs serve shows it while you write.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

errors: $(VENV)/installed  ## Write docs/errors.md again, after a change of a message.
	$(BIN)/python tests/messages/error_page.py

pictures: browser  ## The pictures of the README and the tutorial, from real runs (some minutes).
	$(BIN)/python docs/make_pictures.py

docs: pictures reference errors map site  ## All that the documents hold of runs and code anew, and the site.

results: $(VENV)/installed  ## Train every row of the courseworks and write docs/results.md.
	$(BIN)/python docs/make_results.py

studies: $(VENV)/installed  ## Run both courseworks as sweeps, each with its report.
	$(BIN)/nnexp sweep configs/studies/mnist_coursework.yaml
	$(BIN)/nnexp sweep configs/studies/fashion_coursework.yaml

lock:  ## Pin again the exact versions of everything (needs uv).
	uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url \
		--no-annotate --custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:  ## Remove the environment and caches; runs stay.
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/installed: pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo "nnexp needs Python 3.11, 3.12 or 3.13 on the PATH"; echo "(or: make PYTHON=/path/to/python)"; exit 1; }
	@echo "Installing TensorFlow, Keras and all that the tests need into $(VENV): 4 GB, two"
	@echo "to five minutes, more on a slow network. At \"Installing collected packages\""
	@echo "nothing moves for the last one or two: it unpacks, and is not stuck."
	$(PYTHON) -m venv $(VENV)
	@rm -f $(VENV)/failed
	$(call pip,--require-hashes -r requirements.lock)
	$(call pip,--no-deps --no-build-isolation -e .)
	$(BIN)/python -m compileall -q src
	@touch $@
