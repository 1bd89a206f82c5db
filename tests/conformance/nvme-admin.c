// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-admin: admin commands through the rings, and namespaces that come and go
 * by them.
 *
 * Usage: nvme-admin GENERIC_NODE [OTHER_NODE DETACHED_NSID CONTROLLER]
 *
 * With the other three formats both namespaces, detaches and attaches the other,
 * which must be another of the same controller, and attaches, uses and detaches
 * the one with DETACHED_NSID.  CONTROLLER is its folder in sysfs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(256u << 10)
#define HALF		(DATA_SIZE / 2)
#define APPEAR_MS	30000
#define NO_NSID		0xfffffff0u

enum { ATTACH = 0, DETACH = 1 };

static struct device dev;
static struct region reg;
static char back[65536];

static struct io_unified_sqe cmd_identify(unsigned int cns, uint32_t nsid)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_IDENTIFY, nsid, 0, 4096);

	sqe.nvme_cmd.cdw10 = cns;
	return sqe;
}

static struct io_unified_sqe cmd_log(unsigned int page, unsigned int len)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_GET_LOG, dev.nsid, 0, len);

	sqe.nvme_cmd.cdw10 = page | (len / 4 - 1) << 16;
	return sqe;
}

static struct io_unified_sqe cmd_feature(unsigned int opcode, unsigned int id)
{
	struct io_unified_sqe sqe = cmd_admin(opcode, dev.nsid, 0, 0);

	sqe.nvme_cmd.cdw10 = id;
	return sqe;
}

static void test_commands(void)
{
	struct io_unified_sqe sqe = cmd_identify(1, 0);
	struct io_unified_cqe cqe;
	uint64_t result = 0;
	int ret;

	run(&reg, &sqe, 0, "Identify Controller");
	ok(!memcmp(reg.data, dev.id, 4096), "it returns what the ioctl does");
	sqe = cmd_identify(0, dev.nsid);
	run(&reg, &sqe, 0, "Identify Namespace");
	ok(!memcmp(reg.data, dev.id_ns, 512), "it returns what the ioctl does");
	sqe = cmd_log(5, 4096);
	memset(reg.data, 0, 4096);
	run(&reg, &sqe, 0, "Get Log Page: commands supported and effects");
	ok(!memcmp(reg.data, dev.effects, 4096), "it returns what the ioctl does");
	sqe = cmd_feature(NVME_GET_FEATURES, 7);
	cqe = run(&reg, &sqe, 0, "Get Features: number of queues");
	ret = device_ioctl(&dev, &sqe, NULL, &result);
	ok(!ret && result && cqe.result64 == result && cqe.result == (int)result,
	   "its result is what the ioctl returns");

	sqe = cmd_identify(0xee, 0);
	run(&reg, &sqe, SC_INVALID_FIELD, "Identify of something that there is not: Invalid Field");
	sqe = cmd_admin(0x7e, 0, 0, 0);
	run(&reg, &sqe, SC_INVALID_OPCODE, "an opcode that no controller has: Invalid Opcode");
}

