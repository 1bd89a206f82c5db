#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sluice export on images made here: good, cut off, damaged, hostile; no machine.
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/export.sh
