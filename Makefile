# From a fresh clone, `make serve` and `make test` do everything: virtual environment, build, dependencies.
# Files named in $(VENV)/stamp say what is done, so that a second run does only what changed.

# Looked for once, and only where it is used: to make the virtual environment.
PYTHON ?= $(shell .ci/pythons | sed -n '1s/^[^ ]* //p')
python = $(eval python := $(PYTHON))$(python)
VENV ?= .venv
PY = "$(VENV)/bin/python"
PIP = $(PY) -m pip install -q --disable-pip-version-check --no-build-isolation
DONE = $(VENV)/stamp
SOURCES := $(shell find fastloop fastloop_http -name '*.pyx' -o -name '*.pxd' -o -name '*.h')
# A module whose source is gone must not go on being importable.
STALE := $(foreach so,$(shell find fastloop fastloop_http -name '*.so'),\
    $(if $(wildcard $(firstword $(subst ., ,$(so))).pyx),,$(so)))
$(if $(strip $(STALE)),$(shell rm $(STALE)))
BENCH = plaintext pipelined greet json post1k upload download echo
BENCH_HANDLERS = handler handler_path handler_query handler_json
BENCH_LOOP = echo echo1 echo256 echo_idle4000 echo1k echo16k echo100k buffered16k streams streams16k sock unix udp \
    tls tls16k

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help serve build test test-all lint types pytest bench bench-handlers bench-parser bench-loop bench-strain wrk \
    debug asan fuzz preflight clean distclean

help:
	@echo 'make serve      serve examples/hello.py on 127.0.0.1:3000'
	@echo 'make test       linters, type checks and tests'
	@echo 'make test-all   the same, and the tests on every other Python found from 3.11 to 3.15'
	@echo 'make lint types pytest   one of the three; ARGS="-k name" goes to pytest'
	@echo 'make build      compile in place'
	@echo 'make bench      measure against the others, into bench/results'
	@echo 'make bench-handlers measure the handler API, above the bare server and beside frameworks; a quarter of an hour'
	@echo 'make bench-parser measure the HTTP parser alone, a few seconds'
	@echo 'make bench-loop measure the loop alone: echoes, single operations, latency; half an hour'
	@echo 'make bench-strain what the HTTP server stands: slow clients, failures, SIGTERM under load; three minutes'
	@echo 'make debug      tests on a build with Cython checks and debug information, in build/tree-debug'
	@echo 'make asan       tests on a build with address and undefined-behaviour sanitizers, in build/tree-asan'
	@echo 'make fuzz       fuzz the parser, FUZZ_SECONDS=60 for each fuzzer; needs clang'
	@echo 'make clean      remove what was built; make distclean: the virtual environments too'
	@echo
	@echo 'PYTHON=python3.12 VENV=.venv-3.12 make ...   another Python; one virtual environment is for one Python'

serve: $(DONE)/installed $(DONE)/built
	exec $(PY) examples/hello.py

build: $(DONE)/installed $(DONE)/built

test: lint types pytest

test-all:
	@.ci/run

lint: $(DONE)/extra-dev
	$(PY) -m ruff check .
	PATH="$$(cd "$(VENV)/bin" && pwd):$$PATH" cython-lint $(filter-out %.h,$(SOURCES))

types: $(DONE)/extra-dev $(DONE)/extra-test
	$(PY) -m mypy
	$(PY) -m pyright --pythonpath $(PY)

pytest: $(DONE)/extra-test $(DONE)/built
	@$(PY) --version
	$(PY) -m pytest $(ARGS)

wrk:
	@command -v wrk >/dev/null || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get -qq update && apt-get -qq install -y wrk >/dev/null; } || { \
	    echo 'the bench needs the load generator wrk, which is not on PATH; install wrk.' >&2; exit 1; }

bench: $(DONE)/extra-bench $(DONE)/built wrk
	mkdir -p bench/results
	$(PY) -m bench.e2e $(BENCH) --check --json bench/results/e2e.json --svg bench/results/e2e.svg

# Bars of a tenth of a microsecond take more rounds than ratios do.
bench-handlers: $(DONE)/extra-bench $(DONE)/built wrk
	mkdir -p bench/results
	$(PY) -m bench.e2e $(BENCH_HANDLERS) --rounds 20 --check --json bench/results/handlers.json \
	    --markdown bench/README.md --mark bench.handlers

bench-parser: $(DONE)/extra-bench $(DONE)/built
	mkdir -p bench/results
	$(PY) -m bench.parser --rounds 40 --check --json bench/results/parser.json --markdown bench/README.md

bench-strain: $(DONE)/extra-bench $(DONE)/built
	mkdir -p bench/results
	$(PY) -m bench.strain --check --json bench/results/strain.json --markdown bench/README.md