static void test_refused(void)
{
	struct io_unified_sqe sqe;
	struct region plain;
	int ret;

	sqe = cmd_identify(1, 0);
	sqe.buf_offset = DATA_SIZE - 4092;
	run(&reg, &sqe, -EFAULT, "data across the end of the data area: -EFAULT");
	sqe = cmd_identify(1, 0);
	sqe.dev = 1;
	run(&reg, &sqe, -ENODEV, "the controller of a device that there is not: -ENODEV");
	sqe = cmd_identify(1, 0);
	sqe.nvme_cmd.flags = 1;
	run(&reg, &sqe, -EINVAL, "flags of the NVMe command: -EINVAL");
	sqe = cmd_feature(NVME_SET_FEATURES, 7);
	sqe.nvme_cmd.cdw11 = 0x10001;
	ret = device_ioctl(&dev, &sqe, NULL, NULL);
	run(&reg, &sqe, -EACCES, "Set Features of what the driver manages: -EACCES");
	ok(ret == -EACCES, "as by ioctl");
	if (seteuid(65534))
		bail_out("seteuid: %s", strerror(errno));
	sqe = cmd_identify(1, 0);
	run(&reg, &sqe, 0, "who has lost CAP_SYS_ADMIN since may identify the controller");
	sqe = cmd_log(2, 512);
	run(&reg, &sqe, -EACCES, "but get no log page: -EACCES");
	ok(device_ioctl(&dev, &sqe, reg.data, NULL) == -EACCES, "as by ioctl");
	if (seteuid(0))
		bail_out("seteuid: %s", strerror(errno));

	region_close(&reg);
	ret = region_open(&plain, dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register: %s", strerror(-ret));
	sqe = cmd_identify(1, 0);
	memset(plain.data, 0xaa, 4096);
	run(&plain, &sqe, -EACCES, "Identify without IO_UNIFIED_REG_ADMIN: -EACCES");
	sqe.flags = 0;
	sqe.nvme_cmd.nsid = dev.nsid;
	run(&plain, &sqe, SC_INVALID_OPCODE, "its opcode without IO_UNIFIED_SQE_ADMIN is an I/O command: Invalid Opcode");
	ok((unsigned char)plain.data[0] == 0xaa, "nothing is returned by either");
	region_close(&plain);
	ret = region_open(&reg, dev.fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("cannot register: %s", strerror(-ret));
}

/* By the other fields of the command, most of which the device refuses */
static void test_needs(void)
{
	enum { LBA_RANGE = 0x03, POWER_STATES = 0x0c, HOST_MEMORY = 0x0d,
	       TIMESTAMP = 0x0e, HOST_BEHAVIOR = 0x16, HOST_ID = 0x81 };
	const struct need needs[] = {
		{ "Identify", 4096, NVME_IDENTIFY, .cdw10 = 1 },
		{ "Get Log Page of 128 dwords", 512, NVME_GET_LOG, ~0u,
		  .cdw10 = 127 << 16 | 2 },
		{ "Get Log Page of 32769 dwords", 131076, NVME_GET_LOG, ~0u,
		  .cdw10 = 32768u << 16 | 2 },
		{ "Get Features: LBA Range Type", 4096, NVME_GET_FEATURES, dev.nsid,
		  .cdw10 = LBA_RANGE },
		{ "Get Features: Autonomous Power State Transition", 256,
		  NVME_GET_FEATURES, .cdw10 = POWER_STATES },
		{ "Get Features: Host Memory Buffer", 4096, NVME_GET_FEATURES,
		  .cdw10 = HOST_MEMORY },
		{ "Get Features: Timestamp", 8, NVME_GET_FEATURES, .cdw10 = TIMESTAMP },
		{ "Get Features: Host Behavior Support", 512, NVME_GET_FEATURES,
		  .cdw10 = HOST_BEHAVIOR },
		{ "Get Features: Host Identifier", 16, NVME_GET_FEATURES,
		  .cdw10 = HOST_ID, .cdw11 = 1 },
		{ "Set Features: Timestamp", 8, NVME_SET_FEATURES, .cdw10 = TIMESTAMP },
		{ "Set Features: LBA Range Type", 4096, NVME_SET_FEATURES, NO_NSID,
		  .cdw10 = LBA_RANGE },
		{ "Namespace Management: create", 4096, NVME_NS_MANAGEMENT },
		{ "Namespace Attachment", 4096, NVME_NS_ATTACHMENT, NO_NSID, .cdw10 = 0xf },
		{ "Firmware Image Download of 16 dwords", 64, NVME_FW_DOWNLOAD,
		  .cdw10 = 15, .cdw11 = ~0u },
		{ "Directive Send of 16 dwords", 64, NVME_DIRECTIVE_SEND, dev.nsid,
		  .cdw10 = 15, .cdw11 = 0xff00 },
		{ "Directive Receive of 16 dwords", 64, NVME_DIRECTIVE_RECEIVE, dev.nsid,
		  .cdw10 = 15, .cdw11 = 0xff00 },
		{ "Security Send of 64 bytes", 64, NVME_SECURITY_SEND,
		  .cdw10 = 0xffu << 24, .cdw11 = 64 },
		{ "Security Receive of 64 bytes", 64, NVME_SECURITY_RECEIVE,
		  .cdw10 = 0xffu << 24, .cdw11 = 64 },
		{ "Get LBA Status of 16 dwords", 64, NVME_LBA_STATUS, dev.nsid,
		  .cdw12 = 15 },
	};
	struct io_unified_sqe sqe = cmd_log(2, 4096);

	for (unsigned int i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		run_need(&reg, cmd_admin(needs[i].opcode, needs[i].nsid, 0, 0), &needs[i]);
	sqe.nvme_cmd.cdw11 = 1;		/* dwords, the upper half */
	run(&reg, &sqe, -EINVAL, "Get Log Page of 65536 dwords more than there is memory for: -EINVAL");
}

/* By a file opened read-only, with CAP_SYS_ADMIN */
static void test_read_only(void)
{
	/* none of them would do anything if it got to the device */
	static const struct {
		const char *name;
		unsigned int opcode;
		uint32_t cdw10;
	} writes[] = {
		{ "Set Features", NVME_SET_FEATURES, 0xff },
		{ "Firmware Commit", NVME_FW_COMMIT, 7 << 3 },
		{ "Capacity Management", NVME_CAPACITY, 0xf },
		{ "Format NVM", NVME_FORMAT, 0xf },
		{ "Sanitize", NVME_SANITIZE, 0 },
		{ "a vendor's admin command", 0xc0, 0 },
	};
	int fd = open(dev.node, O_RDONLY), ret;
	struct io_unified_sqe sqe;
	struct region ro;

	region_close(&reg);
	ret = region_open(&ro, fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("no region for a file opened read-only: %s", strerror(-ret));
	for (unsigned int i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		sqe = cmd_admin(writes[i].opcode, NO_NSID, 0, 0);
		sqe.nvme_cmd.cdw10 = writes[i].cdw10;
		run(&ro, &sqe, -EACCES, "%s with a file opened read-only: -EACCES",
		    writes[i].name);
	}
	sqe = cmd_identify(1, 0);
	run(&ro, &sqe, 0, "Identify with it");
	sqe = cmd_log(2, 512);
	run(&ro, &sqe, 0, "Get Log Page with it");
	sqe = cmd_feature(NVME_GET_FEATURES, 7);
	run(&ro, &sqe, 0, "Get Features with it");
	sqe = cmd_admin(NVME_LBA_STATUS, dev.nsid, 0, 4096);
	run_any(&ro, &sqe, "Get LBA Status with it");
	region_close(&ro);
	close(fd);
	ret = region_open(&reg, dev.fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("cannot register: %s", strerror(-ret));
}

static bool block_filled(const struct device *d, unsigned int seed)
{
	pattern(back, sizeof(back), seed);
	return device_block_write(d, back, sizeof(back), 0);
}

static bool block_zero(const struct device *d)
{
	return device_block_read(d, back, sizeof(back), 0) &&
	       is_zero(back, sizeof(back));
}

static void test_features_and_format(const struct device *other)
{
	struct io_unified_sqe sqe = cmd_feature(NVME_SET_FEATURES, 6);
	struct io_unified_sqe get = cmd_feature(NVME_GET_FEATURES, 6);
	struct io_unified_cqe cqe;

	sqe.nvme_cmd.nsid = get.nvme_cmd.nsid = 0;
	run(&reg, &sqe, 0, "Set Features: write cache off");
	cqe = region_run(&reg, &get);
	ok(!cqe.status && !(cqe.result & 1), "it is");
	sqe.nvme_cmd.cdw11 = 1;
	run(&reg, &sqe, 0, "Set Features: write cache on");
	cqe = region_run(&reg, &get);
	ok(!cqe.status && cqe.result & 1, "it is");

	sqe = cmd_identify(0, NO_NSID);
	run(&reg, &sqe, SC_INVALID_NS, "Identify of a namespace that there is not: Invalid Namespace");

	ok(block_filled(other, 2), "the other namespace has data");
	sqe = cmd_admin(NVME_FORMAT, other->nsid, 0, 0);
	sqe.nvme_cmd.cdw10 = other->id_ns[26] & 0xf;
	run(&reg, &sqe, 0, "Format NVM of the other namespace");
	ok(block_zero(other), "it has none");
	ok(block_filled(&dev, 3), "the region's namespace has data");
	sqe.nvme_cmd.nsid = dev.nsid;
	run(&reg, &sqe, 0, "Format NVM of the region's own namespace");
	ok(block_zero(&dev), "it has none");
	sqe = cmd_io(&dev, NVME_READ, 0, 8, HALF);
	memset(reg.data + HALF, 0xaa, 4096);
	run(&reg, &sqe, 0, "Read of it");
	ok(is_zero(reg.data + HALF, 8 * dev.lba_size), "it returns zeroes");
}

/* Has the kernel seen it?  ctrl is the controller's folder in sysfs */
static bool block_size_becomes(const char *ctrl, unsigned int size)
{
	uint64_t begin = now_ms();
	char path[200], text[32];
	bool asked;
	int fd;

	snprintf(path, sizeof(path), "%s/rescan_controller", ctrl);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	asked = write(fd, "1", 1) == 1;
	close(fd);
	if (!asked)
		return false;
	snprintf(path, sizeof(path), "/sys/block/%.40s/queue/logical_block_size",
		 dev.block + strlen("/dev/"));
	do {
		ssize_t n = -1;

		fd = open(path, O_RDONLY);
		if (fd >= 0) {
			n = read(fd, text, sizeof(text) - 1);
			close(fd);
		}
		text[n < 0 ? 0 : n] = 0;
		if (strtoul(text, NULL, 0) == size)
			return true;
		be_patient(begin);
	} while (now_ms() - begin < APPEAR_MS);
	return false;
}

/* The region has registered a namespace that is another now */
static void test_block_size(const char *ctrl)
{
	struct io_unified_sqe format = cmd_admin(NVME_FORMAT, dev.nsid, 0, 0);
	struct device now = dev;
	struct io_unified_sqe sqe;
	unsigned int i;

	for (i = 0; i <= dev.id_ns[25]; i++) {
		const uint8_t *lbaf = dev.id_ns + 128 + 4 * i;

		if (!get_le(lbaf, 2) && lbaf[2] == 12)
			break;
	}
	format.nvme_cmd.cdw10 = i;
	run(&reg, &format, 0, "Format NVM to blocks of 4096 bytes");
	ok(block_size_becomes(ctrl, 4096), "the kernel sees it");
	now.lba_size = 4096;
	now.nr_lbas = dev.nr_lbas * dev.lba_size / 4096;
	pattern(reg.data, 8192, 11);
	sqe = cmd_io(&now, NVME_WRITE, 1, 2, 0);
	run(&reg, &sqe, 0, "Write of two blocks");
	memset(reg.data + HALF, 0xaa, 65536);
	sqe = cmd_io(&now, NVME_READ, 1, 2, HALF);
	run(&reg, &sqe, 0, "Read of them");
	ok(is_pattern(reg.data + HALF, 8192, 11) &&
	   (unsigned char)reg.data[HALF + 8192] == 0xaa, "it returns what was written");
	sqe.nvme_cmd.cdw12 = 15;
	memset(reg.data + HALF, 0xaa, 65536);
	run(&reg, &sqe, -EINVAL, "Read of 16 blocks to the room of two: -EINVAL");
	ok((unsigned char)reg.data[HALF + 8192] == 0xaa, "nothing behind it is touched");

	format.nvme_cmd.cdw10 = dev.id_ns[26] & 0xf;
	run(&reg, &format, 0, "Format NVM back");
	ok(block_size_becomes(ctrl, dev.lba_size), "the kernel sees it");
	sqe = cmd_io(&dev, NVME_READ, 0, 16, HALF);
	run(&reg, &sqe, 0, "Read of 16 small blocks");
}

/* The block node of the controller's namespace NSID, as the kernel has it now */
static bool find_namespace(uint32_t nsid, struct device *d)
{
	DIR *dir = opendir("/sys/class/nvme-generic");
	char path[600], text[32];
	struct dirent *e;
	bool found = false;

	if (!dir)
		bail_out("/sys/class/nvme-generic: %s", strerror(errno));
	while (!found && (e = readdir(dir))) {
		int fd, n;

		if (strncmp(e->d_name, "ng", 2))
			continue;
		snprintf(path, sizeof(path), "/sys/block/nvme%s/nsid", e->d_name + 2);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n < 0 ? 0 : n] = 0;
		if (strtoul(text, NULL, 0) != nsid)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		fd = open(path, O_RDWR);
		found = fd >= 0;
		if (found)
			close(fd);
		if (found && d)
			device_open(d, path, O_RDWR);
	}
	closedir(dir);
	return found;
}

static bool namespace_becomes(uint32_t nsid, bool there)
{
	uint64_t begin = now_ms();

	while (find_namespace(nsid, NULL) != there) {
		if (now_ms() - begin > APPEAR_MS)
			return false;
		be_patient(begin);
	}
	return true;
}

static struct io_unified_sqe cmd_attach(uint32_t nsid, unsigned int how)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_NS_ATTACHMENT, nsid, 8192, 4096);

	sqe.nvme_cmd.cdw10 = how;
	memset(reg.data + 8192, 0, 4096);
	put_le16(reg.data + 8192, 1);
	put_le16(reg.data + 8192 + 2, get_le(dev.id + 78, 2));
	return sqe;
}

static void test_attachment(uint32_t other, uint32_t detached)
{
	struct io_unified_cqe cqe;
	struct io_unified_sqe sqe;
	struct device third;
	bool appears;
	int idx;

	sqe = cmd_attach(other, DETACH);
	run(&reg, &sqe, 0, "Namespace Attachment: detach the other namespace");
	ok(namespace_becomes(other, false), "its nodes go");
	sqe = cmd_attach(other, DETACH);
	run(&reg, &sqe, SC_NS_NOT_ATTACHED, "detach it again: Namespace Not Attached");
	sqe = cmd_attach(other, ATTACH);
	run(&reg, &sqe, 0, "Namespace Attachment: attach it");
	ok(namespace_becomes(other, true), "its nodes come back");
	sqe = cmd_attach(other, ATTACH);
	run(&reg, &sqe, SC_NS_ATTACHED, "attach it again: Namespace Already Attached");
	sqe = cmd_attach(NO_NSID, ATTACH);
	run(&reg, &sqe, SC_INVALID_NS, "attach one that there is not: Invalid Namespace");

	sqe = cmd_attach(detached, ATTACH);
	run(&reg, &sqe, 0, "attach a namespace that was detached from the beginning");
	appears = namespace_becomes(detached, true) && find_namespace(detached, &third);
	ok(appears, "its nodes appear");
	if (!appears)
		return;
	idx = region_add_dev(&reg, third.fd, NULL);
	if (!ok(idx == 1, "it becomes the region's second device")) {
		note("%d", idx);
		return;
	}
	pattern(reg.data, 4096, 9);
	sqe = cmd_io(&third, NVME_WRITE, 0, 4096 / third.lba_size, 0);
	sqe.dev = idx;
	run(&reg, &sqe, 0, "Write to it");
	ok(device_block_read(&third, back, 4096, 0) && is_pattern(back, 4096, 9),
	   "its block device reads what was written");
	close(third.fd);
	sqe = cmd_attach(detached, DETACH);
	run(&reg, &sqe, 0, "detach it while the region has it");
	ok(namespace_becomes(detached, false), "its nodes go");
	sqe = cmd_io(&third, NVME_WRITE, 0, 4096 / third.lba_size, 0);
	sqe.dev = idx;
	cqe = region_run(&reg, &sqe);
	ok(cqe.status && !cqe.len, "Write to it completes, with an error");
	note("status %#x result %d", cqe.status, cqe.result);
	sqe = cmd_io(&dev, NVME_READ, 0, 8, HALF);
	run(&reg, &sqe, 0, "the first device works on");
}

/* Create and delete: no emulated controller has them */
static void test_management(void)
{
	struct io_unified_sqe sqe = cmd_admin(NVME_NS_MANAGEMENT, 77, 0, 0);
	struct io_unified_cqe cqe;
	const char *text = "Namespace Management: delete";

	sqe.nvme_cmd.cdw10 = 1;
	cqe = region_run(&reg, &sqe);
	if ((cqe.status & 0x7ff) == SC_INVALID_OPCODE && !(dev.effects[4 * NVME_NS_MANAGEMENT] & 1))
		skip(text, "the device says Invalid Opcode");
	else
		ok((cqe.status & 0x7ff) == SC_INVALID_NS, "%s of one that there is not: Invalid Namespace", text);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 2 && argc != 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	ret = region_open(&reg, dev.fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_commands();
	test_refused();
	test_needs();
	test_read_only();
	test_management();
	if (argc == 5) {
		struct device other;

		device_open(&other, argv[2], O_RDWR);
		test_features_and_format(&other);
		test_block_size(argv[4]);
		close(other.fd);
		test_attachment(other.nsid, atoi(argv[3]));
	}
	ok(!region_close(&reg), "unregister");
	return tap_end();
}
