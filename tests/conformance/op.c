// SPDX-License-Identifier: GPL-2.0
/*
 * op: IORING_OP_UNIFIED, all combinations of NETWORK, BPF and NVME, with the
 * errors, links and cancellation that go with them.
 *
 * Usage: op NODE STAGE.bpf.o [IF QUEUE IP PORT PEER_NETNS]
 *
 * NODE is an NVMe namespace, the first 64 MiB of which are overwritten.  With a
 * NIC, the peers of its streams are plain sockets in PEER_NETNS.
 */
#include <errno.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.h"
#include "tap.h"

/* --- without a network ---------------------------------------------------- */

static void test_nvme(void)
{
	static char want[8192];
	struct setup s;

	set_up(&s, 0, true, false);
	fill(s.own, 8192, 1);
	memcpy(want, s.own, 8192);

	try(&s, 8192, "NVME with F_WRITE writes len bytes from addr",
	    .mask = NVME, .flags = IORING_UNIFIED_F_WRITE, .off = 0, .len = 8192, .lba = 100);
	ok(on_device(100, want, 8192), "... to the LBA in addr3");
	memset(s.own, 0, 16384);
	try(&s, 4096, "NVME alone reads", .mask = NVME, .off = 8192, .len = 4096, .lba = 100);
	ok(!memcmp(s.own + 8192, want, 4096), "... to addr, in the data area");
	try(&s, LBA, "a read of a single block, not at a page",
	    .mask = NVME, .off = 512, .len = LBA, .lba = 101);
	ok(!memcmp(s.own + 512, want + 512, LBA), "... arrives there");
	try(&s, 4096, "a write with F_FLUSH", .mask = NVME, .len = 4096,
	    .flags = IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH, .lba = 300);

	try(&s, -EINVAL, "a length that is not of whole blocks", .mask = NVME, .len = 1000);
	try(&s, -EINVAL, "a length of 0", .mask = NVME);
	try(&s, -EINVAL, "an LBA beyond the namespace", .mask = NVME, .len = 512, .lba = 1ull << 40);
	try(&s, -EINVAL, "a range of LBAs that goes beyond it", .mask = NVME, .len = 1024,
	    .lba = (1ull << 30) / LBA - 1);
	try(&s, -EFAULT, "an addr beyond the data area", .mask = NVME, .off = OWN_MEM, .len = 512);
	try(&s, -EFAULT, "a range that goes beyond it", .mask = NVME, .off = OWN_MEM - 512, .len = 1024);
	try(&s, -EFAULT, "an addr that overflows", .mask = NVME, .off = ~511ull, .len = 1024);
	try(&s, -ENODEV, "a device that was not registered", .mask = NVME, .len = 512, .dev = 1);
	try(&s, -ENODEV, "a device that cannot be", .mask = NVME, .len = 512, .dev = 65535);
	try(&s, -EINVAL, "no operation at all", .len = 512);
	try(&s, -EINVAL, "an operation that is none", .mask = 8, .len = 512);
	try(&s, -EINVAL, "a flag that is none", .mask = NVME, .flags = 16, .len = 512);
	try(&s, -EINVAL, "F_TAKEN without F_SEND", .mask = NVME, .len = 512,
	    .flags = IORING_UNIFIED_F_TAKEN);
	try(&s, -EINVAL, "F_TAKEN where the last CQE may be left out", .mask = NET, .len = 512,
	    .flags = IORING_UNIFIED_F_SEND | IORING_UNIFIED_F_TAKEN,
	    .sqe_flags = IOSQE_CQE_SKIP_SUCCESS);
	try(&s, -EINVAL, "F_SEND without NETWORK", .mask = NVME, .len = 512,
	    .flags = IORING_UNIFIED_F_SEND);
	try(&s, -EINVAL, "F_WRITE without NVME", .mask = BPF, .len = 512,
	    .flags = IORING_UNIFIED_F_WRITE);
	try(&s, -EINVAL, "F_FLUSH with a read", .mask = NVME, .len = 512,
	    .flags = IORING_UNIFIED_F_FLUSH);
	try(&s, -EINVAL, "an LBA without NVME", .mask = BPF, .len = 512, .lba = 1);
	try(&s, -EINVAL, "multishot without a receive", .mask = NVME, .len = 512,
	    .ioprio = IORING_RECV_MULTISHOT);
	try(&s, 512, "IOSQE_ASYNC", .mask = NVME, .len = 512, .sqe_flags = IOSQE_ASYNC);
	try(&s, -ENODEV, "a receive without a NIC queue", .mask = NET, .len = 4096);
	try(&s, 0, "BPF without a stage says NEXT", .mask = BPF, .len = 512);
	tear_down(&s);

	set_up(&s, 0, false, false);
	try(&s, -ENODEV, "NVME in a region without a device", .mask = NVME, .len = 512);
	tear_down(&s);
}

