// SPDX-License-Identifier: GPL-2.0
#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "lock.h"
#include "output.h"
#include "pin.h"
#include "pipeline.h"

static char folder[128];
static char ring_prefix[24];

static int pinned(const char *what, const char *name, int err)
{
	return error("pinning %s as %s/%s: %s", what, folder, name, strerror(err));
}

static void remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	char file[512];

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		unlink(file);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* What pipelines left that were killed */
static void remove_stale(void)
{
	DIR *dir = opendir(PIN_ROOT);
	struct pipeline_info info;
	struct dirent *e;
	char path[512];

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", PIN_ROOT, e->d_name);
		if (e->d_name[0] != '.' && !pipeline_read(path, &info) &&
		    !pipeline_alive(&info))
			remove_folder(path);
	}
	if (dir)
		closedir(dir);
}

/* A folder of no pipeline is taken over, that of one that runs is not */
static int make_folder(const char *name)
{
	struct pipeline_info info;

	if (mkdir(PIN_ROOT, 0700) && errno != EEXIST)
		return error("%s: %s", PIN_ROOT, strerror(errno));
	remove_stale();
	if (!mkdir(folder, 0700))
		return 0;
	if (errno != EEXIST)
		return error("%s: %s", folder, strerror(errno));
	if (!pipeline_read(folder, &info))
		return error("a pipeline named '%s' runs already (process %u); give another --name",
			     name, info.pid);
	remove_folder(folder);
	if (mkdir(folder, 0700))
		return error("%s: %s; remove it by hand", folder, strerror(errno));
	return 0;
}

/* bpffs takes no dots, terminals no control characters */
static bool is_name(const char *name)
{
	const char *p = name;

	while (isalnum((unsigned char)*p) || *p == '-' || *p == '_')
		p++;
	return !*p && p != name && p - name <= 48;
}

int pin_open(const char *name, int ring_fd)
{
	struct statfs fs;
	int ret;

	if (!is_name(name))
		return error("--name '%s' is not 1 to 48 letters, digits, '-' and '_'",
			     name);
	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		return error("no bpf file system on /sys/fs/bpf; mount it: mount -t bpf bpf /sys/fs/bpf");
	snprintf(folder, sizeof(folder), "%s/%s", PIN_ROOT, name);
	/* until it says whose it is, a folder looks like one that was left */
	lock_take();
	ret = make_folder(name);
	if (!ret) {
		ret = pipeline_write(folder, ring_fd);
		if (ret) {
			remove_folder(folder);
			rmdir(PIN_ROOT);
		}
	}
	lock_give();
	if (ret)
		folder[0] = '\0';
	return ret;
}

/* One at a time: who comes next sees which names are taken.  Held until we exit. */
static int lock_folder(void)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -1 : flock(fd, LOCK_EX);
}

int pin_join(const char *name, struct pipeline_info *info)
{
	if (is_name(name)) {
		snprintf(folder, sizeof(folder), "%s/%s", PIN_ROOT, name);
		if (!lock_folder() && !pipeline_read(folder, info) &&
		    pipeline_alive(info))
			return 0;
	}
	folder[0] = '\0';
	return error("no pipeline '%s' runs; 'sluice show' lists them", name);
}

void pin_close(void)
{
	struct pipeline_info info;

	if (!folder[0])
		return;
	pipeline_close();
	lock_take();
	/* a killed one's may have been taken over by the next of that name */
	if (pipeline_read(folder, &info) || pipeline_is_own(&info))
		remove_folder(folder);
	/* the last one turns off the light */
	rmdir(PIN_ROOT);
	lock_give();
	folder[0] = '\0';
}

void pin_ring(unsigned int nr)
{
	ring_prefix[0] = '\0';
	if (nr)
		snprintf(ring_prefix, sizeof(ring_prefix), "ring%u-", nr);
}

int pin_fd(int fd, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", folder, ring_prefix, name);
	return bpf_obj_pin(fd, path) ? pinned("it", name, errno) : 0;
}

int pin_object(struct bpf_object *obj, const char *prefix)
{
	struct bpf_program *prog;
	struct bpf_map *map;
	char name[128];

	bpf_object__for_each_program(prog, obj) {
		snprintf(name, sizeof(name), "%s-prog-%s", prefix,
			 bpf_program__name(prog));
		if (pin_fd(bpf_program__fd(prog), name))
			return -1;
	}
	bpf_object__for_each_map(map, obj) {
		/* .rodata and the like have a dot, which bpffs does not take */
		if (strchr(bpf_map__name(map), '.'))
			continue;
		snprintf(name, sizeof(name), "%s-map-%s", prefix, bpf_map__name(map));
		if (pin_fd(bpf_map__fd(map), name))
			return -1;
	}
	return 0;
}

int pin_fd_name(int fd, const char *prefix, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s-%s", prefix, name);
	return pin_fd(fd, path);
}

int pin_link(struct bpf_link *link, const char *prefix)
{
	return pin_fd_name(bpf_link__fd(link), prefix, "link");
}

int pin_get(const char *prefix, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s%s-%s", folder, ring_prefix, prefix, name);
	return bpf_obj_get(path);
}

/* Of another ring than the first, where the same names are */
static bool is_of_ring(const char *pin)
{
	unsigned int nr;
	char dash;

	return sscanf(pin, "ring%u%c", &nr, &dash) == 2 && dash == '-';
}

void pin_list(const char *name, char *text, size_t size)
{
	DIR *dir = folder[0] ? opendir(folder) : NULL;
	size_t used = 0, len = strlen(name);
	struct dirent *e;

	text[0] = '\0';
	while (dir && (e = readdir(dir)) && used < size) {
		size_t n = strlen(e->d_name);

		if (n <= len + 1 || e->d_name[n - len - 1] != '-' ||
		    strcmp(e->d_name + n - len, name) || is_of_ring(e->d_name))
			continue;
		used += snprintf(text + used, size - used, "%s%.*s", used ? ", " : "",
				 (int)(n - len - 1), e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Count what is pinned as PREFIX-..., and remove it */
static unsigned int pins_of(const char *prefix, bool remove)
{
	DIR *dir = folder[0] ? opendir(folder) : NULL;
	unsigned int nr = 0, len;
	char start[128], file[512];
	struct dirent *e;

	len = snprintf(start, sizeof(start), "%s%s-", ring_prefix, prefix);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, start, len))
			continue;
		nr++;
		if (!remove)
			continue;
		snprintf(file, sizeof(file), "%s/%s", folder, e->d_name);
		unlink(file);
	}
	if (dir)
		closedir(dir);
	return nr;
}

bool pin_exists(const char *prefix)
{
	return pins_of(prefix, false);
}

void pin_remove(const char *prefix)
{
	pins_of(prefix, true);
}

static unsigned int prog_id(const char *path)
{
	struct bpf_prog_info info = { };
	__u32 len = sizeof(info);
	int fd = bpf_obj_get(path);

	if (fd < 0)
		return 0;
	bpf_prog_get_info_by_fd(fd, &info, &len);
	close(fd);
	return info.id;
}

bool pin_has_prog(const char *name, unsigned int id)
{
	DIR *dir = opendir(PIN_ROOT);
	struct dirent *e;
	bool found = false;
	char path[768];

	while (dir && !found && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/%s", PIN_ROOT, e->d_name, name);
		found = e->d_name[0] != '.' && prog_id(path) == id;
	}
	if (dir)
		closedir(dir);
	return found;
}
