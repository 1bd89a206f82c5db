/* SPDX-License-Identifier: GPL-2.0 */
/* --filter of `sluice capture`: KEY=VALUE,..., all of which have to match. */
#ifndef CAPTURE_FILTER_H
#define CAPTURE_FILTER_H

#include <linux/types.h>

#include "../bpf/capture.h"

/* 0, or -1 after an error message; NULL matches everything */
int capture_filter_parse(struct capture_filter *filter, const char *text);

#endif