static void test_links(void)
{
	struct setup s;
	char want[4096];
	int i, res[3];

	set_up(&s, IORING_SETUP_CQE32, true, false);
	fill(s.own, 4096, 2);
	memcpy(want, s.own, 4096);
	queue_op(&s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
		 .len = 4096, .lba = 500, .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .off = 4096, .lba = 500 });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == 4096 && res[1] == 4096 && !memcmp(s.own + 4096, want, 4096),
	   "a read linked to a write sees what was written");

	queue_op(&s, (struct op) { .mask = NVME, .len = 4096, .lba = 1ull << 50,
		 .sqe_flags = IOSQE_IO_LINK });
	queue_op(&s, (struct op) { .mask = NVME, .len = 4096 });
	for (i = 0; i < 2; i++)
		res[i] = wait_op(&s, NULL);
	ok(res[0] == -EINVAL && res[1] == -ECANCELED,
	   "a request linked to one that failed is cancelled");
	tear_down(&s);
}

static void test_gone(void)
{
	struct io_uring_sqe *sqe;
	struct setup s;
	int fds[2], ret;
	char c;

	set_up(&s, 0, true, false);
	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	sqe = io_uring_get_sqe(&s.ring);
	io_uring_prep_read(sqe, fds[0], &c, 1, 0);
	sqe->flags = IOSQE_IO_LINK;
	queue_op(&s, (struct op) { .mask = NVME, .len = 512 });
	io_uring_submit(&s.ring);
	ret = ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	ok(!ret, "a region goes while a linked request has not started");
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	wait_op(&s, NULL);
	check_res(wait_op(&s, NULL), -ENXIO, "the request fails when it starts");
	munmap(s.r.base, s.r.size);
	io_uring_queue_exit(&s.ring);
	close(s.dev);
}

static void test_bpf(void)
{
	struct setup s;
	char want[4096];

	set_up(&s, 0, true, false);
	attach_stage(&s);

	fill(s.own, 4096, 3);
	try(&s, IO_UNIFIED_NEXT, "BPF: res is the verdict NEXT", .mask = BPF, .len = 4096);
	s.own[0] = 'D';
	try(&s, IO_UNIFIED_DROP, "BPF: res is the verdict DROP", .mask = BPF, .len = 4096);
	s.own[0] = 'P';
	try(&s, IO_UNIFIED_PASS, "BPF: res is the verdict PASS", .mask = BPF, .len = 4096);
	s.own[0] = '?';
	try(&s, -EINVAL, "BPF: an answer that is no verdict", .mask = BPF, .len = 4096);
	s.own[0] = 'D';
	try(&s, IO_UNIFIED_NEXT, "... and such a stage is not asked again", .mask = BPF,
	    .len = 4096);
	detach_stage(&s);
	attach_stage(&s);
	s.own[0] = 'x';
	try(&s, IO_UNIFIED_NEXT, "BPF: a stage that writes", .mask = BPF, .len = 4096);
	ok(!memcmp(s.own, "xDONE", 5), "... writes in place");

	fill(s.own, 4096, 4);
	s.own[0] = 'x';
	memcpy(want, s.own, 4096);
	memcpy(want, "xDONE", 5);
	try(&s, 4096, "NVME|BPF with F_WRITE", .mask = NVME | BPF, .len = 4096,
	    .flags = IORING_UNIFIED_F_WRITE, .lba = 600);
	ok(on_device(600, want, 4096), "... writes what ->rx() made of it");

	s.own[0] = 'D';
	try(&s, 0, "NVME|BPF with F_WRITE, dropped", .mask = NVME | BPF, .len = 4096,
	    .flags = IORING_UNIFIED_F_WRITE, .lba = 600);
	ok(on_device(600, want, 4096), "... writes nothing");
	s.own[0] = 'P';
	try(&s, -EINVAL, "NVME|BPF with F_WRITE: nobody is there to PASS it to",
	    .mask = NVME | BPF, .len = 4096, .flags = IORING_UNIFIED_F_WRITE, .lba = 600);

	fill(s.own, 4096, 5);
	s.own[0] = 'X';
	try(&s, 4096, "NVME", .mask = NVME, .flags = IORING_UNIFIED_F_WRITE, .len = 4096, .lba = 700);
	memset(s.own, 0, 4096);
	try(&s, 4096, "NVME|BPF reads", .mask = NVME | BPF, .len = 4096, .lba = 700);
	ok(!memcmp(s.own, "XDONE", 5), "... and then ->tx() changes it in place");
	s.own[0] = 'S';
	try(&s, 4096, "NVME", .mask = NVME, .flags = IORING_UNIFIED_F_WRITE, .len = 4096, .lba = 700);
	try(&s, -EINVAL, "NVME|BPF: a stage that wants to send what is not for a socket",
	    .mask = NVME | BPF, .len = 4096, .lba = 700);
	ok(s.r.stats->stage_errors == 3, "wrong answers are counted");
	tear_down(&s);
}

