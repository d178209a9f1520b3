# Poison Lab: `make app` opens the lab, `make test` checks it. Nothing needs an activated environment.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
# A person sees how far a download of gigabytes is; a log does not need to.
QUIET := $(if $(CI),--quiet)
PIP := $(BIN)/python -m pip install $(QUIET) --disable-pip-version-check --retries 10 --timeout 60 \
	--constraint constraints.txt

# As many workers as cores. They begin with one half of the tests each, and whoever is done takes half of another's rest.
WORKERS ?= auto
# The kinds of tests for while you work, of which make test-fast leaves out those that take long.
FAST := not slow and not browser and not pages and not processes
# Bytecode is kept whatever the shell says: else each worker, server and command that a test starts compiles all code again.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
COVER := --cov --cov-report=term:skip-covered

UV := $(VENV)-constraints/bin/uv pip compile --quiet

.DEFAULT_GOAL := help
.PHONY: help app setup test test-fast test-slow long-tests coverage lint format constraints audit bench gallery screenshots pictures container clean example-audit

# A line "##@ NAME" begins a group; what follows "##" after a target says what it makes.
help:
	@awk -F ':[^#]*## ' '/^##@ / {printf "%s%s\n", n++ ? "\n" : "", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nSettings: %s\n' 'PORT=$(PORT) of make app; PYTHON=$(PYTHON), 3.11 or newer, for a new $(VENV)'

##@ Use

app: $(VENV)/.run ## Set up if needed, and open the lab at a printed address
	@$(BIN)/python -m core app --port $(PORT)

container: ## Build the image poison-lab by docker or podman; TORCH_INDEX=URL takes torch from another index
	@tool=$$(command -v docker || command -v podman) \
		|| { echo "A container is built by docker or podman, and neither is here: install one of them."; exit 2; }; \
	$$tool info >/dev/null 2>&1 \
		|| { echo "$$tool is here but doesn't answer: start its service, or ask for the right to use it."; exit 2; }; \
	set -- $$tool build $(if $(TORCH_INDEX),--build-arg TORCH_INDEX=$(TORCH_INDEX)) --tag poison-lab .; \
	echo "$$*"; exec "$$@"

##@ Develop

setup: $(VENV)/.dev ## Set up the environment in which the lab runs and is tested

lint: $(VENV)/.dev ## Check style, types and the container's recipe
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check --quiet . || { echo "Run 'make format'."; exit 1; }
	@$(BIN)/python -m mypy
	@$(BIN)/hadolint Dockerfile

format: $(VENV)/.dev ## Format the code
	@$(BIN)/python -m ruff check --fix-only --quiet .
	@$(BIN)/python -m ruff format --quiet .

clean: ## Delete the environment and what tools leave behind; results in .poison_lab stay
	@rm -rf $(VENV) $(VENV)-audit $(VENV)-constraints .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Test

test-fast: $(VENV)/.dev ## Run the tests that open no page and start no server and no workers, for while you work
	@$(PYTEST) -m "$(FAST) and not long"

test: lint ## Set up if needed, check style and types, run all tests but the slow ones; CI=1 prints coverage as well
ifdef CI
	@$(PYTEST) -m "not slow and not browser" $(COVER)
	@$(PYTEST) -m "browser and not slow"
else
	@$(PYTEST) -m "not slow"
endif

test-slow: $(VENV)/.dev ## Run the tests that are long by nature; CI_FULL_INSTALL=1 also installs all packages into a new environment
	@$(BIN)/python -m pytest -m slow

long-tests: $(VENV)/.dev ## Measure which tests take long, which make test-fast leaves out, and write tests/long.txt
	@$(BIN)/python -m tests.long -m "$(FAST)" --numprocesses $(WORKERS) --dist worksteal

coverage: $(VENV)/.dev ## Run what make test runs but in no browser, and print which lines and branches it doesn't reach
	@$(PYTEST) -m "not slow and not browser" $(COVER)

##@ Maintain

# What is named in the lists of requirements keeps its version; change it there first, e.g. torch and torchvision.
constraints: ## Renew constraints.txt, the versions of all packages for Python 3.11 to 3.14; needs the internet
	@$(PYTHON) -m venv $(VENV)-constraints && $(VENV)-constraints/bin/python -m pip install --quiet uv==0.13.9
	@$(UV) --upgrade --universal --python-version 3.11 --annotation-style line \
		--custom-compile-command "make constraints" --output-file constraints.txt requirements-dev.txt
	@for version in 3.11 3.12 3.13 3.14; do for machine in x86_64 aarch64; do \
		$(UV) --only-binary :all: --python-version $$version --python-platform $$machine-manylinux_2_28 \
			--constraint constraints.txt requirements-dev.txt >/dev/null || exit 1; \
		echo "Python $$version on $$machine: there is a wheel of everything"; \
	done; done

audit: constraints.txt ## Look all packages up among known vulnerabilities; needs the internet
	@$(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip install --quiet pip-audit==2.10.1
	@$(VENV)-audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

bench: $(VENV)/.run ## Time the default experiment and write benchmarks/README.md
	@$(BIN)/python -m benchmarks.timing

example-audit: $(VENV)/.run ## Audit the default pipeline for half an hour and write docs/example-audit
	@home=$$(mktemp -d) && rm -rf docs/example-audit \
		&& POISON_LAB_HOME=$$home $(BIN)/python -m core audit --out docs/example-audit --minutes 27 \
		&& rm -rf $$home docs/example-audit/measured.json

gallery: $(VENV)/.run ## Compute the experiments that ship in assets/gallery
	@$(BIN)/python -m core gallery

screenshots: $(VENV)/.dev ## Take the pictures in docs/
	@$(BIN)/python -m tests.browser.pictures docs/pictures

pictures: $(VENV)/.dev ## Take pictures of every page, wide and on a phone, light and dark, into screenshots/
	@$(BIN)/python -m tests.browser.screenshots screenshots pages

# The stamps hold the set-up: a changed list of requirements or constraints installs again.
$(VENV)/.run: requirements.txt constraints.txt | $(BIN)/pip
	@echo "Installing the run-time into $(VENV); the first time takes minutes."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-login.txt requirements.txt constraints.txt | $(BIN)/pip
	@echo "Installing the run-time and the test tools into $(VENV); the first time takes minutes."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/.run $@

# pip is what a half-made environment lacks, e.g. where Debian's python3-venv is missing.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Poison Lab needs Python 3.11 or newer, as in 'make app PYTHON=/usr/bin/python3.11'."; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "$(PYTHON) can't make $(VENV). On Debian and Ubuntu: apt install python3-venv."; exit 2; }
