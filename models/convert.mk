# How trained models become packages: a rule for each step of each models/*/convert.toml.
# The rules are made when Make is asked to convert, and only then.

CONVERTER ?= $(VENV)/.convert
MODELS ?= models
CONVERTERS := src/lintel/converters

define NEWLINE


endef

ifneq ($(filter convert,$(MAKECMDGOALS)),)
RULES := $(shell $(PYTHON) $(CONVERTERS)/rules.py $(MODELS) $(CONVERTERS) lintel.converters.steps '$(MODEL)' '$(VARIANT)')
ifneq ($(.SHELLSTATUS),0)
$(error The rules of the conversion could not be made)
endif
$(eval $(subst @@,$(NEWLINE),$(RULES)))
endif

# tf-keras asks for a distribution named tensorflow, which tensorflow-cpu is under another name.
LEGACY_KERAS := 'tf-keras>=2.20,<2.22'

# What `lintel-convert` needs besides.
$(VENV)/.convert: $(VENV)/.device
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[convert]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(LEGACY_KERAS)
	@touch $@

convert: $(CONVERTED) ## Convert trained models for devices: MODEL=face VARIANT=int8 for one
	$(if $(CONVERTED),,@echo "Nothing to convert: no model has a recipe, models/*/convert.toml.")
