// SPDX-License-Identifier: GPL-2.0
/*
 * device: an NVMe namespace as its generic node and the block layer know it,
 * and commands for the rings.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

void put_le16(void *p, uint16_t v) { memcpy(p, &v, 2); }
void put_le32(void *p, uint32_t v) { memcpy(p, &v, 4); }
void put_le64(void *p, uint64_t v) { memcpy(p, &v, 8); }

uint64_t get_le(const void *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

static void identify(int fd, unsigned int cns, uint32_t nsid, void *buf)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = NVME_IDENTIFY, .nsid = nsid, .addr = (uintptr_t)buf,
		.data_len = 4096, .cdw10 = cns,
	};

	if (ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd))
		bail_out("Identify %u failed", cns);
}

static void read_effects(struct device *d, unsigned int csi)
{
	struct nvme_passthru_cmd cmd = {
		.opcode = NVME_GET_LOG, .nsid = ~0u,
		.addr = (uintptr_t)d->effects, .data_len = sizeof(d->effects),
		.cdw10 = 0x05 | (sizeof(d->effects) / 4 - 1) << 16,
		.cdw14 = csi << 24,
	};

	/* ioctl of a namespace's node wants its nsid */
	cmd.nsid = d->nsid;
	if (ioctl(d->fd, NVME_IOCTL_ADMIN_CMD, &cmd))
		bail_out("no log of commands supported");
}

static unsigned int command_set(const struct device *d)
{
	uint8_t desc[4096];
	unsigned int i;

	identify(d->fd, 3, d->nsid, desc);
	/* type, length, two bytes that are reserved, and the identifier; none may be cut off */
	for (i = 0; i + 4 < sizeof(desc) && desc[i + 1]; i += 4 + desc[i + 1])
		if (desc[i] == 4)
			return desc[i + 4];
	return 0;
}

void device_open(struct device *d, const char *node, int flags)
{
	const uint8_t *lbaf;
	uint8_t flbas;
	int nsid;

	memset(d, 0, sizeof(*d));
	snprintf(d->node, sizeof(d->node), "%s", node);
	if (strncmp(node, "/dev/ng", 7))
		bail_out("%s is no generic node", node);
	snprintf(d->block, sizeof(d->block), "/dev/nvme%s", node + 7);
	d->fd = open(node, flags);
	nsid = d->fd < 0 ? -1 : ioctl(d->fd, NVME_IOCTL_ID);
	if (nsid <= 0)
		bail_out("cannot open %s: %s", node, strerror(errno));
	d->nsid = nsid;
	identify(d->fd, 1, d->nsid, d->id);
	identify(d->fd, 0, d->nsid, d->id_ns);
	read_effects(d, command_set(d));
	flbas = d->id_ns[26];
	lbaf = d->id_ns + 128 + 4 * ((flbas & 0xf) | (flbas >> 1 & 0x30));
	d->meta_size = get_le(lbaf, 2);
	d->lba_size = 1u << lbaf[2];
	d->ext_lba = d->meta_size && flbas & 0x10;
	d->nr_lbas = get_le(d->id_ns, 8);
	/* the kernel's target leaves it to the block layer, which knows no better */
	d->beyond_end = memcmp(d->id + 24, "Linux ", 6) ? SC_LBA_RANGE : SC_INTERNAL;
}

bool device_has(const struct device *d, unsigned int opcode)
{
	return d->effects[1024 + 4 * opcode] & 1;
}

