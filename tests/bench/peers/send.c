// SPDX-License-Identifier: GPL-2.0
/*
 * send ADDRESS PORT BYTES [DROP%] [CONNECTIONS] [USEC]: records of 4096 bytes, of which
 * so many in a hundred, evenly spread, begin with DROP, the others with their number.
 * The same for every receiver: blocking writes of 64 KiB from memory; with USEC a
 * record each so many microseconds.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORD	4096
#define CHUNK	(16 * RECORD)

static char chunk[CHUNK];

static void fill(uint64_t nr, unsigned int drop)
{
	for (unsigned int i = 0; i < CHUNK / RECORD; i++, nr++) {
		if ((nr + 1) * drop / 100 > nr * drop / 100)
			memcpy(chunk + i * RECORD, "DROP....", 8);
		else
			memcpy(chunk + i * RECORD, &nr, 8);
	}
}

/* @usec behind the last time */
static void wait_until(struct timespec *next, int usec)
{
	next->tv_nsec += usec * 1000l;
	next->tv_sec += next->tv_nsec / 1000000000;
	next->tv_nsec %= 1000000000;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int conns = argc > 5 ? atoi(argv[5]) : 1, pace = argc > 6 ? atoi(argv[6]) : 0;
	unsigned int drop = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;
	size_t size = pace ? RECORD : CHUNK;
	struct timespec next;
	uint64_t bytes, nr = 0;
	int socks[64];

	if (argc < 4 || !inet_aton(argv[1], &addr.sin_addr) || conns < 1 || conns > 64)
		die("usage: send ADDRESS PORT BYTES [DROP%%] [CONNECTIONS, 1 to 64] [USEC]");
	addr.sin_port = htons(atoi(argv[2]));
	bytes = strtoull(argv[3], NULL, 0);
	for (int i = 0; i < conns; i++) {
		socks[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (socks[i] < 0 ||
		    connect(socks[i], (struct sockaddr *)&addr, sizeof(addr)))
			die("cannot connect to %s port %s: %m", argv[1], argv[2]);
	}
	for (size_t i = 8; i < CHUNK; i++)
		chunk[i] = i * 31 + (i >> 12);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint64_t pos = 0; pos < bytes; pos += size, nr += size / RECORD) {
		size_t left = bytes - pos < size ? bytes - pos : size;

		if (pace)
			wait_until(&next, pace);
		fill(nr, drop);
		for (int i = 0; i < conns; i++)
			for (size_t at = 0; at < left; ) {
				ssize_t n = send(socks[i], chunk + at, left - at, MSG_NOSIGNAL);

				if (n < 0)
					die("send: %m");
				at += n;
			}
	}
	for (int i = 0; i < conns; i++)
		close(socks[i]);
	return 0;
}
