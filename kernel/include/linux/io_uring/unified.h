/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring unified regions: what a driver of NVMe namespaces provides.
 *
 * The driver may be a module: it registers itself here and no symbol of it is
 * linked from built-in code.
 */
#ifndef _LINUX_IO_URING_UNIFIED_H
#define _LINUX_IO_URING_UNIFIED_H

#include <linux/blk_types.h>
#include <linux/types.h>

struct file;
struct gendisk;
struct module;
struct nvme_uring_cmd;

/**
 * struct io_unified_cmd - one command for the driver
 * @cmd:	the command, stable until ->queue_cmd() returns; addr and metadata
 *		are not looked at
 * @bvec:	its data, cmd->data_len bytes, no more pieces than the device can
 *		gather; stable until @done
 * @meta:	its separate metadata, cmd->metadata_len bytes, stable until @done
 * @nr_bvecs:	0 for a command without data
 * @nr_meta:	0 for a command without separate metadata
 * @admin:	for the namespace's controller, not for the namespace
 * @nowait:	answer -EAGAIN rather than wait for a tag
 * @may_write:	the device was opened for writing, and is not read-only
 * @exact:	refuse what does not transfer just as much as there is memory:
 *		block sizes may change
 * @len:	bytes of data that the device transfers, set by ->queue_cmd()
 * @done:	called once for each command that ->queue_cmd() took, in any
 *		context, hard interrupts included: the NVMe status as Linux
 *		keeps it, or -errno, and the result in host byte order
 */
struct io_unified_cmd {
	const struct nvme_uring_cmd	*cmd;
	struct bio_vec			*bvec;
	struct bio_vec			*meta;
	u32				nr_bvecs;
	u32				nr_meta;
	bool				admin;
	bool				nowait;
	bool				may_write;
	bool				exact;
	u32				len;
	void				(*done)(struct io_unified_cmd *cmd,
						int status, u64 result);
	/* of the driver, until @done */
	struct bio			bio;
};

/**
 * struct io_unified_ns - what a region has to know of a namespace
 * @disk:	its block device, also where it has no capacity
 * @nsid:	namespace id
 * @lba_size:	of a block's data, bytes
 * @meta_size:	of a block's metadata, bytes
 * @pi_only:	all of that is protection information
 * @ext_lba:	metadata follows the data of each block in the same buffer
 */
struct io_unified_ns {
	struct gendisk	*disk;
	u32		nsid;
	u32		lba_size;
	u16		meta_size;
	bool		pi_only;
	bool		ext_lba;
};

/**
 * struct io_unified_driver - the NVMe driver
 * @owner:	pinned while a region has one of its devices
 * @get_ns:	the namespace behind an open block or generic node, -ENODEV if
 *		the file is none.  The file keeps it alive.
 * @queue_cmd:	start a command.  0: @done will be called, or has been.  -errno:
 *		it will not.  Called from task context, may sleep.
 */
struct io_unified_driver {
	struct module	*owner;
	int		(*get_ns)(struct file *file, struct io_unified_ns *ns);
	int		(*queue_cmd)(struct gendisk *disk,
				     struct io_unified_cmd *cmd);
};

int io_unified_register_driver(const struct io_unified_driver *drv);
void io_unified_unregister_driver(const struct io_unified_driver *drv);

#endif /* _LINUX_IO_URING_UNIFIED_H */
