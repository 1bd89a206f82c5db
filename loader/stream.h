/* SPDX-License-Identifier: GPL-2.0 */
/* Where a pipeline's data comes from: one TCP stream, through one NIC queue. */
#ifndef STREAM_H
#define STREAM_H

#include <limits.h>
#include <time.h>

#include "options.h"
#include "region.h"
#include "xdp.h"

struct stream_options {
	const char		*dev;
	unsigned long long	queue;
	const char		*listen;
	int			xdp;		/* enum xdp_use */
	unsigned long long	record_size;
	unsigned long long	region_size;
};

/* They begin the table of a verb whose options have them as @member */
#define STREAM_OPTIONS(type, member)					\
	{ "dev", 'd', OPT_STRING, offsetof(type, member.dev), "IF",	\
	  "interface to receive on", true },				\
	{ "listen", 'l', OPT_STRING, offsetof(type, member.listen), "ADDR:PORT", \
	  "where to accept the stream", true },				\
	{ "xdp", 0, OPT_ENUM, offsetof(type, member.xdp), "MODE",	\
	  "how XDP is attached", .def = "native", .values = stream_xdp_modes }, \
	{ "record-size", 0, OPT_SIZE, offsetof(type, member.record_size), "BYTES", \
	  "what stages decide about at a time, 512 to 64K", .def = "4K" }, \
	{ "region-size", 0, OPT_SIZE, offsetof(type, member.region_size), "BYTES", \
	  "memory that the NIC receives into", .def = "64M" }

/* For those that receive by one */
#define STREAM_QUEUE_OPTION(type, member)				\
	{ "queue", 0, OPT_NUMBER, offsetof(type, member.queue), "N",	\
	  "its receive queue", true, .max = UINT_MAX }

extern const char * const stream_xdp_modes[];

struct stream {
	const struct stream_options *opt;
	unsigned int		ifindex;
	struct xdp		*xdp;
	int			listen_fd;
	unsigned short		port;
	int			fd;		/* the connection */
	struct timespec		start;		/* when it was made */
};

/* What can be told to be wrong before anything is touched; 0, or -1 as ever */
int stream_check(struct stream *stream, const struct stream_options *opt);
/* The NIC's part of the region's parameters */
void stream_region(const struct stream *stream, struct region_params *params);
/* Listen, and attach the XDP program */
int stream_listen(struct stream *stream);
/* 1: a connection; 0: @signal_fd was readable before; -1 after an error message */
int stream_accept(struct stream *stream, int signal_fd);
void stream_close(struct stream *stream);

/* What ended it, -errno, but for its end: -1 after the message */
int stream_ended_early(int result, unsigned long long lost);

/* Since the connection, 0 without one */
long long stream_elapsed_ns(const struct stream *stream);

#endif
