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
	unsigned int	max_segs;	/* pieces of memory of one command (max_segments) */
	unsigned int	gather_mask;	/* what each piece has to be aligned to, minus 1 */
};

struct peer_sums {
	uint64_t received, dropped, written, sent;	/* bytes; written without padding */
	uint64_t copied;				/* by the peer, or by its SEND_ZC */
	uint64_t commands;				/* to the SSD, or calls that make them */
};

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* peer_options - read the options above; wrong ones end the program with code 2 */
void peer_options(int argc, char **argv, struct peer_opts *o);

/*
 * peer_accept - listen, say "listening" on standard error, and wait for one
 * connection.  Returns a blocking socket of the caller's.
 */
int peer_accept(const struct peer_opts *o);

/* peer_finish - send the end of the stream, wait until the client has closed, close */
void peer_finish(int sock);

/* peer_memory - for data: zeroes, in huge pages where there are any */
void *peer_memory(size_t size);

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

/* Zero-copy receive, see Documentation/networking/iou-zcrx.rst in the kernel tree */
struct peer_zcrx {
	char		*area;
	size_t		len;
	uint64_t	token;		/* for entries of the refill ring */
	uint32_t	id;
	struct io_uring *ring;
	struct io_uring_zcrx_rq rq;
};

/* peer_zcrx_rq_bytes - how much memory the refill ring of an area of @len needs */
size_t peer_zcrx_rq_bytes(size_t len);

/*
 * peer_zcrx_register - receive from the port's queue into @area. Before anybody
 * connects: what comes earlier is copied by the kernel.
 */
void peer_zcrx_register(struct io_uring *ring, const struct peer_opts *o, void *area,
			size_t len, void *rq_mem, struct peer_zcrx *z);

/*
 * peer_zcrx_lowat - wake up for 256 KiB and the end (SO_RCVLOWAT), not for each packet:
 * fewer, larger batches; less if there are few buffers. Returns the socket.
 */
int peer_zcrx_lowat(int sock, const struct peer_opts *o);

/* peer_zcrx_flush - have the kernel take the entries out of a refill ring that is full */
void peer_zcrx_flush(struct peer_zcrx *z);

/* peer_zcrx_arm - an SQE that receives up to @len bytes (0: until the end), many CQEs */
static inline void peer_zcrx_arm(struct io_uring_sqe *sqe, const struct peer_zcrx *z,
				 int fixed_file, unsigned int len)
{
	io_uring_prep_rw(IORING_OP_RECV_ZC, sqe, fixed_file, NULL, len, 0);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->ioprio |= IORING_RECV_MULTISHOT;
	sqe->zcrx_ifq_idx = z->id;
}

/* peer_zcrx_off - where in the area the data of a CQE lie */
static inline uint64_t peer_zcrx_off(const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);

	return rcqe->off & ~IORING_ZCRX_AREA_MASK;
}

/* peer_zcrx_put - hand a buffer back; the kernel sees it after peer_zcrx_publish() */
static inline void peer_zcrx_put(struct peer_zcrx *z, uint64_t off, unsigned int len)
{
	struct io_uring_zcrx_rq *rq = &z->rq;
	struct io_uring_zcrx_rqe *rqe;

	if (rq->rq_tail - IO_URING_READ_ONCE(*rq->khead) == rq->ring_entries)
		peer_zcrx_flush(z);
	rqe = &rq->rqes[rq->rq_tail++ & (rq->ring_entries - 1)];
	rqe->off = off | z->token;
	rqe->len = len;
}

static inline void peer_zcrx_publish(struct peer_zcrx *z)
{
	io_uring_smp_store_release(z->rq.ktail, z->rq.rq_tail);
}

/* peer_alloc - @len bytes of zeros on pages of their own, large ones if there are any */
void *peer_alloc(size_t len);

/*
 * peer_fill, peer_check - records that say which they are: number and size.  Filled
 * once; before each write only the number has to be set, which is first.
 */
void peer_fill(uint64_t *record, size_t size);
void peer_check(const struct peer_opts *o, const uint64_t *record, uint64_t nr);

/* peer_report - the sums on standard output, as a line of JSON */
void peer_report(const struct peer_sums *s);

#endif
