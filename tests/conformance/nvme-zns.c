// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-zns: zones through the rings.
 *
 * Usage: nvme-zns GENERIC_NODE ZONE_CAPACITY MAX_OPEN MAX_ACTIVE
 *
 * ZONE_CAPACITY is in bytes.  Resets all zones; leaves 64 KiB of pattern(77) in
 * the last but one, which should be beyond LBA 2^32: only then does it take
 * more than dword 0 of the result to say where appended data is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(2u << 20)
#define HALF		(DATA_SIZE / 2)

enum { CLOSE = 1, FINISH = 2, OPEN = 3, RESET = 4, OFFLINE = 5, ALL = 0x100 };
enum { EMPTY = 1, IMPLICIT = 2, EXPLICIT = 3, CLOSED = 4, FULL = 0xe };

static struct device dev;
static struct region reg;
static char back[HALF];
static uint64_t nr_zones, zone_lbas, capacity;

static struct io_unified_sqe cmd_send(uint64_t zone, unsigned int action)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_ZONE_SEND,
					   zone * zone_lbas, 1, 0);

	sqe.nvme_cmd.cdw12 = 0;
	sqe.nvme_cmd.data_len = 0;
	sqe.nvme_cmd.cdw13 = action;
	return sqe;
}

static struct io_unified_sqe cmd_report(uint64_t zone, unsigned int which)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_ZONE_RECEIVE,
					   zone * zone_lbas, 1, HALF);

	sqe.nvme_cmd.data_len = 4096;
	sqe.nvme_cmd.cdw12 = 4096 / 4 - 1;
	sqe.nvme_cmd.cdw13 = which << 8;
	return sqe;
}

static struct io_unified_sqe cmd_append(uint64_t zone, unsigned int nr, uint64_t off)
{
	return cmd_io(&dev, NVME_ZONE_APPEND, zone * zone_lbas, nr, off);
}

/* Of the first zone in a report */
static unsigned int state(const char *report)
{
	return (unsigned char)report[64 + 1] >> 4;
}

static uint64_t write_pointer(const char *report)
{
	return get_le(report + 64 + 24, 8);
}

/* What the ioctl says of it */
static unsigned int state_of(uint64_t zone)
{
	struct io_unified_sqe sqe = cmd_report(zone, 0);

	sqe.buf_offset = 0;
	return device_ioctl(&dev, &sqe, back, NULL) ? 0 : state(back);
}

static void send_all(unsigned int action)
{
	struct io_unified_sqe sqe = cmd_send(0, action | ALL);

	region_run(&reg, &sqe);
}

static void test_report(void)
{
	struct io_unified_sqe sqe = cmd_report(0, 0);

	memset(reg.data + HALF, 0xff, 4096);
	run(&reg, &sqe, 0, "Zone Management Receive reports zones");
	sqe.buf_offset = 0;
	device_ioctl(&dev, &sqe, back, NULL);
	ok(get_le(back, 8) > 3 && !memcmp(reg.data + HALF, back, 4096),
	   "as it does by ioctl");
	nr_zones = get_le(back, 8);
	zone_lbas = get_le(back + 128 + 16, 8) - get_le(back + 64 + 16, 8);
	if (!ok(zone_lbas && nr_zones == dev.nr_lbas / zone_lbas &&
		get_le(back + 64 + 8, 8) == capacity,
		"number, size and capacity of the zones are the namespace's"))
		bail_out("no zones to go on with");

	sqe = cmd_report(0, 0);
	sqe.nvme_cmd.cdw13 = 0x77;
	run(&reg, &sqe, SC_INVALID_FIELD, "a receive action that there is not: Invalid Field");
	sqe = cmd_report(0, 0);
	sqe.nvme_cmd.cdw10 = dev.nr_lbas;
	sqe.nvme_cmd.cdw11 = dev.nr_lbas >> 32;
	run(&reg, &sqe, SC_LBA_RANGE, "a report from beyond the last zone: LBA Out of Range");
}

static void transition(uint64_t zone, unsigned int action, unsigned int want,
		       const char *text)
{
	struct io_unified_sqe sqe = cmd_send(zone, action);

	run(&reg, &sqe, 0, "Zone Management Send: %s", text);
	if (!ok(state_of(zone) == want, "the zone is in that state"))
		note("state %u", state_of(zone));
}

