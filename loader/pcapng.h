/* SPDX-License-Identifier: GPL-2.0 */
/* Writes a pcapng file: one section, one interface, time in nanoseconds. */
#ifndef PCAPNG_H
#define PCAPNG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct pcapng_interface {
	const char	*name;
	const char	*filter;	/* "" is none */
	uint32_t	link_type;
	uint32_t	snaplen;
};

struct pcapng_packet {
	uint64_t	time_ns;
	uint32_t	cap_len;
	uint32_t	orig_len;
	uint32_t	queue;
	uint64_t	missing;	/* packets before it that were lost */
	const void	*data;
};

struct pcapng_stats {
	uint64_t	start_ns;
	uint64_t	end_ns;
	bool		known;		/* what follows, but for delivered */
	uint64_t	received;	/* by the interface */
	uint64_t	missed;		/* by it, too */
	uint64_t	accepted;	/* by the filter */
	uint64_t	dropped;	/* of these */
	uint64_t	delivered;	/* to this file */
};

/* Each 0, or -1 with errno set */
int pcapng_start(FILE *f, const char *program, const struct pcapng_interface *intf);
int pcapng_packet(FILE *f, const struct pcapng_packet *p);
int pcapng_stats(FILE *f, const struct pcapng_stats *s);

#endif