/* --- with a network ------------------------------------------------------- */

static void test_to_application(void)
{
	struct stream st = { .len = 16 << 20 };
	struct io_unified_cqe cqe;
	bool same, records;
	struct setup s;
	struct peer p;
	int res;

	st.data = malloc(st.len);
	fill(st.data, st.len, 6);
	set_up(&s, NET_FLAGS, false, true);

	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC,
		      .ioprio = IORING_RECV_MULTISHOT, .user_data = 1 },
		      st.data, st.len, REC, 16, &same, &records);
	end_peer(&p);
	check_res(res, 0, "NETWORK, multishot: res is 0 at the end of the stream");
	ok(same, "the application gets the stream, in order, where the NIC put it");
	ok(records, "... in records of len bytes");
	ok(s.r.stats->passed.bytes == st.len && balanced(s.r.stats),
	   "all of it is counted as passed");
	note("copied %llu, stalls %llu, overflows %llu", s.r.stats->copied_bytes,
	     s.r.stats->rx_stalls, s.r.stats->cq_overflows);

	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC,
		      .ioprio = IORING_RECV_MULTISHOT },
		      st.data, st.len, REC, KEEP_ALL, &same, &records);
	end_peer(&p);
	ok(!res && same, "an application that keeps memory until the NIC has none loses nothing");
	ok(s.r.stats->rx_stalls, "... reception waited for it");

	/* none of it is ours any more */
	give_back(&s, 0);
	region_submit(&s.r);
	ok(!region_reap(&s.r, &cqe, 1000) && cqe.status == IO_UNIFIED_STATUS_HOST &&
	   cqe.result == -EINVAL && cqe.user_data == 4711,
	   "returning what one has not got is an error in the CQ");
	give_back(&s, s.own_off);
	region_submit(&s.r);
	ok(!region_reap(&s.r, &cqe, 1000) && cqe.result == -EFAULT,
	   "... as is returning what was never the NIC's");
	tear_down(&s);
	free(st.data);
}

