// SPDX-License-Identifier: GPL-2.0
/*
 * capture: frames -> NVMe.
 *
 * AF_XDP's umem is the data area of a unified region, so that a frame is written
 * from where it arrived.  This program moves addresses from one ring to the other,
 * and puts a header in front of each frame.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "capture_filter.h"
#include "capture_reader.h"
#include "capture_report.h"
#include "capture_rx.h"
#include "capture_write.h"
#include "devs.h"
#include "ethtool.h"
#include "net.h"
#include "options.h"
#include "output.h"
#include "pin.h"
#include "run.h"
#include "service.h"
#include "verbs.h"

_Static_assert(CAPTURE_RX_QUEUES >= OPTION_LIST_MAX, "one --queue each");

#define BATCH		256	/* frames of a queue before the next has its turn */
#define NS_PER_SEC	1000000000ull
#define HEADROOM	256	/* XDP_PACKET_HEADROOM, before a frame in its memory */
#define MIN_SNAPLEN	64
#define FOREVER		UINT64_MAX
#define LOOK_NS		1000000	/* between looks at the region's CQ, which wakes nobody */
#define SETTLE_NS	(NS_PER_SEC / 2)

/* user_data of the requests in flight; queues are numbered from 0 on */
#define REQ_SIGNAL	((uint64_t)-1)
#define REQ_LINKS	((uint64_t)-2)

struct capture_options {
	const char		*dev;
	struct option_numbers	queues;
	const char		*nvme;
	unsigned long long	lba;
	unsigned long long	blocks;
	unsigned long long	snaplen;
	int			frame_size;	/* of frame_sizes */
	int			slots;		/* enum slots */
	unsigned long long	region_size;
	int			mode;		/* of modes */
	int			xdp;		/* of xdp_modes */
	const char		*filter;
	unsigned long long	count;
	unsigned long long	duration;
	const char		*name;
	bool			force;
};

static const char * const modes[] = { "auto", "zerocopy", "copy", NULL };
static const char * const xdp_modes[] = { "native", "skb", NULL };
static const char * const frame_sizes[] = { "auto", "2048", "4096", NULL };
static const char * const slots[] = { "auto", "tight", NULL };
enum slots { SLOTS_AUTO, SLOTS_TIGHT };

#define OPT(field)	offsetof(struct capture_options, field)
static const struct option_desc options[] = {
	{ "dev", 'd', OPT_STRING, OPT(dev), "IF", "interface to capture on", true },
	{ "queue", 0, OPT_NUMBERS, OPT(queues), "N",
	  "one of its receive queues; repeatable", true, .max = UINT16_MAX },
	{ "nvme", 'n', OPT_STRING, OPT(nvme), "DEV",
	  "namespace to write, /dev/nvme0n1 or /dev/ng0n1", true },
	{ "filter", 0, OPT_STRING, OPT(filter), "FILTER",
	  "ethertype=, proto=, port=, host= and commas between;"
	  " others pass (all frames match)" },
	{ "snaplen", 0, OPT_NUMBER, OPT(snaplen), "BYTES",
	  "to keep of a frame (as many as fit)" },
	{ "count", 'c', OPT_NUMBER, OPT(count), "N", "end after so many frames" },
	{ "duration", 0, OPT_NUMBER, OPT(duration), "S", "end after so many seconds",
	  .max = 1000000000 },
	{ "lba", 0, OPT_NUMBER, OPT(lba), "N", "first block to write", .def = "0" },
	{ "blocks", 0, OPT_NUMBER, OPT(blocks), "N",
	  "room for the capture (all that follow)" },
	{ "mode", 0, OPT_ENUM, OPT(mode), "MODE", "how frames get into the memory",
	  .def = "auto", .values = modes },
	{ "xdp", 0, OPT_ENUM, OPT(xdp), "MODE", "how XDP is attached",
	  .def = "native", .values = xdp_modes },
	{ "frame-size", 0, OPT_ENUM, OPT(frame_size), "BYTES",
	  "memory of a frame; auto is 2048, or 4096 if blocks are",
	  .def = "auto", .values = frame_sizes },
	{ "slots", 0, OPT_ENUM, OPT(slots), "MODE",
	  "of the device: auto may give a frame up to twice the blocks, and write several"
	  " with one command", .def = "auto", .values = slots },
	{ "region-size", 0, OPT_SIZE, OPT(region_size), "BYTES",
	  "memory shared by AF_XDP and NVMe", .def = "64M",
	  .min = 1 << 20, .max = 1ull << 32 },
	{ "name", 0, OPT_STRING, OPT(name), "NAME", "folder below " PIN_ROOT,
	  .def = "capture" },
	{ "force", 'f', OPT_FLAG, OPT(force), NULL,
	  "overwrite a file system, a recording or a capture" },
	{ }
};

