// SPDX-License-Identifier: GPL-2.0
/*
 * capture: the XDP program in front of `sluice capture`.
 *
 * Of frames that arrive on a queue with a socket, those that match the filter
 * are cut to the snapshot length and redirected to it, with the time and the
 * length on the wire in the metadata.  All others go on to the stack.
 *
 * What it does well: Ethernet, VLAN tags, IPv4, and IPv6 with extension headers.
 * What it does not do: tunnels; the outer headers are what it looks at.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#include "capture.h"

#define ETH_P_IP	0x0800
#define ETH_P_IPV6	0x86DD
#define ETH_P_8021Q	0x8100
#define ETH_P_8021AD	0x88A8
#define IP_OFFSET	0x1fff	/* of a fragment */

#define IPPROTO_TCP	6
#define IPPROTO_UDP	17
#define IPPROTO_DCCP	33
#define IPPROTO_SCTP	132
#define IPPROTO_HOPOPTS	0
#define IPPROTO_ROUTING	43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH	51
#define IPPROTO_DSTOPTS	60

#define MAX_VLANS	2
#define MAX_IPV6_EXTS	6
#define MAX_HEADERS	1024	/* bytes before the ports, for the verifier */

/* set by the loader before the load */
const volatile struct capture_filter filter;
const volatile __u32 snaplen = 1792;
const volatile __u32 cookie;

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);		/* the loader: number of queues */
	__type(key, __u32);
	__type(value, __u32);
} capture_socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct capture_counts);
} capture_counts SEC(".maps");

struct headers {
	__u16 ethertype;
	__u8 proto;
	__u8 ip_version;	/* 0: not IP */
	bool has_ports;
	__u16 sport;
	__u16 dport;
	__u8 saddr[16];
	__u8 daddr[16];
};

/* Behind the addresses and tags; returns the bytes until there, 0: too short */
static __always_inline __u32 parse_ethernet(void *data, void *end, struct headers *h)
{
	struct ethhdr *eth = data;
	__u32 off = sizeof(*eth);
	__be16 *tag;

	if ((void *)(eth + 1) > end)
		return 0;
	h->ethertype = bpf_ntohs(eth->h_proto);
	for (int i = 0; i < MAX_VLANS; i++) {
		if (h->ethertype != ETH_P_8021Q && h->ethertype != ETH_P_8021AD)
			break;
		tag = data + off;
		if ((void *)(tag + 2) > end)
			return 0;
		h->ethertype = bpf_ntohs(tag[1]);
		off += 2 * sizeof(*tag);
	}
	return off;
}

static __always_inline bool proto_has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP ||
	       proto == IPPROTO_SCTP || proto == IPPROTO_DCCP;
}

static __always_inline void parse_ports(void *data, void *end, __u32 off,
					struct headers *h)
{
	__be16 *ports;

	if (!proto_has_ports(h->proto) || off > MAX_HEADERS)
		return;
	ports = data + off;
	if ((void *)(ports + 2) > end)
		return;
	h->sport = bpf_ntohs(ports[0]);
	h->dport = bpf_ntohs(ports[1]);
	h->has_ports = true;
}

static __always_inline void parse_ipv4(void *data, void *end, __u32 off,
				       struct headers *h)
{
	struct iphdr *ip = data + off;

	if ((void *)(ip + 1) > end)
		return;
	h->ip_version = 4;
	h->proto = ip->protocol;
	if (filter.has & CAPTURE_HAS_HOST) {
		__builtin_memcpy(h->saddr, &ip->saddr, 4);
		__builtin_memcpy(h->daddr, &ip->daddr, 4);
	}
	/* later fragments have no ports */
	if (!(ip->frag_off & bpf_htons(IP_OFFSET)))
		parse_ports(data, end, off + ip->ihl * 4, h);
}

/* What begins every extension header */
struct ipv6_ext {
	__u8 next;
	__u8 len;
	__be16 frag_off;	/* of a fragment header */
};

static __always_inline void parse_ipv6(void *data, void *end, __u32 off,
				       struct headers *h)
{
	struct ipv6hdr *ip6 = data + off;

