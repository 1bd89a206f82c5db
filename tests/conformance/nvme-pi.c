// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-pi: metadata and end-to-end protection through the rings, in a buffer of
 * their own or interleaved with the blocks, whichever the namespace is for.
 *
 * Usage: nvme-pi GENERIC_NODE [64]
 *
 * Overwrites the first MiB of the namespace.  Protection information is type 1
 * with a 16 bit guard, and the last bytes of the metadata; the checks of it are
 * left out where the namespace has none.  With 64 the guard has as many bits and
 * protection information is all of the metadata.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define HALF		(DATA_SIZE / 2)
#define META		(DATA_SIZE / 4)	/* of what is in either half */
#define NR		16		/* blocks in a command */
#define LBA		32

/* PRINFO, in dword 12 */
#define PRACT		(1u << 29)
#define CHECK_GUARD	(1u << 28)
#define CHECK_APP	(1u << 27)
#define CHECK_REF	(1u << 26)
#define CHECK_ALL	(CHECK_GUARD | CHECK_APP | CHECK_REF)

#define APP_TAG		0x5a3c

static struct device dev;
static struct region reg;

/* T10 DIF: polynomial 0x8bb7, begins with 0 */
static uint16_t crc16(uint16_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len--) {
		crc ^= *p++ << 8;
		for (int i = 0; i < 8; i++)
			crc = crc << 1 ^ (crc & 0x8000 ? 0x8bb7 : 0);
	}
	return crc;
}

static void put_be(uint8_t *p, uint32_t v, int bytes)
{
	while (bytes--) {
		p[bytes] = v;
		v >>= 8;
	}
}

/* Where block i and its metadata are, for a command whose data is at off */
static char *block(uint64_t off, unsigned int i)
{
	return reg.data + off +
	       i * (dev.lba_size + (dev.ext_lba ? dev.meta_size : 0));
}

static char *meta(uint64_t off, unsigned int i)
{
	if (dev.ext_lba)
		return block(off, i) + dev.lba_size;
	return reg.data + off + META + i * dev.meta_size;
}

static uint8_t *tuple(uint64_t off, unsigned int i)
{
	return (uint8_t *)meta(off, i) + dev.meta_size - 8;
}

static uint16_t guard(uint64_t off, unsigned int i)
{
	uint16_t crc = crc16(0, block(off, i), dev.lba_size);

	return crc16(crc, meta(off, i), dev.meta_size - 8);
}

static void fill(uint64_t off, unsigned int seed)
{
	for (unsigned int i = 0; i < NR; i++) {
		pattern(block(off, i), dev.lba_size, seed + i);
		pattern(meta(off, i), dev.meta_size, seed + 100 + i);
		put_be(tuple(off, i), guard(off, i), 2);
		put_be(tuple(off, i) + 2, APP_TAG, 2);
		put_be(tuple(off, i) + 4, LBA + i, 4);
	}
}

static bool same(uint64_t a, uint64_t b)
{
	for (unsigned int i = 0; i < NR; i++)
		if (memcmp(block(a, i), block(b, i), dev.lba_size) ||
		    memcmp(meta(a, i), meta(b, i), dev.meta_size))
			return false;
	return true;
}

static struct io_unified_sqe cmd(unsigned int opcode, uint64_t off, uint32_t prinfo)
{
	struct io_unified_sqe sqe = cmd_io(&dev, opcode, LBA, NR, off);

	if (!dev.ext_lba) {
		sqe.meta_offset = off + META;
		sqe.nvme_cmd.metadata_len = NR * dev.meta_size;
	}
	sqe.nvme_cmd.cdw12 |= prinfo;
	if (dev.id_ns[29] & 7) {
		sqe.nvme_cmd.cdw14 = LBA;
		sqe.nvme_cmd.cdw15 = 0xffffu << 16 | APP_TAG;
	}
	return sqe;
}