static const struct verb_desc verb = {
	"capture", "",
	"Write the frames that a NIC queue receives to an NVMe namespace, from the\n"
	"memory they arrived in. What is captured does not reach the stack. Ends on\n"
	"SIGINT, or as --count, --duration and --blocks say; see 'sluice export'.",
	options,
};

struct capture {
	struct capture_options	opt;
	struct devs		devs;		/* the one of --nvme */
	struct capture_filter	filter;
	struct capture_rx_params params;
	struct capture_rx	rx;
	struct capture_writer	writer;
	struct capture_super	super;
	struct run_signals	signals;
	int			links_fd;	/* tells of changes of interfaces */
	const char		*ended;		/* why; NULL: it has not */
	uint64_t		until_ns;	/* CLOCK_MONOTONIC; 0: no --duration */
	uint64_t		dropped[CAPTURE_DROPS];	/* here */
	uint64_t		received;	/* frames from AF_XDP */
	uint64_t		late;		/* frames whose time is not XDP's */
	uint32_t		missed;		/* the NIC's counter at the start */
	uint64_t		tai_offset;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int check_queues(struct capture *c)
{
	const struct option_numbers *queues = &c->opt.queues;
	int nr = net_rx_queues(c->opt.dev);

	for (unsigned int i = 0; i < queues->nr; i++) {
		if (nr >= 0 && queues->items[i] >= (unsigned int)nr)
			return error("--queue %llu: %s has %d, from 0 on; 'ethtool -l %s' shows them, 'ethtool -L' adds",
				     queues->items[i], c->opt.dev, nr, c->opt.dev);
		c->params.queues[i] = queues->items[i];
	}
	c->params.nr_queues = queues->nr;
	return 0;
}

static int check_network(struct capture *c)
{
	int split, thresh;

	c->params.ifname = c->opt.dev;
	c->params.ifindex = net_ifindex(c->opt.dev);
	if (!c->params.ifindex)
		return -1;
	if (check_queues(c))
		return -1;
	if (!net_is_up(c->opt.dev))
		return error("%s is down; 'ip link set %s up'", c->opt.dev, c->opt.dev);
	/* XDP would have the headers, and payload goes where it cannot reach */
	if (!ethtool_header_split(c->opt.dev, &split, &thresh) && split)
		return error("%s splits headers from payload, AF_XDP would not get the payload; 'ethtool -G %s tcp-data-split off'",
			     c->opt.dev, c->opt.dev);
	return 0;
}

static int check_nvme(struct capture *c)
{
	struct option_list node = { .items = { c->opt.nvme }, .nr = 1 };

	return devs_check(&c->devs, &node, c->opt.lba, c->opt.force);
}

/* Of earlier captures, too, nobody should lose one by mistake */
static int check_capture(const struct capture *c)
{
	char path[80];

	snprintf(path, sizeof(path), "/dev/%s", c->devs.list[0].ns.disk);
	if (c->opt.force || !capture_probe(path, c->opt.lba << c->writer.ns.lba_shift))
		return 0;
	return error("%s carries a capture at block %llu; 'sluice export --nvme %s --lba %llu' reads it, --force overwrites it",
		     c->opt.nvme, c->opt.lba, path, c->opt.lba);
}

/* Everything that can be told to be wrong before anything is touched */
static int check_options(struct capture *c)
{
	static const uint16_t bind_flags[] = { 0, XDP_ZEROCOPY, XDP_COPY };
	static const enum xdp_attach_mode attach[] = { XDP_MODE_NATIVE, XDP_MODE_SKB };

	c->params.bind_flags = bind_flags[c->opt.mode];
	c->params.xdp_mode = attach[c->opt.xdp];
	if (c->params.xdp_mode == XDP_MODE_SKB && c->params.bind_flags == XDP_ZEROCOPY)
		return error("--mode zerocopy needs --xdp native; generic XDP has nothing but copies");
	if (capture_filter_parse(&c->filter, c->opt.filter))
		return -1;
	return check_network(c) || check_nvme(c) ? -1 : 0;
}

/* What depends on the size of a block */
static int set_sizes(struct capture *c)
{
	uint32_t block = c->writer.ns.lba_size, size = 2048 * c->opt.frame_size;

	if (block > 4096)
		return error("%s has blocks of %u bytes, more than the 4096 that AF_XDP has for a frame; use another namespace",
			     c->opt.nvme, block);
	if (!size)
		size = block > 2048 ? 4096 : 2048;
	if (size % block)
		return error("--frame-size %u: %s has blocks of %u bytes, a frame has to take whole ones; give --frame-size 4096",
			     size, c->opt.nvme, block);
	if (!c->opt.snaplen)
		c->opt.snaplen = size - HEADROOM;
	if (c->opt.snaplen < MIN_SNAPLEN || c->opt.snaplen > size - HEADROOM)
		return error("--snaplen %llu is not within %u and %u bytes, %s", c->opt.snaplen,
			     MIN_SNAPLEN, size - HEADROOM, size < 4096 ?
			     "--frame-size 4096 has room for more" : "AF_XDP has no more");
	c->params.frame_size = size;
	c->params.snaplen = c->opt.snaplen;
	return capture_writer_layout(&c->writer, size, c->opt.lba, c->opt.blocks,
				     c->opt.slots == SLOTS_TIGHT);
}

static int open_rx(struct capture *c)
{
	c->params.area = sluice_offset_addr(&c->writer.region, 0);
	c->params.size = c->writer.umem_size;
	c->params.filter = &c->filter;
	if (capture_rx_open(&c->rx, &c->params))
		return -1;
	/*
	 * By copy the kernel puts frames there that are for us, and the ring has room for
	 * all of them.  A NIC puts there what it likes, and XDP may not let it get here.
	 */
	c->writer.exclusive = !c->rx.zerocopy;
	return 0;
}

/*
 * Frames for which the NIC had no buffer, since it counted @before.  It has 32 bits
 * here, whose difference is right all the same; 0 if the interface is gone.
 */
static uint32_t missed_by_nic(const char *ifname, uint32_t before)
{
	struct ifaddrs *list, *i;
	uint32_t missed = 0;

	if (getifaddrs(&list))
		return 0;
	for (i = list; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET &&
		    i->ifa_data && !strcmp(i->ifa_name, ifname))
			missed = ((struct rtnl_link_stats *)i->ifa_data)->rx_missed_errors -
				 before;
	freeifaddrs(list);
	return missed;
}

static int start_super(struct capture *c)
{
	struct capture_super *s = &c->super;

	*s = (struct capture_super) {
		.block_size = c->writer.ns.lba_size,
		.frame_size = c->params.frame_size,
		.link_type  = CAPTURE_LINK_ETHERNET,
		.snaplen    = c->params.snaplen,
		.window	    = CAPTURE_WINDOW * (c->params.frame_size >> c->writer.ns.lba_shift),
		.start_ns   = now_ns(CLOCK_REALTIME),
		.blocks	    = c->writer.room,
	};
	if (getrandom(s->uuid, sizeof(s->uuid), 0) != sizeof(s->uuid))
		return error("getrandom: %s", strerror(errno));
	/* a random UUID, RFC 9562 */
	s->uuid[6] = (s->uuid[6] & 0x0f) | 0x40;
	s->uuid[8] = (s->uuid[8] & 0x3f) | 0x80;
	memcpy(c->writer.id, s->uuid, sizeof(c->writer.id));
	snprintf(s->ifname, sizeof(s->ifname), "%s", c->opt.dev);
	snprintf(s->filter, sizeof(s->filter), "%s", c->opt.filter ?: "");
	return capture_writer_super(&c->writer, s);
}

static int capture_open(struct capture *c)
{
	if (check_options(c) || run_signals_open(&c->signals))
		return -1;
	c->links_fd = net_watch_links();
	if (c->links_fd < 0 ||
	    capture_writer_open(&c->writer, c->opt.nvme, c->opt.region_size) ||
	    set_sizes(c) || check_capture(c) || pin_open(c->opt.name, c->writer.ring.ring_fd) ||
	    open_rx(c))
		return -1;
	/* the last step before frames arrive, for it overwrites what was there */
	return start_super(c);
}

static void capture_close(struct capture *c)
{
	capture_rx_close(&c->rx);
	pin_close();
	capture_writer_close(&c->writer);
	if (c->signals.fd >= 0)
		close(c->signals.fd);
	if (c->links_fd >= 0)
		close(c->links_fd);
}

static void end(struct capture *c, const char *why)
{
	if (!c->ended)
		c->ended = why;
}

static void on_freed(void *arg, uint16_t queue_index, uint64_t frame, uint32_t nr)
{
	struct capture *c = arg;

	capture_rx_give(&c->rx, &c->rx.queues[queue_index], frame, nr);
}

/* Time and length on the wire, which the XDP program has left before the frame */
static void read_meta(struct capture *c, const struct xdp_desc *desc,
		      struct capture_frame_info *info)
{
	const struct capture_meta *meta = sluice_offset_addr(&c->writer.region, desc->addr);

