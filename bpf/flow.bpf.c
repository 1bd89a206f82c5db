// SPDX-License-Identifier: GPL-2.0
/*
 * flow: the XDP program in front of a pipeline.
 *
 * Counts packets and bytes by flow, and drops what arrives on the pipeline's
 * queue without being for it: that memory is the region's, and nobody else can
 * read it.  Other queues, and everything that is neither TCP nor UDP, pass.
 *
 * The NIC splits headers from payload, so this sees the headers; the lengths
 * are those of the IP headers.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ETH_P_IP	0x0800
#define ETH_P_IPV6	0x86DD
#define IPPROTO_TCP	6
#define IPPROTO_UDP	17

#define FLOW_QUEUES	16

/* set by the loader before the load */
const volatile __u32 queues[FLOW_QUEUES];
const volatile __u32 nr_queues;
const volatile __u16 port;

struct flow_key {
	__u8 saddr[16];		/* IPv4: the first four bytes */
	__u8 daddr[16];
	__u16 sport;		/* host byte order */
	__u16 dport;
	__u8 ip_version;
	__u8 protocol;
	__u16 pad;
};

struct flow_count {
	__u64 packets;
	__u64 bytes;		/* of the IP packets */
	__u64 dropped;		/* packets */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow_key);
	__type(value, struct flow_count);
} flows SEC(".maps");

/* One entry a CPU */
struct flow_total {
	__u64 passed;
	__u64 dropped;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_total);
} flow_total SEC(".maps");

/* Fills @key; the length of the IP packet, 0 for what is no flow */
static __always_inline __u32 flow_parse(struct xdp_md *ctx, struct flow_key *key)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct tcphdr *th;
	__u32 len;

	if ((void *)(eth + 1) > end)
		return 0;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end)
			return 0;
		/* later fragments have no ports; options are rare enough */
		if (ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff))
			return 0;
		__builtin_memcpy(key->saddr, &ip->saddr, 4);
		__builtin_memcpy(key->daddr, &ip->daddr, 4);
		key->ip_version = 4;
		key->protocol = ip->protocol;
		len = bpf_ntohs(ip->tot_len);
		th = (void *)(ip + 1);
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip6 = (void *)(eth + 1);

		if ((void *)(ip6 + 1) > end)
			return 0;
		__builtin_memcpy(key->saddr, &ip6->saddr, 16);
		__builtin_memcpy(key->daddr, &ip6->daddr, 16);
		key->ip_version = 6;
		key->protocol = ip6->nexthdr;
		len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
		th = (void *)(ip6 + 1);
	} else {
		return 0;
	}
	if (key->protocol != IPPROTO_TCP && key->protocol != IPPROTO_UDP)
		return 0;
	/* the ports of UDP are in the same place */
	if ((void *)th + 4 > end)
		return 0;
	key->sport = bpf_ntohs(th->source);
	key->dport = bpf_ntohs(th->dest);
	return len;
}

static __always_inline void flow_count(const struct flow_key *key, __u32 len,
				       bool drop)
{
	struct flow_count *c = bpf_map_lookup_elem(&flows, key);
	struct flow_count first = {};

	if (!c) {
		bpf_map_update_elem(&flows, key, &first, BPF_NOEXIST);
		c = bpf_map_lookup_elem(&flows, key);
	}
	if (!c)
		return;
	__sync_fetch_and_add(&c->packets, 1);
	__sync_fetch_and_add(&c->bytes, len);
	if (drop)
		__sync_fetch_and_add(&c->dropped, 1);
}

/* Is @queue one whose memory is a region's? */
static __always_inline bool flow_is_ours(__u32 queue)
{
	__u32 i;

	for (i = 0; i < FLOW_QUEUES && i < nr_queues; i++)
		if (queues[i] == queue)
			return true;
	return false;
}

SEC("xdp.frags")
int sluice_flow(struct xdp_md *ctx)
{
	struct flow_key key = {};
	__u32 len = flow_parse(ctx, &key), zero = 0;
	struct flow_total *total;
	bool drop = false;

	if (len) {
		drop = flow_is_ours(ctx->rx_queue_index) &&
		       (key.protocol != IPPROTO_TCP || key.dport != port);
		flow_count(&key, len, drop);
	}
	total = bpf_map_lookup_elem(&flow_total, &zero);
	if (total) {
		if (drop)
			total->dropped++;
		else
			total->passed++;
	}
	return drop ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
