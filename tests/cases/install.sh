#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What `make install` leaves can be built against: tests/unit/install.sh
. "$(dirname "$0")/../lib.sh"
tests/vm/enter tests/unit/install.sh
