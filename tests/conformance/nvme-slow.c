// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-slow: a drive that takes its time: commands that time out, what is in
 * flight when nobody waits for it any more, and who else has to wait for it.
 *
 * Usage: nvme-slow GENERIC_NODE [FAST_NODE]
 *
 * The drive should take about a second for four writes, and be fast otherwise;
 * that of FAST_NODE should always be.  Overwrites the first MiB of both.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define NR		16
#define LEN		4096u
#define TAGS		4	/* the fewest that there can be */
#define GONE_MS		30000

static struct device dev, fast;

static bool claimed(void)
{
	int fd = open(dev.block, O_RDWR | O_EXCL);

	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EBUSY;
}

static bool released(void)
{
	uint64_t begin = now_ms();

	while (claimed()) {
		if (now_ms() - begin > GONE_MS)
			return false;
		be_patient(begin);
	}
	return true;
}

static void queue_writes(struct region *r, const struct device *d, unsigned int idx,
			 unsigned int nr, unsigned int timeout_ms)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct io_unified_sqe sqe = cmd_io(d, NVME_WRITE, i * LEN / d->lba_size,
						   LEN / d->lba_size, i * LEN);

		sqe.user_data = idx * NR + i;
		sqe.dev = idx;
		sqe.nvme_cmd.timeout_ms = timeout_ms;
		region_queue(r, &sqe);
	}
}

static void start_writes(struct region *r, unsigned int nr, unsigned int seed,
			 unsigned int timeout_ms)
{
	pattern(r->data, nr * LEN, seed);
	queue_writes(r, &dev, 0, nr, timeout_ms);
	region_submit(r);
}

static bool on_disk(unsigned int nr, unsigned int seed)
{
	static char back[NR * LEN];

	return device_block_read(&dev, back, nr * LEN, 0) &&
	       is_pattern(back, nr * LEN, seed);
}

static void must_open(struct region *r, unsigned int how)
{
	int ret = region_open(r, dev.fd, DATA_SIZE, 0, how);

	if (ret)
		bail_out("cannot register: %s", strerror(-ret));
}

static void test_unregister(void)
{
	struct io_unified_cqe cqe;
	unsigned int i, bad = 0;
	struct region r;

	must_open(&r, 0);
	start_writes(&r, NR, 1, 0);
	ok(ring_register(r.ring, IORING_UNREGISTER_UNIFIED_REGION, NULL, 0) == -EBUSY,
	   "unregister with commands in flight: -EBUSY");
	for (i = 0; i < NR && !region_reap(&r, &cqe, 20000); i++)
		bad += cqe.status != 0;
	ok(i == NR && !bad, "they complete");
	ok(!region_close(&r), "unregister after that");
	ok(!claimed() && on_disk(NR, 1), "the device is free, the data is there");
}

