// SPDX-License-Identifier: GPL-2.0
/*
 * xsk-cmd --dev IF [--nvme NODE] [--queue N] [--buffers N] [--depth N] COUNT [FRAMES]:
 * a capture of the next COUNT frames of a NIC queue, by AF_XDP and NVMe passthrough
 * writes (generic node), with the umem as registered buffers.  SIGINT ends it earlier.
 *
 * On the namespace frame N is at byte 2048 * N: the chunk that it arrived in, which
 * AF_XDP has left 256 bytes free of at its beginning, where this puts a struct slot.
 * What is behind the frame in its slot is whatever was in memory.  Chunks that lie
 * side by side go in one command, of so many FRAMES at most (as many as the device
 * takes); they do as long as they are given back in order.
 *
 * As libxdp(3) has it: its own XDP program, which redirects whatever the queue gets,
 * and the need_wakeup flag; and as liburing's documentation: registered buffers in huge
 * pages and registered file, one task that submits, task work when it waits, one wait
 * for both.  The time of a frame is that of its batch.
 *
 * Without a node each frame is given back at once: what AF_XDP alone costs.
 */
#include "peer.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <xdp/xsk.h>

#define CHUNK		2048
#define BATCH		256
#define REQ_POLL	((uint64_t)-1)

/* In front of each frame, little endian */
struct slot {
	uint64_t	magic;		/* SLOT_MAGIC */
	uint64_t	nr;		/* from 0 on */
	uint64_t	time_ns;	/* since 1970 */
	uint32_t	len;		/* of the frame, and */
	uint32_t	off;		/* where it begins in the slot */
};

#define SLOT_MAGIC	0x646d632d6b7378ull	/* "xsk-cmd" */

/* Chunks that lie side by side, on their way to the device */
struct run {
	uint64_t	addr;
	uint64_t	nr;		/* of the first frame */
	uint32_t	frames;
};

struct capture {
	struct peer_opts	opts;
	uint64_t		count;
	uint32_t		max_run;	/* frames */
	struct peer_ns		ns;
	struct io_uring		ring;
	char			*mem;
	struct xsk_umem		*umem;
	struct xsk_socket	*xsk;
	struct xsk_ring_prod	fill;
	struct xsk_ring_cons	comp, rx;
	uint32_t		given;		/* to the fill ring, not submitted */
	struct run		*runs;		/* --depth of them */
	uint32_t		*free;		/* runs; a stack */
	uint32_t		nr_free;
	struct run		run;		/* that is growing */
	uint64_t		taken, done;	/* frames */
	struct peer_sums	sums;
};

static struct capture c;
static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* Detaches the XDP program, whatever the program ended of */
static void close_xsk(void)
{
	xsk_socket__delete(c.xsk);
	xsk_umem__delete(c.umem);
}

static uint32_t round_up_pow2(uint32_t v)
{
	uint32_t p = 64;

	while (p < v)
		p *= 2;
	return p;
}

static void give(uint64_t addr)
{
	uint32_t i;

	/* there is room for all */
	if (!xsk_ring_prod__reserve(&c.fill, 1, &i))
		die("the fill ring is full");
	*xsk_ring_prod__fill_addr(&c.fill, i) = addr;
	c.given++;
}