	meta--;
	info->orig_len = desc->len;
	if (meta->cookie == c->rx.cookie && meta->len >= desc->len) {
		info->orig_len = meta->len;
		/* the writer clears it: the next frame in this memory may have none */
		info->time_ns = meta->tai_ns - c->tai_offset;
		return;
	}
	info->flags = CAPTURE_SLOT_F_LATE;
	info->time_ns = now_ns(CLOCK_REALTIME);
	c->late++;
}

/* True if there is no place for it */
static bool refuse(struct capture *c, uint32_t data_off, uint32_t bytes)
{
	enum capture_drop why;

	if (data_off < sizeof(struct capture_slot) || bytes > c->params.frame_size) {
		why = CAPTURE_DROP_OVERSIZE;
	} else if (c->opt.count && c->writer.seq >= c->opt.count) {
		why = CAPTURE_DROP_LIMIT;
	} else if (!capture_writer_fits(&c->writer, bytes)) {
		why = CAPTURE_DROP_NO_SPACE;
		end(c, "no room left");
	} else {
		return false;
	}
	c->dropped[why]++;
	return true;
}

static void take_frame(struct capture *c, unsigned int index, const struct xdp_desc *desc)
{
	struct capture_frame_info info = {
		.cap_len     = desc->len,
		.data_off    = desc->addr & (c->params.frame_size - 1),
		.queue	     = c->rx.queues[index].id,
		.queue_index = index,
	};
	uint64_t frame = desc->addr - info.data_off;

	c->received++;
	if (refuse(c, info.data_off,
		   capture_slot_bytes(&c->writer, info.data_off, info.cap_len))) {
		capture_writer_skip(&c->writer, frame);
		capture_rx_give(&c->rx, &c->rx.queues[index], frame, 1);
		return;
	}
	read_meta(c, desc, &info);
	capture_writer_slot(&c->writer, frame, &info);
	if (c->opt.count && c->writer.seq == c->opt.count)
		end(c, "count reached");
}

/* From AF_XDP to the region's SQ; how many */
static unsigned int take_frames(struct capture *c)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < c->rx.nr_queues; i++) {
		struct xsk_ring_cons *ring = &c->rx.queues[i].rx;
		uint32_t space = capture_writer_space(&c->writer), first;
		unsigned int nr;

		nr = xsk_ring_cons__peek(ring, space < BATCH ? space : BATCH, &first);
		for (unsigned int j = 0; j < nr; j++)
			take_frame(c, i, xsk_ring_cons__rx_desc(ring, first + j));
		if (nr)
			xsk_ring_cons__release(ring, nr);
		taken += nr;
	}
	return taken;
}

