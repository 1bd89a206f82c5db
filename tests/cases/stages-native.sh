#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The stages without a kernel: tests/stages
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/stages.sh
