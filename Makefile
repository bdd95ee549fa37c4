# Everything a person runs here. `make` alone says what there is.

VENV := .venv
BIN := $(VENV)/bin
ENGINE := .engine
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
VENDOR := static/vendor/icons.svg
UV := uv==0.13.9
PYRIGHT := pyright@1.1.414
# The program itself, which needs no Node.js; npm installs the one for this system.
BIOME := node_modules/@biomejs/cli-*/biome
NO_PACKAGES := { echo "Could not install the packages. See the message above, check the network and try again." >&2; exit 1; }

# Flask would recommend python-dotenv for the .env file that Millrace reads itself.
export FLASK_SKIP_DOTENV := 1

.DEFAULT_GOAL := help
ROUNDS ?= 20

.PHONY: help setup setup-tests run dev test quick deep lint pyright check fix lock seed python-tool drill bench screenshots upgrade rollback release

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.run $(VENDOR) ## install the virtual environment, packages and browser assets if missing
	@$(BIN)/python -m compileall -qq webapp bench migrations gunicorn.conf.py wsgi.py
	@echo "Set up. Now: make run"

run: $(VENV)/.run $(VENDOR) ## set up if needed, then serve on http://127.0.0.1:8000
	@$(BIN)/python -m webapp.operations.starting.ready || $(BIN)/flask prepare
	@exec $(BIN)/gunicorn --config gunicorn.conf.py

dev: $(VENV)/.run $(VENDOR) ## serve for working on the code: it reloads, and shows errors with their source
	@$(BIN)/python -m webapp.operations.starting.ready || $(BIN)/flask prepare
	@exec $(BIN)/python -m scripts.dev

test: setup-tests ## set up if needed, then run all tests, or those in T: make test T=tests/web/test_icons.py
	@T="$(T)" sh scripts/tests.sh $(BIN)/python

quick: $(VENV)/.tests $(VENDOR) ## run only the quick tests, or those in T: make quick T=tests/chat
	@T="$(T)" sh scripts/tests.sh $(BIN)/python quick

deep: setup-tests $(ENGINE)/.done ## what `make test` leaves out, and the long tests ROUNDS times (20 if not given)
	@ROUNDS=$(ROUNDS) sh scripts/tests.sh $(BIN)/python deep

lint: $(VENV)/.tests $(VENDOR) ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIOME) ci static scripts
	@$(BIN)/djlint --quiet --lint templates
	@$(BIN)/mypy

pyright: $(VENV)/.run ## check types a second time, with pyright (needs Node.js)
	@npx --yes $(PYRIGHT)

check: lint test ## everything that must pass before review

# Goes on after what a tool cannot mend, and fails at the end.
fix: $(VENV)/.tests $(VENDOR) ## format, and fix what can be fixed automatically
	@$(BIN)/ruff format .
	@$(BIOME) format --write static scripts
	@$(BIN)/ruff check --fix . || touch $(VENV)/.unmended
	@$(BIN)/ruff format .
	@$(BIOME) check --write static scripts || touch $(VENV)/.unmended
	@$(BIN)/python -m scripts.env_example > .env.example
	@$(BIN)/python -m scripts.reference > docs/configuration.md
	@$(BIN)/python -m scripts.languages extract
	@! rm $(VENV)/.unmended 2>/dev/null || { echo "Some faults are left to mend by hand: see above." >&2; exit 1; }

lock: $(VENV)/.run ## write requirements.lock anew, after a change of requirements.txt
	@$(PIP) $(UV)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock requirements.txt

python-tool: $(VENV)/.run ## install the interpreter with which models run Python programs
	@$(PIP) --requirement requirements-python.txt || $(NO_PACKAGES)

upgrade: setup ## take over settings and data: make upgrade FROM=../millrace-0.9.0
	@$(BIN)/python -m scripts.upgrade upgrade "$(FROM)"

rollback: setup ## give them back: make rollback TO=../millrace-0.9.0
	@$(BIN)/python -m scripts.upgrade rollback "$(TO)"

release: check ## check everything, and write archives, checksums and the tag's text to dist/
	@$(BIN)/python -m scripts.release

seed: $(VENV)/.run $(VENDOR) ## create sample people, chats and answers
	@$(BIN)/flask prepare
	@$(BIN)/flask seed

drill: setup-tests ## kill the server many times and count losses
	@$(BIN)/python -m tests.drill

bench: $(VENV)/.run ## measure streaming
	@$(BIN)/flask bench stream

screenshots: setup-tests ## take screenshots of every page in a real browser
	@$(BIN)/python -m scripts.screenshots

setup-tests: $(VENV)/.tests $(VENDOR)
	@sh scripts/chromium.sh
	@sh scripts/redis.sh $(BIN)/python
	@sh scripts/nginx.sh $(VENV)/nginx

$(BIN)/python:
	@sh scripts/venv.sh $(VENV)

$(VENV)/.run: requirements.lock | $(BIN)/python
	@echo "Installing packages from requirements.lock."
	@$(PIP) --require-hashes --requirement requirements.lock || $(NO_PACKAGES)
	@touch $@

$(VENV)/.tests: requirements-dev.txt $(VENV)/.run | $(BIN)/python
	@echo "Installing packages from requirements-dev.txt."
	@$(PIP) --requirement requirements-dev.txt || $(NO_PACKAGES)
	@touch $@

# Apart from the others: what it needs would change their versions.
$(ENGINE)/.done: requirements-engine.txt scripts/engine.sh | $(BIN)/python
	@sh scripts/engine.sh $(ENGINE) $(BIN)/python || $(NO_PACKAGES)

$(VENDOR): package-lock.json static/icons.txt static/mark.svg static/css/fonts.css scripts/assets.py scripts/fonts.js scripts/icons.py | $(VENV)/.run
	@$(BIN)/python scripts/assets.py
