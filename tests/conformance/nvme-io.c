// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-io: the I/O commands of a namespace without zones and metadata, through
 * the rings, and each way in which one can fail.
 *
 * Usage: nvme-io GENERIC_NODE [poll]
 *
 * With poll the kernel's thread drains the SQ, in the name of who registered, so
 * that what others may do is not tested.
 *
 * Overwrites the first 16 MiB of the namespace.  The block device and the
 * passthrough ioctl say what is right.  A command that the device has not got is
 * a skip when the device's status for it arrives.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/fs.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(2u << 20)
#define HALF		(DATA_SIZE / 2)
#define LBA_BYTES(n)	((n) * (size_t)dev.lba_size)

static struct device dev;
static struct region reg;
static unsigned int reg_flags;
static char back[HALF];

static void test_write_read(void)
{
	struct io_unified_sqe sqe;

	pattern(reg.data + 4096, LBA_BYTES(8), 1);
	sqe = cmd_io(&dev, NVME_WRITE, 16, 8, 4096);
	run(&reg, &sqe, 0, "Write of 8 blocks");
	ok(device_block_read(&dev, back, LBA_BYTES(8), LBA_BYTES(16)) &&
	   is_pattern(back, LBA_BYTES(8), 1),
	   "the block device reads what was written");

	sqe = cmd_io(&dev, NVME_READ, 16, 8, HALF);
	run(&reg, &sqe, 0, "Read of 8 blocks");
	ok(is_pattern(reg.data + HALF, LBA_BYTES(8), 1),
	   "it returns what was written");
	ok(is_zero(reg.data + HALF + LBA_BYTES(8), 4096), "and nothing beyond it");

	pattern(back, LBA_BYTES(8), 2);
	device_block_write(&dev, back, LBA_BYTES(8), LBA_BYTES(16));
	sqe = cmd_io(&dev, NVME_READ, 17, 1, HALF);
	run(&reg, &sqe, 0, "Read of 1 block that the block device wrote");
	ok(!memcmp(reg.data + HALF, back + LBA_BYTES(1), LBA_BYTES(1)),
	   "it returns that block");

	sqe = cmd_io(&dev, NVME_WRITE, dev.nr_lbas - 1, 1, 4096);
	run(&reg, &sqe, 0, "Write of the last block");
	sqe = cmd_io(&dev, NVME_READ, dev.nr_lbas - 1, 1, HALF);
	run(&reg, &sqe, 0, "Read of the last block");
	ok(!memcmp(reg.data + 4096, reg.data + HALF, LBA_BYTES(1)),
	   "it returns what was written");

	pattern(reg.data, LBA_BYTES(1), 3);
	sqe = cmd_io(&dev, NVME_WRITE, 16, 1, 0);
	sqe.nvme_cmd.cdw12 |= 1u << 30;
	run(&reg, &sqe, 0, "Write with Force Unit Access");
	sqe = cmd_bare(&dev, NVME_FLUSH);
	run(&reg, &sqe, 0, "Flush");
	sqe = cmd_bare(&dev, NVME_FLUSH);
	sqe.nvme_cmd.addr = sqe.nvme_cmd.metadata = 0xdead0000;
	run(&reg, &sqe, 0, "addr and metadata of the NVMe command are not looked at");
}

static void test_write_zeroes(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE_ZEROES, 20, 4, 0);

	pattern(back, LBA_BYTES(16), 4);
	device_block_write(&dev, back, LBA_BYTES(16), LBA_BYTES(16));
	if (!run_if_any(&dev, &reg, &sqe, 0, "Write Zeroes of 4 blocks"))
		return;
	memset(back + LBA_BYTES(4), 0, LBA_BYTES(4));
	device_block_read(&dev, reg.data, LBA_BYTES(16), LBA_BYTES(16));
	ok(!memcmp(reg.data, back, LBA_BYTES(16)),
	   "these are zeroes, their neighbours are not");
}

static void dsm_range(char *p, uint64_t lba, uint32_t nr)
{
	put_le32(p, 0);
	put_le32(p + 4, nr);
	put_le64(p + 8, lba);
}

