// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-slow: a drive that takes its time: commands that time out, and what is
 * in flight when nobody waits for it any more.
 *
 * Usage: nvme-slow GENERIC_NODE
 *
 * The drive should take about a second for four writes, and be fast otherwise.
 * Overwrites the first MiB of the namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define NR		16
#define LEN		4096u
#define GONE_MS		30000

static struct device dev;

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

static void start_writes(struct region *r, unsigned int nr, unsigned int seed,
			 unsigned int timeout_ms)
{
	pattern(r->data, nr * LEN, seed);
	for (unsigned int i = 0; i < nr; i++) {
		struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE,
						   i * LEN / dev.lba_size,
						   LEN / dev.lba_size, i * LEN);

		sqe.user_data = i;
		sqe.nvme_cmd.timeout_ms = timeout_ms;
		region_queue(r, &sqe);
	}
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

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1], O_RDWR);
	test_unregister();
	test_end(0, 0, 2, "exit");
	test_end(0, SIGKILL, 3, "SIGKILL");
	test_end(REGION_USER, SIGKILL, 4, "SIGKILL, in our memory,");
	test_close();
	test_timeout();
	return tap_end();
}
