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
#include "pin.h"
#include "pipeline.h"

int pipeline_write(const char *folder, int ring_fd)
{
	struct pipeline_info info = { .pid = getpid(), .ring_fd = ring_fd };
	unsigned int key = 0;
	struct timespec ts;
	char path[256];
	int fd, ret;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	info.start_ns = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sluice_pipeline", sizeof(key),
			    sizeof(info), 1, NULL);
	if (fd < 0)
		return error("creating a BPF map: %s; it needs CAP_BPF, run as root",
			     strerror(errno));
	snprintf(path, sizeof(path), "%s/%s", folder, PIPELINE_MAP);
	ret = bpf_map_update_elem(fd, &key, &info, 0) || bpf_obj_pin(fd, path);
	if (ret)
		error("%s: %s", path, strerror(errno));
	close(fd);
	return ret ? -1 : 0;
}

int pipeline_read(const char *folder, struct pipeline_info *info)
{
	unsigned int key = 0;
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s", folder, PIPELINE_MAP);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -1;
	ret = bpf_map_lookup_elem(fd, &key, info);
	close(fd);
	return ret ? -1 : 0;
}

int pipeline_ring(const char *name)
{
	int pidfd, fd = -1;
	struct pipeline_info info;
	bool denied = false;
	char folder[256];

	snprintf(folder, sizeof(folder), "%s/%s", PIN_ROOT, name);
	if (pipeline_read(folder, &info))
		return error("no pipeline '%s' runs; 'sluice show' lists them", name);
	pidfd = syscall(SYS_pidfd_open, info.pid, 0);
	/* is it still that process, now that its number cannot become another's? */
	if (pidfd >= 0 && pipeline_alive(&info)) {
		fd = syscall(SYS_pidfd_getfd, pidfd, info.ring_fd, 0);
		denied = fd < 0 && errno == EPERM;
	}
	if (pidfd >= 0)
		close(pidfd);
	if (fd >= 0)
		return fd;
	if (denied)
		return error("taking the ring of pipeline '%s' (process %u) is not permitted; run as root",
			     name, info.pid);
	return error("pipeline '%s' (process %u) has ended", name, info.pid);
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