static void test_deallocate(void)
{
	struct io_unified_sqe sqe = cmd_data(&dev, NVME_DSM, 512, 2 * 16);

	pattern(back, 65536, 5);
	device_block_write(&dev, back, 65536, 1 << 20);
	sqe.nvme_cmd.cdw10 = 1;		/* ranges, from 0 */
	sqe.nvme_cmd.cdw11 = 4;		/* deallocate */
	dsm_range(reg.data + 512, ((1 << 20) + 4096) / dev.lba_size, 8192 / dev.lba_size);
	dsm_range(reg.data + 528, ((1 << 20) + 32768) / dev.lba_size, 4096 / dev.lba_size);
	if (!run_if_any(&dev, &reg, &sqe, 0, "Dataset Management deallocates two ranges"))
		return;
	memset(back + 4096, 0, 8192);
	memset(back + 32768, 0, 4096);
	device_block_read(&dev, reg.data, 65536, 1 << 20);
	ok(!memcmp(reg.data, back, 65536), "these are zeroes, their neighbours are not");
}

static void test_compare(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_COMPARE, 16, 8, 8192);
	struct io_unified_cqe cqe;

	pattern(back, LBA_BYTES(8), 6);
	device_block_write(&dev, back, LBA_BYTES(8), LBA_BYTES(16));
	memcpy(reg.data + 8192, back, LBA_BYTES(8));
	if (!run_if_any(&dev, &reg, &sqe, 0, "Compare of equal data"))
		return;
	reg.data[8192 + LBA_BYTES(8) - 1] ^= 1;
	cqe = run(&reg, &sqe, SC_COMPARE_FAILED, "Compare of unequal data: Compare Failure");
	ok(IO_UNIFIED_STATUS_SCT(cqe.status) == 2 &&
	   IO_UNIFIED_STATUS_SC(cqe.status) == 0x85 &&
	   (cqe.status & 0x7ff) == 0x285,
	   "Compare: the macros take that status apart, type 2, code 0x85");
}

static void test_verify(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_VERIFY, 16, 8, 0);

	run_if_any(&dev, &reg, &sqe, 0, "Verify of 8 blocks");
}

static void copy_range(char *p, uint64_t lba, uint16_t nr)
{
	memset(p, 0, 32);
	put_le64(p + 8, lba);
	put_le16(p + 16, nr - 1);
}

static void test_copy(void)
{
	struct io_unified_sqe sqe = cmd_data(&dev, NVME_COPY, 0, 2 * 32);

	pattern(back, LBA_BYTES(16), 7);
	device_block_write(&dev, back, LBA_BYTES(16), LBA_BYTES(64));
	copy_range(reg.data, 64 + 12, 4);
	copy_range(reg.data + 32, 64, 8);
	sqe.nvme_cmd.cdw10 = 200;
	sqe.nvme_cmd.cdw12 = 1;		/* ranges, from 0 */
	if (!run_if_any(&dev, &reg, &sqe, 0, "Copy of two ranges into one"))
		return;
	device_block_read(&dev, reg.data, LBA_BYTES(12), LBA_BYTES(200));
	ok(!memcmp(reg.data, back + LBA_BYTES(12), LBA_BYTES(4)) &&
	   !memcmp(reg.data + LBA_BYTES(4), back, LBA_BYTES(8)),
	   "Copy: they are there, in their order");
	sqe = cmd_data(&dev, NVME_COPY, 0, 32);
	copy_range(reg.data, 64, 1);
	sqe.nvme_cmd.cdw12 = 0xf << 8;	/* format */
	run(&reg, &sqe, SC_INVALID_FIELD,
	    "Copy with a descriptor format that there is not: Invalid Field");
}

/* The ring and the ioctl get the same status for the same command */
static void same_as_ioctl(const struct io_unified_sqe *sqe, int want,
			  const char *text)
{
	struct io_unified_cqe cqe = run(&reg, sqe, want, "%s", text);
	int status = device_ioctl(&dev, sqe, reg.data, NULL);

	if (!ok(status == (int)cqe.status,
		"all bits of that status are as by ioctl"))
		note("ring %#x, ioctl %#x", cqe.status, status);
}

