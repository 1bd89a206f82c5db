// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "lock.h"

/* Of its own root: libxdp locks a folder below, and that always as the second */
#define LOCKED	"/sys/fs/bpf"

static unsigned int depth;
static int fd = -1;

void lock_take(void)
{
	if (depth++)
		return;
	/* where there is no bpffs, there is nothing to share; that is said elsewhere */
	fd = open(LOCKED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX) && errno == EINTR)
		;
}

void lock_give(void)
{
	if (--depth)
		return;
	if (fd >= 0)
		close(fd);
	fd = -1;
}