static void flush_fill(void)
{
	if (c.given)
		xsk_ring_prod__submit(&c.fill, c.given);
	c.given = 0;
	if (xsk_ring_prod__needs_wakeup(&c.fill))
		recvfrom(xsk_socket__fd(c.xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
}

static void open_xsk(void)
{
	uint32_t frames = c.opts.buffers / CHUNK;
	/*
	 * The fill ring has room for twice as many: a frame is there to be seen a little
	 * before the room that its chunk has left is.
	 */
	struct xsk_umem_config umem = {
		.fill_size	= round_up_pow2(2 * frames),
		.comp_size	= 64,
		.frame_size	= CHUNK,
	};
	struct xsk_socket_config sock = {
		.rx_size	= round_up_pow2(frames),
		.xdp_flags	= XDP_FLAGS_DRV_MODE,
		.bind_flags	= XDP_USE_NEED_WAKEUP,
	};
	int ret;

	if (!c.opts.dev || !if_nametoindex(c.opts.dev))
		die("--dev %s: no such interface", c.opts.dev ? c.opts.dev : "");
	if (!frames)
		die("--buffers %zu: a frame takes %d", c.opts.buffers, CHUNK);
	ret = xsk_umem__create(&c.umem, c.mem, (uint64_t)frames * CHUNK, &c.fill, &c.comp,
			       &umem);
	if (ret)
		die("AF_XDP memory of %u frames: %s", frames, strerror(-ret));
	atexit(close_xsk);
	/* before there is a socket that frames come to */
	for (uint32_t i = 0; i < frames; i++)
		give((uint64_t)i * CHUNK);
	ret = xsk_socket__create(&c.xsk, c.opts.dev, c.opts.queue, c.umem, &c.rx, NULL, &sock);
	if (ret)
		die("AF_XDP on queue %u of %s: %s", c.opts.queue, c.opts.dev, strerror(-ret));
	flush_fill();
}

static void open_ring(void)
{
	struct iovec iov = { c.mem, c.opts.buffers };
	int ret;

	c.runs = calloc(c.opts.depth, sizeof(*c.runs));
	c.free = calloc(c.opts.depth, sizeof(*c.free));
	if (!c.runs || !c.free)
		die("no memory for --depth %u", c.opts.depth);
	for (uint32_t i = 0; i < c.opts.depth; i++)
		c.free[c.nr_free++] = i;
	ret = io_uring_queue_init(c.opts.depth + 1, &c.ring, IORING_SETUP_SINGLE_ISSUER |
				  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SQE128 |
				  IORING_SETUP_CQE32);
	if (!ret)
		ret = c.opts.nvme ? io_uring_register_files(&c.ring, &c.ns.fd, 1) : 0;
	if (ret)
		die("io_uring: %s", strerror(-ret));
	ret = io_uring_register_buffers(&c.ring, &iov, 1);
	if (ret)
		die("cannot register buffers of %zu bytes: %s", iov.iov_len, strerror(-ret));
}

static void arm_poll(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&c.ring);

	io_uring_prep_poll_multishot(sqe, xsk_socket__fd(c.xsk), POLLIN);
	io_uring_sqe_set_data64(sqe, REQ_POLL);
}

static void send_run(void)
{
	struct io_uring_sqe *sqe;
	uint32_t i;

	if (!c.run.frames)
		return;
	/* there are both: no more frames are taken than there are free runs */
	i = c.free[--c.nr_free];
	sqe = io_uring_get_sqe(&c.ring);
	peer_nvme(sqe, &c.ns, 1, c.run.nr * CHUNK, c.mem + c.run.addr, c.run.frames * CHUNK);
	sqe->fd = 0;
	sqe->uring_cmd_flags = IORING_URING_CMD_FIXED;
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, i);
	c.runs[i] = c.run;
	c.run.frames = 0;
}

static void take(const struct xdp_desc *desc, uint64_t time_ns)
{
	uint64_t addr = desc->addr / CHUNK * CHUNK;
	uint32_t off = desc->addr - addr;

	if (off < sizeof(struct slot))
		die("%s leaves no room before a frame", c.opts.dev);
	*(struct slot *)(c.mem + addr) = (struct slot) {
		.magic	 = SLOT_MAGIC,
		.nr	 = c.taken,
		.time_ns = time_ns,
		.len	 = desc->len,
		.off	 = off,
	};
	if (c.run.frames == c.max_run || addr != c.run.addr + c.run.frames * CHUNK)
		send_run();
	if (!c.run.frames)
		c.run = (struct run) { .addr = addr, .nr = c.taken };
	c.run.frames++;
	c.taken++;
	c.sums.received += desc->len;
}

/* Nothing is written of it */
static void pass_over(const struct xdp_desc *desc)
{
	give(desc->addr / CHUNK * CHUNK);
	c.taken++;
	c.done++;
	c.sums.received += desc->len;
	c.sums.dropped += desc->len;
}

