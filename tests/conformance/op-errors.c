// SPDX-License-Identifier: GPL-2.0
/*
 * op-errors: how an IORING_OP_UNIFIED ends that does not get what it wants: a
 * status of the device, sockets that are none of ours, peers that go, links,
 * timeouts, cancellation.
 *
 * Usage: op-errors NODE STAGE.bpf.o BAD_NODE BAD_READ BAD_WRITE
 *		    [IF QUEUE IP PORT PEER_NETNS]
 *
 * BAD_NODE is a namespace that cannot read the LBA BAD_READ, nor write BAD_WRITE.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "request.h"
#include "tap.h"

/* newer than the headers */
#ifndef IORING_SETUP_CQE_MIXED
#define IORING_SETUP_CQE_MIXED	(1U << 18)
#define IORING_CQE_F_32		(1U << 15)
#endif

static const char *good_node, *bad_node;
static unsigned int bad_read, bad_write;

struct cqe32 {
	struct io_uring_cqe	cqe;
	__u64			big[2];
};

static bool is_status(const struct cqe32 *c, int want)
{
	bool holds = c->cqe.res == -EIO && (c->big[0] & 0x7ff) == (unsigned int)want;

	if (!holds)
		note("res %d, big_cqe %#llx %#llx, not %#x", c->cqe.res,
		     c->big[0], c->big[1], want);
	return holds;
}

/* --- without a network ---------------------------------------------------- */

static void test_status(void)
{
	struct cqe32 c = { };
	struct setup s;
	char want[4096];
	int i, res[2];

	node = bad_node;
	set_up(&s, 0, true, false);
	try(&s, -EIO, "a read that fails in the device", .mask = NVME, .len = LBA,
	    .lba = bad_read);
	try(&s, LBA, "... and the one before it does not", .mask = NVME, .len = LBA,
	    .lba = bad_read - 1);
	tear_down(&s);

	set_up(&s, IORING_SETUP_CQE32, true, false);
	attach_stage(&s);
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .lba = bad_read });
	wait_op(&s, &c.cqe);
	ok(is_status(&c, SC_READ_ERROR), "a CQE of 32 bytes has the status of a read");
	queue_op(&s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
		 .len = 4096, .lba = bad_write });
	wait_op(&s, &c.cqe);
	ok(is_status(&c, SC_WRITE_FAULT), "... and of a write");
	ok(s.r.stats->nvme_errors == 2 && s.r.stats->nvme_cmds == 2, "they are counted");

	s.own[0] = 'X';
	memcpy(want, s.own, 4096);
	try(&s, -EIO, "NVME|BPF: a read that fails", .mask = NVME | BPF, .len = 4096,
	    .lba = bad_read);
	ok(memcmp(s.own, "XDONE", 5), "... is not shown to a stage");
	try(&s, -EIO, "a write with F_FLUSH that fails", .mask = NVME, .len = 4096,
	    .flags = IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH, .lba = bad_write);
	ok(s.r.stats->nvme_cmds == 4, "... sends no flush");
	try(&s, 4096, "a write with F_FLUSH", .mask = NVME, .len = 4096,
	    .flags = IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH, .lba = 64);
	ok(s.r.stats->nvme_cmds == 6, "... sends one");

	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .lba = bad_read,
		 .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096 });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == -EIO && res[1] == -ECANCELED,
	   "what is linked to a command that the device failed is cancelled");
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .lba = bad_read,
		 .sqe_flags = IOSQE_IO_HARDLINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096 });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == -EIO && res[1] == 4096, "... but not by a hard link");
	tear_down(&s);

	/* liburing does not know such rings yet */
	set_up(&s, IORING_SETUP_CQE_MIXED, true, false);
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .lba = bad_read });
	io_uring_submit_and_wait(&s.ring, 1);
	memcpy(&c, &s.ring.cq.cqes[*s.ring.cq.khead & s.ring.cq.ring_mask], sizeof(c));
	ok(c.cqe.flags & IORING_CQE_F_32 && is_status(&c, SC_READ_ERROR),
	   "a ring with CQEs of both sizes has it in a large one");
	io_uring_cq_advance(&s.ring, 2);
	try(&s, 4096, "... and success in a small one", .mask = NVME, .len = 4096);
	tear_down(&s);
	node = good_node;
}

