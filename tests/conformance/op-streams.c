// SPDX-License-Identifier: GPL-2.0
/*
 * op-streams: what streams of IORING_OP_UNIFIED do beside each other and one
 * after the other: several at a time, from one to another, a full CQ, payload
 * that the NIC did not place, slow peers.
 *
 * Usage: op-streams NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 */
#include <arpa/inet.h>
#include <errno.h>
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
#define STREAMS	6

/* Run what the ring has to do, for a moment; a request's CQE, if there is one */
static bool ring_work(struct setup *s, struct io_uring_cqe *cqe)
{
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	struct io_uring_cqe *got;

	if (io_uring_wait_cqe_timeout(&s->ring, &got, &ts))
		return false;
	*cqe = *got;
	io_uring_cqe_seen(&s->ring, got);
	return true;
}

/* Several streams to the application at a time; one more goes to the device */
static void test_several(void)
{
	struct stream st[STREAMS + 1], *to_dev = &st[STREAMS];
	unsigned int open = STREAMS + 1, nr_kept = 0, i;
	size_t got[STREAMS] = { }, total = 0;
	bool same = true, together = true, well = true;
	struct peer p[STREAMS + 1];
	struct io_unified_cqe cqe;
	struct io_uring_cqe rcqe;
	uint64_t kept[64], more = ~0ull;
	struct setup s;

	set_up(&s, NET_FLAGS, true, true);
	for (i = 0; i <= STREAMS; i++) {
		st[i] = (struct stream) { .len = (2 << 20) + i * 1000 };
		st[i].data = malloc(st[i].len);
		fill(st[i].data, st[i].len, 40 + i);
		p[i] = connect_peer(send_stream, &st[i]);
		total += st[i].len;
	}
	for (i = 0; i < STREAMS; i++)
		queue_op(&s, (struct op) { .mask = NET, .fd = p[i].sock, MULTI,
			 .len = i % 2 ? 0 : 2048 + 512 * i, .user_data = i });
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p[i].sock, MULTI,
		 .len = 512, .lba = 200000, .user_data = i });
	io_uring_submit(&s.ring);
	for (;;) {
		if (region_reap(&s.r, &cqe, 0)) {
			if (!open && !s.r.cq->flags)
				break;
			while (nr_kept)
				give_back(&s, kept[--nr_kept]);
			region_submit(&s.r);
			if (ring_work(&s, &rcqe)) {
				well &= !rcqe.res;
				open--;
			}
			continue;
		}
		if (!(cqe.flags & IO_UNIFIED_CQE_F_RECORD) || cqe.user_data >= STREAMS)
			bail_out("a CQE that is no record: %d", cqe.result);
		i = cqe.user_data;
		together &= more == ~0ull || more == i;
		more = cqe.flags & IO_UNIFIED_CQE_F_MORE ? i : ~0ull;
		same &= cqe.result64 == got[i] && got[i] + cqe.len <= st[i].len &&
			!memcmp(s.r.data + cqe.dma_addr, st[i].data + got[i], cqe.len);
		got[i] += cqe.len;
		kept[nr_kept++] = cqe.dma_addr;
		if (nr_kept < 64)
			continue;
		while (nr_kept)
			give_back(&s, kept[--nr_kept]);
		region_submit(&s.r);
	}
	for (i = 0; i <= STREAMS; i++) {
		end_peer(&p[i]);
		same &= i == STREAMS || got[i] == st[i].len;
	}
	ok(well, "several streams at a time: each ends with 0");
	ok(same, "... each has its own bytes");
	ok(together, "... the pieces of a record come together");
	ok(on_device(200000, to_dev->data, to_dev->len / LBA * LBA),
	   "... the one for the device is there");
	ok(s.r.stats->rx.bytes == total && s.r.stats->written.bytes == to_dev->len &&
	   balanced(s.r.stats) && !s.r.stats->in_flight.bytes, "... it all adds up");
	ok(s.r.stats->padded_bytes == LBA - to_dev->len % LBA,
	   "... the last block of a stream is filled with zeroes, and that is counted");
	note("copied %llu, stalls %llu, overflows %llu", s.r.stats->copied_bytes,
	     s.r.stats->rx_stalls, s.r.stats->cq_overflows);
	tear_down(&s);
	for (i = 0; i <= STREAMS; i++)
		free(st[i].data);
}