static void test_statuses(void)
{
	struct io_unified_stats before = *reg.stats;
	struct io_unified_sqe sqe;
	struct io_unified_cqe cqe;

	sqe = cmd_io(&dev, NVME_READ, dev.nr_lbas, 1, 0);
	same_as_ioctl(&sqe, dev.beyond_end, "Read beyond the last block: the device's status for that");
	sqe = cmd_io(&dev, NVME_READ, dev.nr_lbas - 1, 2, 0);
	same_as_ioctl(&sqe, dev.beyond_end, "Read across the last block: the same");
	sqe = cmd_io(&dev, NVME_WRITE, 1ull << 40, 1, 0);
	same_as_ioctl(&sqe, dev.beyond_end, "Write at LBA 2^40: the same");
	sqe = cmd_io(&dev, NVME_READ, ~0ull, 2, 0);
	same_as_ioctl(&sqe, dev.beyond_end, "Read at an LBA that wraps: the same");
	sqe = cmd_bare(&dev, 0x6e);
	same_as_ioctl(&sqe, SC_INVALID_OPCODE, "an opcode that no device has: Invalid Opcode");
	sqe = cmd_data(&dev, NVME_ZONE_RECEIVE, 0, 4096);
	sqe.nvme_cmd.cdw12 = 4096 / 4 - 1;
	same_as_ioctl(&sqe, SC_INVALID_OPCODE, "Zone Management Receive without zones: Invalid Opcode");
	sqe = cmd_io(&dev, NVME_READ, dev.nr_lbas, 1, 0);
	cqe = region_run(&reg, &sqe);
	ok(IO_UNIFIED_STATUS_DNR(cqe.status) && cqe.status & 1 << 14 &&
	   !IO_UNIFIED_STATUS_DNR(0xbfff) && IO_UNIFIED_STATUS_CRD(0x1800) == 3 &&
	   !IO_UNIFIED_STATUS_CRD(0xe7ff) && IO_UNIFIED_STATUS_MORE(0x2000) == 1 &&
	   !IO_UNIFIED_STATUS_MORE(0xdfff),
	   "the macros take Do Not Retry, More and the delay out of a status");
	if (!ok(reg.stats->nvme_cmds - before.nvme_cmds == 7 &&
		reg.stats->nvme_errors - before.nvme_errors == 7 &&
		reg.stats->sq_invalid == before.sq_invalid,
		"all these are counted as errors of the device"))
		note("commands +%llu, errors +%llu, invalid +%llu",
		     reg.stats->nvme_cmds - before.nvme_cmds,
		     reg.stats->nvme_errors - before.nvme_errors,
		     reg.stats->sq_invalid - before.sq_invalid);

	sqe = cmd_data(&dev, NVME_ZONE_RECEIVE, 0, 4096);
	sqe.nvme_cmd.cdw12 = 4096 / 4;
	run(&reg, &sqe, -EINVAL, "Zone Management Receive of more than there is memory: EINVAL");
	sqe = cmd_data(&dev, NVME_DSM, 0, 16);
	sqe.nvme_cmd.cdw10 = 1;
	run(&reg, &sqe, -EINVAL, "Dataset Management of more ranges than given: EINVAL");
}

