#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# finds: SC2115
rm -rf "$1/"*
