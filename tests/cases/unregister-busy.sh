#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A region stays while a request works on it: tests/guest/unregister-busy.c
. "$(dirname "$0")/../lib.sh"
machine -- build/vm/tests/guest/unregister-busy /dev/ng0n1
done_with_images