/* By the other fields of the command, which name nothing that the device has */
static void test_needs(void)
{
	static const struct need needs[] = {
		{ "Dataset Management of two ranges", 2 * 16, NVME_DSM, .cdw10 = 1 },
		{ "Copy of two ranges, format 0", 2 * 32, NVME_COPY,
		  .cdw10 = ~0u, .cdw11 = ~0u, .cdw12 = 1 },
		{ "Copy of two ranges, format 1", 2 * 40, NVME_COPY,
		  .cdw10 = ~0u, .cdw11 = ~0u, .cdw12 = 1 << 8 | 1 },
		{ "Copy of two ranges, format 2", 2 * 32, NVME_COPY,
		  .cdw10 = ~0u, .cdw11 = ~0u, .cdw12 = 2 << 8 | 1 },
		{ "Copy of two ranges, format 3", 2 * 40, NVME_COPY,
		  .cdw10 = ~0u, .cdw11 = ~0u, .cdw12 = 3 << 8 | 1 },
		{ "Reservation Register", 16, NVME_RESV_REGISTER, .cdw10 = 7 },
		{ "Reservation Acquire", 16, NVME_RESV_ACQUIRE, .cdw10 = 7 },
		{ "Reservation Release", 8, NVME_RESV_RELEASE, .cdw10 = 7 },
		{ "Reservation Report of 16 dwords", 64, NVME_RESV_REPORT, .cdw10 = 15 },
		{ "I/O Management Receive of 16 dwords", 64, NVME_IO_MGMT_RECEIVE,
		  .cdw10 = 0xff, .cdw11 = 15 },
		{ "I/O Management Send of 7 identifiers", 7 * 2, NVME_IO_MGMT_SEND,
		  .cdw10 = 6 << 16 | 0xff },
		{ "Zone Management Receive of 16 dwords", 64, NVME_ZONE_RECEIVE,
		  .cdw12 = 15, .cdw13 = 0x77 },
		{ "Zone Management Send of a zone's descriptor extension", 255 * 64,
		  NVME_ZONE_SEND, .cdw13 = 0x10 },
	};

	for (unsigned int i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		run_need(&reg, cmd_bare(&dev, needs[i].opcode), &needs[i]);
}

static void test_refused(void)
{
	const struct io_unified_sqe good = cmd_io(&dev, NVME_WRITE, 16, 8, 4096);
	struct io_unified_stats before = *reg.stats;
	struct io_unified_sqe sqe;

	pattern(back, LBA_BYTES(8), 8);
	device_block_write(&dev, back, LBA_BYTES(8), LBA_BYTES(16));
	memset(reg.data, 0xee, HALF);

#define REFUSED(err, text, ...)						\
	do {								\
		sqe = good;						\
		__VA_ARGS__;						\
		run(&reg, &sqe, err, "%s: %s", text, #err);		\
	} while (0)
	REFUSED(-EFAULT, "data beyond the data area", sqe.buf_offset = 1ull << 40);
	REFUSED(-EFAULT, "data across the end of the data area",
		sqe.buf_offset = DATA_SIZE - LBA_BYTES(8) + 4);
	REFUSED(-EFAULT, "data offset that wraps", sqe.buf_offset = -4096ull);
	REFUSED(-EFAULT, "4 GiB of data", sqe.nvme_cmd.data_len = ~3u);
	REFUSED(-EINVAL, "data that is not aligned to 4 bytes", sqe.buf_offset += 2);
	REFUSED(-EINVAL, "more blocks than there is data", sqe.nvme_cmd.cdw12 = 8);
	REFUSED(-EINVAL, "65536 blocks", sqe.nvme_cmd.cdw12 = 0xffff);
	REFUSED(-EINVAL, "blocks and no data", sqe.nvme_cmd.data_len = 0);
	REFUSED(-EINVAL, "flags of the NVMe command", sqe.nvme_cmd.flags = 1);
	REFUSED(-EINVAL, "SGL flags of the NVMe command", sqe.nvme_cmd.flags = 0x40);
	REFUSED(-EINVAL, "rsvd1 of the NVMe command", sqe.nvme_cmd.rsvd1 = 1);
	REFUSED(-EINVAL, "rsvd2 of the NVMe command", sqe.nvme_cmd.rsvd2 = 1);
	REFUSED(-EINVAL, "a flag that there is not", sqe.flags = 1u << 31);
	REFUSED(-EINVAL, "__pad is not 0", sqe.__pad = 1);
	REFUSED(-EINVAL, "__resv0 is not 0", sqe.__resv0[2] = 1);
	REFUSED(-EINVAL, "__resv is not 0", sqe.__resv[1] = 1ull << 63);
	REFUSED(-ENODEV, "the second device of one", sqe.dev = 1);
	REFUSED(-ENODEV, "device 65535", sqe.dev = 0xffff);
	REFUSED(-EINVAL, "the namespace of another", sqe.nvme_cmd.nsid = dev.nsid + 1);
	REFUSED(-EINVAL, "all namespaces", sqe.nvme_cmd.nsid = ~0u);
	REFUSED(-EINVAL, "metadata on a namespace without",
		sqe.nvme_cmd.metadata_len = 64, sqe.meta_offset = HALF);
	REFUSED(-EACCES, "an admin command without IO_UNIFIED_REG_ADMIN",
		sqe = cmd_admin(NVME_IDENTIFY, 0, 0, 4096), sqe.nvme_cmd.cdw10 = 1);
#undef REFUSED
	ok(device_block_read(&dev, reg.data, LBA_BYTES(8), LBA_BYTES(16)) &&
	   is_pattern(reg.data, LBA_BYTES(8), 8),
	   "none of these got to the device");
	ok(reg.stats->sq_invalid > before.sq_invalid, "they are counted");
	sqe = good;
	run(&reg, &sqe, 0, "the rings work on");
}

/* blockdev --setro while a region has the namespace, opened for writing */
static void test_set_readonly(const struct io_unified_sqe *rd, const struct io_unified_sqe *w)
{
	int block = open(dev.block, O_RDONLY), on = 1, off = 0;
	struct region r;

	if (region_open(&r, dev.fd, DATA_SIZE, 0, 0))
		bail_out("no region");
	run(&r, w, 0, "Write");
	if (ioctl(block, BLKROSET, &on))
		bail_out("BLKROSET: %s", strerror(errno));
	run(&r, w, -EACCES, "Write to a namespace that is made read-only: -EACCES");
	run(&r, rd, 0, "Read from it");
	if (ioctl(block, BLKROSET, &off))
		bail_out("BLKROSET: %s", strerror(errno));
	run(&r, w, 0, "Write when it is read-only no more");
	region_close(&r);
	close(block);
}

/* What is not known to only read may write, data or not */
static void test_reads(struct region *ro)
{
	struct io_unified_sqe sqe = cmd_bare(&dev, 0x90);

	run(ro, &sqe, -EACCES, "a vendor's command with it: -EACCES");
	sqe = cmd_bare(&dev, NVME_ZONE_SEND);
	sqe.nvme_cmd.cdw13 = 0x77;
	run(ro, &sqe, -EACCES, "Zone Management Send without data with it: -EACCES");
	sqe = cmd_io(&dev, NVME_VERIFY, 16, 1, 0);
	run_if_any(&dev, ro, &sqe, 0, "Verify with it");
	sqe = cmd_data(&dev, NVME_ZONE_RECEIVE, 0, 4096);
	run_any(ro, &sqe, "Zone Management Receive with it");
	sqe = cmd_data(&dev, NVME_RESV_REPORT, 0, 4096);
	run_any(ro, &sqe, "Reservation Report with it");
}

/* Who may do what: as by ioctl on the same file, but that read-only binds all */
static void test_permission(void)
{
	struct io_unified_sqe w = cmd_io(&dev, NVME_WRITE, 16, 1, 0);
	struct io_unified_sqe rd = cmd_io(&dev, NVME_READ, 16, 1, HALF);
	struct io_unified_sqe zeroes = cmd_io(&dev, NVME_WRITE_ZEROES, 16, 1, 0);
	struct io_unified_sqe vendor = cmd_bare(&dev, 0xc1);
	struct region ro;
	int fd = open(dev.node, O_RDONLY), rw = dev.fd, ret;

	if (seteuid(65534))
		bail_out("seteuid: %s", strerror(errno));
	run(&reg, &rd, 0, "who has lost CAP_SYS_ADMIN since may read");
	run(&reg, &w, 0, "and write, with a file opened for writing");
	run(&reg, &vendor, -EACCES, "but sends no vendor's command: -EACCES");
	if (seteuid(0))
		bail_out("seteuid: %s", strerror(errno));
	region_close(&reg);

	ret = region_open(&ro, fd, DATA_SIZE, 0, 0);
	if (!ok(!ret, "a region for a file opened read-only")) {
		note("%s", strerror(-ret));
	} else {
		run(&ro, &rd, 0, "Read with a file opened read-only");
		run(&ro, &w, -EACCES, "Write with it: -EACCES, also with CAP_SYS_ADMIN");
		run(&ro, &zeroes, -EACCES, "Write Zeroes with it: -EACCES");
		test_reads(&ro);
		dev.fd = fd;
		if (seteuid(65534))
			bail_out("seteuid: %s", strerror(errno));
		run(&ro, &rd, 0, "who has lost CAP_SYS_ADMIN since may read with it");
		run(&ro, &w, -EACCES, "Write with it: -EACCES");
		ok(device_ioctl(&dev, &w, back, NULL) == -EACCES,
		   "as by ioctl");
		if (seteuid(0))
			bail_out("seteuid: %s", strerror(errno));
		dev.fd = rw;
		region_close(&ro);
		test_set_readonly(&rd, &w);
	}
	close(fd);
	ret = region_open(&reg, dev.fd, DATA_SIZE, reg_flags, 0);
	if (ret)
		bail_out("cannot register again: %s", strerror(-ret));
}

static void test_sizes(unsigned int how, const char *memory)
{
	static const unsigned int sizes[] = {
		512, 1024, 4096, 4608, 12288, 65536, 131072, 262144,
	};
	static const unsigned int offsets[] = { 0, 512, 4092, 2052 };
	struct region r;
	int ret = region_open(&r, dev.fd, DATA_SIZE, reg_flags, how);

	if (!ok(!ret, "a region in %s memory", memory)) {
		note("%s", strerror(-ret));
		return;
	}
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned int k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
			unsigned int len = sizes[i], off = offsets[k];
			uint64_t lba = (2u << 20) / dev.lba_size + i;
			struct io_unified_sqe sqe;

			if (len % dev.lba_size)
				continue;
			pattern(r.data + off, len, i * 16 + k);
			sqe = cmd_io(&dev, NVME_WRITE, lba, len / dev.lba_size, off);
			run(&r, &sqe, 0, "Write of %u bytes at offset %u of %s memory",
			    len, off, memory);
			memset(back, 0, len);
			device_block_read(&dev, back, len, lba * dev.lba_size);
			ok(is_pattern(back, len, i * 16 + k), "the block device reads them");
			memset(r.data + HALF, 0xaa, HALF);
			sqe = cmd_io(&dev, NVME_READ, lba, len / dev.lba_size, HALF + off);
			run(&r, &sqe, 0, "Read of %u bytes to offset %u of %s memory",
			    len, off, memory);
			ok(is_pattern(r.data + HALF + off, len, i * 16 + k) &&
			   (unsigned char)r.data[HALF + off + len] == 0xaa &&
			   (!off || (unsigned char)r.data[HALF + off - 1] == 0xaa),
			   "it returns them and touches nothing around them");
		}
	}
	region_close(&r);
}