/* One round of all rings; how much it moved, or -1 after an error message */
static int move(struct capture *c)
{
	int64_t ahead = now_ns(CLOCK_TAI) - now_ns(CLOCK_REALTIME);
	unsigned int taken;
	int reaped;

	/* whole seconds; the two clocks were not read at the same moment */
	c->tai_offset = (ahead + (int64_t)NS_PER_SEC / 2) / (int64_t)NS_PER_SEC * NS_PER_SEC;
	taken = take_frames(c);
	/* one system call for the batch */
	if (capture_writer_submit(&c->writer))
		return -1;
	reaped = capture_writer_reap(&c->writer, on_freed, c);
	if (reaped < 0)
		return -1;
	capture_rx_flush(&c->rx);
	if (c->writer.last_error)
		end(c, "device lost");
	return taken + reaped;
}

static void arm_signal(struct capture *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->writer.ring);

	io_uring_prep_read(sqe, c->signals.fd, &c->signals.info,
			   sizeof(c->signals.info), 0);
	io_uring_sqe_set_data64(sqe, REQ_SIGNAL);
}

static void arm_queue(struct capture *c, unsigned int index)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->writer.ring);

	io_uring_prep_poll_multishot(sqe, xsk_socket__fd(c->rx.queues[index].xsk), POLLIN);
	io_uring_sqe_set_data64(sqe, index);
}

