// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-ana: a namespace with two paths, whose target makes one or both of them
 * inaccessible (ANA), and goes and comes back, under the rings.
 *
 * Usage: nvme-ana GENERIC_NODE NQN PORT PORT
 *
 * The node is that of all paths; PORT is a folder of the kernel's target in configfs,
 * the two that it exports the subsystem NQN by.  Overwrites the first MiB of the
 * namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define NR		16
#define LEN		4096u
#define WAIT_MS		60000
#define FLIPS		40
#define SC_TYPE(status)	((status) >> 8 & 7)
#define SCT_PATH	3

static struct device dev;
static struct region reg;
static const char *nqn, *ports[2];

/* In how many of the files the first word is @word */
static unsigned int count_words(const char *pattern, const char *word)
{
	unsigned int nr = 0;
	char text[64];
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			close(fd);
		if (n < 0)
			continue;
		text[n] = 0;
		nr += !strcmp(strtok(text, "\n") ?: "", word);
	}
	globfree(&found);
	return nr;
}

/* Of the host's paths, only those by a target have such a state */
static bool paths_are(const char *state, unsigned int nr)
{
	static const char pattern[] =
		"/sys/class/nvme-subsystem/nvme-subsys*/nvme*/nvme*c*n*/ana_state";
	uint64_t begin = now_ms();

	while (count_words(pattern, state) != nr) {
		if (now_ms() - begin > WAIT_MS)
			return false;
		be_patient(begin);
	}
	return true;
}

static void set_state(unsigned int port, const char *state)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/ana_groups/1/ana_state", ports[port]);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, state, strlen(state)) < 0)
		bail_out("%s: %s", path, strerror(errno));
	close(fd);
}

/* The port exports the subsystem, or it does not, and drops its connections */
static void export(unsigned int port, bool on)
{
	char subsystem[256], path[256];

	snprintf(subsystem, sizeof(subsystem), "/sys/kernel/config/nvmet/subsystems/%s", nqn);
	snprintf(path, sizeof(path), "%s/subsystems/%s", ports[port], nqn);
	if (on ? symlink(subsystem, path) : unlink(path))
		bail_out("%s: %s", path, strerror(errno));
}

/* Block @nr as generation @gen has it */
static void make_data(unsigned int nr, unsigned int gen)
{
	memset(reg.data + nr * LEN, gen * 31 + nr + 1, LEN);
}

static struct io_unified_cqe io(unsigned int opcode, unsigned int nr)
{
	struct io_unified_sqe sqe = cmd_io(&dev, opcode, nr * LEN / dev.lba_size,
					   LEN / dev.lba_size, nr * LEN);

	return region_run(&reg, &sqe);
}

/* A block is written, comes back, and is what was written */
static bool works(unsigned int gen)
{
	char want[LEN];

	make_data(0, gen);
	memcpy(want, reg.data, LEN);
	if (io(NVME_WRITE, 0).status)
		return false;
	memset(reg.data, 0, LEN);
	return !io(NVME_READ, 0).status && !memcmp(reg.data, want, LEN);
}

static bool works_again(unsigned int gen)
{
	uint64_t begin = now_ms();

	while (!works(gen)) {
		if (now_ms() - begin > WAIT_MS)
			return false;
		be_patient(begin);
	}
	return true;
}

static void test_states(void)
{
	struct io_unified_cqe cqe;

	ok(paths_are("optimized", 2) && works(1), "two paths: a block comes back");
	set_state(0, "inaccessible");
	ok(works_again(2), "one is inaccessible: a block comes back by the other");
	ok(paths_are("inaccessible", 1) && works(3), "... also when the host knows");
	set_state(1, "inaccessible");
	ok(paths_are("inaccessible", 2), "both are inaccessible");
	cqe = io(NVME_READ, 0);
	ok(cqe.status && !cqe.len, "a command ends with an error");
	note("status %#x result %d", cqe.status, cqe.result);
	set_state(1, "non-optimized");
	ok(works_again(4), "one is back, if not the best");
	set_state(0, "optimized");
	set_state(1, "optimized");
	ok(paths_are("optimized", 2) && works(5), "both are back");
}

/* What is in flight; of each block the generation that is known to be there, or 0 */
static unsigned int written[NR], failed, others;

static void start(unsigned int gen)
{
	for (unsigned int i = 0; i < NR; i++) {
		struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE, i * LEN / dev.lba_size,
						   LEN / dev.lba_size, i * LEN);

		make_data(i, gen);
		sqe.user_data = i;
		region_queue(&reg, &sqe);
	}
	region_submit(&reg);
}

static bool all_end(unsigned int gen)
{
	struct io_unified_cqe cqe;
	unsigned int seen = 0;

	for (unsigned int i = 0; i < NR; i++) {
		if (region_reap(&reg, &cqe, WAIT_MS) || seen & 1u << cqe.user_data)
			return false;
		seen |= 1u << cqe.user_data;
		/* one that failed may have been done, or not */
		written[cqe.user_data] = cqe.status ? 0 : gen;
		failed += !!cqe.status;
		others += cqe.status && cqe.status != IO_UNIFIED_STATUS_HOST &&
			  SC_TYPE(cqe.status) != SCT_PATH;
	}
	return true;
}

static bool all_there(void)
{
	char want[LEN];

	for (unsigned int i = 0; i < NR; i++) {
		if (!written[i])
			continue;
		make_data(i, written[i]);
		memcpy(want, reg.data + i * LEN, LEN);
		memset(reg.data + i * LEN, 0, LEN);
		if (io(NVME_READ, i).status || memcmp(reg.data + i * LEN, want, LEN))
			return false;
	}
	return true;
}

static void test_flips(void)
{
	unsigned int gen, other;

	for (gen = 1; gen <= FLIPS; gen++) {
		other = gen % 2;
		start(gen);
		/* the target answers from here on; the host hears of it some time */
		set_state(!other, "optimized");
		set_state(other, gen % 3 ? "inaccessible" : "persistent-loss");
		if (!all_end(gen))
			break;
	}
	ok(gen > FLIPS, "paths that change under load: all commands end, each once");
	ok(!others, "... those that fail do for want of a path");
	note("%u of %u failed", failed, FLIPS * NR);
	set_state(0, "optimized");
	set_state(1, "optimized");
	ok(paths_are("optimized", 2) && works_again(1), "the region works on");
	written[0] = 0;
	ok(all_there(), "... and what was reported is there");
}

static void test_target(void)
{
	bool ended;

	start(100);
	export(0, false);
	ended = all_end(100);
	ok(ended && works_again(101), "the target leaves one path: all end, and the other is used");
	start(102);
	export(1, false);
	ok(all_end(102), "it leaves both: all end");
	export(0, true);
	export(1, true);
	ok(works_again(103), "it is back: the region works on");
	ok(paths_are("optimized", 2), "... by both");
	start(104);
	ok(all_end(104) && all_there(), "... and what is reported is there");
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 5) {
		fprintf(stderr, "usage: nvme-ana GENERIC_NODE NQN PORT PORT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	nqn = argv[2];
	ports[0] = argv[3];
	ports[1] = argv[4];
	device_open(&dev, argv[1], O_RDWR);
	ret = region_open(&reg, dev.fd, DATA_SIZE, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_states();
	test_flips();
	test_target();
	ok(!region_close(&reg), "unregister");
	return tap_end();
}
