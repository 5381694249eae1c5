# `make` lists the targets. Debian 12 and 13; docker/build_caffe.sh has the details.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo test test-page test-vot test-caffe test-pretrain benchmark benchmark-modes \
	benchmark-sizes benchmark-trackers sequences-given benchmark-memory lint gui clean

VENV := .venv
# More for docker/build_caffe.sh: `make setup CAFFE=--cuda`, and so with every other target.
CAFFE :=
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check --no-input --quiet

# The face in the first frame of the clip: x,y,w,h, 0-based.
DEMO_CLIP := build/demo/carphone.mp4
DEMO_BOX := 63,37,50,64
DEMO_OUTPUT := runs/demo

STOCK_VENV := build/stock
TORCH_PYTHON := build/torch/bin/python
TORCH_VERSION := 2.13.0
# Of every benchmark but benchmark-memory; empty: as many as a measurement should have.
ROUNDS :=
# Of benchmark-trackers: the folder of sequences.
SEQUENCES :=

PRETRAIN_VENV := build/torch-pretrain
# Address of a package index that has PyTorch without CUDA, a fifth of the size: make test-pretrain TORCH_INDEX=...
TORCH_INDEX :=

VOT_VENV := build/vot
# The last toolkit whose supervised experiment works, see tests/vot/test_toolkit.py.
VOT_SUPERVISED := 0.7.4

# The two OpenCV wheels share their files: the other one must go first.
define SWAP_OPENCV
version=$$(sed -n 's/^opencv-contrib-python-headless==//p' requirements.txt); \
	$(PIP) uninstall --yes opencv-contrib-python-headless; \
	$(PIP) install --no-deps --force-reinstall "opencv-contrib-python==$$version"; \
	$(PYTHON) -c 'import cv2'; \
	touch $(VENV)/gui; \
	echo "opencv-contrib-python $$version, with windows, is in place"
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: ## install everything into .venv: packages by apt, Caffe, rpn2t (minutes once, then seconds)
	@docker/build_caffe.sh --venv $(VENV) $(CAFFE)
	@stamp=$(VENV)/rpn2t.sha256; wanted=$$(cat pyproject.toml requirements.txt | sha256sum); \
	if [[ $$(cat $$stamp 2>/dev/null || true) != "$$wanted" || ! -x $(VENV)/bin/rpn2t ]]; then \
	  echo "Installing rpn2t and its development tools"; \
	  $(PIP) install --no-build-isolation --editable '.[dev]'; \
	  if [[ -e $(VENV)/gui ]]; then $(SWAP_OPENCV); fi; \
	  echo "$$wanted" >$$stamp; \
	fi

demo: setup ## track a face through a real clip: an annotated video, minutes after the set-up
	@$(PYTHON) tools/fetch_demo_clip.py $(DEMO_CLIP)
	@$(VENV)/bin/rpn2t track $(DEMO_CLIP) --init $(DEMO_BOX) --mode fast --output $(DEMO_OUTPUT) --overwrite
	@echo "The demo made:"
	@ls -1 $(DEMO_OUTPUT) | sed 's|^|  $(CURDIR)/$(DEMO_OUTPUT)/|'

# A process holds up to a gigabyte, and makes the fixtures of its files once.
test: setup ## run the tests
	@$(PYTHON) -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile

test-page: setup ## test the page of `rpn2t serve` in Chromium, which comes by apt (a minute after the set-up)
	@docker/build_caffe.sh --venv $(VENV) --apt-only --also chromium
	@$(PYTHON) -m pytest tests/serve/test_page.py tests/serve/test_page_shared.py

# The toolkit brings another OpenCV, so it has an environment of its own. RPN2T_SEQUENCES adds real sequences: a
# folder that holds VOT2016/bag and VOT2018/book.
test-vot: setup ## run the VOT toolkit on our trackers, by TraX (installs it once, minutes)
	@stamp=$(VOT_VENV)/requirements.sha256; \
	wanted=$$( (cat tests/vot/requirements.txt; echo $(VOT_SUPERVISED)) | sha256sum); \
	if [[ $$(cat $$stamp 2>/dev/null || true) != "$$wanted" ]]; then \
	  echo "Installing the VOT toolkit into $(VOT_VENV)"; \
	  $(PYTHON) -m venv --clear $(VOT_VENV); \
	  pip="$(VOT_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet"; \
	  $$pip install --requirement tests/vot/requirements.txt; \
	  $$pip install --no-deps --target $(VOT_VENV)/supervised vot-toolkit==$(VOT_SUPERVISED); \
	  echo "$$wanted" >$$stamp; \
	fi
	@RPN2T_VOT_PYTHON=$(CURDIR)/$(VOT_VENV)/bin/python $(PYTHON) -m pytest tests/vot
	@echo "What agrees with what is in $(VOT_VENV)/agreement.json"

