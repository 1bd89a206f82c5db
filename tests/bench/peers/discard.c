// SPDX-License-Identifier: GPL-2.0
/*
 * discard: what the network alone costs without zero copy: an ordinary socket, of
 * which TCP forgets what came (MSG_TRUNC).  Nobody copies it, or looks at it.
 */
#include "peer.h"

#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct peer_sums sums = { };
	struct peer_opts o;
	ssize_t n;
	int sock;

	peer_options(argc, argv, &o);
	sock = peer_accept(&o);
	while ((n = recv(sock, NULL, 1 << 20, MSG_TRUNC)) > 0)
		sums.received += n;
	if (n < 0)
		die("recv: %m");
	peer_report(&sums);
	return 0;
}
