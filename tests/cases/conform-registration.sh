#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Both registration calls, with every kind of memory and every error:
# tests/conformance/registration.c
. "$(dirname "$0")/../lib.sh"
more=(--disk "$dir/more1.img")
for i in $(seq 18); do
	truncate -s 64M "$dir/more$i.img"
	[ "$i" = 1 ] || more+=(--more "$dir/more$i.img")
done
machine "${more[@]}" -- tests/guest/conform-registration.sh
rm -f "$dir"/more*.img
done_with_images
