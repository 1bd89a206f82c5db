#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `make install`, a program built from that alone, and the man pages
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/install.sh