# Every bench runs, whichever bars the one before it has missed. Where OpenSSL's headers are not to be had, the
# TLS cases are left out, by name.
bench-loop: $(DONE)/extra-bench $(DONE)/built
	@echo '#include <openssl/ssl.h>' | $${CC:-gcc} -E - >/dev/null 2>&1 || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get -qq update && apt-get -qq install -y libssl-dev >/dev/null; } || true
	mkdir -p bench/results
	missed=0; \
	$(PY) -m bench.e2e $(BENCH_LOOP) --check --json bench/results/loop.json --svg bench/results/loop.svg \
	    --markdown bench/README.md || missed=1; \
	$(PY) -m bench.micro --check --json bench/results/micro.json --markdown bench/README.md || missed=1; \
	$(PY) -m bench.latency --check --json bench/results/latency.json --markdown bench/README.md || missed=1; \
	exit $$missed

# The checked builds live in a copy of the tree: in place, their modules would take the place of the real ones.
# Packaging tests stay out: they are about the build that ships.
COPY = mkdir -p build/tree-$@ && find build/tree-$@ -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} + && \
    tar -cf - --exclude=./build --exclude='./.*' --exclude='*.so' --exclude=__pycache__ . | tar -xf - -C build/tree-$@ && \
    py=$$(cd "$(VENV)/bin" && pwd)/python && cd build/tree-$@

debug: $(DONE)/extra-test
	@$(COPY) && FASTLOOP_DEBUG=1 "$$py" setup.py -q build_ext --inplace && "$$py" -m pytest -m 'not slow' $(ARGS)

# --capture=sys: a sanitizer that ends the process has just written its report to the descriptor pytest would hold.
asan: $(DONE)/extra-test
	@test -e "$$($${CC:-gcc} -print-file-name=libasan.so)" || { \
	    echo "make asan needs gcc's sanitizer libraries, and libasan.so is missing; install libasan." >&2; exit 1; }
	@$(COPY) && FASTLOOP_SANITIZE=1 "$$py" setup.py -q build_ext --inplace && \
	    LD_PRELOAD="$$($${CC:-gcc} -print-file-name=libasan.so):$$($${CC:-gcc} -print-file-name=libubsan.so)" \
	    ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	    "$$py" -m pytest -m 'not slow' --capture=sys $(ARGS)

# libFuzzer drives the parser in a build of its own; atheris compares the one in the tree with the reference.
FUZZ_SECONDS = 60

fuzz: $(DONE)/extra-fuzz
	@command -v clang >/dev/null || { echo 'make fuzz needs clang and its runtime, and clang is not on PATH;' \
	    'install clang and libclang-rt-dev.' >&2; exit 1; }
	$(PY) -m tests.fuzz atheris --seconds $(FUZZ_SECONDS)
	@$(COPY) && CC=clang FASTLOOP_SANITIZE=fuzz "$$py" setup.py -q build_ext --inplace && \
	    "$$py" -m tests.fuzz libfuzzer --seconds $(FUZZ_SECONDS)

# What is missing is said in one sentence, before any tool can say it in fifty.
preflight:
	@test -n '$(python)' || { echo 'fastloop needs Python 3.11 to 3.15, and none was found; install one, or name' \
	    'one: make PYTHON=/path/to/python3.' >&2; exit 1; }
	@'$(python)' -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || { \
	    echo 'fastloop needs Python 3.11 or newer, and $(python) is older or does not run.' >&2; exit 1; }
	@'$(python)' setup.py preflight
	@'$(python)' -c 'import ensurepip, venv' 2>/dev/null || { \
	    version=$$('$(python)' -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "make needs Python's venv module, and $(python) lacks it; install python$$version-venv." >&2; exit 1; }

$(DONE)/venv:
	@$(MAKE) --no-print-directory -s preflight PYTHON='$(python)'
	@echo "$(VENV): $$('$(python)' --version), $(python)" && '$(python)' -m venv "$(VENV)"
	@mkdir -p "$(DONE)"
	@$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	    > "$(DONE)/tools"
	$(PIP) -r "$(DONE)/tools"
	@touch $@

$(DONE)/built: $(DONE)/venv setup.py $(SOURCES)
	$(PY) setup.py -q build_ext --inplace
	@touch $@

$(DONE)/installed: pyproject.toml | $(DONE)/built
	$(PIP) -e .
	@touch $@

$(DONE)/extra-%: pyproject.toml | $(DONE)/built
	$(PIP) -e '.[$*]'
	@touch $@

clean:
	rm -rf build dist *.egg-info .venv*/stamp/built .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -path './.*' -prune -o -name '*.so' -exec rm {} +
	find . -path './.*' -prune -o -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv*
