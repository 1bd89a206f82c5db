// SPDX-License-Identifier: GPL-2.0
/*
 * sendfile [--nvme NODE] --bytes N [--port N] [direct]: a TCP server that sends one client
 * the first so many bytes of a block node by sendfile(2).
 *
 * As a web server does it: from the page cache, which is empty here at the beginning
 * and which the kernel reads ahead into, with the larger window of
 * POSIX_FADV_SEQUENTIAL.  What is sent once is not in anybody's cache.
 *
 * With "direct", past the page cache (O_DIRECT; since Linux 6.5): no cache to keep, but
 * no reading ahead either, each 64 KiB is read while nothing else happens.  Users do it
 * where the cache is needed for other things.
 *
 * Without a node it sends the same MiB of memory again and again: what the network alone
 * costs, as nothing is cheaper to send than what is in the page cache.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLOOR_BYTES	(1 << 20)

/* As large as a block node is, in a way */
static int open_memory(uint64_t *size)
{
	static char page[4096];
	int fd = memfd_create("floor", 0);

	for (unsigned int at = 0; fd >= 0 && at < FLOOR_BYTES; at += sizeof(page))
		if (write(fd, page, sizeof(page)) != sizeof(page))
			die("cannot write to memory: %m");
	*size = UINT64_MAX;
	return fd;
}

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
	if (!opts.bytes || optind + direct != argc || (direct && !opts.nvme))
		die("usage: sendfile [--nvme NODE] --bytes N [--port N] [direct]");
	if (opts.nvme)
		fd = open(opts.nvme, direct ? O_RDONLY | O_DIRECT : O_RDONLY);
	else
		fd = open_memory(&size);
	if (fd < 0 || (opts.nvme && ioctl(fd, BLKGETSIZE64, &size)))
		die("cannot open block node %s: %m", opts.nvme ? opts.nvme : "of memory");
	if (opts.bytes > size)
		die("--bytes %" PRIu64 ": %s has %" PRIu64, opts.bytes, opts.nvme, size);
	if (opts.nvme && !direct)
		cache_empty(fd, opts.nvme);

	sock = peer_accept(&opts);
	while (sums.sent < opts.bytes) {
		uint64_t left = opts.bytes - sums.sent, max = opts.nvme ? 1 << 30 : FLOOR_BYTES;
		off_t begin = 0;
		ssize_t n = sendfile(sock, fd, opts.nvme ? NULL : &begin,
				     left > max ? max : left);

		if (n <= 0)
			die("sendfile of %s at byte %" PRIu64 ": %s",
			    opts.nvme ? opts.nvme : "memory", sums.sent,
			    n ? strerror(errno) : "nothing more");
		sums.sent += n;
	}
	peer_finish(sock);
	peer_report(&sums);
	return 0;
}
