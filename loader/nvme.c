// SPDX-License-Identifier: GPL-2.0
#include <blkid/blkid.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nvme_ioctl.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "nvme.h"
#include "output.h"

#define NVME_IDENTIFY		0x06
#define NVME_CNS_CTRL		0x01
#define NVME_ID_CTRL_SGLS	536

static const char *reason(const char *fmt, const char *a, const char *b)
{
	static char text[512];

	snprintf(text, sizeof(text), fmt, a, b);
	return text;
}

/* "ng0n1" is the generic node of "nvme0n1"; numbers follow the letters */
int nvme_find(struct nvme_ns *ns, const char *node)
{
	char path[PATH_MAX], *base;
	struct stat st;

	memset(ns, 0, sizeof(*ns));
	/* /dev/disk/by-id is full of links */
	if (!realpath(node, path) || stat(path, &st))
		return error("%s: %s; 'nvme list' shows the namespaces", node,
			     strerror(errno));
	base = strrchr(path, '/') + 1;
	if (!strncmp(base, "ng", 2) && S_ISCHR(st.st_mode)) {
		ns->generic = true;
		snprintf(ns->disk, sizeof(ns->disk), "nvme%.32s", base + 2);
	} else if (!strncmp(base, "nvme", 4) && S_ISBLK(st.st_mode)) {
		snprintf(ns->disk, sizeof(ns->disk), "%.32s", base);
	} else {
		return error("%s is no NVMe namespace; give a node such as /dev/nvme0n1 or /dev/ng0n1",
			     node);
	}
	snprintf(path, sizeof(path), "/sys/block/%.63s", ns->disk);
	if (access(path, F_OK))
		return error("%s is no whole namespace (a partition?); give a node such as /dev/nvme0n1",
			     node);
	return 0;
}

/* A number that sysfs has of @ns */
static unsigned long long sysfs_number(const struct nvme_ns *ns, const char *attr)
{
	unsigned long long v = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/%s", ns->disk, attr);
	f = fopen(path, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

unsigned int nvme_block_size(const struct nvme_ns *ns)
{
	return sysfs_number(ns, "queue/logical_block_size");
}

unsigned int nvme_max_len(const struct nvme_ns *ns)
{
	unsigned long long bytes = sysfs_number(ns, "queue/max_hw_sectors_kb") * 1024;
	/* in the worst case no page of it is next to another */
	unsigned long long pages = sysfs_number(ns, "queue/max_segments") *
				   sysconf(_SC_PAGESIZE);

	return pages && pages < bytes ? pages : bytes;
}

unsigned long long nvme_blocks(const struct nvme_ns *ns)
{
	unsigned long long block = nvme_block_size(ns);

	/* sysfs counts the size in 512 bytes, whatever the block is */
	return block ? sysfs_number(ns, "size") * 512 / block : 0;
}

bool nvme_read_only(const struct nvme_ns *ns)
{
	return sysfs_number(ns, "ro");
}

/* Of the namespace or of a partition on it: "nvme0n1p2" begins with "nvme0n1" */
static bool is_part_of(const char *name, const char *disk)
{
	size_t len = strlen(disk);

	if (strncmp(name, disk, len))
		return false;
	return !name[len] || (name[len] == 'p' && isdigit((unsigned char)name[len + 1]));
}

static const char *mounted(const struct nvme_ns *ns)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	const char *ret = NULL;
	struct mntent *m;

	while (f && !ret && (m = getmntent(f)))
		if (!strncmp(m->mnt_fsname, "/dev/", 5) &&
		    is_part_of(m->mnt_fsname + 5, ns->disk))
			ret = reason("%s is mounted on %s; use another namespace or unmount it",
				     m->mnt_fsname, m->mnt_dir);
	if (f)
		endmntent(f);
	return ret;
}

static const char *held(const struct nvme_ns *ns)
{
	const char *ret = NULL;
	struct dirent *e;
	char path[128];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/block/%s/holders", ns->disk);
	dir = opendir(path);
	while (dir && !ret && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			ret = reason("%s is held by %s; use another namespace or take that apart",
				     ns->disk, e->d_name);
	if (dir)
		closedir(dir);
	return ret;
}

static int open_disk(const struct nvme_ns *ns, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/%s", ns->disk);
	return open(path, flags | O_CLOEXEC);
}

/* Swap, md, a running pipeline, whatever has opened it for itself */
static const char *claimed(const struct nvme_ns *ns)
{
	int fd = open_disk(ns, O_RDONLY | O_EXCL);

	if (fd < 0 && errno == EBUSY)
		return reason("%s is in use by the kernel (swap, RAID, or another pipeline)%s; use another namespace or stop that",
			      ns->disk, "");
	if (fd >= 0)
		close(fd);
	return NULL;
}

static const char *contents(const struct nvme_ns *ns)
{
	const char *what = NULL, *ret = NULL;
	int fd = open_disk(ns, O_RDONLY);
	blkid_probe pr = blkid_new_probe();

	if (fd < 0 || !pr || blkid_probe_set_device(pr, fd, 0, 0))
		goto out;
	blkid_probe_enable_superblocks(pr, true);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(pr, true);
	/* 1: nothing; -2: several things; both of the others are something */
	if (blkid_do_safeprobe(pr) == 1)
		goto out;
	if (!blkid_probe_lookup_value(pr, "TYPE", &what, NULL))
		ret = reason("%s carries a file system (%s); use another namespace, or --force to overwrite it",
			     ns->disk, what);
	else if (!blkid_probe_lookup_value(pr, "PTTYPE", &what, NULL))
		ret = reason("%s carries a partition table (%s); use another namespace, or --force to overwrite it",
			     ns->disk, what);
	else
		ret = reason("%s carries something that libblkid knows%s; use another namespace, or --force to overwrite it",
			     ns->disk, "");
out:
	blkid_free_probe(pr);
	if (fd >= 0)
		close(fd);
	return ret;
}

const char *nvme_in_use(const struct nvme_ns *ns)
{
	const char *why = mounted(ns);

	why = why ?: held(ns);
	why = why ?: claimed(ns);
	return why ?: contents(ns);
}

int nvme_has_sgl(const struct nvme_ns *ns)
{
	static unsigned char id[4096] __attribute__((aligned(4096)));
	struct nvme_admin_cmd cmd = {
		.opcode	  = NVME_IDENTIFY,
		.addr	  = (unsigned long)id,
		.data_len = sizeof(id),
		.cdw10	  = NVME_CNS_CTRL,
	};
	int fd = open_disk(ns, O_RDONLY), ret;

	if (fd < 0)
		return -1;
	ret = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);
	close(fd);
	if (ret)
		return -1;
	return (id[NVME_ID_CTRL_SGLS] & 3) != 0;
}
