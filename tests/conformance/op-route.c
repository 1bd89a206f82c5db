// SPDX-License-Identifier: GPL-2.0
/*
 * op-route: stages that send, to sockets of IORING_REGISTER_UNIFIED_SOCK.
 *
 * Usage: op-route NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.h"
#include "tap.h"

#define MULTI .ioprio = IORING_RECV_MULTISHOT
#define PATIENCE 60000	/* ms */

static void test_register(void)
{
	struct io_unified_sock_reg reg = { };
	int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
	int i, nr = 0;
	struct setup s;

	set_up(&s, 0, true, false);
	check_res(sock_add(&s, 999), -EBADF, "SOCK: no descriptor");
	check_res(sock_add(&s, s.dev), -ENOTSOCK, "SOCK: no socket");
	check_res(sock_add(&s, udp), -EPROTONOSUPPORT, "SOCK: UDP");
	check_res(sock_reg(&s, tcp, 2, 0), -EINVAL, "SOCK: a flag that is none");
	reg = (struct io_unified_sock_reg) { .fd = tcp, .__resv = { [4] = 1 } };
	check_res(ring_register(s.ring.ring_fd, IORING_REGISTER_UNIFIED_SOCK, &reg, 1),
		  -EINVAL, "SOCK: a reserved field");
	check_res(ring_register(s.ring.ring_fd, IORING_REGISTER_UNIFIED_SOCK, (void *)8, 1),
		  -EFAULT, "SOCK: an argument that is not there");
	check_res(sock_remove(&s, 0), -ENOTCONN, "SOCK: remove one that is none");
	check_res(sock_remove(&s, ~0u), -ENOTCONN, "SOCK: remove a number that is none");
	for (i = 0; i < IO_UNIFIED_MAX_SOCKS; i++)
		nr += sock_add(&s, tcp) == i;
	check_res(nr, IO_UNIFIED_MAX_SOCKS, "SOCK: as many as there can be");
	check_res(sock_add(&s, tcp), -E2BIG, "SOCK: one more");
	check_res(sock_remove(&s, IO_UNIFIED_MAX_SOCKS), -ENOTCONN,
		  "SOCK: remove the number after the last");
	check_res(sock_remove(&s, ~0u), -ENOTCONN, "SOCK: remove the largest number");
	check_res(sock_remove(&s, 7), 0, "SOCK: remove");
	check_res(sock_add(&s, tcp), 7, "SOCK: its number is the next one's");
	try(&s, -EINVAL, "file_index of what receives nothing", .mask = NVME, .len = 512,
	    .sock = 1);
	tear_down(&s);
	check_res(ring_register(tcp, IORING_REGISTER_UNIFIED_SOCK, &reg, 1), -EOPNOTSUPP,
		  "SOCK: no ring");
	close(udp);
	close(tcp);
}

/* Own memory that a stage looks at: it sends a clone, or what it makes */
static void test_kfunc(void)
{
	struct sink sink = { .len = 3 * REC };
	const struct io_unified_stats *st;
	struct setup s;
	struct peer p;

	sink.want = calloc(1, sink.len);
	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	st = s.r.stats;
	fill(s.own, OWN_MEM, 70);
	memcpy(s.own, "C:0", 3);
	memcpy(s.own + REC, "A:0", 3);
	memcpy(sink.want, s.own, REC);
	memcpy(sink.want + REC, "MADE", 4);
	memcpy(sink.want + 2 * REC, s.own, REC);
	p = connect_peer(receive_all, &sink);
	check_res(sock_add(&s, p.sock), 0, "SOCK: the first is 0");
	try(&s, IO_UNIFIED_NEXT, "a stage sends a clone", .mask = BPF, .off = s.own_off, .len = REC);
	try(&s, IO_UNIFIED_NEXT, "... then what it made", .mask = BPF, .off = s.own_off + REC, .len = REC);
	try(&s, IO_UNIFIED_NEXT, "... then a clone again", .mask = BPF, .off = s.own_off, .len = REC);
	ok(all_gone(&s) && st->made.bytes == 3 * REC && st->sent.bytes == 3 * REC &&
	   st->sent.bufs == 3, "... which are counted");
	memcpy(s.own, "C:9", 3);
	try(&s, IO_UNIFIED_NEXT, "to a socket that is none", .mask = BPF, .off = s.own_off, .len = REC);
	ok(st->failed.bufs == 1 && st->failed.bytes == REC, "... counts as failed");
	s.own[2] = '0' + IO_UNIFIED_MAX_SOCKS;
	try(&s, IO_UNIFIED_NEXT, "to a number after the last", .mask = BPF, .off = s.own_off,
	    .len = REC);
	ok(all_gone(&s) && st->failed.bufs == 2 && st->sent.bufs == 3, "... counts as failed");
	ok(sent_well(&p), "the peer gets what was for it, in order");
	memcpy(s.own, "C:0", 3);
	try(&s, IO_UNIFIED_NEXT, "to a peer that is gone", .mask = BPF, .off = s.own_off, .len = REC);
	ok(all_gone(&s) && st->failed.bufs == 3, "... counts as failed");
	tear_down(&s);
	free(sink.want);
}

