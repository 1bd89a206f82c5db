/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The receiving side of a capture: AF_XDP sockets, one a queue, that share one
 * umem, and the XDP program that redirects to them.
 */
#ifndef CAPTURE_RX_H
#define CAPTURE_RX_H

#include <stdbool.h>
#include <stdint.h>
#include <xdp/xsk.h>

#include "capture_filter.h"
#include "xdp_prog.h"

#define CAPTURE_RX_QUEUES	16

struct capture_rx_queue {
	unsigned int		id;
	struct xsk_socket	*xsk;
	struct xsk_ring_prod	fill;
	struct xsk_ring_cons	comp;		/* of transmission: not used */
	struct xsk_ring_cons	rx;
	unsigned int		given;		/* to fill, not published yet */
};

struct capture_rx {
	const char		*ifname;
	struct xsk_umem		*umem;
	uint32_t		frame_size;
	struct capture_rx_queue	queues[CAPTURE_RX_QUEUES];
	unsigned int		nr_queues;
	bool			zerocopy;
	struct xdp_prog		prog;
	struct capture_bpf	*skel;
	uint32_t		cookie;
};

struct capture_rx_params {
	const char		*ifname;
	unsigned int		ifindex;
	unsigned int		queues[CAPTURE_RX_QUEUES];
	unsigned int		nr_queues;
	void			*area;		/* whole pages, whole frames */
	uint64_t		size;
	uint32_t		frame_size;
	uint32_t		snaplen;
	uint16_t		bind_flags;	/* XDP_COPY, XDP_ZEROCOPY or 0 */
	enum xdp_attach_mode	xdp_mode;
	const struct capture_filter *filter;
};

struct capture_rx_stats {
	struct capture_counts	xdp;
	uint64_t		no_buffer;	/* dropped: no free frame of umem */
	uint64_t		ring_full;	/* dropped */
	uint64_t		fill_empty;	/* times the NIC asked in vain */
};

/* Sockets and program, all but the start; 0, or -1 after an error message */
int capture_rx_open(struct capture_rx *rx, const struct capture_rx_params *p);
/* Frames begin to arrive */
int capture_rx_start(struct capture_rx *rx);
/* No more of them are redirected */
void capture_rx_stop(struct capture_rx *rx);
void capture_rx_close(struct capture_rx *rx);

/* @nr free frames from offset @frame of the area on, for @q; visible after the flush */
void capture_rx_give(struct capture_rx *rx, struct capture_rx_queue *q, uint64_t frame,
		     uint32_t nr);
void capture_rx_flush(struct capture_rx *rx);

/* 0, or -1 after an error message */
int capture_rx_stats(const struct capture_rx *rx, struct capture_rx_stats *stats);

#endif
