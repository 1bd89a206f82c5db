#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cppcheck and shellcheck find nothing in what runs in user space, and would:
# tests/static/run.  The slower tools, a quarter of an hour of one core, are left to
# `make check-static`.  For the kernel side there are kernel-patches and kernel-configs.
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/static/run cppcheck shellcheck
