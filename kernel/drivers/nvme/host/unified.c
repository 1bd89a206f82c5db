// SPDX-License-Identifier: GPL-2.0
/*
 * Passthrough commands from io_uring unified regions.
 *
 * These are the commands that nvme_uring_cmd_io() sends, with the same
 * permission check.  What differs is the data, which is memory that io_uring
 * has already pinned and cut into bio_vecs, and the completion, which is a
 * direct call from end_io instead of task work.
 */
#include <linux/bio-integrity.h>
#include <linux/bio.h>
#include <linux/blk-integrity.h>
#include <linux/blk-mq.h>
#include <linux/io_uring/unified.h>
#include <linux/nvme_ioctl.h>
#include "nvme.h"
#include "unified.h"

static enum rq_end_io_ret nvme_unified_end_io(struct request *req,
					      blk_status_t err,
					      const struct io_comp_batch *iob)
{
	struct io_unified_cmd *ucmd = req->end_io_data;
	int status;

	if (nvme_req(req)->flags & NVME_REQ_CANCELLED)
		status = -EINTR;
	else
		status = nvme_req(req)->status ?: blk_status_to_errno(err);

	if (ucmd->nr_meta)
		bio_uninit(&ucmd->bio);
	ucmd->done(ucmd, status, le64_to_cpu(nvme_req(req)->result.u64));
	return RQ_END_IO_FREE;
}

static int nvme_unified_map_meta(struct request *req,
				 const struct io_unified_cmd *ucmd)
{
	struct bio_integrity_payload *bip;
	int ret = 0;
	u32 i;

	bip = bio_integrity_alloc(req->bio, GFP_KERNEL, ucmd->nr_meta);
	if (IS_ERR(bip))
		return PTR_ERR(bip);
	for (i = 0; i < ucmd->nr_meta && !ret; i++) {
		const struct bio_vec *bv = &ucmd->meta[i];

		/* more pieces than the controller can take, or odd ones */
		if (bv->bv_offset & queue_dma_alignment(req->q) ||
		    bio_integrity_add_page(req->bio, bv->bv_page, bv->bv_len,
					   bv->bv_offset) != bv->bv_len)
			ret = -EINVAL;
	}
	req->nr_integrity_segments = bip->bip_vcnt;
	req->cmd_flags |= REQ_INTEGRITY;
	return ret;
}

/* The memory is the region's, and with it the bio: nothing is pinned or copied */
static int nvme_unified_map(struct request *req, struct io_unified_cmd *ucmd)
{
	struct nvme_ns *ns = req->q->queuedata;
	struct bio *bio = &ucmd->bio;
	u32 align = 0, i;
	int ret;

	if (ucmd->nr_meta && !(ns && blk_get_integrity(ns->disk)))
		return -EINVAL;
	for (i = 0; i < ucmd->nr_bvecs; i++)
		align |= ucmd->bvec[i].bv_offset | ucmd->bvec[i].bv_len;
	if (align & queue_dma_alignment(req->q))
		return -EINVAL;

	bio_init(bio, NULL, ucmd->bvec, ucmd->nr_bvecs, req_op(req));
	/* for statistics and limits; of no cgroup, as passthrough is not throttled */
	bio->bi_bdev = ns ? ns->disk->part0 : NULL;
	bio->bi_vcnt = ucmd->nr_bvecs;
	bio->bi_iter.bi_size = ucmd->cmd->data_len;

	ret = blk_rq_append_bio(req, bio);
	if (!ret && ucmd->nr_meta)
		ret = nvme_unified_map_meta(req, ucmd);
	if (ret) {
		bio_uninit(bio);
		req->bio = NULL;
		/* -EREMOTEIO: it would have to be copied */
		return ret == -ENOMEM ? ret : -EINVAL;
	}
	return 0;
}

/* A command that moves logical blocks, and what goes with them */
static bool nvme_unified_check_rw(struct nvme_ns *ns,
				  struct io_unified_cmd *ucmd)
{
	const struct nvme_uring_cmd *cmd = ucmd->cmd;
	const struct nvme_ns_head *head = ns->head;
	u64 nlb = (cmd->cdw12 & 0xffff) + 1;
	u64 data = nlb << head->lba_shift, meta = nlb * head->ms;

