/* SPDX-License-Identifier: GPL-2.0 */
/* What the two formats of a recording have in common. */
#ifndef RECORD_H
#define RECORD_H

#include "devs.h"
#include "options.h"
#include "place.h"
#include "stream.h"

struct record_options {
	struct stream_options	in;
	struct option_list	nvme;
	struct option_numbers	queues;
	struct option_list	stages;
	unsigned long long	lba;
	const char		*name;
	bool			force;
	const char		*user;
	int			stage_exit;	/* enum stage_exit */
	int			format;
	int			layout;		/* of record_layouts */
	unsigned long long	streams;	/* 0: until a signal */
	unsigned long long	index_size;
	bool			durable;
	bool			rotate;
	bool			mirror;		/* of @layout */
};

extern const char * const record_layouts[];

/* --format log, options checked: the exit code, 0 or 1 */
int log_record(const struct record_options *opt);

#endif
