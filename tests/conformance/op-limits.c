// SPDX-License-Identifier: GPL-2.0
/*
 * op-limits: streams that come to the end of what a region has: of pieces in a
 * command, of buffers, of transfers; and streams that nothing wakes any more but
 * what they wait for.
 *
 * Usage: op-limits NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.h"
#include "tap.h"

#define MULTI	.ioprio = IORING_RECV_MULTISHOT
/* The smallest area that a NIC can have */
#define FEW_BUFS	128
#define MANY	140

/* Two sockets of this machine that are connected: what one sends is copied */
struct pair {
	int	here, there;
};

static struct pair open_pair(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int lfd = socket(AF_INET, SOCK_STREAM, 0);
	struct pair p = { .there = socket(AF_INET, SOCK_STREAM, 0) };

	if (lfd < 0 || bind(lfd, (void *)&addr, len) || listen(lfd, 1) ||
	    getsockname(lfd, (void *)&addr, &len) ||
	    connect(p.there, (void *)&addr, len))
		bail_out("a pair of sockets: %s", strerror(errno));
	p.here = accept(lfd, NULL, NULL);
	close(lfd);
	return p;
}

static void close_pair(struct pair *p)
{
	close(p->here);
	close(p->there);
}

/* Let the ring do what it has to until there is a CQE; -ETIME: none for a second */
static int next_res(struct setup *s, uint64_t *who)
{
	struct __kernel_timespec ts = { .tv_sec = 1 };
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(&s->ring, &cqe, &ts);

	if (ret)
		return -ETIME;
	ret = cqe->res;
	*who = cqe->user_data;
	io_uring_cqe_seen(&s->ring, cqe);
	return ret;
}

/* The same, but for one that has to come */
static int must_res(struct setup *s)
{
	uint64_t who, begin = now_ms();
	int res;

	while ((res = next_res(s, &who)) == -ETIME)
		be_patient(begin);
	return res;
}

/* Each byte in a segment of its own, and so in a buffer of its own */
static void send_bytes(int sock, void *arg)
{
	struct stream *st = arg;
	int left;

	for (size_t i = 0; i < st->len; i++) {
		write_all(sock, st->data + i, 1);
		/* one that waits for an acknowledgment would take the next with it */
		while (!ioctl(sock, SIOCOUTQ, &left) && left)
			poll(NULL, 0, 1);
	}
}

static void test_pieces(void)
{
	char block[LBA] = { };
	struct stream st = { .data = block, .len = 150 };
	struct setup s;
	struct peer p;

	fill(block, st.len, 60);
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_bytes, &st);
	try(&s, 0, "an unfinished block in more pieces than a command can have",
	    .mask = NET | NVME, .fd = p.sock, MULTI, .lba = 8000);
	end_peer(&p);
	ok(s.r.stats->rx.bufs == st.len, "... each byte comes by itself");
	ok(on_device(8000, block, LBA), "... they are written");
	ok(s.r.stats->written.bufs == s.r.stats->rx.bufs &&
	   s.r.stats->written.bytes == st.len && balanced(s.r.stats),
	   "... and it all adds up");
	note("%llu records, copied %llu", s.r.stats->rx.bufs, s.r.stats->copied_bytes);
	tear_down(&s);
}

/* One record, and then nothing that would wake the socket */
static void test_silent_peer(void)
{
	struct stream st = { .len = REC };
	struct setup s;
	struct peer p;
	int fds[2];

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	st.go = fds[0];
	st.data = malloc(st.len);
	fill(st.data, st.len, 61);
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC,
		 .lba = 8100, .flags = IORING_UNIFIED_F_FLUSH });
	io_uring_submit(&s.ring);
	check_res(must_res(&s), REC, "one record with F_FLUSH of a peer that is silent then");
	ok(on_device(8100, st.data, st.len), "... is written");
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	end_peer(&p);
	tear_down(&s);
	free(st.data);
	close(fds[0]);
	close(fds[1]);
}

/* A request takes the place in memory of one that has been sent */
static void test_refused_after_send(void)
{
	struct sink sink = { .len = 65536 };
	struct setup s;
	struct peer p;

	set_up(&s, NET_FLAGS, true, true);
	fill(s.own, sink.len, 62);
	sink.want = s.own;
	p = connect_peer(receive_all, &sink);
	try(&s, (int)sink.len, "a send", .mask = NET, .fd = p.sock, .off = s.own_off,
	    .len = sink.len, .flags = IORING_UNIFIED_F_SEND);
	ok(sent_well(&p), "... arrives");
	try(&s, -EINVAL, "a flag that is none, after a send", .mask = NVME, .len = LBA,
	    .flags = 1U << 30);
	try(&s, -EINVAL, "... and a mask that is none", .mask = 1U << 10, .len = LBA);
	tear_down(&s);
}

