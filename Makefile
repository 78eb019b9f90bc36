# A thin front for Meson and Ninja. `make demo` and `make test` are all a newcomer needs; both install what they need (as root).
BUILD ?= build
NINJA_FLAGS ?=
SHELL := /bin/bash

.PHONY: demo test deps build asan tsan adversary fuzz fuzz-auth bench bench-auth bench-keeper bench-inspect bench-preview format lint install clean check-sources

build: deps
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD) >/dev/null || { cat $(BUILD)/meson-logs/meson-log.txt; exit 1; }
	@ninja $(NINJA_FLAGS) -C $(BUILD)

deps:
	@packaging/deps.sh

demo: build
	@packaging/deps.sh demo
	@$(BUILD)/sealdesk demo

test: build
	@packaging/deps.sh test
	@tests/run.sh $(BUILD)

asan: deps
	@[ -f $(BUILD)-asan/build.ninja ] || meson setup $(BUILD)-asan -Db_sanitize=address,undefined -Db_lundef=false >/dev/null
	@ninja -C $(BUILD)-asan
	@SEALDESK_ASAN=1 tests/run.sh $(BUILD)-asan

tsan: deps
	@[ -f $(BUILD)-tsan/build.ninja ] || meson setup $(BUILD)-tsan -Db_sanitize=thread -Db_lundef=false >/dev/null
	@ninja -C $(BUILD)-tsan
	@TSAN_OPTIONS="report_thread_leaks=0 $$TSAN_OPTIONS" meson test -C $(BUILD)-tsan --suite unit --print-errorlogs # threads of a process end with it

adversary: build # SECONDS_EACH=600: of each process that is taken over
	@SEALDESK_ADVERSARY_SECONDS=$${SECONDS_EACH:-60} $(BUILD)/src/keeper/keeper_adversary_test $(BUILD)/libexec/sealdesk-keeper

fuzz: deps
	@fuzz/run.sh

fuzz-auth: deps # SECONDS_EACH=360 JOBS=2: an hour's work in total
	@TARGETS='spf|dkim|dmarc|authres|arc|claims|mail|fields|params|words|address|header' fuzz/run.sh

bench: build
	@bench/run.sh $(BUILD)

bench-auth: build
	@bench/auth.sh $(BUILD)

bench-keeper: build
	@bench/keeper.sh $(BUILD)

bench-inspect: build
	@bench/inspect.sh $(BUILD)

bench-preview: build # RUNS=20: of each kind of file
	@packaging/deps.sh test
	@bench/preview.sh $(BUILD)

format:
	@clang-format -i $$(git ls-files 'src/*.c' 'src/*.h')

lint: build
	@tests/lint/run.sh $(BUILD)

install: build
	@meson install -C $(BUILD)

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz
