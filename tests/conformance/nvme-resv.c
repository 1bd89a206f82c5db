// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-resv: reservations through the rings, between two hosts.
 *
 * Usage: nvme-resv GENERIC_NODE [GENERIC_NODE]
 *
 * The nodes are the same namespace as two hosts see it.  With one node, only
 * what a device without reservations says.  Overwrites the first block.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(256u << 10)
#define REPORT		8192

enum { WRITE_EXCLUSIVE = 1, EXCLUSIVE_ACCESS = 2 };
enum { REGISTER = 0, UNREGISTER = 1 };
enum { ACQUIRE = 0, PREEMPT = 1 };
enum { RELEASE = 0, CLEAR = 1 };

struct host {
	struct device	dev;
	struct region	reg;
	uint64_t	key;
};

static void host_open(struct host *h, const char *node, uint64_t key)
{
	int ret;

	device_open(&h->dev, node, O_RDWR);
	h->key = key;
	ret = region_open(&h->reg, h->dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", node, strerror(-ret));
}

static struct io_unified_sqe cmd_keys(const struct host *h, unsigned int opcode,
				      unsigned int action, unsigned int type,
				      uint64_t key, uint64_t other)
{
	unsigned int len = opcode == NVME_RESV_RELEASE ? 8 : 16;
	struct io_unified_sqe sqe = cmd_data(&h->dev, opcode, 4096, len);

	put_le64(h->reg.data + 4096, key);
	put_le64(h->reg.data + 4096 + 8, other);
	sqe.nvme_cmd.cdw10 = action | type << 8;
	return sqe;
}

static struct io_unified_sqe cmd_report(const struct host *h)
{
	struct io_unified_sqe sqe = cmd_data(&h->dev, NVME_RESV_REPORT, REPORT, 4096);

	sqe.nvme_cmd.cdw10 = 4096 / 4 - 1;
	sqe.nvme_cmd.cdw11 = 1;		/* extended data structure */
	return sqe;
}

static bool may(struct host *h, unsigned int opcode, int want)
{
	struct io_unified_sqe sqe = cmd_io(&h->dev, opcode, 0, 1, 0);

	return (int)(region_run(&h->reg, &sqe).status & 0x1ffff & ~0x7800) == want;
}

/* Who holds what, by the report of one host */
static bool reported(struct host *h, unsigned int type, unsigned int registrants)
{
	struct io_unified_sqe sqe = cmd_report(h);
	const char *p = h->reg.data + REPORT;
	char same[4096];

	memset(h->reg.data + REPORT, 0xff, 4096);
	if (region_run(&h->reg, &sqe).status)
		return false;
	sqe.buf_offset = 0;
	if (device_ioctl(&h->dev, &sqe, same, NULL) || memcmp(same, p, 4096))
		return false;
	return (unsigned char)p[4] == type && get_le(p + 5, 2) == registrants;
}

static void test_two_hosts(struct host *a, struct host *b)
{
	struct io_unified_sqe sqe;

	sqe = cmd_keys(a, NVME_RESV_REGISTER, REGISTER, 0, 0, a->key);
	run(&a->reg, &sqe, 0, "the first host registers its key");
	sqe = cmd_keys(b, NVME_RESV_REGISTER, REGISTER, 0, 0, b->key);
	run(&b->reg, &sqe, 0, "the second host registers its key");
	sqe = cmd_report(a);
	run(&a->reg, &sqe, 0, "Reservation Report");
	ok(reported(a, 0, 2) && reported(b, 0, 2),
	   "both see two registrants and no reservation, as by ioctl");
	sqe = cmd_keys(a, NVME_RESV_ACQUIRE, ACQUIRE, WRITE_EXCLUSIVE, a->key + 1, 0);
	run(&a->reg, &sqe, SC_RESV_CONFLICT, "acquire with a wrong key: Reservation Conflict");
	sqe = cmd_keys(a, NVME_RESV_ACQUIRE, ACQUIRE, WRITE_EXCLUSIVE, a->key, 0);
	run(&a->reg, &sqe, 0, "the first host acquires Write Exclusive");
	ok(reported(b, WRITE_EXCLUSIVE, 2), "the second host sees it");
	ok(may(a, NVME_WRITE, 0), "the first host writes");
	sqe = cmd_io(&b->dev, NVME_WRITE, 0, 1, 0);
	run(&b->reg, &sqe, SC_RESV_CONFLICT, "Write of the second host: Reservation Conflict");
	ok(may(b, NVME_READ, 0), "it may read");
	sqe = cmd_keys(b, NVME_RESV_ACQUIRE, ACQUIRE, WRITE_EXCLUSIVE, b->key, 0);
	run(&b->reg, &sqe, SC_RESV_CONFLICT, "the second host acquires the same: Reservation Conflict");
	sqe = cmd_keys(b, NVME_RESV_ACQUIRE, PREEMPT, EXCLUSIVE_ACCESS, b->key, a->key);
	run(&b->reg, &sqe, 0, "the second host preempts the first with Exclusive Access");
	ok(reported(b, EXCLUSIVE_ACCESS, 1), "it alone is registered");
	ok(may(a, NVME_WRITE, SC_RESV_CONFLICT) && may(a, NVME_READ, SC_RESV_CONFLICT),
	   "the first host may neither write nor read");
	sqe = cmd_keys(b, NVME_RESV_RELEASE, RELEASE, EXCLUSIVE_ACCESS, b->key, 0);
	run(&b->reg, &sqe, 0, "the second host releases");
	ok(reported(b, 0, 1) && may(a, NVME_WRITE, 0) && may(a, NVME_READ, 0),
	   "the first host may write and read");
	sqe = cmd_keys(b, NVME_RESV_RELEASE, CLEAR, 0, b->key, 0);
	run(&b->reg, &sqe, 0, "the second host clears");
	ok(reported(b, 0, 0), "nobody is registered");
}

static void test_none(struct host *h)
{
	static const struct {
		unsigned int opcode;
		const char *name;
	} cmds[] = {
		{ NVME_RESV_REGISTER, "Reservation Register" },
		{ NVME_RESV_REPORT, "Reservation Report" },
		{ NVME_RESV_ACQUIRE, "Reservation Acquire" },
		{ NVME_RESV_RELEASE, "Reservation Release" },
	};

	for (unsigned int i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		struct io_unified_sqe sqe = cmd_data(&h->dev, cmds[i].opcode, 0, 16);

		run_if_any(&h->dev, &h->reg, &sqe, 0, cmds[i].name);
	}
}

int main(int argc, char **argv)
{
	static struct host a, b;

	if (argc != 2 && argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	host_open(&a, argv[1], 0x1111222233334444);
	if (argc == 3) {
		host_open(&b, argv[2], 0x5555666677778888);
		test_two_hosts(&a, &b);
		region_close(&b.reg);
	} else {
		test_none(&a);
	}
	region_close(&a.reg);
	return tap_end();
}