static void test_metadata(void)
{
	struct io_unified_sqe sqe;

	fill(0, 1);
	sqe = cmd(NVME_WRITE, 0, 0);
	run(&reg, &sqe, 0, "Write of 16 blocks with metadata");
	memset(reg.data + HALF, 0xaa, HALF);
	sqe = cmd(NVME_READ, HALF, 0);
	run(&reg, &sqe, 0, "Read of them");
	ok(same(0, HALF), "data and metadata return");
	ok((unsigned char)*block(HALF, NR) == 0xaa && (unsigned char)*meta(HALF, NR) == 0xaa,
	   "and nothing beyond them");
	sqe = cmd(NVME_COMPARE, 0, 0);
	run_if_any(&dev, &reg, &sqe, 0, "Compare with metadata");
	if (!(dev.id_ns[29] & 7)) {
		*meta(0, 3) ^= 1;
		run_if_any(&dev, &reg, &sqe, SC_COMPARE_FAILED, "Compare with unequal metadata: Compare Failure");
	}
}

/* 128 KiB and metadata that begins where a page does not */
static void test_long(void)
{
	unsigned int nr = 131072 / dev.lba_size, len = nr * dev.meta_size, seed = 11;
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE, 0, nr, 0);

	pattern(reg.data, 131072, seed);
	pattern(reg.data + META + 4, len, seed + 1);
	sqe.meta_offset = META + 4;
	sqe.nvme_cmd.metadata_len = len;
	run(&reg, &sqe, 0, "Write of 131072 bytes with their metadata");
	memset(reg.data + HALF, 0xaa, HALF);
	sqe = cmd_io(&dev, NVME_READ, 0, nr, HALF);
	sqe.meta_offset = HALF + META + 4;
	sqe.nvme_cmd.metadata_len = len;
	run(&reg, &sqe, 0, "Read of them");
	ok(is_pattern(reg.data + HALF, 131072, seed) &&
	   is_pattern(reg.data + HALF + META + 4, len, seed + 1) &&
	   (unsigned char)reg.data[HALF + META + 4 + len] == 0xaa,
	   "data and metadata return, and nothing beyond them");
}

