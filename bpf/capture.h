/* SPDX-License-Identifier: GPL-2.0 */
/* What bpf/capture.bpf.c and `sluice capture` say to each other. */
#ifndef CAPTURE_H
#define CAPTURE_H

/* Which members of the filter count; a frame has to match all of these */
enum capture_has {
	CAPTURE_HAS_ETHERTYPE	= 1 << 0,
	CAPTURE_HAS_PROTO	= 1 << 1,
	CAPTURE_HAS_PORT	= 1 << 2,
	CAPTURE_HAS_HOST	= 1 << 3,
};

struct capture_filter {
	__u32 has;
	__u16 ethertype;	/* behind VLAN tags; host byte order */
	__u16 port;		/* of TCP, UDP, SCTP, DCCP; source or destination */
	__u8 proto;		/* of IP */
	__u8 ip_version;	/* of the host, 4 or 6 */
	__u8 pad[2];
	__u8 host[16];		/* source or destination; IPv4: four bytes */
};

/* In the metadata of a frame, right before it */
struct capture_meta {
	__u64 tai_ns;		/* CLOCK_TAI when the program saw it */
	__u32 len;		/* on the wire */
	__u32 cookie;		/* of the run: this is no other program's */
};

/* One entry a CPU */
struct capture_counts {
	__u64 matched;
	__u64 matched_bytes;
	__u64 passed;		/* to the stack, because it did not match */
	__u64 oversize;		/* matched, but could not be cut to fit */
	__u64 no_meta;		/* matched, but the driver has no metadata */
};

#endif