/* Records of one stream are another's, without a stop in user space */
static void test_stream(void)
{
	struct stream st = { .len = 512 * REC };
	struct sink sink = { .len = st.len };
	const struct io_unified_stats *stats;
	struct setup s;
	struct peer from, to;

	st.data = sink.want = malloc(st.len);
	fill(st.data, st.len, 71);
	for (size_t i = 0; i < st.len; i += REC)
		st.data[i] = 'S';
	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	stats = s.r.stats;
	from = connect_peer(send_stream, &st);
	try(&s, 0, "SEND without a socket", .mask = NET | BPF, .fd = from.sock, .len = REC, MULTI);
	ok(stats->stage_errors == 512 && stats->dropped.bytes == st.len, "... is no verdict");
	end_peer(&from);

	to = connect_peer(receive_all, &sink);
	check_res(sock_add(&s, to.sock), 0, "SOCK: a peer");
	from = connect_peer(send_stream, &st);
	try(&s, 0, "SEND with a socket", .mask = NET | BPF, .fd = from.sock, .len = REC, MULTI,
	    .sock = 1);
	ok(all_gone(&s) && stats->sent.bytes == st.len, "... all is sent");
	ok(!stats->copied_bytes, "... without a copy");
	ok(sent_well(&to), "... and arrives, in order");
	end_peer(&from);

	try(&s, -EINVAL, "without stages nobody sends", .mask = NET, .fd = from.sock,
	    .len = REC, MULTI, .sock = 1);
	try(&s, -EINVAL, "a number beyond the last", .mask = NET | BPF, .fd = from.sock,
	    .len = REC, MULTI, .sock = IO_UNIFIED_MAX_SOCKS + 1);
	tear_down(&s);
	free(st.data);
}

static void read_nothing(int sock, void *arg)
{
	int small = 1;

	(void)arg;
	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (;;)
		pause();
}

/* What is more than its socket and the region can hold is not received */
static void test_slow_peer(void)
{
	struct stream st = { .len = 4 * NIC_MEM };
	const struct io_unified_stats *stats;
	struct io_uring_cqe *cqe;
	struct setup s;
	struct peer from, to;
	uint64_t begin;
	int res = 0;

	st.data = malloc(st.len);
	memset(st.data, 'S', st.len);
	set_up(&s, NET_FLAGS, true, true);
	attach_stage(&s);
	stats = s.r.stats;
	to = connect_peer(read_nothing, NULL);
	check_res(sock_add(&s, to.sock), 0, "SOCK: a peer that does not read");
	from = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET | BPF, .fd = from.sock, .len = REC, MULTI, .sock = 1 });
	io_uring_submit(&s.ring);
	begin = now_ms();
	while (!stats->rx_stalls && now_ms() - begin < PATIENCE) {
		struct __kernel_timespec ts = { .tv_nsec = 10000000 };

		io_uring_wait_cqe_timeout(&s.ring, &cqe, &ts);
	}
	ok(stats->rx_stalls && stats->in_flight.bytes, "reception waits for it");
	check_res(ring_register(s.ring.ring_fd, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0),
		  -EBUSY, "... and the region is in use");
	check_res(sock_remove(&s, 0), 0, "without it");
	res = wait_op(&s, NULL);
	check_res(res, 0, "... the stream goes on to its end");
	ok(stats->failed.bytes > 0 && stats->stage_errors > 0, "... and the rest is lost, not sent");
	kill(to.pid, SIGKILL);
	end_peer(&to);
	ok(all_gone(&s), "it all adds up when the peer is gone");
	end_peer(&from);
	tear_down(&s);
	free(st.data);
}

int main(int argc, char **argv)
{
	if (argc != 8 || !request_args(argv + 1)) {
		fprintf(stderr, "usage: op-route NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	test_register();
	test_kfunc();
	test_stream();
	test_slow_peer();
	return tap_end();
}
