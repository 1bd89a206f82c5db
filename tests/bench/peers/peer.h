/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the peers share: options, a connection, a namespace, a report.  None of it
 * is on the path that is measured.
 */
#ifndef SLUICE_BENCH_PEER_H
#define SLUICE_BENCH_PEER_H

#include <liburing.h>
#include <linux/nvme_ioctl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer_opts {
	const char	*dev;		/* --dev NAME: the NIC's port */
	unsigned int	queue;		/* --queue N (1): its queue */
	uint16_t	port;		/* --port N (8000): TCP */
	const char	*nvme;		/* --nvme NODE, block (/dev/nvme0n1) or generic (/dev/ng0n1) */
	const char	*drop;		/* --drop-prefix WORD: records to leave out */
	size_t		drop_len;
	size_t		record;		/* --record-size BYTES (4096) */
	unsigned int	depth;		/* --depth N (64): NVMe commands in flight */
	size_t		buffers;	/* --buffers BYTES (16M): memory for data */
	uint64_t	bytes;		/* --bytes N: how much, for servers; 0: all */
};

struct peer_ns {
	int		fd;
	uint32_t	nsid;
	unsigned int	lba_shift;	/* log2 of the block's size */
	unsigned int	max_bytes;	/* of one command (max_hw_sectors) */
};

struct peer_sums {
	uint64_t received, dropped, written, sent;	/* bytes; written without padding */
	uint64_t copied;				/* by the peer itself */
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* peer_options - read the options above; wrong ones end the program with code 2 */
void peer_options(int argc, char **argv, struct peer_opts *o);

/*
 * peer_accept - listen, say "listening" on standard error, and wait for one
 * connection.  Returns a blocking socket of the caller's.
 */
int peer_accept(const struct peer_opts *o);

/* peer_ns_open - open the node with @flags (O_RDWR | O_DIRECT, say) */
void peer_ns_open(const char *node, int flags, struct peer_ns *ns);

/*
 * peer_nvme - an SQE (of 128 bytes) for one read (opcode 2) or write (opcode 1)
 * of @len bytes at byte @pos of the namespace, to or from @buf
 */
void peer_nvme(struct io_uring_sqe *sqe, const struct peer_ns *ns, uint8_t opcode,
	       uint64_t pos, const void *buf, size_t len);

static inline bool peer_drops(const struct peer_opts *o, const void *record, size_t len)
{
	return o->drop_len && len >= o->drop_len &&
	       !__builtin_memcmp(record, o->drop, o->drop_len);
}

/* peer_report - the sums on standard output, as a line of JSON */
void peer_report(const struct peer_sums *s);

#endif
