// SPDX-License-Identifier: GPL-2.0
/*
 * splice: no copy by the CPU and nothing mapped. Pages of the socket's buffers go by
 * reference into a pipe, and from there to the block node.
 *
 * Tuned: a pipe that is as large as the system allows, one thread that fills it and
 * one that empties it, each with as much as there is at a time. The node is open with
 * O_DIRECT, so that the block layer writes from the socket's pages; without, splice()
 * copies to the page cache.
 *
 * What it cannot do: look at the data. There is no filter, and nothing can be left
 * out. One write is under way at a time, since splice() waits for it. What the device
 * cannot take as it lies (splice() says EINVAL: data that are not aligned to 4 bytes,
 * which without header split they are not on most NICs) is read from the pipe into an
 * aligned buffer and counted as copied; so is what is left at the end, with zeros for
 * the rest of the block. What the kernel copies before it puts it into the pipe (data
 * in the linear part of packets) is not in that count.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	(1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static size_t in_pipe;
static bool ended;

static struct peer_sums sums;
static struct peer_ns ns;
static int pipes[2];

static void read_all(char *buf, size_t len)
{
	for (size_t at = 0; at < len; ) {
		ssize_t n = read(pipes[0], buf + at, len - at);

		if (n <= 0)
			die("reading from the pipe: %m");
		at += n;
	}
	sums.copied += len;
}

static void *empty(void *unused)
{
	size_t block = 1UL << ns.lba_shift, have, len;
	char *buf = peer_alloc(CHUNK);
	off_t pos = 0;
	ssize_t n;

	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (in_pipe < block && !ended)
			pthread_cond_wait(&more, &lock);
		have = in_pipe;
		pthread_mutex_unlock(&lock);

		len = have & ~(block - 1);
		if (len > CHUNK)
			len = CHUNK;
		if (!len)
			break;
		n = splice(pipes[0], NULL, ns.fd, &pos, len, SPLICE_F_MOVE);
		if (n < 0 && errno == EINVAL) {
			read_all(buf, len);
			n = pwrite(ns.fd, buf, len, pos);
			pos += len;
		}
		if (n <= 0 || n & (block - 1))
			die("cannot write %zu bytes at %lld: %m", len, (long long)pos);
		sums.commands++;
		sums.written += n;
		pthread_mutex_lock(&lock);
		in_pipe -= n;
		pthread_mutex_unlock(&lock);
	}
	if (have) {
		memset(buf, 0, block);
		read_all(buf, have);
		if (pwrite(ns.fd, buf, block, pos) != (ssize_t)block)
			die("cannot write %zu bytes at %lld: %m", block, (long long)pos);
		sums.commands++;
		sums.written += have;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct peer_opts o;
	pthread_t thread;
	int sock, max;
	ssize_t n;
	FILE *f;

	peer_options(argc, argv, &o);
	if (o.drop_len)
		die("splice() cannot look at the data, so there is no --drop-prefix");
	peer_ns_open(o.nvme, O_RDWR | O_DIRECT, &ns);
	f = fopen("/proc/sys/fs/pipe-max-size", "r");
	if (!f || fscanf(f, "%d", &max) != 1)
		die("cannot read /proc/sys/fs/pipe-max-size: %m");
	fclose(f);
	if (pipe(pipes) || fcntl(pipes[1], F_SETPIPE_SZ, max) < 0)
		die("no pipe of %d bytes: %m", max);
	sock = peer_accept(&o);
	errno = pthread_create(&thread, NULL, empty, NULL);
	if (errno)
		die("no thread: %m");
	do {
		n = splice(sock, NULL, pipes[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_MORE);
		if (n < 0)
			die("splice from the socket: %m");
		sums.received += n;
		pthread_mutex_lock(&lock);
		in_pipe += n;
		ended = !n;
		pthread_cond_signal(&more);
		pthread_mutex_unlock(&lock);
	} while (n);
	pthread_join(thread, NULL);
	peer_report(&sums);
	return 0;
}