	/* the controller makes and takes away what is only PI */
	if (cmd->cdw12 & NVME_RW_PRINFO_PRACT << 16 && head->pi_type &&
	    head->ms == head->pi_size && cmd->opcode != nvme_cmd_compare)
		meta = 0;
	if (head->features & NVME_NS_EXT_LBAS) {
		data += meta;
		meta = 0;
	}
	if (data > cmd->data_len || meta > cmd->metadata_len)
		return false;
	ucmd->len = data;
	return !ucmd->exact || data == cmd->data_len;
}

/* Commands that have no name in nvme.h yet */
enum {
	NVME_UNIFIED_COPY		= 0x19,
	NVME_UNIFIED_IO_MGMT_SEND	= 0x1d,
};

/* A number of dwords, as commands give it: one less */
static u64 nvme_unified_dwords(u32 nr)
{
	return ((u64)nr + 1) * sizeof(__le32);
}

/* The data structure of a feature */
static u32 nvme_unified_feature_size(u8 fid)
{
	switch (fid) {
	case NVME_FEAT_LBA_RANGE:
	case NVME_FEAT_HOST_MEM_BUF:
		return SZ_4K;
	case NVME_FEAT_AUTO_PST:
		return SZ_256;
	case NVME_FEAT_TIMESTAMP:
		return sizeof(__le64);
	case NVME_FEAT_HOST_BEHAVIOR:
		return sizeof(struct nvme_feat_host_behavior);
	case NVME_FEAT_HOST_ID:
		return sizeof(uuid_t);
	}
	return 0;
}

/* Bytes of memory that the device is going to use, by what the command says */
static u64 nvme_unified_needs_admin(const struct nvme_uring_cmd *cmd)
{
	switch (cmd->opcode) {
	case nvme_admin_identify:
		return NVME_IDENTIFY_DATA_SIZE;
	case nvme_admin_get_log_page:
		return nvme_unified_dwords((cmd->cdw11 & 0xffff) << 16 |
					   cmd->cdw10 >> 16);
	case nvme_admin_get_features:
		return nvme_unified_feature_size(cmd->cdw10);
	case nvme_admin_set_features:
		/* that of the host's memory is a list elsewhere */
		if ((cmd->cdw10 & 0xff) == NVME_FEAT_HOST_MEM_BUF)
			return 0;
		return nvme_unified_feature_size(cmd->cdw10);
	case nvme_admin_ns_mgmt:
		/* create; deletion has none */
		return cmd->cdw10 & 0xf ? 0 : SZ_4K;
	case nvme_admin_ns_attach:
		return SZ_4K;
	case nvme_admin_download_fw:
	case nvme_admin_directive_send:
	case nvme_admin_directive_recv:
		return nvme_unified_dwords(cmd->cdw10);
	case nvme_admin_security_send:
	case nvme_admin_security_recv:
		return cmd->cdw11;
	case nvme_admin_get_lba_status:
		return nvme_unified_dwords(cmd->cdw12);
	}
	return 0;
}

static u64 nvme_unified_needs(const struct nvme_uring_cmd *cmd)
{
	u32 nr = (cmd->cdw12 & 0xff) + 1, fmt = (cmd->cdw12 >> 8) & 0xf;

	switch (cmd->opcode) {
	case nvme_cmd_dsm:
		return ((cmd->cdw10 & 0xff) + 1) * sizeof(struct nvme_dsm_range);
	case NVME_UNIFIED_COPY:
		/* two formats have room for 64 bits of a guard */
		return nr * (fmt == 1 || fmt == 3 ? 40 : 32);
	case nvme_cmd_resv_register:
	case nvme_cmd_resv_acquire:
		return 16;
	case nvme_cmd_resv_release:
		return 8;
	case nvme_cmd_resv_report:
		return nvme_unified_dwords(cmd->cdw10);
	case nvme_cmd_io_mgmt_recv:
		return nvme_unified_dwords(cmd->cdw11);
	case NVME_UNIFIED_IO_MGMT_SEND:
		/* identifiers of placement handles */
		return ((cmd->cdw10 >> 16) + 1) * sizeof(__le16);
	case nvme_cmd_zone_mgmt_send:
		/* Set Zone Descriptor Extension, as large as it can be */
		return (cmd->cdw13 & 0xff) == 0x10 ? 255 * 64 : 0;
	case nvme_cmd_zone_mgmt_recv:
		return nvme_unified_dwords(cmd->cdw12);
	}
	return 0;
}