/* What is received goes on to another peer from where it lies */
static void test_forward(void)
{
	struct stream st = { .len = 1 << 20 };
	struct sink sink = { .len = 1 << 20 };
	struct io_unified_cqe cqe;
	struct io_uring_cqe rcqe[2];	/* one of 32 bytes */
	struct peer from, to;
	struct setup s;
	bool sent = true, done = false;

	st.data = malloc(st.len);
	fill(st.data, st.len, 50);
	sink.want = st.data;
	set_up(&s, NET_FLAGS, false, true);
	to = connect_peer(receive_all, &sink);
	from = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET, .fd = from.sock, .len = REC, MULTI,
		 .user_data = 1 });
	io_uring_submit(&s.ring);
	for (;;) {
		if (region_reap(&s.r, &cqe, 0)) {
			if (done && !s.r.cq->flags)
				break;
			region_submit(&s.r);
			done |= ring_work(&s, rcqe);
			continue;
		}
		queue_op(&s, (struct op) { .mask = NET, .fd = to.sock, .off = cqe.dma_addr,
			 .len = cqe.len, .flags = IORING_UNIFIED_F_SEND, .user_data = 2 });
		io_uring_submit(&s.ring);
		/* the socket holds it now */
		give_back(&s, cqe.dma_addr);
		region_submit(&s.r);
		do {
			int res = wait_op(&s, rcqe);

			if (rcqe->user_data == 1)
				done = true;
			else
				sent &= res == (int)cqe.len;
		} while (rcqe->user_data == 1);
	}
	end_peer(&from);
	ok(sent, "what was received is sent to another peer, and given back meanwhile");
	ok(sent_well(&to), "... who has all of it");
	ok(balanced(s.r.stats) && s.r.stats->passed.bytes == st.len, "... it all adds up");
	note("passed %llu, copied %llu", s.r.stats->passed.bytes, s.r.stats->copied_bytes);
	tear_down(&s);
	free(st.data);
}

/* An application that does not look at its CQ while records arrive */
static void test_full_cq(void)
{
	struct stream st = { .len = 4 << 20 };
	struct io_uring_cqe *rcqe;
	struct io_unified_cqe cqe;
	struct setup s;
	struct peer p;
	size_t got = 0;
	bool same = true;
	int i, res = 1;

	st.data = malloc(st.len);
	fill(st.data, st.len, 51);
	set_up(&s, NET_FLAGS, false, true);
	p = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET, .fd = p.sock, .len = 512, MULTI });
	io_uring_submit(&s.ring);
	while (got < st.len || res > 0) {
		/* until the kernel can do no more for us */
		for (i = 0; i < 5 && res > 0; i++) {
			struct __kernel_timespec ts = { .tv_nsec = 2000000 };

			if (!io_uring_wait_cqe_timeout(&s.ring, &rcqe, &ts)) {
				res = rcqe->res;
				io_uring_cqe_seen(&s.ring, rcqe);
			}
		}
		/* no more than what the CQ has now */
		for (i = 0; i < 64 && !region_reap(&s.r, &cqe, 0); i++) {
			same &= cqe.result64 == got && got + cqe.len <= st.len &&
				!memcmp(s.r.data + cqe.dma_addr, st.data + got, cqe.len);
			got += cqe.len;
			give_back(&s, cqe.dma_addr);
			if (i % 32 == 31)
				region_submit(&s.r);
		}
		region_submit(&s.r);
	}
	end_peer(&p);
	check_res(res, 0, "a CQ that is full most of the time: the stream ends");
	ok(same && got == st.len, "... nothing is lost, and all is in order");
	ok(s.r.stats->cq_overflows && balanced(s.r.stats), "... the CQ was full");
	note("overflows %llu, stalls %llu", s.r.stats->cq_overflows, s.r.stats->rx_stalls);
	tear_down(&s);
	free(st.data);
}

/* Waits until all of it lies in our socket */
static void send_later(int sock, void *arg)
{
	struct stream *st = arg;
	char c;

	send_stream(sock, &(struct stream) { .data = st->data, .len = st->len });
	if (read(st->go, &c, 1) != 1)
		_exit(96);
}

