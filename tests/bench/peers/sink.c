// SPDX-License-Identifier: GPL-2.0
/*
 * sink ADDRESS PORT [FILE]: connect, and take what comes until the end of the stream.
 * The same for every server: TCP lets it go without a copy (MSG_TRUNC).  With a FILE,
 * for tests, it goes there.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char chunk[1 << 20];

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_STREAM, 0), file = -1;
	struct peer_sums sums = { };
	ssize_t n;

	if (argc < 3 || argc > 4 || !inet_aton(argv[1], &addr.sin_addr))
		die("usage: sink ADDRESS PORT [FILE]");
	addr.sin_port = htons(atoi(argv[2]));
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		die("cannot connect to %s port %s: %m", argv[1], argv[2]);
	if (argc == 4) {
		file = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0666);
		if (file < 0)
			die("cannot open %s: %m", argv[3]);
	}
	while ((n = recv(sock, chunk, sizeof(chunk), file < 0 ? MSG_TRUNC : 0)) > 0) {
		if (file >= 0 && write(file, chunk, n) != n)
			die("cannot write %s: %m", argv[3]);
		sums.received += n;
	}
	if (n < 0)
		die("recv: %m");
	close(sock);
	if (file >= 0 && close(file))
		die("cannot write %s: %m", argv[3]);
	peer_report(&sums);
	return 0;
}
