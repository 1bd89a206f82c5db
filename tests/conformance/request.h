/* SPDX-License-Identifier: GPL-2.0 */
/*
 * request: IORING_OP_UNIFIED as a program uses it: a region on a ring, with a
 * namespace and perhaps a NIC, requests, and the peers of its streams.
 */
#ifndef _REQUEST_H
#define _REQUEST_H

#include <liburing.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <bpf/libbpf.h>
#include <linux/io_uring/unified.h>

#include "region.h"

#define NVME	IORING_UNIFIED_OP_NVME
#define NET	IORING_UNIFIED_OP_NETWORK
#define BPF	IORING_UNIFIED_OP_BPF
#define LBA	512
#define REC	4096
#define NIC_MEM	(4 << 20)
#define OWN_MEM	(256 << 10)
/* What a ring with a NIC queue needs */
#define NET_FLAGS (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | \
		   IORING_SETUP_CQE32)

/* Where it all happens; peers are plain sockets in the namespace of peer_ns */
extern const char *node, *stage_path, *ifname, *peer_ns;
extern struct sockaddr_in listen_addr;
extern int queue;

/* Takes NODE STAGE.bpf.o [IF QUEUE IP PORT PEER_NETNS]: is there a NIC? */
bool request_args(char **argv);

/* A region and the ring that it is part of */
struct setup {
	struct io_uring		ring;
	struct region		r;
	struct io_unified_ctrl	*ctrl;
	char			*own;		/* the application's part */
	uint64_t		own_off;
	int			dev;
	struct bpf_object	*obj;
	struct bpf_link		*link;
};

/* Of the regions that follow: NIC_MEM unless changed */
extern size_t nic_mem;

/* On a ring and with a device that are there: 0 or -errno */
int try_region(struct setup *s, bool nvme, bool nic);
void set_up(struct setup *s, unsigned int flags, bool nvme, bool nic);
void attach_stage(struct setup *s);
void detach_stage(struct setup *s);
/* A member of a stage's struct io_unified_ops, before it is loaded */
void *stage_member(struct bpf_object *obj, struct bpf_map *map, const char *name);
void tear_down(struct setup *s);

/* What the fields of the SQE are called in the header */
struct op {
	unsigned int	mask;
	unsigned int	flags;
	int		fd;
	uint64_t	off;
	unsigned int	len;
	uint64_t	lba;
	unsigned int	dev;
	unsigned int	sock;		/* number + 1 */
	unsigned int	ioprio;
	unsigned int	sqe_flags;
	uint64_t	user_data;
};

struct io_uring_sqe *queue_op(struct setup *s, struct op op);
/* The next CQE's res; what it was, with 16 bytes more if it is a large one, is in *cqe */
int wait_op(struct setup *s, struct io_uring_cqe *cqe_out);
int do_op(struct setup *s, struct op op);
int check_res(int got, int want, const char *what);

#define try(s, want, what, ...)						\
	check_res(do_op(s, (struct op) { __VA_ARGS__ }), want, what)

void fill(char *buf, size_t len, unsigned int seed);
bool on_device(uint64_t lba, const char *want, size_t len);

struct peer {
	int	pid;
	int	sock;		/* our end */
};

/* A process in the other namespace with a socket connected to us */
struct peer connect_peer(void (*run)(int sock, void *arg), void *arg);
/* The same with an address of our choice; without netns, in our namespace */
struct peer connect_peer_to(const struct sockaddr_in *addr, const char *netns,
			    void (*run)(int sock, void *arg), void *arg);
int end_peer(struct peer *p);

struct stream {
	char	*data;
	size_t	len;
	int	go;		/* wait for this pipe before the end, if > 0 */
};

/* In a peer: it ends when that fails */
void write_all(int sock, const char *data, size_t len);

/* Peers: one that sends, one that wants to receive, and one that waits */
void send_stream(int sock, void *arg);

struct sink {
	char	*want;
	size_t	len;
	int	slow;		/* read little at a time */
};

/* Exit code 0: got what was wanted, and then the end */
void receive_all(int sock, void *arg);
void sleep_peer(int sock, void *arg);
/* Nothing more is to be sent: did the peer get what it wanted? */
bool sent_well(struct peer *p);

/* Give back the piece of a record that is at @off */
void give_back(struct setup *s, uint64_t off);
/* A socket that stages send to: its number, or -errno */
int sock_reg(struct setup *s, int fd, unsigned int flags, unsigned int nr);
int sock_add(struct setup *s, int fd);
int sock_remove(struct setup *s, unsigned int nr);

/* Does it all add up?  Says what does not */
bool balanced(const struct io_unified_stats *st);
/* What has been sent is counted when the peer's machine has it */
void wait_idle(struct setup *s);
/* The same; then nothing may be left, and it has to add up */
bool all_gone(struct setup *s);
/*
 * What the application gets of a stream, compared with what was sent; pieces
 * are kept until there are @keep or nothing more comes, and then given back; with
 * KEEP_ALL until reception waits for them.  Returns the request's res.
 */
#define KEEP_ALL	100000
int receive(struct setup *s, struct op op, const char *want, size_t len,
	    size_t rec, unsigned int keep, bool *same, bool *records);

#endif /* _REQUEST_H */
