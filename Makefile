# Everything a person runs here. `make` alone says what there is.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
VENDOR := static/vendor/icons.svg
NO_PACKAGES := { echo "The packages could not be installed: see above, check the network, and run it again." >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup setup-tests run test quick lint check fix seed drill bench screenshots

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.run $(VENDOR) ## virtual environment, packages and browser assets, as far as they are missing
	@echo "Set up. Now: make run"

run: $(VENV)/.run $(VENDOR) ## set up what is missing, then serve on http://127.0.0.1:8000
	@$(BIN)/flask prepare
	@exec $(BIN)/gunicorn --config gunicorn.conf.py

test: setup-tests ## set up what is missing, then pass all tests
	@sh scripts/tests.sh $(BIN)/python

quick: $(VENV)/.tests $(VENDOR) ## pass the quick tests alone
	@sh scripts/tests.sh $(BIN)/python quick

lint: $(VENV)/.tests ## style, form and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

check: lint test ## what has to be green before a change is shown

fix: $(VENV)/.tests ## mend what can be mended by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/python -m scripts.env_example > .env.example
	@$(BIN)/python -m scripts.reference > docs/configuration.md

seed: $(VENV)/.run $(VENDOR) ## people, chats and answers to look at
	@$(BIN)/flask prepare
	@$(BIN)/flask seed

drill: setup-tests ## kill the server many times and count what is lost
	@$(BIN)/python -m tests.drill

bench: $(VENV)/.run ## measure the streaming
	@$(BIN)/flask bench stream

screenshots: setup-tests ## pictures of every page, by a real browser
	@$(BIN)/python -m scripts.screenshots

setup-tests: $(VENV)/.tests $(VENDOR)
	@sh scripts/chromium.sh

$(BIN)/python:
	@sh scripts/venv.sh $(VENV)

$(VENV)/.run: requirements.txt | $(BIN)/python
	@echo "Packages: installing what requirements.txt names."
	@$(PIP) --requirement requirements.txt || $(NO_PACKAGES)
	@touch $@

$(VENV)/.tests: requirements-dev.txt $(VENV)/.run | $(BIN)/python
	@echo "Packages: installing what requirements-dev.txt names."
	@$(PIP) --requirement requirements-dev.txt || $(NO_PACKAGES)
	@touch $@

$(VENDOR): package-lock.json static/icons.txt static/mark.svg scripts/assets.py scripts/icons.py | $(VENV)/.run
	@$(BIN)/python scripts/assets.py