int device_ioctl(const struct device *d, const struct io_unified_sqe *sqe,
		 void *data, uint64_t *result)
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode		= sqe->nvme_cmd.opcode,
		.nsid		= sqe->nvme_cmd.nsid,
		.cdw2		= sqe->nvme_cmd.cdw2,
		.cdw3		= sqe->nvme_cmd.cdw3,
		.addr		= (uintptr_t)data + sqe->buf_offset,
		.data_len	= sqe->nvme_cmd.data_len,
		.cdw10		= sqe->nvme_cmd.cdw10,
		.cdw11		= sqe->nvme_cmd.cdw11,
		.cdw12		= sqe->nvme_cmd.cdw12,
		.cdw13		= sqe->nvme_cmd.cdw13,
		.cdw14		= sqe->nvme_cmd.cdw14,
		.cdw15		= sqe->nvme_cmd.cdw15,
	};
	unsigned long op = sqe->flags & IO_UNIFIED_SQE_ADMIN ?
			   NVME_IOCTL_ADMIN64_CMD : NVME_IOCTL_IO64_CMD;
	int ret;

	if (!cmd.data_len)
		cmd.addr = 0;
	ret = ioctl(d->fd, op, &cmd);
	if (result)
		*result = cmd.result;
	return ret < 0 ? -errno : ret;
}

static bool block_io(const struct device *d, void *buf, size_t len, off_t off,
		     bool write)
{
	void *p = aligned_alloc(4096, (len + 4095) & ~4095ul);
	int fd = open(d->block, (write ? O_WRONLY : O_RDONLY) | O_DIRECT);
	ssize_t n;

	if (write)
		memcpy(p, buf, len);
	n = write ? pwrite(fd, p, len, off) : pread(fd, p, len, off);
	if (!write && n == (ssize_t)len)
		memcpy(buf, p, len);
	if (n != (ssize_t)len)
		note("%s: %zu bytes at %lld: %zd", d->block, len, (long long)off, n);
	close(fd);
	free(p);
	return n == (ssize_t)len;
}

bool device_block_read(const struct device *d, void *buf, size_t len, off_t off)
{
	return block_io(d, buf, len, off, false);
}

bool device_block_write(const struct device *d, const void *buf, size_t len,
			off_t off)
{
	return block_io(d, (void *)buf, len, off, true);
}

struct io_unified_sqe cmd_bare(const struct device *d, unsigned int opcode)
{
	static uint64_t user_data = 0x5171636500000000;

	return (struct io_unified_sqe) {
		.nvme_cmd.opcode = opcode,
		.nvme_cmd.nsid	= d->nsid,
		.user_data	= user_data++,
	};
}

struct io_unified_sqe cmd_data(const struct device *d, unsigned int opcode,
			       uint64_t off, unsigned int len)
{
	struct io_unified_sqe sqe = cmd_bare(d, opcode);

	sqe.nvme_cmd.data_len = len;
	sqe.buf_offset = off;
	return sqe;
}

struct io_unified_sqe cmd_io(const struct device *d, unsigned int opcode,
			     uint64_t lba, unsigned int nr_lbas, uint64_t off)
{
	unsigned int block = d->lba_size + (d->ext_lba ? d->meta_size : 0);
	struct io_unified_sqe sqe = cmd_bare(d, opcode);

	sqe.nvme_cmd.cdw10 = lba;
	sqe.nvme_cmd.cdw11 = lba >> 32;
	sqe.nvme_cmd.cdw12 = nr_lbas - 1;
	if (opcode != NVME_WRITE_ZEROES && opcode != NVME_VERIFY) {
		sqe.nvme_cmd.data_len = nr_lbas * block;
		sqe.buf_offset = off;
	}
	return sqe;
}

struct io_unified_sqe cmd_admin(unsigned int opcode, uint32_t nsid,
				uint64_t off, unsigned int len)
{
	struct device d = { .nsid = nsid };
	struct io_unified_sqe sqe = cmd_data(&d, opcode, off, len);

	sqe.flags = IO_UNIFIED_SQE_ADMIN;
	return sqe;
}

static bool status_is(const struct io_unified_cqe *cqe, int want)
{
	unsigned int sc = IO_UNIFIED_STATUS_SCT(cqe->status) << 8 |
			  IO_UNIFIED_STATUS_SC(cqe->status);

	if (want < 0)
		return cqe->status == IO_UNIFIED_STATUS_HOST &&
		       cqe->result == want && !cqe->result64;
	if (cqe->status & IO_UNIFIED_STATUS_HOST || (cqe->status & 0x7ff) != sc)
		return false;
	return (int)sc == want && (want || !cqe->status);
}