static void send_and_reset(int sock, void *arg)
{
	const struct linger now = { .l_onoff = 1 };
	struct stream *st = arg;
	char c;

	write_all(sock, st->data, st->len);
	/* the other side has it, and says so */
	if (read(sock, &c, 1) != 1)
		_exit(96);
	setsockopt(sock, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void test_reset(void)
{
	struct stream st = { .len = 8192 };
	struct io_unified_cqe cqe;
	struct setup s;
	struct peer p;
	size_t got = 0;

	st.data = malloc(st.len);
	fill(st.data, st.len, 12);
	set_up(&s, NET_FLAGS, false, true);
	p = connect_peer(send_and_reset, &st);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC,
		 .ioprio = IORING_RECV_MULTISHOT });
	while (got < st.len) {
		struct __kernel_timespec ts = { .tv_nsec = 10000000 };
		struct io_uring_cqe *rcqe;

		io_uring_submit(&s.ring);
		if (!region_reap(&s.r, &cqe, 0))
			got += cqe.len;
		else
			io_uring_wait_cqe_timeout(&s.ring, &rcqe, &ts);
	}
	if (write(p.sock, "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	check_res(wait_op(&s, NULL), -ECONNRESET, "a stream that the peer resets");
	end_peer(&p);
	tear_down(&s);
	free(st.data);
}

static void test_single(void)
{
	struct stream st = { .len = 10000 };
	struct io_unified_cqe cqe;
	struct setup s;
	struct peer p;
	size_t got = 0;
	char *data = malloc(st.len);

	st.data = data;
	fill(data, st.len, 7);
	set_up(&s, NET_FLAGS, false, true);
	p = connect_peer(send_stream, &st);
	try(&s, 6000, "NETWORK once: res is the length of the record",
	    .mask = NET, .fd = p.sock, .len = 6000);
	while (!region_reap(&s.r, &cqe, 0)) {
		if (memcmp(s.r.data + cqe.dma_addr, data + got, cqe.len))
			break;
		got += cqe.len;
	}
	ok(got == 6000, "... the application has so many bytes, and no more");
	try(&s, 4000, "NETWORK once, near the end: a shorter record",
	    .mask = NET, .fd = p.sock, .len = 6000);
	try(&s, 0, "NETWORK once, at the end of the stream: 0",
	    .mask = NET, .fd = p.sock, .len = 6000);
	try(&s, -EINVAL, "NETWORK once, without a length", .mask = NET, .fd = p.sock);
	try(&s, -EINVAL, "a record that is too short", .mask = NET, .fd = p.sock, .len = 511);
	try(&s, -EINVAL, "a record that is too long", .mask = NET, .fd = p.sock, .len = 65537);
	try(&s, -EBADF, "no such socket", .mask = NET, .fd = 999, .len = 512);
	try(&s, -ENOTSOCK, "no socket at all", .mask = NET, .fd = s.dev, .len = 512);
	end_peer(&p);
	tear_down(&s);
	free(data);
}

static void test_held(void)
{
	struct stream st = { .len = 4096 };
	struct io_unified_sqe sqe = { };
	struct io_unified_cqe cqe, done;
	char data[4096];
	struct setup s;
	struct peer p;
	uint64_t off;

	st.data = data;
	fill(data, sizeof(data), 8);
	set_up(&s, NET_FLAGS, true, true);
	sqe.nvme_cmd.opcode = 1;
	sqe.nvme_cmd.nsid = s.ctrl->nsid;
	sqe.nvme_cmd.data_len = 512;
	sqe.nvme_cmd.cdw10 = 800;

	done = region_run(&s.r, &sqe);
	ok(done.status == IO_UNIFIED_STATUS_HOST && done.result == -EFAULT,
	   "a command on memory that is the NIC's: EFAULT");
	p = connect_peer(send_stream, &st);
	do_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = 4096 });
	if (region_reap(&s.r, &cqe, 1000))
		bail_out("no record");
	off = cqe.dma_addr;
	sqe.buf_offset = off;
	sqe.user_data = 99;
	done = region_run(&s.r, &sqe);
	/* the other pieces of the record come first */
	while (done.flags & IO_UNIFIED_CQE_F_RECORD && !region_reap(&s.r, &done, 10000))
		;
	ok(!done.status && done.user_data == 99,
	   "a command on memory that came with a record");
	ok(on_device(800, data, 512), "... writes what was received");
	give_back(&s, off);
	region_submit(&s.r);
	done = region_run(&s.r, &sqe);
	ok(done.result == -EFAULT, "... and is refused again when that was given back");
	end_peer(&p);
	tear_down(&s);
}