/* Payload that zcrx has to copy, much more than the NIC has buffers for */
static void test_idle_nic(void)
{
	struct sockaddr_in lo = listen_addr;
	struct stream st = { .len = 3 * NIC_MEM };
	bool same, records;
	struct setup s;
	struct peer p;

	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	st.data = malloc(st.len);
	fill(st.data, st.len, 63);
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer_to(&lo, NULL, send_stream, &st);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC, MULTI },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "more of this machine than the NIC, which is idle, has buffers");
	ok(same && records, "... comes");
	ok(balanced(s.r.stats) && s.r.stats->copied_bytes == st.len, "... and adds up");
	end_peer(&p);
	p = connect_peer(send_stream, &st);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC, MULTI },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "then the same by the NIC");
	ok(same && records, "... comes");
	end_peer(&p);
	tear_down(&s);
	free(st.data);
}

/* Streams that wait for their peers have transfers, which come to an end */
static void test_many_streams(void)
{
	struct pair pairs[MANY];
	struct setup s;
	unsigned int refused = 0, i;
	uint64_t who;
	int res, wrong = 0;

	set_up(&s, NET_FLAGS, true, true);
	for (i = 0; i < MANY; i++) {
		pairs[i] = open_pair();
		queue_op(&s, (struct op) { .mask = NET | NVME, .fd = pairs[i].here,
			 .len = REC, MULTI, .lba = 9000 + 8 * i, .user_data = i });
		io_uring_submit(&s.ring);
	}
	while ((res = next_res(&s, &who)) != -ETIME) {
		wrong += res != -ENOBUFS;
		refused++;
	}
	ok(refused && refused < MANY / 2 && !wrong,
	   "streams for which there are no transfers are refused: ENOBUFS");
	note("%u of %u refused", refused, MANY);
	for (i = 0; i < MANY - refused; i++)
		if (write(pairs[i].there, s.own, 100) != 100)
			bail_out("write: %s", strerror(errno));
	/* all at once: each needs transfers for its last block, and waits for them */
	for (i = 0; i < MANY; i++)
		close(pairs[i].there);
	for (i = 0; i < MANY - refused; i++)
		wrong += must_res(&s) != 0;
	ok(!wrong && s.r.stats->written.bytes == 100 * (MANY - refused) &&
	   balanced(s.r.stats), "... and all the others get on");
	for (i = 0; i < MANY; i++)
		close(pairs[i].here);
	tear_down(&s);
}

/* Unfinished blocks have nearly all transfers, and nothing that brings more is going on */
static void test_last_transfers(void)
{
	unsigned int got = 0, refused = 0, wrong = 0, last = 0, i;
	struct pair pairs[MANY];
	bool open[MANY] = { };
	struct setup s;
	uint64_t who;
	int res;

	set_up(&s, NET_FLAGS, true, true);
	for (i = 0; i < MANY; i++) {
		pairs[i] = open_pair();
		/* what comes is a record, whatever its size */
		queue_op(&s, (struct op) { .mask = NET | NVME, .fd = pairs[i].here,
			 MULTI, .lba = 9000 + 8 * i, .user_data = i });
		io_uring_submit(&s.ring);
		open[i] = true;
	}
	while ((res = next_res(&s, &who)) != -ETIME) {
		wrong += res != -ENOBUFS;
		open[who] = false;
	}
	/* until one is refused; what it had is what the next one takes */
	for (i = 0; i < MANY && !(refused && last > refused); i++) {
		uint64_t begin = now_ms();

		if (!open[i])
			continue;
		if (write(pairs[i].there, s.own, 100) != 100)
			bail_out("write: %s", strerror(errno));
		while (s.r.stats->rx.bytes == 100 * got && open[i]) {
			struct io_uring_cqe *cqe;

			io_uring_get_events(&s.ring);
			if (!io_uring_peek_cqe(&s.ring, &cqe)) {
				wrong += cqe->res != -ENOBUFS || cqe->user_data != i;
				io_uring_cqe_seen(&s.ring, cqe);
				open[i] = false;
				refused = i;
			} else {
				be_patient(begin);
			}
		}
		got += open[i];
		last = open[i] ? i : last;
	}
	ok(!wrong && refused, "a stream that finds no transfer, and none that will come: ENOBUFS");
	note("%u had received something", got);
	for (i = 0; i < MANY; i++) {
		close(pairs[i].there);
		if (!open[i])
			continue;
		res = must_res(&s);
		if (res && !wrong++)
			note("%d", res);
	}
	ok(!wrong && s.r.stats->written.bytes == 100 * got && balanced(s.r.stats),
	   "... the others end well with those that there are");
	for (i = 0; i < MANY; i++)
		close(pairs[i].here);
	tear_down(&s);
}

