// SPDX-License-Identifier: GPL-2.0
/*
 * recv-pwrite: the plain way. recv() into an aligned buffer, the filter, pwritev()
 * with O_DIRECT to the block node; one thread. Tuned by chunks of 1 MiB: few system
 * calls, and the block layer has all commands of a chunk in flight at once. The kernel
 * copies each byte once, from its socket buffers.
 */
#include "chunk.h"

#include <fcntl.h>
#include <sys/socket.h>

#define CHUNK	(1 << 20)

int main(int argc, char **argv)
{
	static struct iovec iov[CHUNK_PIECES];
	struct peer_sums sums = {};
	struct chunk_state state;
	struct peer_opts o;
	struct peer_ns ns;
	off_t pos = 0;
	ssize_t len;
	char *buf;
	int sock;

	peer_options(argc, argv, &o);
	peer_ns_open(o.nvme, O_RDWR | O_DIRECT, &ns);
	chunk_init(&state, &o, &ns, o.buffers < CHUNK ? o.buffers : CHUNK);
	buf = (char *)peer_alloc(CHUNK_ROOM + state.size + CHUNK_ROOM) + CHUNK_ROOM;
	sock = peer_accept(&o);
	do {
		unsigned int nr;
		size_t kept;

		/* less than that only at the end */
		len = recv(sock, buf, state.size, MSG_WAITALL);
		if (len < 0)
			die("recv: %m");
		kept = chunk_filter(&state, buf, len, len < (ssize_t)state.size, iov, &nr, &sums);
		if (!kept)
			continue;
		sums.commands++;
		if (pwritev(ns.fd, iov, nr, pos) != (ssize_t)kept)
			die("cannot write %zu bytes at %lld: %m", kept, (long long)pos);
		pos += kept;
	} while (len == (ssize_t)state.size);
	peer_report(&sums);
	return 0;
}
