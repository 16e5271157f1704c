# Tauto's commands. Each does all of its own set-up (scripts/setup.sh) and ends with one summary line.
# Variables: BUILD=folder, JOBS=N (parallel compilations), ARGS="..." (passed on to the script behind a campaign).

BUILD ?= build
PYTHON := .venv/bin/python
NINJA = ninja -C $(BUILD) $(if $(JOBS),-j$(JOBS))
CMAKE_FLAGS = -G Ninja -DPython_EXECUTABLE=$(abspath $(PYTHON)) -DTAUTO_PYTHON=ON

.DEFAULT_GOAL := help
.PHONY: help demo test check build programs setup models law lowbit mutants equivalence quantize quantize-quick memory conformance bench fuzz long bench-interpreter bench-first-run bench-kernels bench-schedules bench-runtime bench-winograd bench-int8 bench-bf16 bench-lowbit bench-attention ledger certificates region node-bounds golden expect format lint clean

help:  ## print this list
	@sed -n 's/^\([a-z0-9-]*\):.*##/\1/p' $(MAKEFILE_LIST) | awk '{n=$$1; $$1=""; printf "  make %-18s%s\n", n, $$0}'

demo: build  ## fetch a pretrained network, run it on real input, compare with ONNX Runtime
	@scripts/setup.sh models
	$(PYTHON) scripts/demo.py $(ARGS)

test: programs  ## house rules, C++ tests, Python tests
	@$(PYTHON) scripts/test.py --build $(BUILD) $(ARGS)

check: setup  ## only the house rules and the format, in a second
	@$(PYTHON) scripts/test.py --rules

build: setup $(BUILD)/build.ninja  ## the library, the command and the tests
	@$(NINJA)

programs: build  ## besides, the benchmarks' own programs
	@$(NINJA) bench_programs

setup:  ## Debian packages and .venv, where they are missing
	@scripts/setup.sh

models: build  ## every public network against ONNX Runtime, node by node
	@scripts/setup.sh models
	$(PYTHON) scripts/models.py $(ARGS)

law: build  ## machine code == interpreter, bit for bit, on every instruction set
	@scripts/setup.sh models
	$(PYTHON) scripts/law.py $(ARGS)

lowbit: build  ## networks of one and two bits: every neuron proved, every bit compared, answers that hang on one
	$(PYTHON) scripts/lowbit.py $(ARGS)

ledger: build  ## every rewrite of the public networks run again: does it keep its contract?
	@scripts/setup.sh models
	$(PYTHON) scripts/ledger.py $(ARGS)

certificates: build  ## decision certificates: what is missing, a seeded 2 % again, and the checker
	@scripts/setup.sh models
	$(PYTHON) scripts/certificates.py $(ARGS)

region: build  ## quantized twins for every input of a box: proofs, what is missing, a seeded part again
	$(PYTHON) scripts/region.py $(ARGS)

node-bounds: build  ## bounds of single nodes against ONNX Runtime, on the public networks
	@scripts/setup.sh models
	$(PYTHON) scripts/node_bounds.py $(ARGS)

quantize: build  ## quantization: what is missing of its campaigns, and docs/quantization.md
	@scripts/setup.sh models bench
	$(PYTHON) scripts/quantize.py $(ARGS)

quantize-quick: build  ## the same within ten minutes, without speed
	$(PYTHON) scripts/quantize.py --quick $(ARGS)

equivalence: build  ## campaigns of the comparison of networks: what is missing, and docs/equivalence.md
	@scripts/setup.sh models bench
	$(PYTHON) scripts/equivalence.py $(ARGS)

mutants: build  ## programs with one mistake each: does comparing bits with the interpreter notice?
	@scripts/setup.sh models
	$(PYTHON) scripts/mutants.py $(ARGS)

memory: build  ## what the public networks hold, beside their weights and what is alive at once
	@scripts/setup.sh models
	$(PYTHON) scripts/memory.py $(ARGS)