/*
 * With PRPs the device does not know where the memory ends, so it must not be
 * told to go beyond.  By what the namespace is now: it may have been formatted.
 */
static bool nvme_unified_fits(struct nvme_ns *ns, struct io_unified_cmd *ucmd)
{
	const struct nvme_uring_cmd *cmd = ucmd->cmd;

	ucmd->len = cmd->data_len;
	if (!ns)
		return nvme_unified_needs_admin(cmd) <= cmd->data_len;

	switch (cmd->opcode) {
	case nvme_cmd_write:
	case nvme_cmd_read:
	case nvme_cmd_compare:
	case nvme_cmd_zone_append:
		return nvme_unified_check_rw(ns, ucmd);
	}
	return nvme_unified_needs(cmd) <= cmd->data_len;
}

/* Is it known to leave the device as it is?  Many commands write without data */
static bool nvme_unified_reads(struct nvme_ctrl *ctrl, struct nvme_ns *ns,
			       const struct nvme_command *c)
{
	if (!ns) {
		switch (c->common.opcode) {
		case nvme_admin_identify:
		case nvme_admin_get_log_page:
		case nvme_admin_get_features:
		case nvme_admin_get_lba_status:
			return true;
		}
		return false;
	}
	switch (c->common.opcode) {
	case nvme_cmd_flush:
	case nvme_cmd_read:
	case nvme_cmd_verify:
	case nvme_cmd_resv_report:
	case nvme_cmd_zone_mgmt_recv:
	case nvme_cmd_io_mgmt_recv:
		/* unless the controller says otherwise */
		return !(nvme_command_effects(ctrl, ns, c->common.opcode) &
			 NVME_CMD_EFFECTS_LBCC);
	}
	return false;
}

/* @ns is NULL for an admin command */
static int nvme_unified_queue(struct nvme_ctrl *ctrl, struct nvme_ns *ns,
			      struct io_unified_cmd *ucmd)
{
	const struct nvme_uring_cmd *cmd = ucmd->cmd;
	struct nvme_command c = { };
	struct request *req;
	int ret;

	if (cmd->flags || (ns && cmd->nsid != ns->head->ns_id))
		return -EINVAL;
	/* one that stays until the controller has something to tell */
	if (!ns && cmd->opcode == nvme_admin_async_event)
		return -EINVAL;
	if (cmd->metadata_len && !cmd->data_len)
		return -EINVAL;
	if (!nvme_unified_fits(ns, ucmd))
		return -EINVAL;

	c.common.opcode = cmd->opcode;
	c.common.nsid = cpu_to_le32(cmd->nsid);
	c.common.cdw2[0] = cpu_to_le32(cmd->cdw2);
	c.common.cdw2[1] = cpu_to_le32(cmd->cdw3);
	c.common.cdw10 = cpu_to_le32(cmd->cdw10);
	c.common.cdw11 = cpu_to_le32(cmd->cdw11);
	c.common.cdw12 = cpu_to_le32(cmd->cdw12);
	c.common.cdw13 = cpu_to_le32(cmd->cdw13);
	c.common.cdw14 = cpu_to_le32(cmd->cdw14);
	c.common.cdw15 = cpu_to_le32(cmd->cdw15);

	if (!nvme_cmd_allowed(ctrl, ns, &c, 0, ucmd->may_write))
		return -EACCES;
	/* CAP_SYS_ADMIN, too: every registrant has it, and so has a poller */
	if (!ucmd->may_write && !nvme_unified_reads(ctrl, ns, &c))
		return -EACCES;

	req = nvme_alloc_user_request(ns ? ns->queue : ctrl->admin_q, &c,
				      ucmd->nowait ? REQ_NOWAIT : 0,
				      ucmd->nowait ? BLK_MQ_REQ_NOWAIT : 0);
	if (IS_ERR(req))
		return PTR_ERR(req);
	req->timeout = cmd->timeout_ms ? msecs_to_jiffies(cmd->timeout_ms) : 0;

