// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "capture_rx.h"
#include "capture.skel.h"
#include "output.h"

#define COMP_ENTRIES	64	/* as few as libxdp takes without a fuss */

static uint32_t round_up_pow2(uint32_t v)
{
	uint32_t p = 64;

	while (p < v)
		p *= 2;
	return p;
}

static int explain_bind(const struct capture_rx_params *p, unsigned int queue, int err)
{
	switch (err) {
	case EBUSY:
		return error("queue %u of %s has another AF_XDP socket, or is some pipeline's; stop that or use another --queue",
			     queue, p->ifname);
	case EINVAL:
		if (p->bind_flags & XDP_ZEROCOPY)
			return error("--mode zerocopy: %s does not take frames of %u bytes for its MTU; lower that, or give --frame-size 4096",
				     p->ifname, p->frame_size);
		return error("%s has no queue %u; 'ethtool -l %s' shows how many there are",
			     p->ifname, queue, p->ifname);
	case EOPNOTSUPP:
		return error("--mode zerocopy: the driver of %s has no zero copy for AF_XDP; --mode auto goes without",
			     p->ifname);
	case EPERM:
		return error("AF_XDP is not permitted; it needs CAP_NET_RAW and CAP_BPF, run as root");
	case ENETDOWN:
		return error("%s is down; 'ip link set %s up'", p->ifname, p->ifname);
	}
	return error("AF_XDP on queue %u of %s: %s", queue, p->ifname, strerror(err));
}

static int open_umem(struct capture_rx *rx, const struct capture_rx_params *p)
{
	/*
	 * Whatever queue gets all of the frames, the ring is never full: the kernel
	 * hands out frames a little before it says that it has taken them from there,
	 * so there may seem to be up to twice as many.
	 */
	uint32_t frames = p->size / p->frame_size;
	struct xsk_umem_config config = {
		.fill_size  = 2 * round_up_pow2(frames),
		.comp_size  = COMP_ENTRIES,
		.frame_size = p->frame_size,
	};
	int ret;

	ret = xsk_umem__create(&rx->umem, p->area, p->size, &rx->queues[0].fill,
			       &rx->queues[0].comp, &config);
	if (!ret)
		return 0;
	rx->umem = NULL;
	if (ret == -EPERM)
		return explain_bind(p, 0, EPERM);
	if (ret == -ENOMEM || ret == -ENOBUFS)
		return error("not enough memory for AF_XDP with %u frames, or over RLIMIT_MEMLOCK; give a smaller --region-size",
			     frames);
	return error("AF_XDP memory of %u frames: %s; does this kernel have CONFIG_XDP_SOCKETS?",
		     frames, strerror(-ret));
}

static int open_socket(struct capture_rx *rx, const struct capture_rx_params *p,
		       struct capture_rx_queue *q)
{
	struct xsk_socket_config config = {
		.rx_size	= round_up_pow2(p->size / p->frame_size),
		.libxdp_flags	= XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags	= p->bind_flags | XDP_USE_NEED_WAKEUP,
	};
	struct xdp_options opts = { };
	socklen_t len = sizeof(opts);
	int ret;

	ret = xsk_socket__create_shared(&q->xsk, p->ifname, q->id, rx->umem, &q->rx,
					NULL, &q->fill, &q->comp, &config);
	if (ret) {
		q->xsk = NULL;
		return explain_bind(p, q->id, -ret);
	}
	if (!getsockopt(xsk_socket__fd(q->xsk), SOL_XDP, XDP_OPTIONS, &opts, &len))
		rx->zerocopy = opts.flags & XDP_OPTIONS_ZEROCOPY;
	return 0;
}

/*
 * Each queue its share, once: a frame goes back to the queue that it came by.  The
 * kernel fills them in the order in which they are given, and what lies side by side
 * can be one command.
 */
static void deal_frames(struct capture_rx *rx, uint64_t size)
{
	uint32_t left = size / rx->frame_size;
	uint64_t frame = 0;

	for (unsigned int i = 0; i < rx->nr_queues; i++) {
		uint32_t nr = left / (rx->nr_queues - i);

		capture_rx_give(rx, &rx->queues[i], frame, nr);
		frame += (uint64_t)nr * rx->frame_size;
		left -= nr;
	}
	capture_rx_flush(rx);
}

static int explain_attach(const struct capture_rx *rx, int err)
{
	switch (err) {
	case EALREADY:
		return -1;
	case EBUSY:
	case EEXIST:
		return error("%s has an XDP program that the dispatcher cannot join; 'ip link show %s' shows it",
			     rx->ifname, rx->ifname);
	case EOPNOTSUPP:
		return error("the driver of %s has no XDP of its own; --xdp skb goes without",
			     rx->ifname);
	case EPERM:
		return error("loading XDP is not permitted; it needs CAP_BPF and CAP_NET_ADMIN, run as root");
	}
	return error("attaching XDP to %s: %s", rx->ifname, strerror(err));
}

