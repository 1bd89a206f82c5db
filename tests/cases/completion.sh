#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Completion by bash: verbs, options, values.
. "$(dirname "$0")/../lib.sh"
sanitized_sluice
tests/vm/enter env sluice=/sluice/build/asan/sluice unshare --net tests/unit/completion.sh