static void test_not_placed(void)
{
	struct sockaddr_in lo = listen_addr, other = listen_addr;
	struct stream st = { .len = 60000 };
	struct sink sink = { .len = 65536 };
	bool same, records;
	struct setup s;
	struct peer p;
	uint64_t copied;
	int fds[2], n = 0;

	lo.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	other.sin_port = htons(ntohs(other.sin_port) + 1);
	st.data = malloc(st.len);
	fill(st.data, st.len, 52);
	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));

	/* before there is a region the NIC has buffers of its own */
	st.go = fds[0];
	p = connect_peer(send_later, &st);
	while (!ioctl(p.sock, FIONREAD, &n) && n < (int)st.len)
		poll(NULL, 0, 1);
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	set_up(&s, NET_FLAGS, true, true);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC, MULTI },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "what had been received before there was a region");
	ok(same && records, "... comes as well");
	ok(s.r.stats->copied_bytes == st.len, "... but has to be copied");
	end_peer(&p);
	close(fds[0]);
	close(fds[1]);

	st.go = 0;
	copied = s.r.stats->copied_bytes;
	p = connect_peer_to(&other, peer_ns, send_stream, &st);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC, MULTI },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "what goes to another queue of the NIC");
	ok(same && records, "... comes as well");
	ok(s.r.stats->copied_bytes - copied == st.len, "... but has to be copied");
	end_peer(&p);

	copied = s.r.stats->copied_bytes;
	p = connect_peer_to(&lo, NULL, send_stream, &st);
	check_res(receive(&s, (struct op) { .mask = NET, .fd = p.sock, .len = REC, MULTI },
			  st.data, st.len, REC, 16, &same, &records),
		  0, "what comes from this machine");
	ok(same && records && s.r.stats->copied_bytes - copied == st.len,
	   "... comes as well, copied");
	end_peer(&p);

	p = connect_peer_to(&lo, NULL, send_stream, &st);
	try(&s, 0, "... also to the device", .mask = NET | NVME, .fd = p.sock, .len = REC,
	    MULTI, .lba = 5000, .flags = IORING_UNIFIED_F_FLUSH);
	ok(on_device(5000, st.data, st.len / LBA * LBA), "... where it is");
	end_peer(&p);

	copied = s.r.stats->copied_bytes;
	fill(s.own, sink.len, 53);
	sink.want = malloc(sink.len);
	memcpy(sink.want, s.own, sink.len);
	p = connect_peer_to(&lo, NULL, receive_all, &sink);
	try(&s, (int)sink.len, "what is sent to this machine", .mask = NET, .fd = p.sock,
	    .off = s.own_off, .len = sink.len, .flags = IORING_UNIFIED_F_SEND);
	ok(sent_well(&p), "... arrives");
	ok(s.r.stats->copied_bytes - copied == sink.len, "... copied, and counted");
	ok(balanced(s.r.stats), "it all adds up");
	tear_down(&s);
	free(st.data);
	free(sink.want);
}

/*
 * The buffers are small: the sender waits again and again.  With one that does not hold
 * a segment or two TCP would find the window by its probes, of 768 bytes every 200 ms.
 */
static void receive_slowly(int sock, void *arg)
{
	struct sink *sink = arg;
	char *buf = malloc(sink->len + 1);
	size_t got = 0;
	ssize_t n;
	int small = 8 << 10;

	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	while (got <= sink->len && (n = read(sock, buf + got, 100)) > 0)
		got += n;
	_exit(got == sink->len && !memcmp(buf, sink->want, got) ? 0 : 1);
}

static void test_slow_peer(void)
{
	struct sink sink = { .len = OWN_MEM };
	struct setup s;
	struct peer p;
	int small = 1;

	set_up(&s, NET_FLAGS, false, true);
	fill(s.own, sink.len, 54);
	sink.want = malloc(sink.len);
	memcpy(sink.want, s.own, sink.len);
	p = connect_peer(receive_slowly, &sink);
	setsockopt(p.sock, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	try(&s, (int)sink.len, "a send to a peer that reads little at a time is sent in full",
	    .mask = NET, .flags = IORING_UNIFIED_F_SEND, .fd = p.sock, .off = s.own_off,
	    .len = sink.len);
	ok(sent_well(&p), "... arrives");
	tear_down(&s);
	free(sink.want);
}

/* A stream that comes in pieces of a few bytes, with a stage that is asked */
static void dribble(int sock, void *arg)
{
	struct stream *st = arg;
	size_t n, off;

	for (off = 0; off < st->len; off += n) {
		n = 1 + off % 61;
		n = n > st->len - off ? st->len - off : n;
		write_all(sock, st->data + off, n);
	}
}

static void test_dribble(void)
{
	struct stream st = { .len = 64 << 10 };
	bool same, records;
	struct setup s;
	struct peer p;

	st.data = malloc(st.len);
	fill(st.data, st.len, 55);
	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	p = connect_peer(dribble, &st);
	check_res(receive(&s, (struct op) { .mask = NET | BPF, .fd = p.sock, .len = 8192,
			  MULTI }, st.data, st.len, 8192, 100, &same, &records),
		  0, "NETWORK|BPF: a stream in pieces of a few bytes");
	ok(same, "... is what was sent");
	end_peer(&p);
	p = connect_peer(dribble, &st);
	try(&s, 0, "all three: a stream in pieces of a few bytes",
	    .mask = NET | BPF | NVME, .fd = p.sock, .len = 8192, MULTI, .lba = 6000);
	ok(on_device(6000, st.data, st.len), "... is what was sent");
	end_peer(&p);
	ok(balanced(s.r.stats) && !s.r.stats->in_flight.bytes, "it all adds up");
	note("copied %llu", s.r.stats->copied_bytes);
	tear_down(&s);
	free(st.data);
}

int main(int argc, char **argv)
{
	if (argc != 8 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: op-streams NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	test_several();
	test_forward();
	test_full_cq();
	test_not_placed();
	test_slow_peer();
	test_dribble();
	return tap_end();
}
