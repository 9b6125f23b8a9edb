# What people type. Each target does all that it needs: packages, build, run.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BUILD := build
JOBS ?= $(shell nproc)
DEMO_SECONDS ?= 60
FUZZ_SECONDS ?= 600
SOAK_MINUTES ?= 30
SOAK_WARM_UP_MINUTES ?= 5
SOAK_STREAMS ?= 1000
# Speech is real time and clocks are compared: tests that need the machine to themselves are marked
# RUN_SERIAL, the others share the cores.
CTEST_ARGUMENTS ?=
export DEMO_SECONDS
# A folder: make demo then leaves a recording there, as tests/data/demo is one.
RECORD ?=

# Every C and C++ file of ours that is under version control or about to be.
SOURCES = git ls-files --cached --others --exclude-standard '*.h' '*.cc' '*.c'

.PHONY: help setup setup-test setup-kubernetes configure build demo images test test-kubernetes bench soak interop accuracy fuzz clean format tidy lint \
  charts-table

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Installs the Debian packages that are missing (needs root only then)
	@.ci/setup build

# These need servers and media programs too.
setup-test: setup
	@.ci/setup test
	@.ci/tools >/dev/null

setup-kubernetes: setup
	@.ci/setup kubernetes
	@.ci/tools >/dev/null

# The Kubernetes API server of the tests, built where it is not in the cache yet. Prints its path.
API_SERVER = tests/kubernetes/api_server/build.sh

# What a user runs; the tests and benchmarks are built by the targets that run them.
PROGRAMS = audio-latency-probe audio-latency-correlator audio-latency
NINJA = NINJA_STATUS="build: [%f/%t, %es] " cmake --build $(BUILD) --parallel $(JOBS)

configure: setup
	@if [ ! -f $(BUILD)/build.ninja ]; then \
	  echo "build: configuring ..."; \
	  cmake --preset release -Wno-dev >$(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }; \
	  rm -f $(BUILD).log; \
	fi

build: configure ## Builds the programs into build/bin
	@$(NINJA) --target $(PROGRAMS)

demo: configure ## Real speech through three nodes: the delay of every hop (DEMO_SECONDS=60)
	@$(NINJA) --target $(PROGRAMS) lab-demo lab-audio
	@$(BUILD)/bin/lab-demo --seconds $(DEMO_SECONDS) --output $(BUILD)/demo \
	  $(if $(RECORD),--record $(RECORD))

images: ## Builds the images of both programs into build/images, without a container engine (root)
	@docker/build.sh $(BUILD)/images

test: setup-test configure ## Builds and runs every test; what needs root is skipped without it, and counted
	@$(NINJA)
	@$(API_SERVER) >/dev/null || { \
	  echo "test: NO KUBERNETES API SERVER: the tests with the label kubernetes are skipped" >&2; \
	  [ -z "$${AUDIO_LATENCY_REQUIRE_KUBERNETES-}" ]; }
	@cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS) $(CTEST_ARGUMENTS)

test-kubernetes: setup-kubernetes configure ## Tests against a real API server
	@$(NINJA) --target kubernetes-tests
	@$(API_SERVER) >/dev/null
	@cd $(BUILD) && AUDIO_LATENCY_REQUIRE_KUBERNETES=1 ctest --output-on-failure -L kubernetes

bench: configure ## Measures the BPF programs, the probe and the correlator; writes build/bench.json
	@$(NINJA) --target $(PROGRAMS) run-benchmarks bench_bpf bench_probe bench_correlator
	@$(BUILD)/bin/run-benchmarks --output $(BUILD)/bench.json

soak: configure ## SOAK_STREAMS=1000 calls for SOAK_MINUTES=30: memory stays flat, no event goes missing
	@$(NINJA) --target $(PROGRAMS) soak
	@$(BUILD)/bin/soak --minutes $(SOAK_MINUTES) --warm-up-minutes $(SOAK_WARM_UP_MINUTES) \
	  --streams $(SOAK_STREAMS) --output $(BUILD)/soak.txt

interop: setup-test configure ## Real media programs (GStreamer, rtpengine, a SIP call) as relays; prints a table
	@$(NINJA) --target $(PROGRAMS) interop-table interop_gstreamer_test interop_rtpengine_test \
	  interop_sip_call_test
	@rm -rf $(BUILD)/interop
	@cd $(BUILD) && AUDIO_LATENCY_INTEROP_RESULTS=$(abspath $(BUILD))/interop ctest --output-on-failure -L interop
	@$(BUILD)/bin/interop-table $(BUILD)/interop

accuracy: configure ## Holds what is found again in every kind of traffic against the truth
	@$(NINJA) --target accuracy
	@$(BUILD)/bin/accuracy --seconds 60 --output $(BUILD)/accuracy.json

fuzz: configure ## Every fuzzer for FUZZ_SECONDS=600, as many at a time as there are cores
	@$(NINJA) --target fuzzers
	@ls tests/fuzz/fuzz_*.cc | sed 's/.*fuzz_\(.*\)\.cc/\1/' | \
	  xargs -P $(JOBS) -I{} tests/fuzz/run.sh {} $(BUILD)/tests/fuzz $(FUZZ_SECONDS)

clean: ## Removes everything that was built
	@rm -rf $(BUILD)

charts-table: ## Writes the table of values into the chart's README
	@tools=$$(.ci/tools) && NODE_PATH=$$tools/node_modules node tests/charts/values_table.js

format: setup ## Formats every source file in place
	@$(SOURCES) | xargs -r clang-format-14 -i

tidy: configure ## Looks for mistakes with clang-tidy
	@$(NINJA)
	@$(SOURCES) | grep '\.cc$$' | sort -u | \
	  xargs -r -P $(JOBS) -n 4 clang-tidy-14 --quiet -p $(BUILD)

lint: setup ## Checks the formatting of all files, the protocol (buf) and the chart (helm)
	@$(SOURCES) | xargs -r clang-format-14 --dry-run -Werror
	@tools=$$(.ci/tools) && (cd proto && "$$tools/bin/buf" lint) && \
	  "$$tools/bin/helm" lint --strict --quiet charts/audio-latency-tracker