static int open_prog(struct capture_rx *rx, const struct capture_rx_params *p)
{
	unsigned int last = 0;
	int ret;

	rx->skel = capture_bpf__open();
	if (!rx->skel)
		return error("the XDP program: %s", strerror(errno));
	for (unsigned int i = 0; i < rx->nr_queues; i++)
		if (rx->queues[i].id > last)
			last = rx->queues[i].id;
	bpf_map__set_max_entries(rx->skel->maps.capture_socks, last + 1);
	rx->skel->rodata->filter = *p->filter;
	rx->skel->rodata->snaplen = p->snaplen;
	rx->skel->rodata->cookie = rx->cookie;
	rx->prog = (struct xdp_prog) {
		.name	 = "sluice_capture",
		.prefix	 = "capture",
		.ifindex = p->ifindex,
		.mode	 = p->xdp_mode,
	};
	ret = xdp_prog_attach(&rx->prog, rx->skel->obj);
	return ret ? explain_attach(rx, -ret) : 0;
}

int capture_rx_open(struct capture_rx *rx, const struct capture_rx_params *p)
{
	rx->ifname = p->ifname;
	rx->frame_size = p->frame_size;
	/* not a number that memory has by chance */
	if (getrandom(&rx->cookie, sizeof(rx->cookie), 0) != sizeof(rx->cookie))
		return error("getrandom: %s", strerror(errno));
	if (open_umem(rx, p))
		return -1;
	for (unsigned int i = 0; i < p->nr_queues; i++) {
		rx->queues[i].id = p->queues[i];
		if (open_socket(rx, p, &rx->queues[i]))
			return -1;
		rx->nr_queues++;
	}
	deal_frames(rx, p->size);
	return open_prog(rx, p);
}

int capture_rx_start(struct capture_rx *rx)
{
	int fd = bpf_map__fd(rx->skel->maps.capture_socks);

	for (unsigned int i = 0; i < rx->nr_queues; i++) {
		int ret = xsk_socket__update_xskmap(rx->queues[i].xsk, fd);

		if (ret)
			return error("queue %u of %s: %s", rx->queues[i].id, rx->ifname,
				     strerror(-ret));
	}
	return 0;
}

void capture_rx_stop(struct capture_rx *rx)
{
	xdp_prog_detach(&rx->prog);
}

void capture_rx_close(struct capture_rx *rx)
{
	xdp_prog_detach(&rx->prog);
	for (unsigned int i = 0; i < rx->nr_queues; i++)
		xsk_socket__delete(rx->queues[i].xsk);
	rx->nr_queues = 0;
	if (rx->umem)
		xsk_umem__delete(rx->umem);
	rx->umem = NULL;
	capture_bpf__destroy(rx->skel);
	rx->skel = NULL;
}

void capture_rx_give(struct capture_rx *rx, struct capture_rx_queue *q, uint64_t frame,
		     uint32_t nr)
{
	uint32_t idx;

	/* there is room: the ring is twice as large as all frames together */
	if (!xsk_ring_prod__reserve(&q->fill, nr, &idx))
		return;
	q->given += nr;
	for (; nr; nr--, frame += rx->frame_size)
		*xsk_ring_prod__fill_addr(&q->fill, idx++) = frame;
}

void capture_rx_flush(struct capture_rx *rx)
{
	for (unsigned int i = 0; i < rx->nr_queues; i++) {
		struct capture_rx_queue *q = &rx->queues[i];

		if (q->given)
			xsk_ring_prod__submit(&q->fill, q->given);
		q->given = 0;
		/* a zero-copy driver that has run dry sleeps until it is told */
		if (xsk_ring_prod__needs_wakeup(&q->fill))
			recvfrom(xsk_socket__fd(q->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
	}
}

static int add_xdp_stats(const struct capture_rx *rx, struct capture_counts *sum)
{
	int nr_cpus = libbpf_num_possible_cpus();
	struct capture_counts *cpus = calloc(nr_cpus, sizeof(*cpus));
	unsigned int key = 0;
	int ret = -1;

	if (cpus)
		ret = bpf_map_lookup_elem(bpf_map__fd(rx->skel->maps.capture_counts),
					  &key, cpus);
	for (int i = 0; i < nr_cpus && !ret; i++) {
		sum->matched += cpus[i].matched;
		sum->matched_bytes += cpus[i].matched_bytes;
		sum->passed += cpus[i].passed;
		sum->oversize += cpus[i].oversize;
		sum->no_meta += cpus[i].no_meta;
	}
	free(cpus);
	return ret;
}

int capture_rx_stats(const struct capture_rx *rx, struct capture_rx_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (add_xdp_stats(rx, &stats->xdp))
		return error("the counters of the XDP program: %s", strerror(errno));
	for (unsigned int i = 0; i < rx->nr_queues; i++) {
		struct xdp_statistics s = { };
		socklen_t len = sizeof(s);

		if (getsockopt(xsk_socket__fd(rx->queues[i].xsk), SOL_XDP,
			       XDP_STATISTICS, &s, &len))
			return error("the counters of AF_XDP on queue %u of %s: %s",
				     rx->queues[i].id, rx->ifname, strerror(errno));
		stats->no_buffer += s.rx_dropped;
		stats->ring_full += s.rx_ring_full;
		stats->fill_empty += s.rx_fill_ring_empty_descs;
	}
	return 0;
}