static void test_rings(void)
{
	struct io_uring_cqe *cqe;
	struct setup s;
	char want[4096];
	struct io_uring ring;
	int i, res, good = 0, full = 0;

	set_up(&s, IORING_SETUP_SQPOLL, true, false);
	fill(s.own, 4096, 20);
	memcpy(want, s.own, 4096);
	try(&s, 4096, "SQPOLL: a write", .mask = NVME, .len = 4096, .lba = 900,
	    .flags = IORING_UNIFIED_F_WRITE);
	ok(on_device(900, want, 4096), "... is on the device");
	memset(s.own, 0, 4096);
	try(&s, 4096, "SQPOLL: a read", .mask = NVME, .len = 4096, .lba = 900);
	ok(!memcmp(s.own, want, 4096), "... has it");
	tear_down(&s);

	set_up(&s, 0, true, false);
	try(&s, -EOPNOTSUPP, "IOSQE_BUFFER_SELECT", .mask = NVME, .len = 4096,
	    .sqe_flags = IOSQE_BUFFER_SELECT);
	try(&s, 4096, "IOSQE_IO_DRAIN", .mask = NVME, .len = 4096,
	    .sqe_flags = IOSQE_IO_DRAIN);
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .user_data = 1,
		 .sqe_flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 512, .user_data = 2 });
	check_res(wait_op(&s, NULL), 512, "IOSQE_CQE_SKIP_SUCCESS: no CQE for success");
	try(&s, -EINVAL, "... but one for an error", .mask = NVME, .len = 1000,
	    .sqe_flags = IOSQE_CQE_SKIP_SUCCESS);
	queue_op(&s, (struct op) { .mask = NVME, .len = 512 })->splice_fd_in = 1;
	check_res(wait_op(&s, NULL), -EINVAL, "a field of the SQE that is not used");
	queue_op(&s, (struct op) { .mask = NVME, .len = 512 })->__pad2[0] = 1;
	check_res(wait_op(&s, NULL), -EINVAL, "... and the last one");
	queue_op(&s, (struct op) { .mask = NVME, .len = 512 })->off |= 1ull << 32;
	check_res(wait_op(&s, NULL), -EINVAL, "an operation that is none, in the high half");
	try(&s, -EINVAL, "a flag of ioprio that is none", .mask = NVME, .len = 512,
	    .ioprio = IORING_RECV_MULTISHOT | 1);
	tear_down(&s);

	if (io_uring_queue_init(8, &ring, 0))
		bail_out("io_uring");
	memset(&s, 0, sizeof(s));
	s.ring = ring;
	try(&s, -ENXIO, "a ring without a region", .mask = NVME, .len = 512);
	io_uring_queue_exit(&s.ring);

	/* nothing is given back before we look for completions */
	set_up(&s, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, true, false);
	for (i = 0; i < 256; i++) {
		queue_op(&s, (struct op) { .mask = NVME, .len = 512, .lba = i });
		if (i % 64 == 63)
			io_uring_submit(&s.ring);
	}
	for (i = 0; i < 256; i++) {
		res = wait_op(&s, NULL);
		good += res == 512;
		full += res == -ENOBUFS;
	}
	ok(good >= 64 && full && good + full == 256,
	   "more requests than a region has room for: ENOBUFS");
	note("%d were too many of 256", full);
	try(&s, 512, "... and then there is room again", .mask = NVME, .len = 512);
	ok(io_uring_peek_cqe(&s.ring, &cqe) == -EAGAIN, "every request has one CQE");
	tear_down(&s);
}

static void test_pass(void)
{
	struct setup s;
	char want[4096];
	int res;

	set_up(&s, 0, true, false);
	attach_stage(&s);
	memset(s.own, 'P', 4096);
	memcpy(want, s.own, 4096);
	res = do_op(&s, (struct op) { .mask = NVME | BPF, .len = 4096, .lba = 7000,
		    .flags = IORING_UNIFIED_F_WRITE });
	ok(res <= 0 && !on_device(7000, want, 4096),
	   "PASS to a write: no bytes moved, as there is no application to have them");
	note("res %d", res);
	try(&s, 4096, "NVME", .mask = NVME, .len = 4096, .lba = 7000,
	    .flags = IORING_UNIFIED_F_WRITE);
	memset(s.own, 0, 4096);
	try(&s, 4096, "PASS of what was read: as the request says",
	    .mask = NVME | BPF, .len = 4096, .lba = 7000);
	ok(!memcmp(s.own, want, 4096), "... it is there");
	tear_down(&s);
}

