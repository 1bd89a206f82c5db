// SPDX-License-Identifier: GPL-2.0
/*
 * sendfile --nvme NODE --bytes N [--port N] [direct]: a TCP server that sends one client
 * the first so many bytes of a block node by sendfile(2).
 *
 * As a web server does it: from the page cache, which is empty here at the beginning
 * and which the kernel reads ahead into, with the larger window of
 * POSIX_FADV_SEQUENTIAL.  What is sent once is not in anybody's cache.
 *
 * With "direct", past the page cache (O_DIRECT; since Linux 6.5): no cache to keep, but
 * no reading ahead either, each 64 KiB is read while nothing else happens.  Users do it
 * where the cache is needed for other things.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static void cache_empty(int fd, const char *node)
{
	int err = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);

	if (!err)
		err = posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (err)
		die("posix_fadvise of %s: %s", node, strerror(err));
}

int main(int argc, char **argv)
{
	struct peer_sums sums = { };
	struct peer_opts opts;
	uint64_t size;
	bool direct;
	int fd, sock;

	peer_options(argc, argv, &opts);
	direct = optind < argc && !strcmp(argv[optind], "direct");
	if (!opts.nvme || !opts.bytes || optind + direct != argc)
		die("usage: sendfile --nvme NODE --bytes N [--port N] [direct]");
	fd = open(opts.nvme, direct ? O_RDONLY | O_DIRECT : O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		die("cannot open block node %s: %m", opts.nvme);
	if (opts.bytes > size)
		die("--bytes %" PRIu64 ": %s has %" PRIu64, opts.bytes, opts.nvme, size);
	if (!direct)
		cache_empty(fd, opts.nvme);

	sock = peer_accept(&opts);
	while (sums.sent < opts.bytes) {
		uint64_t left = opts.bytes - sums.sent;
		ssize_t n = sendfile(sock, fd, NULL, left > 1 << 30 ? 1 << 30 : left);

		if (n <= 0)
			die("sendfile of %s at byte %" PRIu64 ": %s", opts.nvme, sums.sent,
			    n ? strerror(errno) : "nothing more");
		sums.sent += n;
	}
	peer_finish(sock);
	peer_report(&sums);
	return 0;
}
