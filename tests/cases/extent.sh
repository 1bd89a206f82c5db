#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What serve reads, of a range and of anything else that is a list of extents.
. "$(dirname "$0")/../lib.sh"
tests/vm/enter gcc -std=gnu11 -O1 -g -Wall -Wextra -Werror -Iloader \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	tests/unit/extent.c loader/extent.c -o "$dir/extent"
tests/vm/enter "$dir/extent"