/* --- with a network ------------------------------------------------------- */

static void test_sockets(void)
{
	struct stream st = { .len = 65536 };
	struct sink sink = { .len = 65536 };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	int pair[2], fds[2], low = 0;
	bool same, records;
	struct setup s;
	struct peer p;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		bail_out("socketpair: %s", strerror(errno));
	set_up(&s, NET_FLAGS, true, true);
	try(&s, -EPROTONOSUPPORT, "receive: UDP", .mask = NET, .fd = udp, .len = 512);
	try(&s, -EPROTONOSUPPORT, "receive: a local socket", .mask = NET, .fd = pair[0],
	    .len = 512);
	try(&s, -EPROTONOSUPPORT, "send: UDP", .mask = NET, .fd = udp, .len = 512,
	    .off = s.own_off, .flags = IORING_UNIFIED_F_SEND);
	try(&s, -ENOTSOCK, "send: no socket", .mask = NET, .fd = s.dev, .len = 512,
	    .off = s.own_off, .flags = IORING_UNIFIED_F_SEND);
	try(&s, -EBADF, "send: no such file", .mask = NET, .fd = 999, .len = 512,
	    .off = s.own_off, .flags = IORING_UNIFIED_F_SEND);
	try(&s, -EBADF, "no such fixed file", .mask = NET, .fd = 0, .len = 512,
	    .sqe_flags = IOSQE_FIXED_FILE);
	try(&s, -ENOTCONN, "receive: a socket that is not connected", .mask = NET,
	    .fd = tcp, .len = 512);
	try(&s, -EPIPE, "send: a socket that is not connected", .mask = NET, .fd = tcp,
	    .len = 512, .off = s.own_off, .flags = IORING_UNIFIED_F_SEND);
	try(&s, -EFAULT, "send: memory that is the NIC's", .mask = NET, .fd = tcp,
	    .len = 512, .flags = IORING_UNIFIED_F_SEND);
	try(&s, -EINVAL, "receive: an addr", .mask = NET, .fd = tcp, .len = 512, .off = 512);
	try(&s, -EINVAL, "receive: a flush of nothing", .mask = NET, .fd = tcp, .len = 512,
	    .flags = IORING_UNIFIED_F_FLUSH);
	try(&s, -EINVAL, "send: multishot", .mask = NET, .fd = tcp, .len = 512,
	    .off = s.own_off, .flags = IORING_UNIFIED_F_SEND,
	    .ioprio = IORING_RECV_MULTISHOT);
	try(&s, -EINVAL, "receive: the range that is written ends behind the namespace",
	    .mask = NET | NVME, .fd = tcp, .len = 4096, .lba = (1ull << 30) / LBA);

	st.data = malloc(st.len);
	fill(st.data, st.len, 21);
	sink.want = st.data;
	memcpy(s.own, st.data, st.len);
	fds[0] = fds[1] = -1;
	if (io_uring_register_files(&s.ring, fds, 2))
		bail_out("files: %s", strerror(errno));
	p = connect_peer(send_stream, &st);
	io_uring_register_files_update(&s.ring, 1, &p.sock, 1);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = 1, .len = REC,
			  .ioprio = IORING_RECV_MULTISHOT, .sqe_flags = IOSQE_FIXED_FILE },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "receive: a fixed file");
	ok(same, "... the same bytes");
	low = -1;
	io_uring_register_files_update(&s.ring, 1, &low, 1);
	end_peer(&p);
	p = connect_peer(receive_all, &sink);
	io_uring_register_files_update(&s.ring, 1, &p.sock, 1);
	try(&s, (int)sink.len, "send: a fixed file", .mask = NET, .fd = 1, .len = sink.len,
	    .off = s.own_off, .flags = IORING_UNIFIED_F_SEND,
	    .sqe_flags = IOSQE_FIXED_FILE);
	io_uring_register_files_update(&s.ring, 1, &low, 1);
	ok(sent_well(&p), "... the same bytes");
	tear_down(&s);
	free(st.data);
}

