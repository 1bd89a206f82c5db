#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The reader of recordings on crafted and damaged images, tests/unit/recording.c
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/recording.sh
