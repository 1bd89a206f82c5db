/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Entries: of the region's SQ, and of the ring for IORING_OP_UNIFIED.
 *
 * A sluice_prep_*() of the region's SQ takes an entry from sluice_get_sqe(),
 * which is all zeroes, and sets what the command needs.  Offsets are bytes into
 * the data area, lengths are bytes and whole blocks.
 */
#ifndef SLUICE_PREP_H
#define SLUICE_PREP_H

#include <sluice/region.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NVM and Zoned Namespace Command Sets */
enum sluice_nvme_opcode {
	SLUICE_NVME_FLUSH	= 0x00,
	SLUICE_NVME_WRITE	= 0x01,
	SLUICE_NVME_READ	= 0x02,
	SLUICE_NVME_ZONE_APPEND	= 0x7d,
};

/* Blocks of a command, at most: the field has 16 bits and is zero-based */
#define SLUICE_MAX_BLOCKS	65536

static inline void sluice_prep_rw(struct io_unified_sqe *sqe,
				  const struct sluice_ns *ns, __u8 opcode,
				  __u64 lba, __u64 offset, __u32 len)
{
	__u64 blocks = ((__u64)len + (1ULL << ns->lba_shift) - 1) >> ns->lba_shift;

	sqe->nvme_cmd.opcode = opcode;
	sqe->nvme_cmd.nsid = ns->nsid;
	sqe->nvme_cmd.cdw10 = (__u32)lba;
	sqe->nvme_cmd.cdw11 = (__u32)(lba >> 32);
	sqe->buf_offset = offset;
	sqe->dev = ns->dev;
	/*
	 * What is no whole number of blocks, or too many, must not become a
	 * shorter transfer: more blocks than bytes, which the kernel refuses.
	 */
	if (!ns->lba_size || blocks - 1 >= SLUICE_MAX_BLOCKS) {
		sqe->nvme_cmd.cdw12 = SLUICE_MAX_BLOCKS - 1;
		return;
	}
	sqe->nvme_cmd.data_len = len;
	sqe->nvme_cmd.cdw12 = (__u32)blocks - 1;
}

/**
 * sluice_prep_read - Read
 * @lba: first logical block
 * @offset: where in the data area to
 * @len: bytes, a multiple of the block size; no more than 65536 blocks, nor
 *	than the device takes.  Otherwise the CQE has -EINVAL.
 */
static inline void sluice_prep_read(struct io_unified_sqe *sqe,
				    const struct sluice_ns *ns, __u64 lba,
				    __u64 offset, __u32 len)
{
	sluice_prep_rw(sqe, ns, SLUICE_NVME_READ, lba, offset, len);
}

/* Write; as sluice_prep_read(), the other way */
static inline void sluice_prep_write(struct io_unified_sqe *sqe,
				     const struct sluice_ns *ns, __u64 lba,
				     __u64 offset, __u32 len)
{
	sluice_prep_rw(sqe, ns, SLUICE_NVME_WRITE, lba, offset, len);
}

/**
 * sluice_prep_zone_append - Zone Append
 * @zslba: first logical block of the zone
 *
 * The CQE has the block it was written to in result64.
 */
static inline void sluice_prep_zone_append(struct io_unified_sqe *sqe,
					   const struct sluice_ns *ns,
					   __u64 zslba, __u64 offset, __u32 len)
{
	sluice_prep_rw(sqe, ns, SLUICE_NVME_ZONE_APPEND, zslba, offset, len);
}

/* Flush: what was completed before is durable */
static inline void sluice_prep_flush(struct io_unified_sqe *sqe,
				     const struct sluice_ns *ns)
{
	sqe->nvme_cmd.opcode = SLUICE_NVME_FLUSH;
	sqe->nvme_cmd.nsid = ns->nsid;
	sqe->dev = ns->dev;
}

/* Separate metadata of a command, @len bytes at @offset of the data area */
static inline void sluice_sqe_set_meta(struct io_unified_sqe *sqe, __u64 offset,
				       __u32 len)
{
	sqe->meta_offset = offset;
	sqe->nvme_cmd.metadata_len = len;
}

/**
 * sluice_prep_return - give back a piece of a received record
 * @offset: dma_addr of its CQE, once for each CQE with IO_UNIFIED_CQE_F_RECORD
 *
 * A CQE comes only if the application did not have it.
 */
static inline void sluice_prep_return(struct io_unified_sqe *sqe, __u64 offset)
{
	sqe->flags = IO_UNIFIED_SQE_RETURN;
	sqe->buf_offset = offset;
}

static inline void sluice_sqe_set_data64(struct io_unified_sqe *sqe, __u64 data)
{
	sqe->user_data = data;
}

static inline void sluice_sqe_set_data(struct io_unified_sqe *sqe, void *data)
{
	sqe->user_data = (uintptr_t)data;
}

static inline __u64 sluice_cqe_get_data64(const struct io_unified_cqe *cqe)
{
	return cqe->user_data;
}

static inline void *sluice_cqe_get_data(const struct io_unified_cqe *cqe)
{
	return (void *)(uintptr_t)cqe->user_data;
}

/**
 * sluice_prep_unified - IORING_OP_UNIFIED on a range of the data area
 * @sqe: of the ring, from io_uring_get_sqe()
 * @ops: IORING_UNIFIED_OP_*, what the data passes through
 * @fd: the connected TCP socket with IORING_UNIFIED_OP_NETWORK, or -1
 * @offset: into the data area
 * @len: bytes
 * @lba: first logical block with IORING_UNIFIED_OP_NVME, or 0
 * @flags: IORING_UNIFIED_F_*
 *
 * io_uring_unified(7) says what each combination does, and what becomes of it.
 */
static inline void sluice_prep_unified(struct io_uring_sqe *sqe, __u32 ops,
				       int fd, __u64 offset, __u32 len,
				       __u64 lba, __u32 flags)
{
	io_uring_prep_rw(IORING_OP_UNIFIED, sqe, fd, NULL, len, ops);
	sqe->addr = offset;
	sqe->addr3 = lba;
	sqe->rw_flags = (__kernel_rwf_t)flags;
}

/* With IORING_UNIFIED_OP_NVME: another namespace than the first */
static inline void sluice_unified_set_dev(struct io_uring_sqe *sqe,
					  const struct sluice_ns *ns)
{
	sqe->buf_index = ns->dev;
}

/**
 * sluice_prep_unified_recv - one record
 * @record_len: bytes
 *
 * Ends with the bytes received, 0 at the end of the stream.  @ops has
 * IORING_UNIFIED_OP_NETWORK.
 */
static inline void sluice_prep_unified_recv(struct io_uring_sqe *sqe, __u32 ops,
					    int fd, __u32 record_len, __u64 lba,
					    __u32 flags)
{
	sluice_prep_unified(sqe, ops, fd, 0, record_len, lba, flags);
}

/**
 * sluice_prep_unified_recv_multishot - records until the end of the stream
 * @record_len: bytes; 0: as the NIC delivers them
 * @lba: with IORING_UNIFIED_OP_NVME, where the stream goes from
 *
 * One CQE, when all is done.
 */
static inline void sluice_prep_unified_recv_multishot(struct io_uring_sqe *sqe,
						      __u32 ops, int fd,
						      __u32 record_len,
						      __u64 lba, __u32 flags)
{
	sluice_prep_unified_recv(sqe, ops, fd, record_len, lba, flags);
	sqe->ioprio = IORING_RECV_MULTISHOT;
}

#ifdef __cplusplus
}
#endif

#endif /* SLUICE_PREP_H */
