// SPDX-License-Identifier: GPL-2.0
/*
 * scenarios: what a process may be doing with a region when it dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "scenarios.h"
#include "tap.h"

#define MULTI	.ioprio = IORING_RECV_MULTISHOT

static struct io_uring_cqe *cqe;

/* The child is where it is to be killed; it goes on until it is */
static void in_the_middle(int fd)
{
	if (write(fd, "x", 1) != 1)
		_exit(1);
}

static void ring_turn(struct setup *s)
{
	struct __kernel_timespec ts = { .tv_nsec = 1000000 };

	if (!io_uring_wait_cqe_timeout(&s->ring, &cqe, &ts))
		io_uring_cqe_seen(&s->ring, cqe);
}

/* Sends until nobody is there any more */
static void send_for_ever(int sock, void *arg)
{
	static char buf[65536];

	(void)arg;
	memset(buf, 'e', sizeof(buf));
	signal(SIGPIPE, SIG_IGN);
	while (write(sock, buf, sizeof(buf)) > 0)
		;
	_exit(0);
}

static void wait_for_signal(int sock, void *arg)
{
	(void)sock;
	(void)arg;
	for (;;)
		pause();
}

static void receiving(struct setup *s, struct peer *p, int fd, unsigned int mask, bool keep)
{
	struct io_unified_cqe rec;
	bool told = false;

	if (mask & BPF)
		attach_stage(s);
	queue_op(s, (struct op) { .mask = mask, .fd = p->sock, .len = REC, MULTI,
		 .lba = mask & NVME ? 8 : 0 });
	io_uring_submit(&s->ring);
	for (;;) {
		ring_turn(s);
		while (!region_reap(&s->r, &rec, 0))
			if (!keep)
				give_back(s, rec.dma_addr);
		region_submit(&s->r);
		if (told)
			continue;
		/* the application that keeps all is killed when that is much */
		if (keep ? s->r.stats->rx_stalls : s->r.stats->rx.bytes > 1 << 20) {
			in_the_middle(fd);
			told = true;
		}
	}
}

static void do_to_app(struct setup *s, struct peer *p, int fd)
{
	receiving(s, p, fd, NET, false);
}

static void do_keeping(struct setup *s, struct peer *p, int fd)
{
	receiving(s, p, fd, NET, true);
}

static void do_to_device(struct setup *s, struct peer *p, int fd)
{
	receiving(s, p, fd, NET | NVME, false);
}

static void do_with_stage(struct setup *s, struct peer *p, int fd)
{
	receiving(s, p, fd, NET | NVME | BPF, false);
}

static void do_cq_full(struct setup *s, struct peer *p, int fd)
{
	queue_op(s, (struct op) { .mask = NET, .fd = p->sock, .len = 512, MULTI });
	io_uring_submit(&s->ring);
	while (!s->r.stats->cq_overflows)
		ring_turn(s);
	in_the_middle(fd);
	for (;;)
		ring_turn(s);
}

static void do_waiting(struct setup *s, struct peer *p, int fd)
{
	queue_op(s, (struct op) { .mask = NET | NVME, .fd = p->sock, .len = REC, MULTI });
	io_uring_submit(&s->ring);
	in_the_middle(fd);
	for (;;)
		ring_turn(s);
}

static void do_device(struct setup *s, struct peer *p, int fd)
{
	unsigned int i;

	(void)p;
	for (i = 0;; i++) {
		queue_op(s, (struct op) { .mask = NVME, .off = s->own_off, .len = 131072,
			 .flags = IORING_UNIFIED_F_WRITE, .lba = i % 256 * 256,
			 .sqe_flags = i % 4 ? IOSQE_IO_LINK : 0 });
		if (i % 16 != 15)
			continue;
		io_uring_submit(&s->ring);
		if (i == 63)
			in_the_middle(fd);
		while (io_uring_cq_ready(&s->ring))
			ring_turn(s);
		ring_turn(s);
	}
}

