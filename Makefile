# make demo    a synthetic city end to end: records, training, promotion, a service that answers
# make test    everything that is tested, with a real PostgreSQL and a real browser
# make venv    only prepares .venv
# make screenshots   pictures of every page in both languages, into docs/screenshots, from the demo's city at full size
# DEMO="--no-serve --projects 400 --years 3" passes options to the demo.

# Whatever the environment says of it: pip leaves compiling to the first import, and where what is compiled is not
# kept, every process imports two to three times as long.
export PYTHONDONTWRITEBYTECODE :=

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(VENV)/bin
DEMO ?=
# Workers for the tests; each starts its own PostgreSQL. Their linear algebra has one thread each: threads that
# wait for a busy core take many times as long.
JOBS ?= 2
FIND_PYTHON := for p in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && { echo "$$p"; exit; }; done

.PHONY: demo test venv lint style docs screenshots lock clean

demo: venv
	$(BIN)/siterisk demo $(DEMO)

test: venv style
	@.ci/debian 'postgresql=ls /usr/lib/postgresql/*/bin/initdb || command -v initdb' 'chromium=command -v chromium || command -v chromium-browser || command -v google-chrome'
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist worksteal

# The types are one of the tests, beside the others: tests/test_types.py.
lint: style
	$(BIN)/mypy

style: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

venv: $(VENV)/ready

$(VENV)/ready: requirements.lock pyproject.toml
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		.ci/debian python3=false python3-venv=false; \
		echo "Python 3.11, 3.12 or 3.13 is needed / 需要 Python 3.11、3.12 或 3.13: make PYTHON=/path/to/python3" >&2; exit 1; fi; \
	.ci/debian "python3-venv=$$python -c 'import venv, ensurepip'" 'libgomp1=ls /usr/lib/*/libgomp.so.1 /usr/lib64/libgomp.so.1 2>/dev/null | grep -q .' || exit 1; \
	echo "Preparing $(VENV) with $$($$python --version); about two minutes / 正在准备运行环境，约需两分钟"; \
	"$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-compile --require-hashes -r requirements.lock \
		| awk '/^Collecting/ { n++; if (n % 20 == 0) print "  " n " packages / 个软件包" } \
			/^Installing collected/ { print "  unpacking, about a minute / 正在安装，约一分钟" } { fflush() }'
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

docs: venv
	$(BIN)/python -m data_contracts.reference_page
	$(BIN)/python -m features.reference_page
	$(BIN)/python -m training.checks_page

screenshots: venv
	@.ci/debian 'chromium=command -v chromium || command -v chromium-browser || command -v google-chrome' 'fonts-noto-cjk=fc-list :lang=zh | grep -q .'
	$(BIN)/siterisk demo --no-serve $(or $(DEMO),--projects 4600 --years 6)
	PYTHONPATH=. $(BIN)/python -m tests.screenshots $${SITERISK_HOME:-var}/demo

lock:
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements.lock

clean:
	rm -rf $(VENV) var .pytest_cache .ruff_cache .mypy_cache
