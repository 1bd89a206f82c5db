// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-gone: a controller that is reset, and removed, under the rings.
 *
 * Usage: nvme-gone GENERIC_NODE CONTROLLER
 *
 * CONTROLLER is its folder in sysfs.  The drive should take about a second for
 * four writes, and be fast otherwise.  Overwrites the first MiB of the
 * namespace; the controller is gone afterwards.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define DATA_SIZE	(1u << 20)
#define NR		16
#define LEN		4096u
#define BACK_MS		60000

static struct device dev;
static struct region reg;
static const char *ctrl;

/* In a process of its own, as it may wait for the commands */
static pid_t write_one(const char *file, const char *other)
{
	char path[512];
	pid_t pid;
	int fd;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	snprintf(path, sizeof(path), "%s/%s", ctrl, file);
	fd = open(path, O_WRONLY);
	if (fd < 0) {
		snprintf(path, sizeof(path), "%s/%s", ctrl, other);
		fd = open(path, O_WRONLY);
	}
	_exit(fd < 0 || write(fd, "1", 1) != 1);
}

static void start(void)
{
	for (unsigned int i = 0; i < NR; i++) {
		struct io_unified_sqe sqe = cmd_io(&dev, NVME_WRITE,
						   i * LEN / dev.lba_size,
						   LEN / dev.lba_size, i * LEN);

		sqe.user_data = i;
		region_queue(&reg, &sqe);
	}
	region_submit(&reg);
}

/* All of them end, each once, with data or with an error */
static bool all_end(void)
{
	struct io_unified_cqe cqe;
	unsigned int i, seen = 0, failed = 0;

	for (i = 0; i < NR && !region_reap(&reg, &cqe, BACK_MS); i++) {
		if (seen & 1u << cqe.user_data || cqe.len != (cqe.status ? 0 : LEN))
			return false;
		seen |= 1u << cqe.user_data;
		failed += !!cqe.status;
		if (cqe.status && failed == 1)
			note("status %#x result %d", cqe.status, cqe.result);
	}
	note("%u of %u failed", failed, NR);
	return seen == (1u << NR) - 1;
}

static bool done(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && !status;
}

static void test_reset(void)
{
	struct io_unified_sqe sqe = cmd_io(&dev, NVME_READ, 0, 8, 0);
	struct io_unified_cqe cqe;
	uint64_t begin;
	pid_t pid;

	start();
	pid = write_one("reset_controller", "");
	ok(all_end(), "reset of the controller with commands in flight: all complete");
	ok(done(pid), "the controller is reset");
	begin = now_ms();
	do {
		cqe = region_run(&reg, &sqe);
	} while (cqe.status && now_ms() - begin < BACK_MS);
	ok(!cqe.status, "the region works on");
	pid = write_one("reset_controller", "");
	for (unsigned int i = 0; i < 200; i++)
		region_run(&reg, &sqe);
	ok(done(pid), "reset while commands keep coming: all complete");
	do {
		cqe = region_run(&reg, &sqe);
	} while (cqe.status && now_ms() - begin < BACK_MS);
	ok(!cqe.status, "the region works on");
}

static void test_remove(void)
{
	struct io_unified_sqe sqe;
	struct io_unified_cqe cqe;
	pid_t pid;

	start();
	pid = write_one("delete_controller", "device/remove");
	ok(all_end(), "removal of the controller with commands in flight: all complete");
	ok(done(pid), "the controller is gone");
	ok(access(dev.node, F_OK) && access(dev.block, F_OK), "and its nodes");
	for (unsigned int i = 0; i < 3; i++) {
		sqe = cmd_io(&dev, NVME_READ, 0, 8, 0);
		cqe = region_run(&reg, &sqe);
		if (!cqe.status)
			break;
		sqe = cmd_admin(NVME_IDENTIFY, 0, 0, 4096);
		sqe.nvme_cmd.cdw10 = 1;
		cqe = region_run(&reg, &sqe);
		if (!cqe.status)
			break;
	}
	ok(cqe.status, "I/O and admin commands to it complete, with an error");
	note("status %#x result %d", cqe.status, cqe.result);
	ok(!region_close(&reg), "unregister");
	close(dev.fd);
}

int main(int argc, char **argv)
{
	int ret;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	ctrl = argv[2];
	device_open(&dev, argv[1], O_RDWR);
	ret = region_open(&reg, dev.fd, DATA_SIZE, IO_UNIFIED_REG_ADMIN, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[1], strerror(-ret));
	test_reset();
	test_remove();
	return tap_end();
}