static void sending(struct setup *s, struct peer *p, int fd, unsigned int mask,
		    unsigned int len, bool small)
{
	int bytes = 4096, same;

	if (small)
		setsockopt(p->sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	queue_op(s, (struct op) { .mask = mask, .fd = p->sock, .off = s->own_off, .len = len,
		 .flags = IORING_UNIFIED_F_SEND });
	io_uring_submit(&s->ring);
	/* until the peer has no more room either */
	for (same = 0; same < 50; same++) {
		int before = bytes;

		ring_turn(s);
		if (ioctl(p->sock, SIOCOUTQ, &bytes) || !bytes || bytes != before)
			same = 0;
	}
	in_the_middle(fd);
	for (;;)
		ring_turn(s);
}

static void do_sending(struct setup *s, struct peer *p, int fd)
{
	sending(s, p, fd, NET, OWN_MEM, true);
}

static void do_reading_and_sending(struct setup *s, struct peer *p, int fd)
{
	sending(s, p, fd, NET | NVME, 131072, true);
}

/* The socket takes all of it, and the peer does not read more than fits */
static void do_sent(struct setup *s, struct peer *p, int fd)
{
	sending(s, p, fd, NET, OWN_MEM, false);
}

/* Records go to a socket whose peer does not read, until nothing goes any more */
static void do_routing(struct setup *s, struct peer *p, int fd)
{
	struct io_unified_sock_reg reg = { .fd = p->sock };

	attach_stage(s);
	if (ring_register(s->ring.ring_fd, IORING_REGISTER_UNIFIED_SOCK, &reg, 1))
		bail_out("no socket");
	queue_op(s, (struct op) { .mask = NET | BPF, .fd = p->sock, .len = REC, MULTI,
		 .sock = 1 });
	io_uring_submit(&s->ring);
	while (!s->r.stats->rx_stalls)
		ring_turn(s);
	in_the_middle(fd);
	for (;;)
		ring_turn(s);
}

static void send_routed(int sock, void *arg)
{
	static char data[REC];

	(void)arg;
	memset(data, 'S', sizeof(data));
	for (;;)
		write_all(sock, data, sizeof(data));
}

const struct scenario scenarios[] = {
	{ do_to_app, send_for_ever, "while records go to the application" },
	{ do_keeping, send_for_ever, "while the application has all buffers" },
	{ do_cq_full, send_for_ever, "while its CQ is full" },
	{ do_to_device, send_for_ever, "while records go to the device" },
	{ do_with_stage, send_for_ever, "while a stage is attached" },
	{ do_waiting, wait_for_signal, "while a receive waits" },
	{ do_device, wait_for_signal, "while the device writes" },
	{ do_sending, wait_for_signal, "while a send waits for room" },
	{ do_reading_and_sending, wait_for_signal, "while a send of what was read waits for room" },
	{ do_sent, wait_for_signal, "while a peer does not read" },
	{ do_routing, send_routed, "while a peer does not read what stages send" },
};

const unsigned int nr_scenarios = sizeof(scenarios) / sizeof(*scenarios);

static bool receives_and_writes(struct setup *s)
{
	struct stream st = { .len = 256 << 10 };
	bool good;
	struct peer p;

	st.data = malloc(st.len);
	fill(st.data, st.len, 60);
	p = connect_peer(send_stream, &st);
	good = !do_op(s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC, MULTI,
		      .lba = 100000 }) && on_device(100000, st.data, st.len);
	end_peer(&p);
	free(st.data);
	return good;
}

bool is_free(void)
{
	struct setup s = { };
	bool good;

	if (io_uring_queue_init(64, &s.ring, NET_FLAGS))
		bail_out("io_uring");
	s.dev = open(node, O_RDWR);
	good = !try_region(&s, true, true);
	if (good) {
		good = receives_and_writes(&s);
		tear_down(&s);
		return good;
	}
	io_uring_queue_exit(&s.ring);
	close(s.dev);
	return false;
}
