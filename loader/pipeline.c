// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "pipeline.h"

static struct pipeline_info self;
static int map_fd = -1;

static int update(void)
{
	unsigned int key = 0;

	if (map_fd < 0 || !bpf_map_update_elem(map_fd, &key, &self, 0))
		return 0;
	return error("map " PIPELINE_MAP ": %s", strerror(errno));
}

int pipeline_set_kind(const char *kind)
{
	snprintf(self.kind, sizeof(self.kind), "%s", kind);
	return update();
}

int pipeline_add_ring(int ring_fd)
{
	if (self.nr_rings == PIPELINE_MAX_RINGS)
		return error("a pipeline has no more than %d rings", PIPELINE_MAX_RINGS);
	self.ring_fds[self.nr_rings++] = ring_fd;
	return update();
}

int pipeline_write(const char *folder, int ring_fd)
{
	struct timespec ts;
	char path[256];

	clock_gettime(CLOCK_BOOTTIME, &ts);
	self.pid = getpid();
	self.start_ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	self.nr_rings = 0;
	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sluice_pipeline",
				sizeof(unsigned int), sizeof(self), 1, NULL);
	if (map_fd < 0)
		return error("creating a BPF map: %s%s", strerror(errno),
			     errno == EPERM ? "; it needs CAP_BPF, run as root" :
			     errno == EMFILE ? "; 'ulimit -n' is how many" : "");
	snprintf(path, sizeof(path), "%s/%s", folder, PIPELINE_MAP);
	if (!pipeline_add_ring(ring_fd)) {
		if (!bpf_obj_pin(map_fd, path))
			return 0;
		error("%s: %s", path, strerror(errno));
	}
	pipeline_close();
	return -1;
}

void pipeline_close(void)
{
	if (map_fd >= 0)
		close(map_fd);
	map_fd = -1;
}

/* Another version's, or nobody's, may be of another size */
static bool is_ours(int fd)
{
	struct bpf_map_info info = { };
	__u32 len = sizeof(info);

	return !bpf_map_get_info_by_fd(fd, &info, &len) &&
	       info.type == BPF_MAP_TYPE_ARRAY &&
	       info.key_size == sizeof(unsigned int) &&
	       info.value_size == sizeof(struct pipeline_info);
}

int pipeline_read(const char *folder, struct pipeline_info *info)
{
	unsigned int key = 0;
	char path[512];
	int fd, ret = -1;

	snprintf(path, sizeof(path), "%s/%s", folder, PIPELINE_MAP);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	if (is_ours(fd))
		ret = bpf_map_lookup_elem(fd, &key, info);
	close(fd);
	if (ret || info->nr_rings > PIPELINE_MAX_RINGS)
		return -1;
	info->kind[sizeof(info->kind) - 1] = '\0';
	return 0;
}

int pipeline_ring(const char *name, const struct pipeline_info *info, unsigned int nr)
{
	int pidfd, fd = -1;
	bool denied = false;

	pidfd = syscall(SYS_pidfd_open, info->pid, 0);
	/* is it still that process, now that its number cannot become another's? */
	if (pidfd >= 0 && pipeline_alive(info)) {
		fd = syscall(SYS_pidfd_getfd, pidfd, info->ring_fds[nr], 0);
		denied = fd < 0 && errno == EPERM;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (fd >= 0)
		return fd;
	if (denied)
		return error("taking the ring of pipeline '%s' (process %u) is not permitted; run as root",
			     name, info->pid);
	return error("pipeline '%s' (process %u) has ended", name, info->pid);
}

/* When process @pid was started, CLOCK_BOOTTIME in nanoseconds; -1: no such */
static long long process_start(unsigned int pid)
{
	long long ticks = -1;
	char path[64], line[1024], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	/* field 22; the name, which may have blanks, ends with the last ')' */
	p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		ticks = strtoll(p, NULL, 10);
	fclose(f);
	return ticks < 0 ? -1 : ticks * (1000000000ll / sysconf(_SC_CLK_TCK));
}

bool pipeline_alive(const struct pipeline_info *info)
{
	long long start = process_start(info->pid);

	return start >= 0 && start <= info->start_ns;
}

bool pipeline_is_own(const struct pipeline_info *info)
{
	return info->pid == self.pid && info->start_ns == self.start_ns;
}