static void test_send(void)
{
	struct io_unified_sqe sqe;

	transition(1, OPEN, EXPLICIT, "open");
	sqe = cmd_io(&dev, NVME_WRITE, zone_lbas, 8, 0);
	run(&reg, &sqe, 0, "Write of 8 blocks to it");
	transition(1, CLOSE, CLOSED, "close");
	sqe = cmd_report(0, 4);
	run(&reg, &sqe, 0, "a report of closed zones");
	ok(get_le(reg.data + HALF, 8) == 1 &&
	   get_le(reg.data + HALF + 64 + 16, 8) == zone_lbas &&
	   write_pointer(reg.data + HALF) == zone_lbas + 8,
	   "it is in there, alone, with its write pointer");
	transition(1, FINISH, FULL, "finish");
	transition(1, RESET, EMPTY, "reset");
	sqe = cmd_send(1, CLOSE);
	run(&reg, &sqe, SC_ZONE_TRANSITION, "close an empty zone: Invalid Zone State Transition");
	sqe = cmd_send(1, OFFLINE);
	run(&reg, &sqe, SC_ZONE_TRANSITION, "take an empty zone offline: the same");
	sqe = cmd_send(1, 0x77);
	run(&reg, &sqe, SC_INVALID_FIELD, "an action that there is not: Invalid Field");
	sqe = cmd_send(1, OPEN);
	sqe.nvme_cmd.cdw10++;
	run(&reg, &sqe, SC_INVALID_FIELD, "a zone that begins elsewhere: Invalid Field");
}

static void test_write(void)
{
	struct io_unified_sqe sqe;
	uint64_t start = 2 * zone_lbas;

	pattern(reg.data, 65536, 21);
	sqe = cmd_io(&dev, NVME_WRITE, start, 65536 / dev.lba_size, 0);
	run(&reg, &sqe, 0, "Write at the write pointer");
	ok(state_of(2) == IMPLICIT, "the zone is implicitly open");
	sqe = cmd_io(&dev, NVME_READ, start, 65536 / dev.lba_size, HALF);
	run(&reg, &sqe, 0, "Read of it");
	ok(is_pattern(reg.data + HALF, 65536, 21), "it returns what was written");
	sqe = cmd_io(&dev, NVME_WRITE, start, 1, 0);
	run(&reg, &sqe, SC_ZONE_INVALID_WRITE, "Write before the write pointer: Zone Invalid Write");
	sqe = cmd_io(&dev, NVME_WRITE, start + capacity - 1, 1, 0);
	run(&reg, &sqe, SC_ZONE_INVALID_WRITE, "Write behind the write pointer: Zone Invalid Write");
	sqe = cmd_io(&dev, NVME_WRITE, start + 65536 / dev.lba_size,
		     262144 / dev.lba_size, 0);
	while (!region_run(&reg, &sqe).status)
		sqe.nvme_cmd.cdw10 += 262144 / dev.lba_size;
	run(&reg, &sqe, SC_ZONE_BOUNDARY, "Write across the capacity: Zone Boundary Error");
	sqe = cmd_send(2, FINISH);
	region_run(&reg, &sqe);
	sqe = cmd_io(&dev, NVME_WRITE, start + capacity - 1, 1, 0);
	run(&reg, &sqe, SC_ZONE_FULL, "Write to a full zone: Zone Is Full");
	sqe = cmd_append(2, 1, 0);
	run(&reg, &sqe, SC_ZONE_FULL, "Zone Append to a full zone: Zone Is Full");
	sqe = cmd_io(&dev, NVME_READ, start + zone_lbas - 1, 2, HALF);
	run(&reg, &sqe, SC_ZONE_BOUNDARY, "Read across zones: Zone Boundary Error");
	send_all(RESET);
	ok(state_of(2) == EMPTY, "reset of all zones");
}

