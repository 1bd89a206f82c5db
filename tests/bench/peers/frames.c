// SPDX-License-Identifier: GPL-2.0
/*
 * frames ADDRESS PORT N SIZE: N frames of SIZE bytes (60 to 1514, without the FCS), each
 * a UDP datagram over IPv4 that begins with its number.  The same for every capture.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEADERS	(14 + 20 + 8)
#define BATCH	64

static char payload[BATCH][1514];

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct mmsghdr msgs[BATCH] = { };
	struct peer_sums sums = { };
	struct iovec iovs[BATCH];
	uint64_t nr, size;

	if (argc != 5 || !inet_aton(argv[1], &addr.sin_addr))
		die("usage: frames ADDRESS PORT N SIZE");
	addr.sin_port = htons(atoi(argv[2]));
	nr = strtoull(argv[3], NULL, 0);
	size = strtoull(argv[4], NULL, 0);
	if (size < 60 || size > 1514)
		die("frames of %s bytes: not within 60 and 1514", argv[4]);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)))
		die("cannot connect to %s port %s: %m", argv[1], argv[2]);
	for (int i = 0; i < BATCH; i++) {
		for (unsigned int j = 8; j < sizeof(payload[i]); j++)
			payload[i][j] = j * 31 + (j >> 8);
		iovs[i] = (struct iovec) { payload[i], size - HEADERS };
		msgs[i].msg_hdr.msg_iov = &iovs[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	for (uint64_t at = 0; at < nr; ) {
		unsigned int batch = nr - at < BATCH ? nr - at : BATCH;
		int n;

		for (unsigned int i = 0; i < batch; i++) {
			uint64_t number = at + i;

			memcpy(payload[i], &number, 8);
		}
		n = sendmmsg(sock, msgs, batch, 0);
		if (n < 0)
			die("frame %llu: %m", (unsigned long long)at);
		at += n;
		sums.sent += n * size;
	}
	peer_report(&sums);
	return 0;
}