static void test_separate(void)
{
	struct io_unified_sqe sqe;
	struct region user;
	int ret;

#define REFUSED(err, text, ...)						\
	do {								\
		sqe = cmd(NVME_WRITE, 0, 0);				\
		__VA_ARGS__;						\
		run(&reg, &sqe, err, "%s: %s", text, #err);		\
	} while (0)
	REFUSED(-EFAULT, "metadata beyond the data area", sqe.meta_offset = 1ull << 40);
	REFUSED(-EFAULT, "metadata across the end of the data area",
		sqe.meta_offset = DATA_SIZE - 4);
	REFUSED(-EFAULT, "metadata offset that wraps", sqe.meta_offset = -64ull);
	REFUSED(-EINVAL, "metadata that is not aligned to 4 bytes", sqe.meta_offset += 2);
	REFUSED(-EINVAL, "less metadata than there are blocks",
		sqe.nvme_cmd.metadata_len -= dev.meta_size);
	/* the device would have no address for it but 0 */
	REFUSED(-EINVAL, "no metadata, and no PRACT", sqe.nvme_cmd.metadata_len = 0);
#undef REFUSED
	/* two pages that need not be neighbours, in memory that is ours */
	fill(0, 7);
	memcpy(reg.data + 3 * META + 4096 - 20, meta(0, 0), NR * dev.meta_size);
	sqe = cmd(NVME_WRITE, 0, 0);
	sqe.meta_offset = 3 * META + 4096 - 20;
	run(&reg, &sqe, 0, "metadata across a page");
	sqe = cmd(NVME_READ, HALF, 0);
	region_run(&reg, &sqe);
	ok(same(0, HALF), "it returns");

	region_close(&reg);
	ret = region_open(&user, dev.fd, DATA_SIZE, 0, REGION_USER);
	if (ret)
		bail_out("no region in our memory: %s", strerror(-ret));
	reg = user;
	fill(0, 9);
	memcpy(reg.data + 3 * META + 4096 - 20, meta(0, 0), NR * dev.meta_size);
	sqe = cmd(NVME_WRITE, 0, 0);
	sqe.meta_offset = 3 * META + 4096 - 20;
	run(&reg, &sqe, 0, "metadata across a page of our memory");
	sqe = cmd(NVME_READ, HALF, 0);
	region_run(&reg, &sqe);
	ok(same(0, HALF), "it returns");
}

static void test_protection(void)
{
	static const struct {
		const char *what;
		unsigned int byte;
		uint32_t check;
		int status;
	} wrong[] = {
		{ "guard: End-to-end Guard Check Error", 0, CHECK_GUARD, SC_GUARD_CHECK },
		{ "application tag: End-to-end Application Tag Check Error", 2, CHECK_APP, SC_APPTAG_CHECK },
		{ "reference tag: End-to-end Reference Tag Check Error", 4, CHECK_REF, SC_REFTAG_CHECK },
	};
	struct io_unified_sqe sqe;
	unsigned int i, bad = 0;

	fill(0, 20);
	sqe = cmd(NVME_WRITE, 0, CHECK_ALL);
	run(&reg, &sqe, 0, "Write that has guard, application and reference tag checked");
	sqe = cmd(NVME_READ, HALF, CHECK_ALL);
	run(&reg, &sqe, 0, "Read that has them checked");
	ok(same(0, HALF), "data and protection information return");
	sqe = cmd(NVME_VERIFY, 0, CHECK_ALL);
	sqe.meta_offset = sqe.nvme_cmd.metadata_len = 0;
	run_if_any(&dev, &reg, &sqe, 0, "Verify that has them checked");

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fill(0, 30 + i);
		tuple(0, 5)[wrong[i].byte] ^= 1;
		sqe = cmd(NVME_WRITE, 0, wrong[i].check);
		run(&reg, &sqe, wrong[i].status, "Write with a wrong %s", wrong[i].what);
		sqe = cmd(NVME_WRITE, 0, 0);
		run(&reg, &sqe, 0, "the same unchecked");
		sqe = cmd(NVME_READ, HALF, wrong[i].check);
		run(&reg, &sqe, wrong[i].status, "Read that finds the wrong %s", wrong[i].what);
		sqe = cmd(NVME_READ, HALF, 0);
		run(&reg, &sqe, 0, "Read of it unchecked");
		ok(same(0, HALF), "it returns as it is");
	}

	/* the controller makes and takes the information, if there is nothing else
	 * in the metadata: then there is none to transfer
	 */
	fill(0, 40);
	for (i = 0; i < NR; i++)	/* without gaps */
		pattern(reg.data + META / 2 + i * dev.lba_size, dev.lba_size, 40 + i);
	sqe = cmd(NVME_WRITE, META / 2, PRACT);
	sqe.meta_offset = sqe.nvme_cmd.metadata_len = 0;
	sqe.nvme_cmd.data_len = NR * dev.lba_size;
	if (dev.meta_size == 8) {
		run(&reg, &sqe, 0, "Write for which the controller makes the protection information");
		sqe = cmd(NVME_READ, HALF, CHECK_GUARD | CHECK_REF);
		run(&reg, &sqe, 0, "Read of what it made, checked");
		for (i = 0; i < NR; i++) {
			uint8_t want[2];

			put_be(want, guard(HALF, i), 2);
			bad += memcmp(want, tuple(HALF, i), 2) ||
			       memcmp(block(HALF, i), block(0, i), dev.lba_size);
		}
		ok(!bad, "the guards are what they should be");
		sqe = cmd(NVME_READ, HALF + META / 2, PRACT | CHECK_GUARD);
		sqe.meta_offset = sqe.nvme_cmd.metadata_len = 0;
		sqe.nvme_cmd.data_len = NR * dev.lba_size;
		run(&reg, &sqe, 0, "Read for which the controller takes it away");
		ok(!memcmp(reg.data + META / 2, reg.data + HALF + META / 2, NR * dev.lba_size),
		   "the data alone returns");
	}
}

