#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Options of stages, found by BTF and set from text: tests/unit/options.sh
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/options.sh