/* A receive whose records the device does not take */
static void test_bad_extent(void)
{
	struct stream st = { .len = 1 << 20 };
	const struct io_unified_stats *st_;
	struct sink sink = { };
	struct cqe32 c = { };
	struct setup s;
	struct peer p;

	st.data = malloc(st.len);
	fill(st.data, st.len, 22);
	node = bad_node;
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_stream, &st);
	signal(SIGPIPE, SIG_IGN);
	try(&s, -EIO, "NETWORK|NVME: a write that fails ends the request",
	    .mask = NET | NVME, .fd = p.sock, .len = REC, .lba = bad_write - 64,
	    .ioprio = IORING_RECV_MULTISHOT);
	kill(p.pid, SIGKILL);
	end_peer(&p);
	st_ = s.r.stats;
	ok(st_->failed.bytes && !st_->in_flight.bytes && !st_->in_flight.bufs &&
	   balanced(st_), "... and what was not written counts as failed");

	memset(s.own, 'k', 4096);
	p = connect_peer(receive_all, &sink);
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = 4096,
		 .off = s.own_off, .lba = bad_read, .flags = IORING_UNIFIED_F_SEND });
	wait_op(&s, &c.cqe);
	ok(is_status(&c, SC_READ_ERROR), "NETWORK|NVME with F_SEND: a read that fails");
	ok(sent_well(&p), "... sends nothing");
	tear_down(&s);
	node = good_node;
	free(st.data);
}

static void test_link_to_send(void)
{
	struct sink sink = { .len = 65536 };
	struct setup s;
	struct peer p;
	int i, res[3];

	set_up(&s, NET_FLAGS, true, true);
	sink.want = malloc(sink.len);
	fill(sink.want, sink.len, 23);
	memcpy(s.own, sink.want, sink.len);
	p = connect_peer(receive_all, &sink);
	queue_op(&s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
		 .off = s.own_off, .len = sink.len, .lba = 3000, .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .off = s.own_off + sink.len,
		 .len = sink.len, .lba = 3000, .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NET, .flags = IORING_UNIFIED_F_SEND,
		 .off = s.own_off + sink.len, .len = sink.len, .fd = p.sock });
	for (i = 0; i < 3; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == (int)sink.len && res[1] == res[0] && res[2] == res[0],
	   "write, read and send, each linked to the one before");
	ok(sent_well(&p), "... the peer has what was written");

	attach_stage(&s);
	s.own[0] = 'P';
	sink.want[0] = 'P';
	p = connect_peer(receive_all, &sink);
	try(&s, (int)sink.len, "PASS of what is to be sent: as the request says",
	    .mask = NET | BPF, .flags = IORING_UNIFIED_F_SEND, .off = s.own_off,
	    .len = sink.len, .fd = p.sock);
	ok(sent_well(&p), "... the peer has it");
	s.own[0] = 'S';
	sink.want[0] = 'S';
	p = connect_peer(receive_all, &sink);
	try(&s, (int)sink.len, "SEND of what is to be sent", .mask = NET | BPF,
	    .flags = IORING_UNIFIED_F_SEND, .off = s.own_off, .len = sink.len,
	    .fd = p.sock);
	ok(sent_well(&p), "... the peer has it");
	s.own[0] = 'W';
	sink.len = 0;
	p = connect_peer(receive_all, &sink);
	try(&s, -EINVAL, "WRITE of what is to be sent", .mask = NET | BPF,
	    .flags = IORING_UNIFIED_F_SEND, .off = s.own_off, .len = 65536,
	    .fd = p.sock);
	ok(sent_well(&p), "... the peer has nothing");

	p = connect_peer(receive_all, &sink);
	queue_op(&s, (struct op) { .mask = NVME, .off = s.own_off, .len = 512,
		 .lba = 1ull << 50, .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NET, .flags = IORING_UNIFIED_F_SEND,
		 .off = s.own_off, .len = 512, .fd = p.sock });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == -EINVAL && res[1] == -ECANCELED && sent_well(&p),
	   "a read that fails cancels the send that is linked to it");
	tear_down(&s);
	free(sink.want);
}

/* Two CQEs in any order, by user_data, which is 1 and 2 */
static void wait_two(struct setup *s, int *res)
{
	bool seen[2] = { };
	unsigned long long nr;
	struct cqe32 c;
	int i, ret;

	for (i = 0; i < 2; i++) {
		ret = wait_op(s, &c.cqe);
		nr = c.cqe.user_data - 1;
		if (nr > 1 || seen[nr])
			bail_out("a CQE for %llu", nr + 1);
		seen[nr] = true;
		res[nr] = ret;
	}
}