static void test_to_device(void)
{
	struct stream st = { .len = 8 << 20 };
	bool same, records;
	struct setup s;
	struct peer p;
	size_t i, nr = 0, passed = 0;
	char *kept, *pass;
	int res;

	st.data = malloc(st.len);
	kept = malloc(st.len);
	pass = malloc(st.len);
	fill(st.data, st.len, 9);
	for (i = 0; i < st.len; i += REC) {
		if (i / REC % 4 == 0) {
			st.data[i] = 'D';
		} else if (i / REC % 4 == 1) {
			st.data[i] = 'P';
			memcpy(pass + passed, st.data + i, REC);
			passed += REC;
		} else {
			memcpy(kept + nr, st.data + i, REC);
			nr += REC;
		}
	}
	set_up(&s, NET_FLAGS, true, true);

	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC,
		      .lba = 1000, .ioprio = IORING_RECV_MULTISHOT },
		      NULL, 0, REC, 16, &same, &records);
	end_peer(&p);
	check_res(res, 0, "NETWORK|NVME: res is 0 when all is written");
	ok(on_device(1000, st.data, st.len), "... and all of it is on the device");
	ok(s.r.stats->written.bytes == st.len && balanced(s.r.stats), "... and counted");

	attach_stage(&s);
	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC,
		      .lba = 40000, .ioprio = IORING_RECV_MULTISHOT },
		      NULL, 0, REC, 16, &same, &records);
	end_peer(&p);
	ok(!res && on_device(40000, st.data, st.len),
	   "without BPF in the request the stages are not asked");

	p = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET | NVME | BPF, .fd = p.sock, .len = REC,
		 .lba = 80000, .ioprio = IORING_RECV_MULTISHOT });
	io_uring_submit(&s.ring);
	same = true;
	for (i = 0; i < passed;) {
		struct __kernel_timespec ts = { .tv_nsec = 10000000 };
		struct io_uring_cqe *rcqe;
		struct io_unified_cqe cqe;

		if (region_reap(&s.r, &cqe, 0)) {
			region_submit(&s.r);
			io_uring_wait_cqe_timeout(&s.ring, &rcqe, &ts);
			continue;
		}
		same &= i + cqe.len <= passed && !memcmp(s.r.data + cqe.dma_addr, pass + i, cqe.len);
		i += cqe.len;
		give_back(&s, cqe.dma_addr);
		region_submit(&s.r);
	}
	res = wait_op(&s, NULL);
	end_peer(&p);
	check_res(res, 0, "NETWORK|BPF|NVME: res is 0 when all is done");
	ok(same, "... what a stage passed is with the application");
	ok(on_device(80000, kept, nr), "... what no stage wanted is on the device");
	ok(s.r.stats->dropped.bytes == st.len / 4 && s.r.stats->passed.bytes == passed &&
	   balanced(s.r.stats), "... the rest is dropped, and it all adds up");
	note("copied %llu, stalls %llu", s.r.stats->copied_bytes, s.r.stats->rx_stalls);

	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC,
		      .lba = (1 << 30) / LBA - 8, .ioprio = IORING_RECV_MULTISHOT },
		      NULL, 0, REC, 16, &same, &records);
	end_peer(&p);
	check_res(res, -ENOSPC, "a stream that is longer than the namespace");
	ok(balanced(s.r.stats), "... adds up, too");
	tear_down(&s);
	free(st.data);
	free(kept);
	free(pass);
}

static void test_drop(void)
{
	struct stream st = { .len = 64 * REC };
	bool same, records;
	struct setup s;
	struct peer p;
	size_t i;
	int res;

	st.data = malloc(st.len);
	fill(st.data, st.len, 10);
	for (i = 0; i < st.len; i += REC)
		st.data[i] = i / REC % 2 ? 'D' : 'S';
	set_up(&s, NET_FLAGS, false, true);
	attach_stage(&s);
	p = connect_peer(send_stream, &st);
	res = receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = REC,
		      .ioprio = IORING_RECV_MULTISHOT }, NULL, 0, REC, 16, &same, &records);
	end_peer(&p);
	ok(!res && s.r.stats->dropped.bytes == st.len && balanced(s.r.stats),
	   "NETWORK|BPF: what stages drop does not reach the application");
	ok(s.r.stats->stage_errors == 32, "... what it cannot do here drops, and counts");
	tear_down(&s);
	free(st.data);
}

/* --- sending -------------------------------------------------------------- */

/*
 * To a peer that takes long: all of it is with the socket before all of it is
 * acknowledged, with room for it at once or not.
 */
