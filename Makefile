# Lintel. `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTOS := $(shell find proto -name '*.proto')
BUILTIN := src/lintel/edge/packages/builtin
BUILD := pyproject.toml proto/generate.py $(PROTOS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check format docs release-contract proto models convert bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The device's own packages and those of forecasts, installed editable; the stubs are generated on
# the way.
$(VENV)/.device: $(BUILD)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Lintel needs Python 3.11 to 3.13; name one with PYTHON=python3.13" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made: on Debian, apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[forecast,plot]'
	@touch $@

# What tests and checks need besides: the converters, and the peers that the lab compares with.
PEERS := src/lintel/lab/peers/requirements.txt
$(VENV)/.dev: $(VENV)/.device $(PEERS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,convert]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(LEGACY_KERAS) -r $(PEERS)
	@touch $@

run: $(VENV)/.device ## Set everything up and start the device server
	$(BIN)/lintel serve

test: $(VENV)/.dev ## Set everything up and run the tests
	$(BIN)/python -m pytest

check: $(VENV)/.dev ## Style, types, layers, the contract, generated pages
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/buf breaking --against proto/released.binpb
	$(BIN)/python proto/check_csharp.py
	$(BIN)/python proto/reference.py --check

format: $(VENV)/.dev ## Put the sources into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format --write proto

docs: $(VENV)/.dev ## Write the reference pages anew
	$(BIN)/python proto/reference.py

release-contract: $(VENV)/.dev ## Take the contract as it is for the released one
	$(BIN)/buf build --exclude-source-info -o proto/released.binpb

proto: ## Generate the Python stubs anew
	@rm -f $(VENV)/.device
	@$(MAKE) --no-print-directory $(VENV)/.device

models: ## Train the released models anew, from LINTEL_DATA: many hours on a CPU
	$(MAKE) $(VENV)/.convert
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[convert,train]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement $(PEERS)
	$(BIN)/python models/face/second_annotator.py --out out/face-second.csv
	$(BIN)/python models/face/train.py --second out/face-second.csv --out out/face-320
	$(BIN)/python models/face/train.py --second out/face-second.csv --out out/face \
	  --start out/face-320/face.keras --size 640 --batch 8 --epochs 24 --learning-rate 8e-4
	$(BIN)/python models/face/train.py --out out/face --release models/face/face.keras
	$(BIN)/python models/face/train.py --out out/face-320 --release models/face-320/face.keras
	$(BIN)/lintel-lab train mask --data "$${LINTEL_DATA:-../shared/data}/faces/index.csv" \
	  --weights models/face/face.keras --out out/mask
	$(BIN)/python models/mask/release.py out/mask models/mask/mask.keras
	$(MAKE) convert MODEL=face
	$(MAKE) convert MODEL=face-320
	$(MAKE) convert MODEL=mask
	for name in face face-320 mask; do \
	  cp models/$$name/package/model.toml models/$$name/package/*.tflite $(BUILTIN)/$$name/ || exit 1; \
	done

include models/convert.mk

bench: $(VENV)/.dev ## Print the figures of the README
	$(BIN)/python -m tests.bench.run_all

clean: ## Remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find clients/python/src -name '*_pb2*' -delete
