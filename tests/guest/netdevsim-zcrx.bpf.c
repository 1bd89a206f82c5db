// SPDX-License-Identifier: GPL-2.0
/*
 * XDP on the port whose queue 1 belongs to a zero-copy receiver: counts what it
 * sees of TCP segments with payload and of UDP datagrams, and drops the first
 * drop_left TCP segments with payload.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	SEG,		/* TCP segments with payload on queue 1 */
	SEG_PAYLOAD,	/* those of which the program saw more than headers */
	SEG_DROPPED,
	SEG_OTHER_QUEUE,
	UDP,		/* UDP datagrams, any queue */
	UDP_SHORT,	/* those of which the program did not see all */
	NR_STATS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NR_STATS);
	__type(key, __u32);
	__type(value, __u64);
} nsim_stats SEC(".maps");

__s64 drop_left = 3;

static void count(__u32 stat)
{
	__u64 *val = bpf_map_lookup_elem(&nsim_stats, &stat);

	if (val)
		__sync_fetch_and_add(val, 1);
}

static int look(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	long hlen, len;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->ihl != 5)
		return XDP_PASS;

	len = bpf_ntohs(ip->tot_len);
	if (ip->protocol == IPPROTO_UDP) {
		count(UDP);
		if (bpf_xdp_get_buff_len(ctx) < sizeof(*eth) + len)
			count(UDP_SHORT);
		return XDP_PASS;
	}

	if (ip->protocol != IPPROTO_TCP || (void *)(tcp + 1) > end)
		return XDP_PASS;
	hlen = sizeof(*ip) + tcp->doff * 4;
	if (len <= hlen)
		return XDP_PASS;

	if (ctx->rx_queue_index != 1) {
		count(SEG_OTHER_QUEUE);
		return XDP_PASS;
	}
	count(SEG);
	if (bpf_xdp_get_buff_len(ctx) != sizeof(*eth) + hlen)
		count(SEG_PAYLOAD);
	if (drop_left > 0 && __sync_fetch_and_add(&drop_left, -1) > 0) {
		count(SEG_DROPPED);
		return XDP_DROP;
	}
	return XDP_PASS;
}

SEC("xdp.frags")
int nsim_frags(struct xdp_md *ctx)
{
	return look(ctx);
}

SEC("xdp")
int nsim_single(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Can't be done with a packet whose payload is out of reach: a drop */
SEC("xdp.frags")
int nsim_tx(struct xdp_md *ctx)
{
	return look(ctx) == XDP_PASS ? XDP_PASS : XDP_TX;
}

char _license[] SEC("license") = "GPL";