/* zasl: the most that one command may append, bytes */
static void test_append(uint64_t zone, unsigned int zasl)
{
	uint64_t start = zone * zone_lbas, seen = 0;
	struct io_unified_sqe sqe;
	struct io_unified_cqe cqe;
	unsigned int i, bad = 0;

	ok(start > UINT32_MAX, "the zone is beyond LBA 2^32");
	pattern(reg.data, 65536, 77);
	sqe = cmd_append(zone, 4096 / dev.lba_size, 0);
	cqe = run(&reg, &sqe, 0, "Zone Append of 4096 bytes");
	if (!ok(cqe.result64 == start && cqe.result == (int)start,
		"result64 is their LBA, result its low half"))
		note("%#llx, not %#llx", cqe.result64, (unsigned long long)start);
	sqe = cmd_append(zone, 4096 / dev.lba_size, 4096);
	cqe = run(&reg, &sqe, 0, "Zone Append of the next 4096 bytes");
	ok(cqe.result64 == start + 4096 / dev.lba_size, "result64 is their LBA");

	for (i = 2; i < 16; i++) {
		sqe = cmd_append(zone, 4096 / dev.lba_size, i * 4096);
		sqe.user_data = i;
		region_queue(&reg, &sqe);
	}
	region_submit(&reg);
	for (; i > 2; i--) {
		uint64_t at;

		if (region_reap(&reg, &cqe, 20000))
			bail_out("no completion");
		at = (cqe.result64 - start) * dev.lba_size / 4096;
		bad += cqe.status || at < 2 || at > 15 || seen & 1 << at;
		seen |= 1 << at;
		device_block_read(&dev, back, 4096, cqe.result64 * dev.lba_size);
		bad += !!memcmp(back, reg.data + cqe.dma_addr, 4096);
	}
	ok(!bad && seen == 0xfffc, "14 appends at once: each has an LBA of its own, and its data is there");

	sqe = cmd_append(zone, 1, 0);
	sqe.nvme_cmd.cdw10++;
	run(&reg, &sqe, SC_INVALID_FIELD, "Zone Append not to the begin of a zone: Invalid Field");
	sqe = cmd_append(zone, 2 * zasl / dev.lba_size, 0);
	run(&reg, &sqe, SC_INVALID_FIELD, "Zone Append of more than the device's limit: Invalid Field");
	sqe = cmd_append(zone, 8, 0);
	sqe.nvme_cmd.data_len -= 4;
	run(&reg, &sqe, -EINVAL, "Zone Append of more blocks than there is data: -EINVAL");

	/* in the order of their places, for who looks from outside */
	sqe = cmd_send(zone, RESET);
	region_run(&reg, &sqe);
	sqe = cmd_append(zone, 65536 / dev.lba_size, 0);
	cqe = run(&reg, &sqe, 0, "Zone Append of 65536 bytes");
	ok(cqe.result64 == start && device_block_read(&dev, back, 65536, start * dev.lba_size) &&
	   is_pattern(back, 65536, 77), "the block device reads them at their LBA");
}

static void test_limits(unsigned int max_open, unsigned int max_active)
{
	struct io_unified_sqe sqe;
	unsigned int i, bad = 0;

	for (i = 0; i < max_open; i++) {
		sqe = cmd_send(i, OPEN);
		bad += !!region_run(&reg, &sqe).status;
	}
	ok(!bad, "as many zones open as may be");
	sqe = cmd_send(i, OPEN);
	run(&reg, &sqe, SC_ZONE_TOO_MANY_OPEN, "open one more: Too Many Open Zones");
	send_all(RESET);
	for (i = 0; i < max_active; i++) {
		sqe = cmd_io(&dev, NVME_WRITE, i * zone_lbas, 1, 0);
		bad += !!region_run(&reg, &sqe).status;
		sqe = cmd_send(i, CLOSE);
		bad += !!region_run(&reg, &sqe).status;
	}
	ok(!bad, "as many zones active as may be");
	sqe = cmd_io(&dev, NVME_WRITE, i * zone_lbas, 1, 0);
	run(&reg, &sqe, SC_ZONE_TOO_MANY_ACTIVE, "write to one more: Too Many Active Zones");
	send_all(RESET);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 5)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	capacity = strtoull(argv[2], NULL, 0) / dev.lba_size;
	ret = region_open(&reg, dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	send_all(RESET);
	test_report();
	test_send();
	test_write();
	test_limits(atoi(argv[3]), atoi(argv[4]));
	test_append(nr_zones - 2, 131072);
	region_close(&reg);
	return tap_end();
}