static void arm_links(struct capture *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c->writer.ring);

	io_uring_prep_poll_multishot(sqe, c->links_fd, POLLIN);
	io_uring_sqe_set_data64(sqe, REQ_LINKS);
}

/* A poll of the sockets says nothing of an interface that is gone */
static void on_links(struct capture *c)
{
	socklen_t len = sizeof(int);
	int err = 0;

	net_drain_links(c->links_fd);
	for (unsigned int i = 0; i < c->rx.nr_queues; i++)
		if (!getsockopt(xsk_socket__fd(c->rx.queues[i].xsk), SOL_SOCKET,
				SO_ERROR, &err, &len) && err)
			end(c, "interface lost");
}

static void on_cqe(struct capture *c, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == REQ_SIGNAL) {
		note("stopping: writing what has arrived");
		end(c, "stopped");
		return;
	}
	if (cqe->user_data == REQ_LINKS) {
		on_links(c);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			arm_links(c);
		return;
	}
	if (cqe->res < 0 || cqe->res & (POLLERR | POLLHUP | POLLNVAL))
		end(c, "interface lost");
	else if (!(cqe->flags & IORING_CQE_F_MORE))
		arm_queue(c, cqe->user_data);
}

/* Does not sleep, and makes no system call if there is nothing to run */
static void look_at_ring(struct capture *c)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&c->writer.ring, &cqe)) {
		on_cqe(c, cqe);
		io_uring_cqe_seen(&c->writer.ring, cqe);
	}
}

/* Until a frame, a signal, the end of --duration, or time for a look at the CQ */
static int sleep_on_ring(struct capture *c, uint64_t ns)
{
	struct __kernel_timespec ts = { };
	uint64_t now = now_ns(CLOCK_MONOTONIC);
	struct io_uring_cqe *cqe;
	int ret;

	if (c->writer.in_flight && ns > LOOK_NS)
		ns = LOOK_NS;
	if (c->until_ns && ns > (c->until_ns > now ? c->until_ns - now : 0))
		ns = c->until_ns > now ? c->until_ns - now : 0;
	ts.tv_sec = ns / NS_PER_SEC;
	ts.tv_nsec = ns % NS_PER_SEC;
	if (ns == FOREVER)
		ret = io_uring_submit_and_wait(&c->writer.ring, 1);
	else
		ret = io_uring_submit_and_wait_timeout(&c->writer.ring, &cqe, 1, &ts, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EAGAIN)
		return error("io_uring: %s", strerror(-ret));
	look_at_ring(c);
	return 0;
}

/* How long to sleep: a second as long as @more is to be shown then, or for ever */
static uint64_t rest_ns(bool more)
{
	int ms = service_timeout(more ? 1000 : -1);

	return ms < 0 ? FOREVER : (uint64_t)ms * (NS_PER_SEC / 1000);
}

static void show_progress(const struct capture *c)
{
	progress("written %" PRIu64 " frames, %s, %u in flight", c->writer.frames,
		 human_bytes(c->writer.bytes), c->writer.in_flight);
}

