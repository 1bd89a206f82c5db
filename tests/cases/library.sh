#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The user library, without a kernel: tests/unit/library.c
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/library.sh