static void test_taken(struct setup *s, struct sink *sink, int sndbuf)
{
	struct peer p = connect_peer(receive_all, sink);
	struct io_uring_cqe first, last;
	int res[2];

	setsockopt(p.sock, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	queue_op(s, (struct op) { .mask = NET, .fd = p.sock, .off = s->own_off,
		 .len = sink->len, .user_data = 7,
		 .flags = IORING_UNIFIED_F_SEND | IORING_UNIFIED_F_TAKEN });
	io_uring_submit(&s->ring);
	res[0] = wait_op(s, &first);
	res[1] = wait_op(s, &last);
	ok(res[0] == (int)sink->len && first.user_data == 7 &&
	   first.flags & IORING_CQE_F_MORE && !(first.flags & IORING_CQE_F_NOTIF),
	   "F_TAKEN, a buffer of %d: the socket has it", sndbuf);
	ok(res[1] == res[0] && last.user_data == 7 && last.flags & IORING_CQE_F_NOTIF &&
	   !(last.flags & IORING_CQE_F_MORE), "... and has let go of it");
	ok(sent_well(&p), "... which arrives");
}

static void test_send(void)
{
	struct sink sink = { .len = 131072 };
	struct setup s;
	struct peer p;
	int res;

	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	fill(s.own, sink.len, 11);
	sink.want = malloc(sink.len);
	memcpy(sink.want, s.own, sink.len);

	p = connect_peer(receive_all, &sink);
	try(&s, sink.len, "NETWORK with F_SEND: res is what was sent", .mask = NET,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = sink.len);
	ok(sent_well(&p), "... and the peer has it");
	note("copied %llu", s.r.stats->copied_bytes);
	ok(!s.r.stats->copied_bytes, "... and nobody copied it");

	sink.slow = 1;
	p = connect_peer(receive_all, &sink);
	res = 8192;
	setsockopt(p.sock, SOL_SOCKET, SO_SNDBUF, &res, sizeof(res));
	try(&s, sink.len, "a send to a slow peer", .mask = NET,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = sink.len);
	ok(sent_well(&p), "... arrives as well");
	test_taken(&s, &sink, 8192);
	test_taken(&s, &sink, 2 * sink.len);
	sink.slow = 0;

	try(&s, (int)sink.len, "NVME write of it", .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
	    .off = s.own_off, .len = sink.len, .lba = 2000);
	memset(s.own, 0, sink.len);
	p = connect_peer(receive_all, &sink);
	try(&s, sink.len, "NETWORK|NVME with F_SEND reads, then sends", .mask = NET | NVME,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = sink.len,
	    .lba = 2000);
	ok(sent_well(&p), "... what is on the device");

	s.own[0] = 'X';
	sink.want[0] = 'X';
	memcpy(sink.want + 1, "DONE", 4);
	p = connect_peer(receive_all, &sink);
	try(&s, sink.len, "NETWORK|BPF with F_SEND", .mask = NET | BPF,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = sink.len);
	ok(sent_well(&p), "... sends what ->tx() made of it");

	s.own[1] = 0;
	do_op(&s, (struct op) { .mask = NVME, .flags = IORING_UNIFIED_F_WRITE,
	      .off = s.own_off, .len = sink.len, .lba = 2000 });
	memset(s.own, 0, sink.len);
	p = connect_peer(receive_all, &sink);
	try(&s, sink.len, "all three with F_SEND: read, ->tx(), send", .mask = NET | NVME | BPF,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = sink.len,
	    .lba = 2000);
	ok(sent_well(&p), "... all of it");

	sink.len = 0;
	s.own[0] = 'D';
	p = connect_peer(receive_all, &sink);
	try(&s, 0, "a send that a stage drops", .mask = NET | BPF,
	    .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off, .len = 131072);
	ok(sent_well(&p), "... does not reach the peer");
	tear_down(&s);
	free(sink.want);
}

static void test_cancel(void)
{
	struct io_uring_sqe *sqe;
	int fds[2], i, ret, res[2] = { };
	struct io_uring_cqe cqe[2];
	struct setup s;
	struct peer p;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(sleep_peer, &fds[0]);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC,
		 .ioprio = IORING_RECV_MULTISHOT, .user_data = 77 });
	io_uring_submit(&s.ring);
	ret = ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0);
	check_res(ret, -EBUSY, "unregister while a receive waits");
	sqe = io_uring_get_sqe(&s.ring);
	io_uring_prep_cancel64(sqe, 77, 0);
	for (i = 0; i < 2; i++) {
		ret = wait_op(&s, &cqe[0]);
		res[cqe[0].user_data == 77] = ret;
	}
	ok(!res[0] && res[1] == -ECANCELED, "a receive that waits is cancelled");
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC,
		 .ioprio = IORING_RECV_MULTISHOT });
	io_uring_submit(&s.ring);
	shutdown(p.sock, SHUT_RD);
	check_res(wait_op(&s, NULL), 0, "shutdown for reading ends a receive");
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	end_peer(&p);
	tear_down(&s);
}

int main(int argc, char **argv)
{
	bool nic;

	if (argc != 3 && argc != 8) {
		fprintf(stderr, "usage: op NODE STAGE.bpf.o [IF QUEUE IP PORT PEER_NETNS]\n");
		return 2;
	}
	nic = request_args(argv + 1);
	test_nvme();
	test_links();
	test_gone();
	test_bpf();
	if (nic) {
		test_to_application();
		test_single();
		test_reset();
		test_held();
		test_to_device();
		test_drop();
		test_send();
		test_cancel();
	}
	return tap_end();
}
