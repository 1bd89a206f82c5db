// SPDX-License-Identifier: GPL-2.0
/*
 * nvme-rw: a file to a namespace, or back, through the rings.
 *
 * Usage: nvme-rw read|write GENERIC_NODE LBA BYTES <FILE >FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define LEN	65536u

static bool all(char *p, size_t len, bool write_it)
{
	while (len) {
		ssize_t n = write_it ? write(1, p, len) : read(0, p, len);

		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned long long lba, left;
	struct device dev;
	struct region r;
	bool writes;
	int ret;

	if (argc != 5)
		return 2;
	writes = !strcmp(argv[1], "write");
	lba = strtoull(argv[3], NULL, 0);
	left = strtoull(argv[4], NULL, 0);
	device_open(&dev, argv[2], O_RDWR);
	ret = region_open(&r, dev.fd, LEN, 0, 0);
	if (ret)
		bail_out("cannot register %s: %s", argv[2], strerror(-ret));
	while (left) {
		unsigned int n = left < LEN ? left : LEN;
		struct io_unified_sqe sqe = cmd_io(&dev, writes ? NVME_WRITE : NVME_READ,
						   lba, n / dev.lba_size, 0);

		if (writes && !all(r.data, n, false))
			bail_out("no more data");
		if (region_run(&r, &sqe).status)
			bail_out("error at LBA %llu", lba);
		if (!writes && !all(r.data, n, true))
			bail_out("cannot write");
		lba += n / dev.lba_size;
		left -= n;
	}
	return region_close(&r);
}
