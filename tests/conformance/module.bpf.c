// SPDX-License-Identifier: GPL-2.0
/*
 * module: a security module that refuses what the test says, for privilege.c.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "module.h"

#define NVME_URING_CMD_ADMIN	0x82	/* its number; that of I/O is 0x80 */

/* CO-RE finds it in the kernel's own types */
struct io_uring_cmd {
	__u32	cmd_op;
} __attribute__((preserve_access_index));

struct socket;
struct msghdr;

unsigned int refuse;

static int answer(unsigned int what, int before)
{
	return before ?: refuse == what ? -MODULE_ERROR : 0;
}

SEC("lsm/uring_cmd")
int BPF_PROG(uring_cmd, struct io_uring_cmd *cmd, int ret)
{
	if ((cmd->cmd_op & 0xff) == NVME_URING_CMD_ADMIN)
		return answer(REFUSE_ADMIN, ret);
	return answer(REFUSE_CMD, ret);
}

SEC("lsm/uring_sqpoll")
int BPF_PROG(uring_sqpoll, int ret)
{
	return answer(REFUSE_POLL, ret);
}

SEC("lsm/socket_sendmsg")
int BPF_PROG(socket_sendmsg, struct socket *sock, struct msghdr *msg, int size, int ret)
{
	return answer(REFUSE_SEND, ret);
}

char _license[] SEC("license") = "GPL";
