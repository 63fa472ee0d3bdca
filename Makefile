# `make lab` opens the course and `make test` proves it; nothing else needs to be installed first but Python 3.10 to 3.13.
#
#   PYTHON=python3.12        which Python builds the environment (default: the first that fits)
#   TORCH_INDEX=https://...  where torch and torchvision come from, for example a CPU-only wheel index
#   COURSE_PRESET=gpu        smoke, cpu (default) or gpu: how big the runs are
#   LESSONS="00 01"          which lessons `notebooks` and `slides` build (default: all)

VENV := .venv
PY := $(VENV)/bin/python
PYTHONS := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python3.10 python)
LESSONS ?=
PDF ?=

ifdef COURSE_PRESET
export COURSE_PRESET
endif

.PHONY: help lab test test-fast lint notebooks slides site assignment grade bench clean clean-all

help:
	@echo "make lab         open your copy of the lessons in JupyterLab (installs first)     [FRESH=1]"
	@echo "make test        all tests that this machine can run; says what it left out"
	@echo "make test-fast   the unit tests alone, for each save"
	@echo "make lint        style, types and import rules"
	@echo "make notebooks   derive and execute the notebooks from notebooks/source   [LESSONS=01]"
	@echo "make slides      export the decks to slides/build                         [LESSONS=01 PDF=1]"
	@echo "make site        build the website to site/: lessons, decks, reference"
	@echo "make assignment  write a lesson to hand out to classroom/release           LESSON=03"
	@echo "make grade       grade a folder of hand-ins: a table and feedback          LESSON=03 FROM=folder"
	@echo "make bench       measure the systems on this machine"
	@echo "make clean       remove caches and built decks; clean-all removes .venv too"

# A file that is chosen in a widget travels in one message, and one of more than 10 MB would end the connection.
UPLOADS := --ServerApp.tornado_settings="{'websocket_max_message_size': 104857600}"

lab: $(VENV)/.ready-lab
	@$(PY) -m course_lib.publishing own $(if $(FRESH),--fresh)
	@root=""; if [ "$$(id -u)" = 0 ]; then root="--allow-root"; fi; \
	exec $(PY) -m jupyterlab $$root --ServerApp.root_dir="$(CURDIR)" $(UPLOADS) $(LAB_FLAGS) my_notebooks/00_start_here.ipynb

test: $(VENV)/.ready-test
	@$(PY) tests/run.py

test-fast: $(VENV)/.ready-test
	@$(PY) tests/run.py unit

lint: $(VENV)/.ready-test
	@$(PY) tests/run.py lint

notebooks: $(VENV)/.ready-teach
	$(PY) -m course_lib.publishing notebooks --execute $(LESSONS)
	$(PY) -m course_lib.publishing readme

slides: $(VENV)/.ready-teach
	$(PY) -m course_lib.publishing slides $(if $(PDF),--pdf) $(LESSONS)

site: $(VENV)/.ready-site
	$(PY) -m course_lib.publishing site

# `$(if ...)` stops with one sentence where a setting is missing.
assignment: $(VENV)/.ready-teach
	$(if $(LESSON),,$(error Say which lesson: make assignment LESSON=03))
	@$(PY) -m course_lib.publishing assignment $(LESSON)

grade: $(VENV)/.ready-teach
	$(if $(and $(LESSON),$(FROM)),,$(error Say which lesson and where the hand-ins are: make grade LESSON=03 FROM=folder))
	@$(PY) -m course_lib.publishing grade $(LESSON) "$(FROM)"

bench: $(VENV)/.ready-lab
	$(PY) -m course_lib.cli bench

clean:
	rm -rf slides/build site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

clean-all: clean
	rm -rf $(VENV) *.egg-info

# --- the environment ---------------------------------------------------------------------------------------------------
# A stamp is touched only when its install has ended well, so an interrupted one goes on where it stopped.

$(VENV)/.ready-lab: pyproject.toml
	$(call install,lab)

$(VENV)/.ready-teach: pyproject.toml
	$(call install,lab$(comma)teach)

$(VENV)/.ready-site: pyproject.toml
	$(call install,lab$(comma)teach$(comma)site)

$(VENV)/.ready-test: pyproject.toml
	$(call install,lab$(comma)test)

comma := ,

define install
	@chosen=""; found=""; \
	for candidate in $(VENV)/bin/python $(PYTHONS); do \
		version=$$("$$candidate" -c 'import sys; print(sys.version.split()[0])' 2>/dev/null) || continue; \
		case "$$version" in \
			3.10.*|3.11.*|3.12.*|3.13.*) chosen="$$candidate"; break ;; \
			*) found="$$found $$candidate is Python $$version," ;; \
		esac; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "The course needs Python 3.10, 3.11, 3.12 or 3.13; found:$${found:- no $(firstword $(PYTHONS)) that runs,}" >&2; \
		echo "install one, or choose another: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		case "$$chosen" in $(VENV)/*) chosen=$$("$$chosen" -c 'import sys; print(sys._base_executable)') ;; esac; \
		echo "Making $(VENV) with Python $$version."; \
		"$$chosen" -m venv --clear $(VENV) || exit 1; \
	fi
	@$(PY) -c "$$FORGET_HALF_INSTALLED"
	@if [ -n "$(TORCH_INDEX)" ]; then \
		$(PY) -m pip install --index-url "$(TORCH_INDEX)" $$($(PY) -c "$$TORCH_REQUIREMENTS") || exit 1; \
	fi
	@echo "Installing the course ($(1)); the first time takes a few minutes."
	@$(PY) -m pip install --editable ".[$(1)]"
	@$(PY) -m course_lib.plotting.jupyter
	@touch $@
endef

# pip takes a package for installed as soon as its metadata lie there, even if it was stopped before the last file.
define FORGET_HALF_INSTALLED
import pathlib, shutil, sysconfig
for info in pathlib.Path(sysconfig.get_paths()["purelib"]).glob("*.dist-info"):
    if not (info / "RECORD").is_file():
        print("Installing again what was half installed:", info.name)
        shutil.rmtree(info)
endef
export FORGET_HALF_INSTALLED

define TORCH_REQUIREMENTS
import re
print(*re.findall(r'"(torch(?:vision)?>=[^"]+)"', open("pyproject.toml", encoding="utf-8").read()))
endef
export TORCH_REQUIREMENTS