/* The controller makes none to compare with: PRACT does not take it away */
static void test_compare_pract(void)
{
	struct io_unified_sqe whole = cmd(NVME_COMPARE, 0, PRACT), sqe = whole;
	uint32_t *len = dev.ext_lba ? &sqe.nvme_cmd.data_len : &sqe.nvme_cmd.metadata_len;

	*len -= dev.meta_size;
	run(&reg, &sqe, -EINVAL, "Compare with PRACT and metadata of one block less: -EINVAL");
	*len -= (NR - 1) * dev.meta_size;
	if (!*len)
		sqe.meta_offset = 0;
	run(&reg, &sqe, -EINVAL, "Compare with PRACT and without metadata: -EINVAL");
	run_any(&reg, &whole, "Compare with PRACT and all metadata");
}

/* How the guard is computed is taken from the controller */
static void test_guard64(void)
{
	struct io_unified_sqe sqe = cmd(NVME_WRITE, 0, PRACT);

	pattern(reg.data, NR * dev.lba_size, 70);
	sqe.meta_offset = sqe.nvme_cmd.metadata_len = 0;
	run(&reg, &sqe, 0, "Write for which the controller makes 16 bytes of protection information");
	memset(reg.data + HALF, 0, HALF);
	sqe = cmd(NVME_READ, HALF, CHECK_GUARD | CHECK_REF);
	run(&reg, &sqe, 0, "Read of what it made, checked");
	ok(is_pattern(reg.data + HALF, NR * dev.lba_size, 70) &&
	   !is_zero(meta(HALF, 0), 8) && memcmp(meta(HALF, 0), meta(HALF, 1), 8),
	   "data and guards return");
	sqe = cmd(NVME_WRITE, HALF, CHECK_GUARD | CHECK_REF);
	run(&reg, &sqe, 0, "Write of both, checked");
	*meta(HALF, 5) ^= 1;
	run(&reg, &sqe, SC_GUARD_CHECK, "Write with a wrong guard: End-to-end Guard Check Error");
	sqe = cmd(NVME_READ, 0, PRACT | CHECK_GUARD);
	sqe.meta_offset = sqe.nvme_cmd.metadata_len = 0;
	memset(reg.data, 0, NR * dev.lba_size);
	run(&reg, &sqe, 0, "Read for which the controller takes it away");
	ok(is_pattern(reg.data, NR * dev.lba_size, 70), "the data alone returns");
}

/* The block layer makes and checks protection information itself */
static void test_block_layer(void)
{
	static char back[NR * 4096], data[NR * 4096];
	struct io_unified_sqe sqe;

	pattern(data, NR * dev.lba_size, 50);
	device_block_write(&dev, data, NR * dev.lba_size, LBA * dev.lba_size);
	sqe = cmd(NVME_READ, HALF, CHECK_GUARD | CHECK_REF);
	run(&reg, &sqe, 0, "Read, checked, of what the block device wrote");
	ok(!memcmp(reg.data + HALF, data, NR * dev.lba_size), "it returns it");
	fill(0, 60);
	sqe = cmd(NVME_WRITE, 0, CHECK_ALL);
	region_run(&reg, &sqe);
	ok(device_block_read(&dev, back, NR * dev.lba_size, LBA * dev.lba_size) &&
	   !memcmp(back, reg.data, NR * dev.lba_size),
	   "the block device accepts and reads what was written");
	if (!(dev.id_ns[29] & 7))
		return;
	tuple(0, 2)[0] ^= 1;
	sqe = cmd(NVME_WRITE, 0, 0);
	region_run(&reg, &sqe);
	ok(!device_block_read(&dev, back, NR * dev.lba_size, LBA * dev.lba_size),
	   "and refuses what was written with a wrong guard");
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 2 && argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	if (!dev.meta_size)
		bail_out("%s has no metadata", argv[1]);
	note("blocks of %u bytes and %u of metadata, %s, protection type %u",
	     dev.lba_size, dev.meta_size,
	     dev.ext_lba ? "interleaved" : "separate", dev.id_ns[29] & 7);
	ret = region_open(&reg, dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	if (argc == 3) {
		test_guard64();
		test_compare_pract();
		region_close(&reg);
		return tap_end();
	}
	test_metadata();
	if (dev.id_ns[29] & 7) {
		test_protection();
		test_compare_pract();
	}
	if (!dev.ext_lba) {
		test_block_layer();
		test_long();
		test_separate();
	}
	region_close(&reg);
	return tap_end();
}