/* From AF_XDP to commands; how many */
static uint32_t take_frames(void)
{
	uint64_t left = c.count - c.taken;
	uint32_t nr = c.nr_free < BATCH ? c.nr_free : BATCH, first;
	struct timespec now;

	nr = xsk_ring_cons__peek(&c.rx, left < nr ? left : nr, &first);
	if (!nr)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	for (uint32_t i = 0; i < nr; i++) {
		const struct xdp_desc *desc = xsk_ring_cons__rx_desc(&c.rx, first + i);

		if (c.opts.nvme)
			take(desc, now.tv_sec * 1000000000ull + now.tv_nsec);
		else
			pass_over(desc);
	}
	xsk_ring_cons__release(&c.rx, nr);
	send_run();
	return nr;
}

static void on_cqe(const struct io_uring_cqe *cqe)
{
	const struct run *r;

	if (cqe->user_data == REQ_POLL) {
		if (cqe->res < 0 || cqe->res & (POLLERR | POLLHUP | POLLNVAL))
			die("%s is gone", c.opts.dev);
		if (!(cqe->flags & IORING_CQE_F_MORE))
			arm_poll();
		return;
	}
	r = &c.runs[cqe->user_data];
	if (cqe->res)
		die("cannot write frame %" PRIu64 " to %s: %s %#x", r->nr, c.opts.nvme,
		    cqe->res < 0 ? strerror(-cqe->res) : "NVMe status", cqe->res);
	for (uint32_t i = 0; i < r->frames; i++)
		give(r->addr + i * CHUNK);
	c.done += r->frames;
	c.free[c.nr_free++] = cqe->user_data;
}

static void run(void)
{
	arm_poll();
	while (c.done < (stopped ? c.taken : c.count)) {
		uint32_t nr = stopped ? 0 : take_frames();
		struct io_uring_cqe *cqe;
		unsigned int head, seen = 0;
		int ret;

		/* what has come meanwhile, or asleep until something does */
		ret = nr ? io_uring_submit_and_get_events(&c.ring) :
			   io_uring_submit_and_wait(&c.ring, 1);
		if (ret < 0 && ret != -EINTR)
			die("io_uring_enter: %s", strerror(-ret));
		io_uring_for_each_cqe(&c.ring, head, cqe) {
			on_cqe(cqe);
			seen++;
		}
		io_uring_cq_advance(&c.ring, seen);
		flush_fill();
	}
	c.sums.written = c.sums.received - c.sums.dropped;
}

static void lost(void)
{
	struct xdp_statistics st = { };
	socklen_t len = sizeof(st);

	if (getsockopt(xsk_socket__fd(c.xsk), SOL_XDP, XDP_STATISTICS, &st, &len))
		die("XDP_STATISTICS: %m");
	if (st.rx_dropped || st.rx_ring_full)
		fprintf(stderr, "xsk-cmd: lost %llu frames for want of memory, %llu of room in the ring\n",
			st.rx_dropped, st.rx_ring_full);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	peer_options(argc, argv, &c.opts);
	if (optind >= argc || optind + 2 < argc || !c.opts.depth)
		die("usage: xsk-cmd --dev IF [--nvme NODE] [--queue N] COUNT [FRAMES]");
	if (c.opts.nvme)
		peer_ns_open(c.opts.nvme, O_RDWR, &c.ns);
	if (CHUNK & ((1 << c.ns.lba_shift) - 1))
		die("%s has blocks of %u bytes, a frame has %u", c.opts.nvme,
		    1u << c.ns.lba_shift, CHUNK);
	c.count = strtoull(argv[optind], NULL, 0);
	c.max_run = c.ns.max_bytes / CHUNK;
	if (optind + 1 < argc) {
		uint32_t frames = strtoul(argv[optind + 1], NULL, 0);

		if (!frames || frames > c.max_run)
			die("%s frames a command: %s takes %u at most", argv[optind + 1],
			    c.opts.nvme, c.max_run);
		c.max_run = frames;
	}
	/* it complains of sections of libxdp's own programs */
	libbpf_set_print(NULL);
	c.mem = peer_memory(c.opts.buffers);
	open_ring();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	open_xsk();
	fprintf(stderr, "capturing\n");
	run();
	lost();
	peer_report(&c.sums);
	return 0;
}
