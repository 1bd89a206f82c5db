# SPDX-License-Identifier: GPL-2.0
#
# What needs the virtual machine.  Everything is set up on demand and kept in
# $SLUICE_CACHE (~/.cache/sluice): the toolchain root, the kernel's source and
# its build trees.

VM := tests/vm

.PHONY: demo check kernel setup shell vm-build
.PHONY: series upstream-lines checkpatch sparse clean-cache

setup:
	@$(VM)/setup
	@$(VM)/toolchain >/dev/null

# The loader and everything with it, built in the toolchain root
vm-build: setup
	@$(VM)/enter $(MAKE) -s --no-print-directory BUILD=build/vm all vm-programs

kernel: setup
	@$(VM)/kernel plain

demo: setup vm-build
	@$(VM)/demo

check: setup vm-build
	@$(VM)/kernel plain >/dev/null
	@$(VM)/kernel debug >/dev/null
	@tests/run $(TESTS)

shell: setup vm-build kernel
	@$(VM)/run --shell --timeout 86400 --append "$(APPEND)"

# The patches as a series for git am, new files included
series:
	@$(VM)/series

# Lines that change in files which exist upstream; those for tests do not count
upstream-lines:
	@$(VM)/upstream-lines

checkpatch: setup kernel
	@$(VM)/checkpatch

clean-cache:
	rm -rf --one-file-system $${SLUICE_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/sluice}
