// SPDX-License-Identifier: GPL-2.0
/*
 * op-gone: a drive that is taken away between what IORING_OP_UNIFIED has written
 * to it and the flush that is to make that durable.
 *
 * Usage: op-gone CONTROLLER NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS
 *
 * CONTROLLER is its folder in sysfs; it is gone afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "request.h"
#include "tap.h"

static const char *ctrl;

/* Returns when it is gone */
static void remove_drive(void)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/device/remove", ctrl);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		bail_out("%s: %s", path, strerror(errno));
	close(fd);
	ok(access(node, F_OK), "the drive is gone, with nothing in flight");
}

static void wait_written(struct setup *s, size_t len)
{
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	struct io_uring_cqe *cqe;

	while (s->r.stats->written.bytes < len)
		if (!io_uring_wait_cqe_timeout(&s->ring, &cqe, &ts))
			bail_out("the stream ended: %d", cqe->res);
}

/* The flush ends before it is waited for, and the stream with it */
static void test_stream(void)
{
	struct stream st = { .len = 64 << 10 };
	struct setup s;
	struct peer p;
	int fds[2], res;

	if (pipe(fds))
		bail_out("pipe: %s", strerror(errno));
	st.go = fds[0];
	st.data = malloc(st.len);
	fill(st.data, st.len, 60);
	set_up(&s, NET_FLAGS, true, true);
	p = connect_peer(send_stream, &st);
	queue_op(&s, (struct op) { .mask = NET | NVME, .fd = p.sock, .len = REC,
		 .ioprio = IORING_RECV_MULTISHOT, .flags = IORING_UNIFIED_F_FLUSH });
	io_uring_submit(&s.ring);
	wait_written(&s, st.len);
	ok(on_device(0, st.data, st.len), "NETWORK|NVME with F_FLUSH: the stream is written");
	remove_drive();
	if (write(fds[1], "x", 1) != 1)
		bail_out("write: %s", strerror(errno));
	res = wait_op(&s, NULL);
	ok(res < 0, "the peer ends the stream: it ends with an error, as it is not durable");
	note("res %d", res);
	end_peer(&p);
	ok(s.r.stats->written.bytes == st.len && s.r.stats->nvme_errors == 1 &&
	   !s.r.stats->in_flight.bytes && balanced(s.r.stats),
	   "... all is counted as written, and the flush as an error");
	res = do_op(&s, (struct op) { .mask = NVME, .off = s.own_off, .len = REC,
		    .flags = IORING_UNIFIED_F_WRITE | IORING_UNIFIED_F_FLUSH });
	ok(res < 0, "a write with F_FLUSH ends with an error, too");
	note("res %d", res);
	tear_down(&s);
	free(st.data);
	close(fds[0]);
	close(fds[1]);
}

int main(int argc, char **argv)
{
	if (argc != 9 || !request_args(argv + 2)) {
		fprintf(stderr, "usage: op-gone CONTROLLER NODE STAGE.bpf.o IF QUEUE IP PORT PEER_NETNS\n");
		return 2;
	}
	ctrl = argv[1];
	test_stream();
	return tap_end();
}