static int run(struct capture *c)
{
	uint64_t shown = 0;
	bool more = true;	/* something has moved since it was shown */
	int moved = 0;

	arm_signal(c);
	arm_links(c);
	for (unsigned int i = 0; i < c->rx.nr_queues; i++)
		arm_queue(c, i);
	/* it may have gone before there was anything to wait for */
	on_links(c);
	while (!c->ended) {
		uint64_t now;

		if (moved)
			look_at_ring(c);
		else if (sleep_on_ring(c, rest_ns(more)))
			return -1;
		service_watchdog();
		moved = move(c);
		if (moved < 0)
			return -1;
		more |= moved;
		now = now_ns(CLOCK_MONOTONIC);
		if (c->until_ns && now >= c->until_ns)
			end(c, "duration over");
		if (more && now - shown >= NS_PER_SEC) {
			show_progress(c);
			shown = now;
			more = moved;
		}
	}
	progress_end();
	return 0;
}

/* Matched, and not seen since */
static int64_t unaccounted(const struct capture *c, const struct capture_rx_stats *st)
{
	return st->xdp.matched - st->xdp.oversize - st->no_buffer - st->ring_full -
	       c->received;
}

/*
 * The program is gone, but a CPU may still be in it: until all frames that it has
 * counted are there or counted as dropped, and all are written.
 */
static int settle(struct capture *c, struct capture_rx_stats *st)
{
	uint64_t until = now_ns(CLOCK_MONOTONIC) + SETTLE_NS;
	int moved;

	c->until_ns = 0;
	do {
		moved = move(c);
		if (moved < 0 || capture_rx_stats(&c->rx, st))
			return -1;
		if (!moved && sleep_on_ring(c, LOOK_NS))
			return -1;
	} while (moved || c->writer.in_flight ||
		 (unaccounted(c, st) && now_ns(CLOCK_MONOTONIC) < until));
	return 0;
}

static void end_super(struct capture *c, const struct capture_rx_stats *st)
{
	struct capture_super *s = &c->super;
	int64_t other = unaccounted(c, st);

	s->flags |= CAPTURE_F_COMPLETE;
	s->end_ns = now_ns(CLOCK_REALTIME);
	s->used = c->writer.next;
	s->frames = c->writer.frames;
	s->bytes = c->writer.bytes;
	s->orig_bytes = c->writer.orig_bytes;
	s->matched = st->xdp.matched;
	s->passed = st->xdp.passed;
	memcpy(s->dropped, c->dropped, sizeof(s->dropped));
	s->dropped[CAPTURE_DROP_NO_MEMORY] += st->no_buffer;
	s->dropped[CAPTURE_DROP_RING_FULL] += st->ring_full;
	s->dropped[CAPTURE_DROP_OVERSIZE] += st->xdp.oversize;
	s->dropped[CAPTURE_DROP_DEVICE] += c->writer.failed;
	s->dropped[CAPTURE_DROP_OTHER] += other > 0 ? other : 0;
	s->missed = missed_by_nic(c->opt.dev, c->missed);
}

static int finish(struct capture *c)
{
	struct capture_rx_stats st;
	struct capture_report report = {
		.name	= c->opt.name,
		.ended	= c->ended,
		.xdp	= xdp_modes[c->opt.xdp],
		.super	= &c->super,
		.writer	= &c->writer,
		.rx	= &c->rx,
		.stats	= &st,
	};
	int ret;

	service_stopping();
	capture_rx_stop(&c->rx);
	if (settle(c, &st))
		return -1;
	end_super(c, &st);
	report.late = c->late;
	ret = capture_writer_super(&c->writer, &c->super);
	return capture_report(&report) || ret ? -1 : 0;
}

static int capture_run(struct capture *c)
{
	c->missed = missed_by_nic(c->opt.dev, 0);
	if (c->opt.duration)
		c->until_ns = now_ns(CLOCK_MONOTONIC) + c->opt.duration * NS_PER_SEC;
	if (capture_rx_start(&c->rx))
		return -1;
	/* not by note(): scripts wait for this line */
	fprintf(stderr, "sluice: capturing on %s, %s\n", c->opt.dev,
		c->rx.zerocopy ? "zero copy" : "copy mode");
	service_ready();
	return run(c) || finish(c) ? -1 : 0;
}

int do_capture(int argc, char **argv)
{
	static struct capture c = {
		.writer.nvme_fd = -1, .signals.fd = -1, .links_fd = -1,
	};
	int ret = options_parse(&verb, &c.opt, argc, argv);

	if (ret < 0)
		return ret == -2 ? 0 : EXIT_USAGE;
	ret = capture_open(&c) || capture_run(&c);
	capture_close(&c);
	return ret ? 1 : 0;
}
