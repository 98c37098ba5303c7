# Two commands do everything: `make demo` shows the product, `make test` proves it.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PAGE := services/gateway/web/app
BUILT := services/gateway/web/dist/index.html
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
GROUPS := base ingest datasets trainer trainer-gpu evaluator gateway nats local benchmarks dev page
BESIDE := tests/recipes tests/page tests/services/evaluator
POSTGREST := tests/support/node_modules/.package-lock.json

.PHONY: page page-types demo up test test-fast test-slow test-live test-supabase test-faults campaign soak check format bench lock docs clean deploy-files test-deploy

demo: $(VENV)/local.ok $(BUILT)  ## train models on real data, show the leaderboard
	$(BIN)/python -m trainyard demo

up: $(VENV)/local.ok $(BUILT)  ## the platform on this machine, until Ctrl-C
	$(BIN)/python -m trainyard up

page: $(VENV)/local.ok $(BUILT)  ## the page, built where its sources are newer; needs Node 20 or gets it from PyPI

$(BUILT): $(shell find $(PAGE)/src $(PAGE)/public -type f) $(PAGE)/index.html $(PAGE)/vite.config.ts $(PAGE)/package-lock.json | $(VENV)/local.ok
	@$(BIN)/python -m trainyard.page

page-types: $(VENV)/dev.ok  ## the page's types from the gateway's own description
	@mkdir -p var && $(BIN)/python -m services.gateway.web.description > var/page-openapi.json
	@npm run --silent --prefix $(PAGE) types

test: $(VENV)/dev.ok $(POSTGREST) tests/browser/node_modules $(BUILT)  ## every test but the slow and the live ones; under ten minutes on two cores
	@mkdir -p var
	@# On two cores: what is few and long (networks, copies of the product, the page's own) runs beside the rest,
	@# and is shown behind it.
	@{ $(BIN)/python -m pytest -m "keras and not slow and not live" -q; networks=$$?; \
	   $(BIN)/python -m pytest -m "not keras and not slow and not live" -q $(BESIDE); rest=$$?; \
	   exit $$((networks ? networks : rest)); } > var/test-beside.log 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest -m "not keras and not slow and not live" -q $(addprefix --ignore ,$(BESIDE)); rest=$$?; \
	wait $$beside; status=$$?; cat var/test-beside.log; exit $$((rest ? rest : status))

test-fast: $(VENV)/dev.ok  ## the daily loop: no broker, no TensorFlow
	$(BIN)/python -m pytest -m "not slow and not live and not keras" -q -x --ignore tests/shared/messaging

test-slow: $(VENV)/dev.ok  ## long property runs and fault campaigns
	$(BIN)/python -m pytest -m slow -q

test-live: $(VENV)/dev.ok tests/browser/node_modules $(BUILT)  ## the real services on a real broker
	$(BIN)/python -m pytest -m "live and not slow" -q

test-supabase: $(VENV)/dev.ok $(POSTGREST)  ## adapters, isolation and the whole flow on real Postgres and PostgREST
	$(BIN)/python -m pytest -m "not slow" -q tests/contracts tests/shared/storage tests/supabase

test-faults: $(VENV)/dev.ok  ## every fault twenty times in a row; about an hour on two cores
	TRAINYARD_FAULT_ROUNDS=20 $(BIN)/python -m pytest -q -x tests/live/test_faults.py

campaign: $(VENV)/dev.ok  ## 1,000 faults over small runs; goes on where it was stopped
	$(BIN)/python -m benchmarks.campaign

soak: $(VENV)/dev.ok  ## 200 users for 30 minutes on this machine, with figures
	$(BIN)/python -m benchmarks.soak

deploy-files: $(VENV)/dev.ok  ## what of deploy/ follows from the code
	$(BIN)/python -m trainyard.deployment

test-deploy: $(VENV)/dev.ok $(POSTGREST)  ## manifests, rules, dashboards; with Docker (tests/deploy/engine.sh) also the real containers
	$(BIN)/python -m pytest -q tests/deploy

check: $(VENV)/dev.ok  ## format, lint, types, structure, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/architecture

format: $(VENV)/dev.ok
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/dev.ok  ## documents generated from the code
	$(BIN)/python -m trainyard.docs

bench: $(VENV)/dev.ok  ## measurements, side by side; never a test
	$(BIN)/python -m benchmarks

lock:  ## requirements/*.txt from pyproject.toml, hashed, without any host name
	$(PYTHON) -m venv var/lock && var/lock/bin/pip -q install uv
	for group in $(GROUPS); do var/lock/bin/uv pip compile -q pyproject.toml --group $$group --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  -o requirements/$$group.txt || exit 1; done

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/local.ok: requirements/local.txt | $(VENV)/bin/python
	@echo "installing what the platform needs (first time only) ..."
	$(PIP) install --require-hashes -r requirements/local.txt
	@touch $@

$(VENV)/dev.ok: requirements/dev.txt | $(VENV)/bin/python
	@echo "installing what the tests need (first time only) ..."
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $(VENV)/local.ok $@

tests/browser/node_modules: tests/browser/package-lock.json
	@npm ci --silent --prefix tests/browser || echo "no npm here: the tests with browsers will say that they did not run"

$(POSTGREST): tests/support/package-lock.json
	@npm ci --silent --prefix tests/support || echo "no npm here: the tests on Supabase will say that they did not run"

clean:
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis
