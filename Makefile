# The front door. Every target installs what it needs first; see CONTRIBUTING.md.
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60

.PHONY: runtime-size help build demo test bench compare fuzz sanitize conformance python format

help:
	@echo "make demo      build, then optimise the demo network; results in demo-out/"
	@echo "make build     the strata program: build/release/tools/cli/strata"
	@echo "make python    the Python module, installed into .venv"
	@echo "make test      build and test everything"
	@echo "make sanitize  the tests under the address, undefined and thread sanitizers"
	@echo "make fuzz      every fuzz target for FUZZ_SECONDS (default 60)"
	@echo "make conformance  ONNX's own cases; writes docs/conformance.md"
	@echo "make bench     the kernel benchmarks"
	@echo "make compare MODELS=...  Strata beside other runtimes; bench/compare/README.md"
	@echo "make runtime-size  the runtime for deployment, and how large it is"
	@echo "make format    clang-format over all C++ files"

# The first configuration leaves the tests out, so that the demo needs no test packages.
build:
	@scripts/setup
	@test -f build/release/build.ninja || cmake --preset release -DSTRATA_TESTS=OFF
	cmake --build --preset release -j $(JOBS) --target strata

demo: build
	@scripts/demo

test:
	@scripts/setup --tests
	@scripts/test -j $(JOBS)

conformance:
	@scripts/setup --tests --conformance
	@scripts/conformance -j $(JOBS)

bench:
	@scripts/setup --bench
	@test -f build/release/build.ninja || cmake --preset release -DSTRATA_TESTS=OFF
	cmake --preset release -DSTRATA_BENCH=ON
	cmake --build --preset release -j $(JOBS)
	@set -e; for program in build/release/bench/bench_*; do "$$program"; done

sanitize:
	@scripts/setup --tests
	@set -e; for preset in asan tsan; do \
	  cmake --preset $$preset -DSTRATA_CLI=OFF; \
	  cmake --build --preset $$preset -j $(JOBS); \
	  ctest --preset $$preset -j $(JOBS); \
	done

# The runtime for deployment, built for one instruction set; fails above 3 MB.
runtime-size:
	@scripts/setup --tests
	@scripts/runtime_size

# New finds go to build/; what is worth keeping is copied to tests/corpus by hand.
fuzz:
	@scripts/setup --fuzz
	cmake --preset fuzz
	cmake --build --preset fuzz -j $(JOBS)
	@set -e; for program in build/fuzz/tests/fuzz/fuzz_*; do \
	  name=$${program##*/fuzz_}; found=build/fuzz/found/$$name; mkdir -p "$$found"; \
	  dict="tests/fuzz/$$name.dict"; \
	  "$$program" $$(test -f "$$dict" && echo "-dict=$$dict") -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=2048 -timeout=10 \
	    -artifact_prefix="$$found-" "$$found" "tests/corpus/$$name"; \
	done

compare:
	@scripts/setup --python
	@STRATA_VENV=build/compare-env scripts/python_env $$(cat bench/compare/requirements.txt)
	build/compare-env/bin/python bench/compare/compare.py $(COMPARE) $(MODELS)

python:
	@scripts/setup --python
	@scripts/python_env

format:
	@scripts/setup --tests
	git ls-files -z '*.cpp' '*.hpp' | xargs -0 clang-format -i