	if ((void *)(ip6 + 1) > end)
		return;
	h->ip_version = 6;
	h->proto = ip6->nexthdr;
	if (filter.has & CAPTURE_HAS_HOST) {
		__builtin_memcpy(h->saddr, &ip6->saddr, 16);
		__builtin_memcpy(h->daddr, &ip6->daddr, 16);
	}
	off += sizeof(*ip6);
	for (int i = 0; i < MAX_IPV6_EXTS; i++) {
		struct ipv6_ext *ext;
		__u32 len;

		if (off > MAX_HEADERS)
			return;
		ext = data + off;
		if (h->proto != IPPROTO_HOPOPTS && h->proto != IPPROTO_ROUTING &&
		    h->proto != IPPROTO_DSTOPTS && h->proto != IPPROTO_FRAGMENT &&
		    h->proto != IPPROTO_AH)
			break;
		if ((void *)(ext + 1) > end)
			return;
		len = (ext->len + 1) * 8;
		if (h->proto == IPPROTO_AH)
			len = (ext->len + 2) * 4;
		if (h->proto == IPPROTO_FRAGMENT) {
			len = 8;
			/* later fragments have no ports, but the protocol */
			if (ext->frag_off & bpf_htons(0xfff8)) {
				h->proto = ext->next;
				return;
			}
		}
		h->proto = ext->next;
		off += len;
	}
	parse_ports(data, end, off, h);
}

static __always_inline bool same_host(const __u8 *addr)
{
	__u32 len = filter.ip_version == 4 ? 4 : 16;

	for (__u32 i = 0; i < 16; i++)
		if (i < len && addr[i] != filter.host[i])
			return false;
	return true;
}

static __always_inline bool capture_matches(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct headers h = {};
	__u32 off;

	if (!filter.has)
		return true;
	off = parse_ethernet(data, end, &h);
	if (!off)
		return false;
	if (h.ethertype == ETH_P_IP)
		parse_ipv4(data, end, off, &h);
	else if (h.ethertype == ETH_P_IPV6)
		parse_ipv6(data, end, off, &h);

	if (filter.has & CAPTURE_HAS_ETHERTYPE && h.ethertype != filter.ethertype)
		return false;
	if (filter.has & CAPTURE_HAS_PROTO &&
	    (!h.ip_version || h.proto != filter.proto))
		return false;
	if (filter.has & CAPTURE_HAS_PORT &&
	    (!h.has_ports || (h.sport != filter.port && h.dport != filter.port)))
		return false;
	return !(filter.has & CAPTURE_HAS_HOST) ||
	       (h.ip_version == filter.ip_version &&
		(same_host(h.saddr) || same_host(h.daddr)));
}

/* Room for struct capture_meta, in place of what a program before us has left */
static __always_inline bool make_room(struct xdp_md *ctx)
{
	long there = (long)ctx->data - (long)ctx->data_meta;

	return !bpf_xdp_adjust_meta(ctx, there - (long)sizeof(struct capture_meta));
}

static __always_inline void fill_meta(struct xdp_md *ctx, __u32 len, __u64 now)
{
	struct capture_meta *meta = (void *)(long)ctx->data_meta;

	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return;
	meta->tai_ns = now;
	meta->len = len;
	meta->cookie = cookie;
}

SEC("xdp.frags")
int sluice_capture(struct xdp_md *ctx)
{
	__u64 now = bpf_ktime_get_tai_ns();
	__u32 queue = ctx->rx_queue_index, zero = 0, len;
	struct capture_counts *c;

	c = bpf_map_lookup_elem(&capture_counts, &zero);
	if (!c || !bpf_map_lookup_elem(&capture_socks, &queue))
		return XDP_PASS;
	if (!capture_matches(ctx)) {
		c->passed++;
		return XDP_PASS;
	}
	len = bpf_xdp_get_buff_len(ctx);
	c->matched++;
	c->matched_bytes += len;
	if (len > snaplen && bpf_xdp_adjust_tail(ctx, (int)snaplen - (int)len)) {
		c->oversize++;
		return XDP_DROP;
	}
	if (make_room(ctx))
		fill_meta(ctx, len, now);
	else
		c->no_meta++;
	return bpf_redirect_map(&capture_socks, queue, XDP_DROP);
}

char LICENSE[] SEC("license") = "GPL";