static void cancel_by(struct setup *s, unsigned int flags, int fd, unsigned int target)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	io_uring_prep_cancel64(sqe, target, flags);
	sqe->fd = fd;
	sqe->user_data = 2;
}

static void test_cancel(void)
{
	struct __kernel_timespec ts = { .tv_nsec = 50000000 };
	struct io_uring_sqe *sqe;
	struct sink sink = { };
	struct pollfd pfd = { };
	int fds[2], res[2], bytes;
	struct setup s;
	struct peer p;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(sleep_peer, &fds[0]);
	struct op wait = { .mask = NET, .fd = p.sock, .len = REC, .user_data = 1,
			   .ioprio = IORING_RECV_MULTISHOT };

	queue_op(&s, wait);
	cancel_by(&s, IORING_ASYNC_CANCEL_FD, p.sock, 0);
	wait_two(&s, res);
	ok(res[0] == -ECANCELED && !res[1], "a receive is cancelled by its socket");
	queue_op(&s, wait);
	cancel_by(&s, IORING_ASYNC_CANCEL_ANY, 0, 0);
	wait_two(&s, res);
	ok(res[0] == -ECANCELED && res[1] == 1, "... and as one of any");
	wait.ioprio = 0;
	queue_op(&s, wait);
	cancel_by(&s, 0, 0, 1);
	wait_two(&s, res);
	ok(res[0] == -ECANCELED && !res[1], "... also one of a single record");
	wait.ioprio = IORING_RECV_MULTISHOT;
	wait.mask = NET | NVME;
	queue_op(&s, wait);
	cancel_by(&s, 0, 0, 1);
	wait_two(&s, res);
	ok(res[0] == -ECANCELED && !res[1], "... also one that writes");

	wait.sqe_flags = IOSQE_IO_LINK;
	queue_op(&s, wait);
	sqe = io_uring_get_sqe(&s.ring);
	io_uring_prep_link_timeout(sqe, &ts, 0);
	sqe->user_data = 2;
	wait_two(&s, res);
	ok(res[0] == -ECANCELED && res[1] == -ETIME, "a receive with a time limit");

	/* our side is full long before that */
	bytes = 8192;
	setsockopt(p.sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	memset(s.own, 's', OWN_MEM);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .off = s.own_off,
		 .len = OWN_MEM, .flags = IORING_UNIFIED_F_SEND, .user_data = 1 });
	cancel_by(&s, 0, 0, 1);
	wait_two(&s, res);
	ok((res[0] == -ECANCELED || (res[0] > 0 && res[0] < OWN_MEM)) && !res[1],
	   "a send that waits for room is cancelled");
	note("send: %d", res[0]);
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	/* it goes without having read: a reset brings the memory back */
	pfd.fd = p.sock;
	ok(poll(&pfd, 1, 60000) == 1 && pfd.revents & POLLHUP, "... and the peer goes");
	end_peer(&p);
	ok(balanced(s.r.stats) && !s.r.stats->in_flight.bufs, "it all adds up");

	sink.want = s.own;
	sink.len = 512;
	p = connect_peer(receive_all, &sink);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .off = s.own_off,
		 .len = 512, .flags = IORING_UNIFIED_F_SEND, .user_data = 1,
		 .sqe_flags = IOSQE_ASYNC });
	check_res(wait_op(&s, NULL), 512, "a send with IOSQE_ASYNC");
	ok(sent_well(&p), "... reaches the peer");
	tear_down(&s);
}

/* --- peers that go -------------------------------------------------------- */

struct leaver {
	char	*data;
	size_t	len;		/* sent, or to be received */
	int	fd;		/* goes when this says so */
};

static void reset(int sock)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(sock, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(sock);
	_exit(0);
}

static void send_and_reset(int sock, void *arg)
{
	struct leaver *l = arg;
	char c;

	if (write(sock, l->data, l->len) != (ssize_t)l->len || read(l->fd, &c, 1) != 1)
		_exit(1);
	reset(sock);
}

static void receive_and_reset(int sock, void *arg)
{
	struct leaver *l = arg;
	int small = 4096;

	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (recv(sock, l->data, l->len, MSG_WAITALL) != (ssize_t)l->len)
		_exit(1);
	reset(sock);
}

