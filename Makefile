# The front door; the build itself is CMake's. `make help` lists the targets.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_FLAGS ?=

# CC=clang-14 make: only a compiler that was asked for is passed on.
ifneq ($(origin CC),default)
export CC
COMPILER := -DCMAKE_C_COMPILER=$(CC)
endif

# The jobs of CMake's own make are not this make's.
CMAKE_BUILD = MAKEFLAGS=--no-print-directory cmake --build $(1) --parallel $(JOBS)

.PHONY: all help deps test test-browser demo experiments bench bench-peers bench-quality install asan format clean

all:
	@scripts/deps.sh build
	@[ -f $(BUILD)/CMakeCache.txt ] || cmake -S . -B $(BUILD) -DSAE_TESTS=OFF $(COMPILER) $(CMAKE_FLAGS)
	@$(call CMAKE_BUILD,$(BUILD))

help:
	@echo "make               build build/sae and the library"
	@echo "make deps          install what building, testing and the demo need (apt)"
	@echo "make test          build and run the tests"
	@echo "make test-browser  open the pages that sae writes in Chromium (needs node and npm)"
	@echo "make demo          text to compared SAEs in a few minutes; TEXT=FILE uses your text"
	@echo "make experiments   the paper's experiments on the demo's model; writes docs/results.md; on your GPT-2: MODEL=DIR TEXT=FILE"
	@echo "make bench         measure speed on this machine; writes build/bench.json, bench-end-to-end.json"
	@echo "make bench-peers   the same step, text to SAE and dashboards in other packages (makes Python environments)"
	@echo "make bench-quality FVU of trained SAEs beside plain PyTorch's, on the demo's activations (minutes)"
	@echo "make install       PREFIX=$(PREFIX), DESTDIR="
	@echo "make asan          the tests with address and undefined-behaviour sanitizers"
	@echo "make format        clang-format-14 over the sources"
	@echo "make clean         remove the build folders"
	@echo "Variables: BUILD, JOBS, CC, CMAKE_FLAGS, PREFIX, DESTDIR, TEXT, MODEL, HELD_OUT_TEXT, EXPERIMENTS (options of experiments/run.py)"

deps:
	@scripts/deps.sh build test demo

test:
	@scripts/deps.sh build test
	@cmake -S . -B $(BUILD) -DSAE_TESTS=ON $(COMPILER) $(CMAKE_FLAGS)
	@$(call CMAKE_BUILD,$(BUILD))
	@ctest --test-dir $(BUILD) --label-exclude slow --output-on-failure --parallel $(JOBS)

test-browser: all
	@scripts/deps.sh browser
	@tests/browser/run.sh $(BUILD)

demo: all
	@[ -n "$(TEXT)" ] || scripts/deps.sh demo
	@TEXT="$(TEXT)" SAE=$(BUILD)/sae OUT=$(BUILD)/demo demo/run.sh

$(BUILD)/demo/held-out.txt:
	@scripts/deps.sh demo
	@demo/text.sh $(BUILD)/demo

experiments: all
	@MODEL="$(MODEL)" TEXT="$(TEXT)" HELD_OUT_TEXT="$(HELD_OUT_TEXT)" experiments/run.sh $(BUILD)/sae $(BUILD)/experiments $(EXPERIMENTS)

bench: all $(BUILD)/demo/held-out.txt
	@$(BUILD)/sae bench --model demo/model --text $(BUILD)/demo/text.txt --split %%%% --json >$(BUILD)/bench.json.part
	@mv $(BUILD)/bench.json.part $(BUILD)/bench.json
	@echo "Wrote $(BUILD)/bench.json"
	@$(BUILD)/sae bench --end-to-end --model demo/model --text $(BUILD)/demo/text.txt --split %%%% --max-tokens 1M --k 8 \
		--batch 1024 --folder $(BUILD) --json >$(BUILD)/bench-end-to-end.json.part
	@mv $(BUILD)/bench-end-to-end.json.part $(BUILD)/bench-end-to-end.json
	@echo "Wrote $(BUILD)/bench-end-to-end.json"

bench-peers: all $(BUILD)/demo/held-out.txt
	@bench/peers/run.sh $(BUILD)
	@bench/peers/run.sh $(BUILD) --end-to-end
	@bench/peers/run.sh $(BUILD) --dashboards

bench-quality: all
	@bench/quality/run.sh $(BUILD)

install: all
	@cmake -S . -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) >/dev/null
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

asan:
	@scripts/deps.sh build test
	@cmake -S . -B $(BUILD)-asan -DSAE_TESTS=ON -DSAE_SANITIZE=ON $(COMPILER) $(CMAKE_FLAGS)
	@$(call CMAKE_BUILD,$(BUILD)-asan)
	@ctest --test-dir $(BUILD)-asan --label-exclude slow --output-on-failure --parallel $(JOBS)

format:
	@scripts/deps.sh format
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

clean:
	rm -rf $(BUILD) $(BUILD)-asan