	if (cmd->data_len) {
		ret = nvme_unified_map(req, ucmd);
		if (ret) {
			blk_mq_free_request(req);
			return ret;
		}
	}

	req->end_io_data = ucmd;
	req->end_io = nvme_unified_end_io;
	blk_execute_rq_nowait(req, false);
	return 0;
}

static int nvme_unified_queue_ns(struct nvme_ns *ns, struct io_unified_cmd *ucmd)
{
	return nvme_unified_queue(ns->ctrl, ucmd->admin ? NULL : ns, ucmd);
}

#ifdef CONFIG_NVME_MULTIPATH
static int nvme_unified_queue_head(struct nvme_ns_head *head,
				   struct io_unified_cmd *ucmd)
{
	int srcu_idx = srcu_read_lock(&head->srcu);
	struct nvme_ns *ns = nvme_find_path(head);
	int ret = -ENODEV;

	if (ns)
		ret = nvme_unified_queue_ns(ns, ucmd);
	srcu_read_unlock(&head->srcu, srcu_idx);
	return ret;
}
#else
static int nvme_unified_queue_head(struct nvme_ns_head *head,
				   struct io_unified_cmd *ucmd)
{
	return -ENODEV;
}
#endif

static int nvme_unified_queue_cmd(struct gendisk *disk,
				  struct io_unified_cmd *ucmd)
{
	if (nvme_disk_is_ns_head(disk))
		return nvme_unified_queue_head(disk->private_data, ucmd);
	return nvme_unified_queue_ns(disk->private_data, ucmd);
}

/* The block node of a namespace, or of a namespace with several paths */
static struct gendisk *nvme_unified_block_disk(struct file *file)
{
	struct block_device *bdev = file_bdev(file);

	/* a partition ends where another's data begins, passthrough does not */
	if (bdev_is_partition(bdev))
		return NULL;
	if (bdev->bd_disk->fops->ioctl == nvme_ioctl ||
	    nvme_disk_is_ns_head(bdev->bd_disk))
		return bdev->bd_disk;
	return NULL;
}

/* The generic node, for which uring_cmd is the handler of its file */
static struct gendisk *nvme_unified_char_disk(struct file *file)
{
	struct cdev *cdev = file_inode(file)->i_cdev;

	if (file->f_op->uring_cmd == nvme_ns_chr_uring_cmd)
		return container_of(cdev, struct nvme_ns, cdev)->disk;
#ifdef CONFIG_NVME_MULTIPATH
	if (file->f_op->uring_cmd == nvme_ns_head_chr_uring_cmd)
		return container_of(cdev, struct nvme_ns_head, cdev)->disk;
#endif
	return NULL;
}

static int nvme_unified_get_ns(struct file *file, struct io_unified_ns *ns)
{
	struct nvme_ns_head *head;
	struct gendisk *disk;

	if (S_ISBLK(file_inode(file)->i_mode))
		disk = nvme_unified_block_disk(file);
	else
		disk = nvme_unified_char_disk(file);
	if (!disk)
		return -ENODEV;

	if (nvme_disk_is_ns_head(disk))
		head = disk->private_data;
	else
		head = ((struct nvme_ns *)disk->private_data)->head;
	*ns = (struct io_unified_ns) {
		.disk		= disk,
		.nsid		= head->ns_id,
		.lba_size	= 1U << head->lba_shift,
		.meta_size	= head->ms,
		.pi_only	= head->pi_type && head->ms == head->pi_size,
		.ext_lba	= head->features & NVME_NS_EXT_LBAS,
	};
	return 0;
}

static const struct io_unified_driver nvme_unified_driver = {
	.owner		= THIS_MODULE,
	.get_ns		= nvme_unified_get_ns,
	.queue_cmd	= nvme_unified_queue_cmd,
};

int nvme_unified_init(void)
{
	return io_unified_register_driver(&nvme_unified_driver);
}

void nvme_unified_exit(void)
{
	io_unified_unregister_driver(&nvme_unified_driver);
}
