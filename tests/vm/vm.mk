# SPDX-License-Identifier: GPL-2.0
#
# What needs the virtual machine.  Everything is set up on demand and kept in
# $SLUICE_CACHE (~/.cache/sluice): the toolchain root, the kernel's source and
# its build trees.

VM := tests/vm

VM_TARGETS := \
	bench check check-clang check-debug check-liburing check-mutation check-static \
	checkpatch clean-cache demo fuzz kernel powercut refresh-patches series setup shell soak \
	sparse torture upstream-lines vm-build
.PHONY: $(VM_TARGETS)

setup:
	@$(VM)/setup
	@$(VM)/toolchain >/dev/null

# The loader and everything with it, built in the toolchain root
vm-build: setup
	@$(VM)/enter $(MAKE) -s --no-print-directory -j"$$(nproc)" BUILD=build/vm \
		all vm-programs bench-programs

kernel: setup
	@$(VM)/kernel plain

demo: setup vm-build
	@$(VM)/demo

check: setup vm-build
	@$(VM)/kernel plain >/dev/null
	@$(VM)/kernel debug >/dev/null
	@tests/run $(TESTS)

# The conformance tests on the kernel as clang makes it
check-clang: setup vm-build
	@KERNEL=$$($(VM)/kernel clang) tests/run $(or $(TESTS),$(patsubst tests/cases/%.sh,%,$(wildcard tests/cases/conform-*.sh)))

# What exercises the kernel, on one that checks memory, leaks and DMA, and on one that
# looks for data races
DEBUG_TESTS := $(filter-out bench%,$(patsubst tests/cases/%.sh,%,$(shell grep -lwE '^ *(machine|vm)' tests/cases/*.sh)))
check-debug: setup vm-build
	@KERNEL=$$($(VM)/kernel kasan) TEST_TIMEOUT=3600 tests/run $(or $(TESTS),$(DEBUG_TESTS))
	@KERNEL=$$($(VM)/kernel kcsan) TEST_TIMEOUT=3600 tests/run $(or $(TESTS),$(DEBUG_TESTS))

# Shared memory that somebody rewrites, and calls with wrong arguments, on the kernel
# that sees most: SECONDS= or OPS= for each of FUZZ="memory calls", SEED= for one again
fuzz: setup vm-build
	@$(VM)/kernel kasan >/dev/null
	@tests/fuzz/run $(addprefix --seed ,$(SEED)) $(addprefix --ops ,$(OPS)) $(addprefix --seconds ,$(SECONDS)) $(FUZZ)

# liburing's own tests, on Linux with and without the patches (20 minutes)
check-liburing: setup
	@$(VM)/kernel vanilla >/dev/null
	@$(VM)/kernel plain >/dev/null
	@tests/liburing/run $(TESTS)

# Do the tests notice when the kernel does not check? (a minute or two a mutant)
check-mutation: setup vm-build
	@tests/mutation/run $(MUTANTS)

# All static checks: what runs in user space (TOOLS=: those of tests/static/run, and only
# they), and the kernel side, with W=1 by gcc and clang
check-static: setup vm-build
	@$(VM)/enter tests/static/run $(TOOLS)
	@[ -n "$(TOOLS)" ] || { $(VM)/checkpatch && tests/run kernel-configs; }

# Processes killed KILLS times, and all that can be taken away from one (an hour)
torture: setup vm-build
	@KILLS=$(or $(KILLS),1000) MATRIX=$(or $(MATRIX),91) TEST_TIMEOUT=14400 tests/long/torture.sh

# The power of a drive with a write cache is cut CUTS times (a quarter of a minute each)
powercut: setup vm-build
	@CUTS=$(or $(CUTS),200) tests/cases/power-cut.sh

# All pipelines at once for HOURS, with faults; what there is to see goes to build/soak
soak: setup vm-build
	@HOURS=$(or $(HOURS),2) tests/long/soak.sh

# What it costs, beside what a user would pick instead
bench: setup vm-build
	@tests/bench/run $(BENCH)

shell: setup vm-build kernel
	@$(VM)/run --shell --timeout 86400 --append "$(APPEND)"

# The patches as a series for git am, new files included
series:
	@$(VM)/series

# The patches again from the kernel's source tree, after changes there
refresh-patches: setup
	@$(VM)/refresh-patches $(ADD)

# Lines that change in files which exist upstream; those for tests do not count
upstream-lines:
	@$(VM)/upstream-lines

checkpatch: setup kernel
	@$(VM)/checkpatch

sparse: setup
	@$(VM)/sparse

clean-cache:
	rm -rf --one-file-system $${SLUICE_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/sluice}
