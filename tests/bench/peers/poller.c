// SPDX-License-Identifier: GPL-2.0
/*
 * poller --nvme NODE: a region whose SQ a kernel thread polls, and which nobody uses:
 * what does it cost when that has gone to sleep?  Until a signal.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sluice/sluice.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IDLE_MS	10

int main(int argc, char **argv)
{
	struct io_uring_unified_region_reg reg = {
		.sq_entries = 64, .cq_entries = 64, .sq_idle = IDLE_MS,
		.flags = IO_UNIFIED_REG_POLL,
	};
	struct sluice_region region;
	struct peer_opts opts;
	struct io_uring ring;
	struct peer_ns ns;
	int ret;

	peer_options(argc, argv, &opts);
	peer_ns_open(opts.nvme, O_RDWR, &ns);
	ret = io_uring_queue_init(8, &ring, 0);
	if (ret)
		die("io_uring: %s", strerror(-ret));
	reg.region_size = sluice_region_size(reg.sq_entries, reg.cq_entries, 1 << 20);
	reg.nvme_fd = ns.fd;
	ret = sluice_region_register(&ring, &region, &reg);
	if (ret)
		die("cannot register a region with %s: %s", opts.nvme, strerror(-ret));
	/* an event there is none: it says so in memory */
	while (!(IO_URING_READ_ONCE(region.sq->flags) & IO_UNIFIED_RING_NEED_WAKEUP))
		usleep(1000);
	fprintf(stderr, "listening\n");
	pause();
	return 0;
}