/* Fill the CQ with completions, and the transfers with those that found no room */
static unsigned int take_transfers(struct setup *s)
{
	const struct io_unified_sqe flush = { .nvme_cmd = { .nsid = 1 } };
	const struct io_unified_stats *stats = s->r.stats;
	unsigned int first = s->r.sq->consumer, head;
	uint64_t begin = now_ms();

	do {
		be_patient(begin);
		head = s->r.sq->consumer;
		while (s->r.sq->producer + s->r.queued != head + REGION_ENTRIES)
			region_queue(&s->r, &flush);
		region_submit(&s->r);
	} while (s->r.sq->consumer != head ||
		 head - first != REGION_ENTRIES + stats->cq_overflows);
	return s->r.sq->producer - first;
}

static void give_transfers(struct setup *s, unsigned int nr)
{
	uint64_t begin = now_ms();
	struct io_unified_cqe cqe;

	while (nr) {
		if (!region_reap(&s->r, &cqe, 0)) {
			nr--;
		} else {
			region_submit(&s->r);
			be_patient(begin);
		}
	}
}

/* The last record has been received, and there are no transfers to write it */
static void test_end_waits(void)
{
	struct pair p = open_pair();
	uint64_t who, begin = now_ms();
	struct setup s;
	unsigned int nr;
	int res;

	set_up(&s, NET_FLAGS, true, true);
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p.here, .len = REC, MULTI,
		 .flags = IORING_UNIFIED_F_FLUSH, .lba = 9000 });
	io_uring_submit(&s.ring);
	if (write(p.there, s.own, 100) != 100)
		bail_out("write: %s", strerror(errno));
	while (s.r.stats->rx.bytes < 100 && now_ms() - begin < 60000)
		next_res(&s, &who);
	nr = take_transfers(&s);
	close(p.there);
	res = next_res(&s, &who);
	if (!ok(res == -ETIME && !s.r.stats->failed.bytes,
		"a stream whose end finds no transfers waits for them"))
		note("%d", res);
	give_transfers(&s, nr);
	if (res == -ETIME)
		res = must_res(&s);
	check_res(res, 0, "... and ends when there are some");
	ok(s.r.stats->written.bytes == 100 && balanced(s.r.stats), "... with all it had");
	close(p.here);
	tear_down(&s);
}

/* The beginnings of records have all the memory, and their peers send no more */
static void test_beginnings(void)
{
	struct stream st = { .len = 1 << 20 };
	unsigned int ended = 0, i;
	struct pair pairs[MANY];
	struct setup s;
	struct peer p;
	uint64_t who;
	int res, wrong = 0;

	st.data = malloc(st.len);
	fill(st.data, st.len, 64);
	nic_mem = FEW_BUFS * 4096;
	set_up(&s, NET_FLAGS, true, true);
	for (i = 0; i < FEW_BUFS - 16; i++) {
		pairs[i] = open_pair();
		queue_op(&s, (struct op) { .mask = NET | NVME, .fd = pairs[i].here,
			 .len = REC, MULTI, .lba = 9000 + 8 * i, .user_data = i });
		io_uring_submit(&s.ring);
		if (write(pairs[i].there, "b", 1) != 1)
			bail_out("write: %s", strerror(errno));
	}
	while ((res = next_res(&s, &who)) != -ETIME) {
		wrong += res != -ENOBUFS;
		ended++;
	}
	ok(ended && ended < i && !wrong,
	   "a stream for which others leave no memory ends: ENOBUFS");
	note("%u of %u ended", ended, i);
	while (i--)
		close_pair(&pairs[i]);
	while (s.r.stats->in_flight.bytes)
		next_res(&s, &who);
	p = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC, MULTI,
		 .lba = 12000, .user_data = MANY });
	io_uring_submit(&s.ring);
	do {
		res = next_res(&s, &who);
	} while (res == -ETIME || who != MANY);
	check_res(res, 0, "... and when they have ended, the next one has it");
	end_peer(&p);
	ok(on_device(12000, st.data, st.len) && balanced(s.r.stats), "... and is written");
	tear_down(&s);
	nic_mem = NIC_MEM;
	free(st.data);
}

int main(int argc, char **argv)
{
	if (argc != 8 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: op-limits NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	test_refused_after_send();
	test_silent_peer();
	test_idle_nic();
	test_many_streams();
	test_last_transfers();
	test_end_waits();
	test_beginnings();
	test_pieces();
	return tap_end();
}
