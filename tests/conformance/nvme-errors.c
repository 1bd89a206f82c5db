// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-errors: a drive whose media fail, through the rings.
 *
 * Usage: nvme-errors GENERIC_NODE READ_LBA WRITE_LBA
 *
 * The drive cannot read READ_LBA and cannot write WRITE_LBA.  Overwrites the
 * blocks around them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)

static struct device dev;
static struct region reg;

static void same_as_ioctl(const struct io_unified_sqe *sqe,
			  const struct io_unified_cqe *cqe)
{
	int status = device_ioctl(&dev, sqe, reg.data, NULL);

	if (!ok(status == (int)cqe->status, "all bits of that status are as by ioctl"))
		note("ring %#x, ioctl %#x", cqe->status, status);
}

static void test_one(unsigned int opcode, uint64_t lba, int want,
		     const char *name, const char *status)
{
	unsigned long long errors = reg.stats->nvme_errors;
	struct io_unified_sqe sqe = cmd_io(&dev, opcode, lba, 1, 4096);
	struct io_unified_cqe cqe;
	unsigned int i, bad = 0, seen = 0;

	cqe = run(&reg, &sqe, want, "%s of a bad block: %s", name, status);
	ok(IO_UNIFIED_STATUS_SCT(cqe.status) == 2 &&
	   IO_UNIFIED_STATUS_SC(cqe.status) == (want & 0xff),
	   "the macros take that status apart");
	same_as_ioctl(&sqe, &cqe);
	sqe = cmd_io(&dev, opcode, lba - 8, 16, 4096);
	run(&reg, &sqe, want, "%s across a bad block: %s", name, status);
	sqe = cmd_io(&dev, opcode, lba - 8, 8, 4096);
	run(&reg, &sqe, 0, "%s before a bad block", name);
	sqe = cmd_io(&dev, opcode, lba + 1, 8, 4096);
	run(&reg, &sqe, 0, "%s behind a bad block", name);
	for (i = 0; i < 32; i++) {
		sqe = cmd_io(&dev, opcode, lba - 16 + i, 1, i * 4096);
		sqe.user_data = i;
		region_queue(&reg, &sqe);
	}
	region_submit(&reg);
	for (i = 0; i < 32 && !region_reap(&reg, &cqe, 20000); i++) {
		seen |= 1u << cqe.user_data;
		bad += (int)(cqe.status & 0x7ff) != (cqe.user_data == 16 ? want : 0);
	}
	ok(!bad && seen == ~0u, "32 at once, one of a bad block: that one alone fails");
	ok(reg.stats->nvme_errors - errors == 3, "the errors are counted");
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	ret = region_open(&reg, dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_one(NVME_READ, strtoull(argv[2], NULL, 0), SC_READ_ERROR, "Read",
		 "Unrecovered Read Error");
	test_one(NVME_WRITE, strtoull(argv[3], NULL, 0), SC_WRITE_FAULT, "Write",
		 "Write Fault");
	region_close(&reg);
	return tap_end();
}