static bool cqe_is(const struct io_unified_cqe *cqe,
		   const struct io_unified_sqe *sqe, int want)
{
	return status_is(cqe, want) && cqe->user_data == sqe->user_data &&
	       cqe->dma_addr == sqe->buf_offset && !cqe->flags &&
	       cqe->len == (want ? 0 : sqe->nvme_cmd.data_len) &&
	       (want < 0 || (uint32_t)cqe->result == (uint32_t)cqe->result64) &&
	       is_zero(cqe->__resv, sizeof(cqe->__resv));
}

struct io_unified_cqe run(struct region *r, const struct io_unified_sqe *sqe,
			  int want, const char *fmt, ...)
{
	struct io_unified_cqe cqe = region_run(r, sqe);
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!ok(cqe_is(&cqe, sqe, want), "%s", text))
		note("status %#x result %d (%s) result64 %#llx len %u of %u dma_addr %#llx of %#llx flags %#x",
		     cqe.status, cqe.result,
		     cqe.status == IO_UNIFIED_STATUS_HOST ? strerror(-cqe.result) : "",
		     (unsigned long long)cqe.result64, cqe.len,
		     sqe->nvme_cmd.data_len, (unsigned long long)cqe.dma_addr,
		     (unsigned long long)sqe->buf_offset, cqe.flags);
	return cqe;
}

bool run_if_any(const struct device *d, struct region *r,
		const struct io_unified_sqe *sqe, int want, const char *text)
{
	struct io_unified_cqe cqe;

	if (device_has(d, sqe->nvme_cmd.opcode)) {
		run(r, sqe, want, "%s", text);
		return true;
	}
	cqe = region_run(r, sqe);
	if (cqe_is(&cqe, sqe, SC_INVALID_OPCODE))
		skip(text, "the device says Invalid Opcode");
	else if (!ok(false, "%s", text))
		note("a command that the device has not got: status %#x result %d",
		     cqe.status, cqe.result);
	return false;
}

void run_any(struct region *r, const struct io_unified_sqe *sqe, const char *text)
{
	struct io_unified_cqe cqe = region_run(r, sqe);

	if (!ok(!(cqe.status & IO_UNIFIED_STATUS_HOST), "%s: the device answers", text))
		note("result %d (%s)", cqe.result, strerror(-cqe.result));
}

void run_need(struct region *r, struct io_unified_sqe sqe, const struct need *need)
{
	/* DMA is by 4 bytes */
	unsigned int room = (need->bytes + 3) & ~3u;

	sqe.nvme_cmd.opcode = need->opcode;
	sqe.nvme_cmd.cdw10 = need->cdw10;
	sqe.nvme_cmd.cdw11 = need->cdw11;
	sqe.nvme_cmd.cdw12 = need->cdw12;
	sqe.nvme_cmd.cdw13 = need->cdw13;
	/* what no device takes for parameters */
	memset(r->data + sqe.buf_offset, 0xff, room);
	sqe.nvme_cmd.data_len = room - 4;
	run(r, &sqe, -EINVAL, "%s with too little memory for it: -EINVAL", need->name);
	sqe.nvme_cmd.data_len = room;
	run_any(r, &sqe, need->name);
}

static uint8_t pattern_byte(size_t i, unsigned int seed)
{
	return (i * 31 + i / 512 * 7 + i / 65536 * 13 + seed * 101) ^ seed >> 3;
}

void pattern(void *buf, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = pattern_byte(i, seed);
}

bool is_pattern(const void *buf, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)buf)[i] != pattern_byte(i, seed))
			return false;
	return true;
}

bool is_zero(const void *buf, size_t len)
{
	const uint8_t *p = buf;

	return !len || (!*p && !memcmp(p, p + 1, len - 1));
}