test-caffe: setup ## run Caffe's own Python tests against the installed build
	@docker/build_caffe.sh --venv $(VENV) --apt-only --also graphviz
	@GLOG_minloglevel=2 $(PYTHON) -m unittest discover --start-directory $(VENV)/share/caffe/python/caffe/test

test-pretrain: setup ## test tools/pretrain, which has PyTorch in an environment of its own
	@stamp=$(PRETRAIN_VENV)/requirements.sha256; wanted=$$(sha256sum <tools/pretrain/requirements.txt); \
	if [[ $$(cat $$stamp 2>/dev/null || true) != "$$wanted" ]]; then \
	  echo "Installing PyTorch into $(PRETRAIN_VENV)"; \
	  $(PYTHON) -m venv $(PRETRAIN_VENV); \
	  pip="$(PRETRAIN_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet"; \
	  $$pip install --no-deps --retries 1 $(addprefix --extra-index-url ,$(TORCH_INDEX)) \
	    "$$(grep '^torch==' tools/pretrain/requirements.txt)"; \
	  $$pip install --requirement tools/pretrain/requirements.txt; \
	  echo "$$wanted" >$$stamp; \
	fi
	@OMP_WAIT_POLICY=passive CAFFE_PYTHON=$(CURDIR)/$(PYTHON) $(PRETRAIN_VENV)/bin/python -m pytest tools/pretrain/tests

# Another Python with PyTorch does as well: make benchmark TORCH_PYTHON=...
benchmark: setup ## time stock Caffe, ours and PyTorch on this CPU (minutes; benchmarks/README.md)
	@docker/build_caffe.sh --stock --venv $(STOCK_VENV)
	@$(STOCK_VENV)/bin/python -m pip --disable-pip-version-check --no-input --quiet install \
	  --no-build-isolation --no-deps --editable .
	@if [[ $(TORCH_PYTHON) = build/torch/bin/python ]] && ! $(TORCH_PYTHON) -c 'import torch' 2>/dev/null; then \
	  echo "Installing PyTorch $(TORCH_VERSION) into build/torch"; \
	  $(PYTHON) -m venv build/torch; \
	  build/torch/bin/python -m pip --disable-pip-version-check --no-input --quiet install \
	    torch==$(TORCH_VERSION) "$$(grep '^numpy==' requirements.txt)"; \
	fi
	@$(PYTHON) benchmarks/cpu.py --stock $(STOCK_VENV)/bin/python --torch $(TORCH_PYTHON) \
	  $(addprefix --rounds ,$(ROUNDS))

benchmark-modes: setup ## time paper mode against fast mode, and their memory (minutes; benchmarks/README.md)
	@$(PYTHON) benchmarks/modes.py --profile $(addprefix --rounds ,$(ROUNDS))

benchmark-sizes: setup ## time fast mode against the size of frames and target (minutes)
	@$(PYTHON) benchmarks/sizes.py $(addprefix --rounds ,$(ROUNDS))

benchmark-trackers: sequences-given setup ## time fast mode and OpenCV's trackers on real sequences: SEQUENCES=FOLDER
	@$(PYTHON) benchmarks/trackers.py '$(SEQUENCES)' $(addprefix --rounds ,$(ROUNDS))

sequences-given:
	@: $(if $(SEQUENCES),,$(error give the folder of sequences: make benchmark-trackers SEQUENCES=FOLDER))

benchmark-memory: setup ## watch the memory of fast mode over 10,000 frames (a quarter of an hour or so)
	@$(PYTHON) benchmarks/long_video.py

lint: setup ## check style (ruff) and types (mypy)
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy python/rpn2t tools benchmarks

# Its wheel wants libGL and GLib of the system; glib's library has another name in every release, its tools not.
gui: setup ## swap in the OpenCV with windows, for --show and --select
	@docker/build_caffe.sh --venv $(VENV) --apt-only --also libgl1 --also libglib2.0-bin
	@$(SWAP_OPENCV)

clean: ## remove build/ and caches (keeps .venv and runs)
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache *.egg-info python/*.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
