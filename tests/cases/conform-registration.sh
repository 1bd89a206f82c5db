#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Both registration calls, with every kind of memory and every error:
# tests/conformance/registration.c
. "$(dirname "$0")/../lib.sh"
truncate -s 256M "$dir/other.img"
machine --disk "$dir/other.img" -- tests/guest/conform-registration.sh
rm -f "$dir/other.img"
done_with_images
