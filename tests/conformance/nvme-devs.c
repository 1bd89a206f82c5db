// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-devs: several devices in one region.
 *
 * Usage: nvme-devs GENERIC_NODE GENERIC_NODE...
 *
 * Overwrites the first MiB of each, which must be of different controllers and
 * may have blocks of different size and metadata.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define LEN		16384u
#define MAX		IO_UNIFIED_MAX_DEVS

static struct device dev[MAX];
static unsigned int nr_devs;
static struct region reg;
static char back[LEN];

static bool claimed(const struct device *d)
{
	int fd = open(d->block, O_RDWR | O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

static void test_register_errors(void)
{
	struct io_unified_dev_reg r;
	int null = open("/dev/null", O_RDWR), ring = ring_create(8, 0);

#define TRY(want, text, ...)						\
	do {								\
		int got;						\
									\
		r = (struct io_unified_dev_reg) { .fd = dev[1].fd };	\
		__VA_ARGS__;						\
		got = ring_register(reg.ring, IORING_REGISTER_UNIFIED_DEV, &r, 1); \
		if (!ok(got == (want), "%s: %s", text, #want))		\
			note("%d", got);				\
	} while (0)
	TRY(-EINVAL, "flags of the registration", r.flags = 1);
	TRY(-EINVAL, "__resv of the registration", r.__resv[2] = 1);
	TRY(-EBADF, "no file", r.fd = 999);
	TRY(-EBADF, "no file, negative", r.fd = -1);
	TRY(-ENODEV, "a file that is no namespace", r.fd = null);
	TRY(-EBUSY, "the first device again", r.fd = dev[0].fd);
#undef TRY
	r = (struct io_unified_dev_reg) { .fd = dev[1].fd };
	ok(ring_register(ring, IORING_REGISTER_UNIFIED_DEV, &r, 1) == -ENXIO,
	   "no region: -ENXIO");
	ok(ring_register(reg.ring, IORING_REGISTER_UNIFIED_DEV, (void *)8, 1) == -EFAULT,
	   "no argument there: -EFAULT");
	ok(ring_register(reg.ring, IORING_REGISTER_UNIFIED_DEV, &r, 2) == -EINVAL,
	   "two arguments: -EINVAL");
	ok(!claimed(&dev[1]), "none of these keeps the device");
	close(null);
	close(ring);
}

static void test_register(void)
{
	struct io_unified_ctrl *ctrl = (void *)reg.base;

	for (unsigned int i = 1; i < nr_devs; i++) {
		struct io_unified_dev_reg r;
		const struct device *d = &dev[i];
		int idx = region_add_dev(&reg, d->fd, &r);

		if (!ok(idx == (int)i, "device %u registers", i)) {
			note("%d", idx);
			bail_out("%s does not register", d->node);
		}
		if (!ok(r.nsid == d->nsid && r.lba_size == d->lba_size &&
			r.meta_size == d->meta_size &&
			(r.nr_lbas == d->nr_lbas || (!r.nr_lbas && d->ext_lba)) &&
			r.max_len >= 65536 && !(r.max_len % d->lba_size) &&
			r.features == (d->ext_lba ? IO_UNIFIED_DEV_EXT_LBA : 0),
			"what is returned of it is right"))
			note("nsid %u lba_size %u meta_size %u nr_lbas %llu max_len %u features %u",
			     r.nsid, r.lba_size, r.meta_size,
			     (unsigned long long)r.nr_lbas, r.max_len, r.features);
		ok(d->ext_lba || claimed(d), "nobody else may claim it");
	}
	ok(ctrl->nr_devs == nr_devs, "the control page counts them");
	ok(region_add_dev(&reg, dev[1].fd, NULL) == -EBUSY, "a device again: -EBUSY");
}

static struct io_unified_sqe cmd_dev(unsigned int i, unsigned int opcode)
{
	struct io_unified_sqe sqe = cmd_io(&dev[i], opcode, LEN / dev[i].lba_size,
					   LEN / dev[i].lba_size, i * LEN * 2);

	sqe.dev = i;
	if (dev[i].meta_size && !dev[i].ext_lba) {
		sqe.nvme_cmd.cdw12 |= 1u << 29;	/* the controller makes it */
		sqe.nvme_cmd.cdw14 = sqe.nvme_cmd.cdw10;
	}
	return sqe;
}

static void test_io(void)
{
	struct io_unified_cqe cqe;
	struct io_unified_sqe sqe;
	unsigned int i, bad = 0;

	pattern(reg.data, DATA_SIZE, 3);
	for (i = 0; i < nr_devs; i++) {
		sqe = cmd_dev(i, NVME_WRITE);
		region_queue(&reg, &sqe);
	}
	region_submit(&reg);
	for (i = 0; i < nr_devs; i++)
		bad += region_reap(&reg, &cqe, 20000) || cqe.status;
	ok(!bad, "one Write to each at once");
	for (i = 0; i < nr_devs; i++)
		ok(dev[i].ext_lba || (device_block_read(&dev[i], back, LEN, LEN) &&
		   !memcmp(back, reg.data + i * LEN * 2, LEN)),
		   "the block device of device %u reads what was written to it", i);
	memcpy(back, reg.data + 2 * LEN, LEN);
	for (i = 0; i < nr_devs; i++) {
		sqe = cmd_dev(i, NVME_READ);
		memset(reg.data + i * LEN * 2, 0, LEN * 2);
		run(&reg, &sqe, 0, "Read from device %u", i);
	}
	ok(!memcmp(back, reg.data + 2 * LEN, LEN), "it returns what was written");
	for (i = 0; i < nr_devs; i++) {
		sqe = cmd_dev(i, NVME_READ);
		sqe.nvme_cmd.cdw10 = dev[i].nr_lbas - 1;
		run(&reg, &sqe, dev[i].beyond_end, "Read beyond the end of device %u: its status for that", i);
		sqe = cmd_bare(&dev[i], NVME_FLUSH);
		sqe.dev = i;
		run(&reg, &sqe, 0, "Flush of device %u", i);
		sqe = cmd_admin(NVME_IDENTIFY, 0, 0, 4096);
		sqe.nvme_cmd.cdw10 = 1;
		sqe.dev = i;
		run(&reg, &sqe, 0, "Identify Controller of device %u", i);
		ok(!memcmp(reg.data, dev[i].id, 4096), "it is that controller");
	}
	sqe = cmd_dev(0, NVME_READ);
	sqe.dev = nr_devs;
	run(&reg, &sqe, -ENODEV, "one device more than there are: -ENODEV");
	sqe = cmd_dev(1, NVME_READ);
	sqe.dev = 0;
	sqe.nvme_cmd.nsid = dev[0].nsid + 1;
	run(&reg, &sqe, -EINVAL, "a namespace that the device is not: -EINVAL");
}

int main(int argc, char **argv)
{
	unsigned int i, bad = 0;
	int ret;

	if (argc < 3 || argc > MAX + 1)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; (int)nr_devs < argc - 1; nr_devs++)
		device_open(&dev[nr_devs], argv[nr_devs + 1], O_RDWR);
	ret = region_open(&reg, dev[0].fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_register_errors();
	test_register();
	test_io();
	ok(!region_close(&reg), "unregister");
	for (i = 0; i < nr_devs; i++)
		bad += claimed(&dev[i]);
	ok(!bad, "all devices are free again");
	return tap_end();
}