conformance: build  ## the 1,914 test cases of the onnx package
	$(PYTHON) scripts/conformance.py $(ARGS)

bench: programs  ## our speed beside ONNX Runtime's and OpenVINO's, answers compared first
	@scripts/setup.sh models bench
	$(PYTHON) bench/bench.py --build $(BUILD) $(ARGS)

fuzz: setup  ## mutated models against the importer, under ASan and UBSan
	@cmake -S . -B build-asan $(CMAKE_FLAGS) -DTAUTO_OPTIMIZE="-O1 -g1" -DTAUTO_SANITIZE=address,undefined -DTAUTO_PYTHON=OFF >/dev/null
	@ninja -C build-asan $(if $(JOBS),-j$(JOBS)) fuzzers
	$(PYTHON) scripts/fuzz.py --build build-asan $(ARGS)

long: build  ## exhaustive tests, and the same bits from a second compiler
	@scripts/setup.sh long
	$(PYTHON) scripts/long.py --build $(BUILD) $(ARGS)

bench-interpreter: programs  ## contractions of the interpreter: GMAC/s by kind and shape
	$(BUILD)/bench_interpreter $(ARGS)

bench-runtime: programs  ## what a run, a kernel, threads and planning memory cost, in nanoseconds
	$(BUILD)/bench_runtime_cost $(ARGS)

bench-first-run: programs  ## loading, compiling and memory at the peak, beside ONNX Runtime's
	@scripts/setup.sh models bench
	$(PYTHON) bench/first_run.py --build $(BUILD) $(ARGS)

expect: build  ## refresh what the file tests (tests/**/*.test) expect, showing what changed
	@$(PYTHON) scripts/file_tests.py --build $(BUILD) --refresh $(ARGS)

bench-kernels: programs  ## products, convolutions, sequences, rows: percent of this core's roofs, untuned
	$(BUILD)/bench_kernels $(ARGS)

bench-schedules: programs  ## the default schedule beside 200 drawn ones, on 64 drawn shapes
	$(BUILD)/bench_schedules $(ARGS)

bench-winograd: programs  ## 3x3 convolutions by --allow winograd beside our own direct ones
	@scripts/setup.sh models
	$(PYTHON) bench/winograd.py $(ARGS)

bench-lowbit: programs  ## layers of signs beside f32, vectors times matrices of 4 and 2 bits beside bytes
	$(PYTHON) bench/lowbit.py --build $(BUILD) $(ARGS)

bench-attention: programs  ## attentions of 128 to 4096 tokens, kernels run band by band and whole
	$(PYTHON) bench/attention.py --build $(BUILD) $(ARGS)

bench-int8: programs  ## networks of bytes beside our own f32 and OpenVINO's, answers compared first
	@scripts/setup.sh models bench
	$(PYTHON) bench/precision.py int8 --build $(BUILD) $(ARGS)

bench-bf16: programs  ## our --precision bf16.dp beside our own f32 and OpenVINO's default, answers compared first
	@scripts/setup.sh models bench
	$(PYTHON) bench/precision.py bf16 --build $(BUILD) $(ARGS)

golden: build  ## refresh tests/golden from this machine
	$(PYTHON) scripts/golden.py --refresh $(ARGS)

format: setup  ## clang-format over the tree
	@git ls-files --cached --others --exclude-standard '*.h' '*.cpp' | xargs .venv/bin/clang-format -i

lint: build  ## clang-tidy over src/
	@scripts/setup.sh long
	git ls-files 'src/*.cpp' | xargs -P 2 -n 4 clang-tidy --quiet -p $(BUILD)

clean:  ## remove the build folders (.venv stays)
	rm -rf build build-asan build-clang

$(BUILD)/build.ninja: Makefile
	cmake -S . -B $(BUILD) $(CMAKE_FLAGS)
	@touch $@