/* A queue full of commands of different kinds at once */
static void test_many(void)
{
	unsigned int nr = REGION_ENTRIES, seen = 0, good = 0;
	struct io_unified_sqe sqe[REGION_ENTRIES];
	struct io_unified_cqe cqe;
	uint64_t begin;

	for (unsigned int i = 0; i < nr; i++) {
		pattern(reg.data + i * 4096, 4096, i);
		if (i % 4 == 3)
			sqe[i] = cmd_io(&dev, NVME_READ, dev.nr_lbas, 1, 0);
		else
			sqe[i] = cmd_io(&dev, NVME_WRITE, i * 4096 / dev.lba_size,
					4096 / dev.lba_size, i * 4096);
		sqe[i].user_data = i;
		region_queue(&reg, &sqe[i]);
	}
	region_submit(&reg);
	while (seen < nr && !region_reap(&reg, &cqe, 20000)) {
		seen++;
		good += cqe.user_data % 4 == 3 ? cqe.status && !cqe.len :
			!cqe.status && cqe.dma_addr == cqe.user_data * 4096;
	}
	ok(seen == nr && good == nr,
	   "64 commands at once: all complete, the bad ones and no others with an error");
	/* a poller says so after the commands have been sent, which may have ended */
	begin = now_ms();
	while (*(volatile uint32_t *)&reg.sq->consumer != reg.sq->producer &&
	       now_ms() - begin < 20000)
		be_patient(begin);
	ok(reg.sq->consumer == reg.sq->producer, "the SQ is empty again");
	ok(device_block_read(&dev, back, 3 * 4096, 4096 * 4) &&
	   !memcmp(back, reg.data + 4096 * 4, 3 * 4096), "the block device reads what they wrote");
}

int main(int argc, char **argv)
{
	int ret;

	if (argc == 3 && !strcmp(argv[2], "poll"))
		reg_flags = IO_UNIFIED_REG_POLL;
	else if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	ret = region_open(&reg, dev.fd, DATA_SIZE, reg_flags, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_write_read();
	test_write_zeroes();
	test_deallocate();
	test_compare();
	test_verify();
	test_copy();
	test_statuses();
	test_needs();
	test_refused();
	if (!reg_flags)
		test_permission();
	test_many();
	region_close(&reg);
	test_sizes(0, "the kernel's");
	test_sizes(REGION_USER, "our");
	return tap_end();
}
