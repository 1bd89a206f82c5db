// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devs.h"
#include "output.h"
#include "recording.h"

static int check_recording(const char *node, const struct nvme_ns *ns,
			   unsigned long long lba)
{
	struct recording_super super;
	char path[80];

	snprintf(path, sizeof(path), "/dev/%s", ns->disk);
	if (recording_probe(path, lba, &super) <= 0)
		return 0;
	return error("%s carries a recording at block %llu; 'sluice list --nvme %s' shows it, --force overwrites it",
		     node, lba, path);
}

static int check_one(struct devs *devs, const char *node, unsigned long long lba,
		     bool force)
{
	unsigned int nr = devs->nr;
	struct nvme_ns *ns = &devs->list[nr].ns;
	const char *why;

	if (nvme_find(ns, node))
		return -1;
	for (unsigned int i = 0; i < nr; i++)
		if (!strcmp(devs->list[i].ns.disk, ns->disk))
			return error("--nvme %s and %s are the same namespace; give each once",
				     devs->list[i].node, node);
	devs->list[nr].node = node;
	devs->list[nr].fd = -1;
	devs->list[nr].blocks = nvme_blocks(ns);
	devs->nr++;
	if (devs->list[nr].blocks && lba >= devs->list[nr].blocks)
		return error("--lba %llu: %s ends at block %llu; give a lower one",
			     lba, node, devs->list[nr].blocks - 1);
	why = nvme_in_use(ns);
	if (why && !(force && strstr(why, "--force")))
		return error("%s", why);
	return force ? 0 : check_recording(node, ns, lba);
}

int devs_check(struct devs *devs, const struct option_list *nodes,
	       unsigned long long lba, bool force)
{
	for (unsigned int i = 0; i < nodes->nr; i++)
		if (check_one(devs, nodes->items[i], lba, force))
			return -1;
	return 0;
}

int devs_open(struct devs *devs)
{
	for (unsigned int i = 0; i < devs->nr; i++) {
		devs->list[i].fd = open(devs->list[i].node, O_RDWR | O_CLOEXEC);
		if (devs->list[i].fd < 0)
			return error("%s: %s%s", devs->list[i].node, strerror(errno),
				     errno == EACCES ? "; run as root" : "");
	}
	return 0;
}

void devs_close(struct devs *devs)
{
	for (unsigned int i = 0; i < devs->nr; i++)
		if (devs->list[i].fd >= 0)
			close(devs->list[i].fd);
}

int devs_register(struct devs *devs, struct region *region)
{
	struct sluice_region r = { .ring = &region->ring };
	struct sluice_ns ns;
	int ret;

	devs->list[0].block_size = region->ctrl->lba_size;
	for (unsigned int i = 1; i < devs->nr; i++) {
		ret = sluice_region_add_dev(&r, devs->list[i].fd, &ns);
		if (ret == -EBUSY)
			return error("%s is in use (mounted, a volume's, or another pipeline's); free it or use another",
				     devs->list[i].node);
		if (ret)
			return error("registering %s with the region: %s",
				     devs->list[i].node, strerror(-ret));
		devs->list[i].block_size = ns.lba_size;
		if (ns.lba_size != devs->list[0].block_size)
			return error("%s has blocks of %u bytes, %s of %u; give namespaces with the same",
				     devs->list[0].node, devs->list[0].block_size,
				     devs->list[i].node, ns.lba_size);
	}
	return 0;
}
