/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NVME_UNIFIED_H
#define _NVME_UNIFIED_H

/* ioctl.c: passthrough, whoever it is for */
bool nvme_cmd_allowed(struct nvme_ctrl *ctrl, struct nvme_ns *ns,
		      struct nvme_command *c, unsigned int flags,
		      bool open_for_write);
struct request *nvme_alloc_user_request(struct request_queue *q,
					struct nvme_command *cmd,
					blk_opf_t rq_flags,
					blk_mq_req_flags_t blk_flags);

#ifdef CONFIG_IO_URING_UNIFIED
int nvme_unified_init(void);
void nvme_unified_exit(void);
#else
static inline int nvme_unified_init(void)
{
	return 0;
}

static inline void nvme_unified_exit(void)
{
}
#endif

#endif /* _NVME_UNIFIED_H */