static void test_reset(void)
{
	struct leaver l = { .len = 10000 };
	struct io_unified_cqe cqe;
	struct io_uring_cqe *rcqe;
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	struct setup s;
	struct peer p;
	size_t got = 0;
	int fds[2], res, bytes = 8192, i;
	bool same = true;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	l.fd = fds[0];
	l.data = malloc(OWN_MEM);
	fill(l.data, l.len, 24);

	for (i = 0; i < 2; i++) {
		bool nvme = i;

		set_up(&s, NET_FLAGS, true, true);
		p = connect_peer(send_and_reset, &l);
		queue_op(&s, (struct op) { .mask = NET | (nvme ? NVME : 0), .fd = p.sock,
			 .len = REC, .lba = nvme ? 4000 : 0, .ioprio = IORING_RECV_MULTISHOT });
		io_uring_submit(&s.ring);
		while (s.r.stats->rx.bytes < l.len)
			if (!io_uring_wait_cqe_timeout(&s.ring, &rcqe, &ts))
				bail_out("the receive ended: %d", rcqe->res);
		if (write(fds[1], "x", 1) != 1)
			bail_out("write: %s", strerror(errno));
		res = wait_op(&s, NULL);
		check_res(res, -ECONNRESET, nvme ?
			  "NETWORK|NVME: the peer resets the connection" :
			  "NETWORK: the peer resets the connection");
		while (!region_reap(&s.r, &cqe, 0)) {
			same &= cqe.result64 == got && !memcmp(s.r.data + cqe.dma_addr,
							       l.data + got, cqe.len);
			got += cqe.len;
		}
		end_peer(&p);
		ok(balanced(s.r.stats) && !s.r.stats->in_flight.bytes &&
		   s.r.stats->rx.bytes == l.len, "... and it adds up");
		if (nvme)
			ok(s.r.stats->written.bytes + s.r.stats->failed.bytes == l.len,
			   "... records are written, or failed");
		else
			ok(same && got == l.len, "... what it had sent is with the application");
		tear_down(&s);
	}

	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_and_reset, &l);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = 20000 });
	io_uring_submit(&s.ring);
	while (s.r.stats->rx.bytes < l.len)
		if (!io_uring_wait_cqe_timeout(&s.ring, &rcqe, &ts))
			bail_out("the receive ended: %d", rcqe->res);
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	check_res(wait_op(&s, NULL), -ECONNRESET,
		  "NETWORK once: the peer resets the connection");
	end_peer(&p);
	ok(balanced(s.r.stats) && !s.r.stats->in_flight.bytes, "... and it adds up");

	memset(s.own, 't', OWN_MEM);
	p = connect_peer(receive_and_reset, &l);
	setsockopt(p.sock, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	res = do_op(&s, (struct op) { .mask = NET, .fd = p.sock, .off = s.own_off,
		    .len = OWN_MEM, .flags = IORING_UNIFIED_F_SEND });
	ok(res == -ECONNRESET || res == -EPIPE || (res >= (int)l.len && res < OWN_MEM),
	   "a send to a peer that resets the connection ends");
	note("res %d", res);
	try(&s, -EPIPE, "the next one: EPIPE", .mask = NET, .fd = p.sock, .off = s.own_off,
	    .len = 512, .flags = IORING_UNIFIED_F_SEND);
	end_peer(&p);
	tear_down(&s);
	free(l.data);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	char *args[8] = { };
	int i;

	if (argc != 6 && argc != 11) {
		fprintf(stderr, "usage: op-errors NODE STAGE.bpf.o BAD_NODE BAD_READ BAD_WRITE "
			"[IF QUEUE IP PORT PEER_NETNS]\n");
		return 2;
	}
	bad_node = argv[3];
	bad_read = atoi(argv[4]);
	bad_write = atoi(argv[5]);
	args[0] = argv[1];
	args[1] = argv[2];
	for (i = 6; i < argc; i++)
		args[i - 4] = argv[i];
	request_args(args);
	good_node = node;
	test_status();
	test_rings();
	test_pass();
	if (ifname) {
		test_sockets();
		test_bad_extent();
		test_link_to_send();
		test_cancel();
		test_reset();
	}
	return tap_end();
}