/* How a process ends that has commands in flight */
static void test_end(unsigned int how, int sig, unsigned int seed, const char *text)
{
	int status, ready[2];
	uint64_t begin;
	pid_t pid;
	char c;

	if (pipe(ready))
		bail_out("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct region r;

		must_open(&r, how);
		start_writes(&r, NR, seed, 0);
		if (write(ready[1], "", 1) != 1)
			_exit(2);
		if (sig)
			for (;;)
				pause();
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		bail_out("the process with the region died");
	close(ready[0]);
	begin = now_ms();
	if (sig)
		kill(pid, sig);
	waitpid(pid, &status, 0);
	ok((sig ? WIFSIGNALED(status) && WTERMSIG(status) == sig : !status) &&
	   now_ms() - begin < 20000, "%s with commands in flight: the process is gone", text);
	ok(released(), "the device is free again");
	ok(on_disk(NR, seed), "what was in flight is on the disk");
	note("process gone, device free after %llu ms",
	     (unsigned long long)(now_ms() - begin));
}

/* The memory goes, the ring goes, the process stays */
static void test_close(void)
{
	struct region r;

	must_open(&r, REGION_USER);
	start_writes(&r, NR, 5, 0);
	munmap(r.base, r.size);
	close(r.ring);
	ok(released(), "ring and memory go with commands in flight: the device is free again");
	ok(on_disk(NR, 5), "what was in flight is on the disk");
}

static void test_timeout(void)
{
	unsigned int i, late = 0, seen = 0, bad = 0;
	struct io_unified_cqe cqe;
	struct io_unified_sqe sqe;
	struct region r;
	uint64_t end;

	must_open(&r, 0);
	start_writes(&r, 4, 6, 60000);
	for (i = 0; i < 4; i++)
		bad += region_reap(&r, &cqe, 20000) || cqe.status;
	ok(!bad, "with a timeout_ms that is long enough all complete");

	/* the last has to wait for four seconds */
	start_writes(&r, NR, 7, 1000);
	for (i = 0; i < NR && !region_reap(&r, &cqe, 60000); i++) {
		seen |= 1u << cqe.user_data;
		if (!cqe.status)
			continue;
		late++;
		bad += cqe.len != 0 ||
		       (cqe.status == IO_UNIFIED_STATUS_HOST ?
			cqe.result != -EINTR && cqe.result != -ETIMEDOUT :
			(cqe.status & 0x7ff) != SC_ABORT_REQUESTED &&
			(cqe.status & 0x7ff) != SC_SQ_DELETED &&
			(cqe.status & 0x7ff) != SC_HOST_ABORTED);
		if (bad == 1 || late == 1)
			note("status %#x result %d", cqe.status, cqe.result);
	}
	ok(seen == (1u << NR) - 1, "with one that is too short all complete");
	ok(late, "those that take longer with an error");
	ok(!bad, "which says that the host gave up, or that it had the command aborted");

	end = now_ms() + GONE_MS;
	do {
		sqe = cmd_io(&dev, NVME_READ, 0, 8, 0);
		cqe = region_run(&r, &sqe);
	} while (cqe.status && now_ms() < end);
	ok(!cqe.status, "the device works on");
	ok(!region_close(&r), "unregister");
}

/* Tags of each of its queues; returns how many there were */
static unsigned int set_tags(const struct device *d, unsigned int nr)
{
	unsigned int was = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/nr_requests",
		 strrchr(d->block, '/') + 1);
	f = fopen(path, "r+");
	if (!f || fscanf(f, "%u", &was) != 1)
		bail_out("%s: %s", path, strerror(errno));
	rewind(f);
	if (fprintf(f, "%u", nr) < 0 || fclose(f))
		bail_out("%s: %u: %s", path, nr, strerror(errno));
	return was;
}

/* Commands that wait for a tag of one device do not wait for another device */
static void test_others(void)
{
	unsigned int bad = 0, ended = 0, ahead = 0, i;
	struct io_unified_dev_reg reg;
	unsigned int was[2];
	struct region r;

	was[0] = set_tags(&dev, TAGS);
	was[1] = set_tags(&fast, TAGS);
	must_open(&r, 0);
	i = region_add_dev(&r, fast.fd, &reg);
	if (i != 1)
		bail_out("cannot register the second device: %d", (int)i);
	pattern(r.data, NR * LEN, 8);
	queue_writes(&r, &dev, 0, NR, 0);
	queue_writes(&r, &fast, 1, NR, 0);
	region_submit(&r);
	for (i = 0; i < 2 * NR; i++) {
		struct io_unified_cqe cqe;

		if (region_reap(&r, &cqe, 60000))
			break;
		bad += cqe.status != 0;
		if (cqe.user_data < NR)
			ended++;
		else
			ahead += ended < NR - TAGS;
	}
	ok(i == 2 * NR && !bad, "more commands than the queues of two devices have tags");
	if (!ok(ahead == NR, "... where the fast one does not wait for the slow one"))
		note("%u of %u while some of the slow one's waited", ahead, NR);
	ok(!region_close(&r), "unregister");
	set_tags(&dev, was[0]);
	set_tags(&fast, was[1]);
}

int main(int argc, char **argv)
{
	if (argc != 2 && argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	test_unregister();
	if (argc == 3) {
		device_open(&fast, argv[2], O_RDWR);
		test_others();
	}
	test_end(0, 0, 2, "exit");
	test_end(0, SIGKILL, 3, "SIGKILL");
	test_end(REGION_USER, SIGKILL, 4, "SIGKILL, in our memory,");
	test_close();
	test_timeout();
	return tap_end();
}
