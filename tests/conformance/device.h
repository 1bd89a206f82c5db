/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device: an NVMe namespace as its generic node and the block layer know it,
 * which is what the unified rings are compared with, and commands for the rings.
 */
#ifndef _DEVICE_H
#define _DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include "region.h"

enum {
	NVME_FLUSH		= 0x00,
	NVME_WRITE		= 0x01,
	NVME_READ		= 0x02,
	NVME_COMPARE		= 0x05,
	NVME_WRITE_ZEROES	= 0x08,
	NVME_DSM		= 0x09,
	NVME_VERIFY		= 0x0c,
	NVME_RESV_REGISTER	= 0x0d,
	NVME_RESV_REPORT	= 0x0e,
	NVME_RESV_ACQUIRE	= 0x11,
	NVME_IO_MGMT_RECEIVE	= 0x12,
	NVME_RESV_RELEASE	= 0x15,
	NVME_COPY		= 0x19,
	NVME_IO_MGMT_SEND	= 0x1d,
	NVME_ZONE_SEND		= 0x79,
	NVME_ZONE_RECEIVE	= 0x7a,
	NVME_ZONE_APPEND	= 0x7d,

	NVME_GET_LOG		= 0x02,
	NVME_IDENTIFY		= 0x06,
	NVME_SET_FEATURES	= 0x09,
	NVME_GET_FEATURES	= 0x0a,
	NVME_NS_MANAGEMENT	= 0x0d,
	NVME_FW_COMMIT		= 0x10,
	NVME_FW_DOWNLOAD	= 0x11,
	NVME_NS_ATTACHMENT	= 0x15,
	NVME_DIRECTIVE_SEND	= 0x19,
	NVME_DIRECTIVE_RECEIVE	= 0x1a,
	NVME_CAPACITY		= 0x20,
	NVME_FORMAT		= 0x80,
	NVME_SECURITY_SEND	= 0x81,
	NVME_SECURITY_RECEIVE	= 0x82,
	NVME_SANITIZE		= 0x84,
	NVME_LBA_STATUS		= 0x86,
};

/* Status code type and status code, as in the NVMe specifications */
enum {
	SC_INVALID_OPCODE	= 0x001,
	SC_INVALID_FIELD	= 0x002,
	SC_INTERNAL		= 0x006,
	SC_ABORT_REQUESTED	= 0x007,
	SC_SQ_DELETED		= 0x008,
	SC_INVALID_NS		= 0x00b,
	SC_LBA_RANGE		= 0x080,
	SC_RESV_CONFLICT	= 0x083,
	SC_NS_ATTACHED		= 0x118,
	SC_NS_NOT_ATTACHED	= 0x11a,
	SC_ZONE_BOUNDARY	= 0x1b8,
	SC_ZONE_FULL		= 0x1b9,
	SC_ZONE_INVALID_WRITE	= 0x1bc,
	SC_ZONE_TOO_MANY_ACTIVE	= 0x1bd,
	SC_ZONE_TOO_MANY_OPEN	= 0x1be,
	SC_ZONE_TRANSITION	= 0x1bf,
	SC_WRITE_FAULT		= 0x280,
	SC_READ_ERROR		= 0x281,
	SC_GUARD_CHECK		= 0x282,
	SC_APPTAG_CHECK		= 0x283,
	SC_REFTAG_CHECK		= 0x284,
	SC_COMPARE_FAILED	= 0x285,
	SC_HOST_PATH		= 0x370,	/* these two the driver sets */
	SC_HOST_ABORTED		= 0x371,
};

struct device {
	char		node[64];	/* generic */
	char		block[64];
	int		fd;		/* of the generic node */
	uint32_t	nsid;
	uint32_t	lba_size;
	uint32_t	meta_size;
	bool		ext_lba;
	uint64_t	nr_lbas;
	int		beyond_end;	/* its status for LBAs that it has not */
	uint8_t		id[4096];	/* Identify Controller */
	uint8_t		id_ns[4096];	/* Identify Namespace */
	uint8_t		effects[4096];	/* Commands Supported and Effects */
};

void device_open(struct device *d, const char *node, int flags);
/* Does the device have the I/O command? */
bool device_has(const struct device *d, unsigned int opcode);
/* The command by ioctl: its status, or -errno; data stands for the data area */
int device_ioctl(const struct device *d, const struct io_unified_sqe *sqe,
		 void *data, uint64_t *result);
/* Through the block layer, without its cache */
bool device_block_read(const struct device *d, void *buf, size_t len, off_t off);
bool device_block_write(const struct device *d, const void *buf, size_t len,
			off_t off);

/* Commands; fields that a test wants otherwise it changes afterwards */
struct io_unified_sqe cmd_io(const struct device *d, unsigned int opcode,
			     uint64_t lba, unsigned int nr_lbas, uint64_t off);
struct io_unified_sqe cmd_bare(const struct device *d, unsigned int opcode);
struct io_unified_sqe cmd_data(const struct device *d, unsigned int opcode,
			       uint64_t off, unsigned int len);
struct io_unified_sqe cmd_admin(unsigned int opcode, uint32_t nsid,
				uint64_t off, unsigned int len);

/*
 * Run it and check all of the CQE: want is a status code with its type, or
 * -errno for a command that the host ends.  Its value is the CQE.
 */
__attribute__((format(printf, 4, 5)))
struct io_unified_cqe run(struct region *r, const struct io_unified_sqe *sqe,
			  int want, const char *fmt, ...);
/* The same for a command that not all devices have: whether this one has it */
bool run_if_any(const struct device *d, struct region *r,
		const struct io_unified_sqe *sqe, int want, const char *text);

/* A command, and how much memory it tells the device to use */
struct need {
	const char	*name;
	unsigned int	bytes;
	unsigned int	opcode;
	uint32_t	nsid;		/* of an admin command */
	uint32_t	cdw10, cdw11, cdw12, cdw13;
};

/*
 * With 4 bytes less than that it does not get to the device, with all of them it
 * does.  What the device then says is its own matter: most has it refuse them.
 */
void run_need(struct region *r, struct io_unified_sqe sqe, const struct need *need);
/* It gets to the device, whatever that says */
void run_any(struct region *r, const struct io_unified_sqe *sqe, const char *text);

/* Bytes that differ with seed and place; zero: are all zero? */
void pattern(void *buf, size_t len, unsigned int seed);
bool is_pattern(const void *buf, size_t len, unsigned int seed);
bool is_zero(const void *buf, size_t len);

void put_le16(void *p, uint16_t v);
void put_le32(void *p, uint32_t v);
void put_le64(void *p, uint64_t v);
uint64_t get_le(const void *p, unsigned int bytes);

#endif /* _DEVICE_H */
