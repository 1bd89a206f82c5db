// SPDX-License-Identifier: GPL-2.0
/*
 * stage: the stages of stages.bpf.c, as the tests of stages have them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "stage.h"
#include "tap.h"

const char *bad_node;
uint64_t bad_lba;

void stage_args(int argc, char **argv)
{
	char *args[] = { argv[1], argv[2], argv[5], argv[6], argv[7], argv[8], argv[9], NULL };

	if (argc != 10)
		bail_out("usage: %s NODE STAGES.bpf.o BAD_NODE BAD_SECTOR IF QUEUE IP PORT PEER_NETNS",
			 argv[0]);
	bad_node = argv[3];
	bad_lba = atoll(argv[4]);
	request_args(args);
}

void *var(struct setup *s, const char *name)
{
	const struct btf *btf = bpf_object__btf(s->obj);
	static const char * const sections[] = { ".bss", ".data" };

	for (int i = 0; i < 2; i++) {
		int id = btf__find_by_name_kind(btf, sections[i], BTF_KIND_DATASEC);
		const struct btf_type *t = btf__type_by_id(btf, id);
		struct bpf_map *map = bpf_object__find_map_by_name(s->obj, sections[i]);
		size_t size;

		for (int k = 0; t && k < btf_vlen(t); k++) {
			const struct btf_var_secinfo *v = &btf_var_secinfos(t)[k];
			const struct btf_type *vt = btf__type_by_id(btf, v->type);

			if (!strcmp(btf__name_by_offset(btf, vt->name_off), name))
				return bpf_map__initial_value(map, &size) + v->offset;
		}
	}
	bail_out("no variable %s", name);
}

struct bpf_map *stage_map(struct setup *s, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(s->obj, name);

	if (!map)
		bail_out("no stage %s", name);
	return map;
}

void load_stages(struct setup *s, unsigned int flags)
{
	static const char * const names[] = { "st", "second", "idle", "slow" };

	s->obj = bpf_object__open(stage_path);
	if (!s->obj)
		bail_out("%s: %s", stage_path, strerror(errno));
	for (int i = 0; i < 4; i++) {
		struct bpf_map *map = stage_map(s, names[i]);

		*(int *)stage_member(s->obj, map, "ring_fd") = s->ring.ring_fd;
		*(unsigned int *)stage_member(s->obj, map, "flags") = flags;
	}
	if (bpf_object__load(s->obj))
		bail_out("%s: %s", stage_path, strerror(errno));
}

int attach(struct setup *s, const char *name)
{
	s->link = bpf_map__attach_struct_ops(stage_map(s, name));
	return s->link ? 0 : -errno;
}

void must_attach(struct setup *s, const char *name)
{
	int ret = attach(s, name);

	if (ret)
		bail_out("attaching %s: %s", name, strerror(-ret));
}

struct exit_info exit_info(struct setup *s, const char *map)
{
	struct exit_info info = { };
	uint32_t key = 0;

	bpf_map_lookup_elem(bpf_map__fd(stage_map(s, map)), &key, &info);
	return info;
}

void forget_exit(struct setup *s, const char *map)
{
	const struct exit_info none = { };
	uint32_t key = 0;

	bpf_map_update_elem(bpf_map__fd(stage_map(s, map)), &key, &none, 0);
}

struct exit_info wait_exit(struct setup *s, const char *map)
{
	uint64_t begin = now_ms();
	struct exit_info info;

	for (;;) {
		info = exit_info(s, map);
		if (info.ended || now_ms() - begin > 60000)
			return info;
		be_patient(begin);
	}
}

static void add_bad_dev(struct setup *s)
{
	int fd = open(bad_node, O_RDWR);
	int ret = region_add_dev(&s->r, fd, NULL);

	close(fd);
	if (ret != 1)
		bail_out("%s: %s", bad_node, strerror(-ret));
}

void set_up_stages(struct setup *s, unsigned int flags)
{
	set_up(s, 0, true, false);
	add_bad_dev(s);
	load_stages(s, flags);
}

void set_up_stages_nic(struct setup *s, unsigned int flags)
{
	set_up(s, NET_FLAGS, true, true);
	add_bad_dev(s);
	load_stages(s, flags);
}

void goes_to(struct setup *s, uint64_t slba, uint32_t dev, uint32_t mirror)
{
	BOOL(s, "submit_set") = true;
	U64(s, "submit_slba") = slba;
	U32(s, "submit_dev") = dev;
	U32(s, "submit_mirror") = mirror;
	U32(s, "submit_delay") = 0;
	U32(s, "submit_fua") = 0;
}

int write_block(struct setup *s, uint64_t lba, unsigned int seed)
{
	fill(s->own, 4096, seed);
	s->own[0] = ' ';
	return do_op(s, (struct op) { .mask = NVME | BPF, .off = s->own_off, .len = 4096,
		     .lba = lba, .flags = IORING_UNIFIED_F_WRITE, .user_data = 7 });
}

int ask(struct setup *s, char first, size_t len)
{
	s->own[0] = first;
	return do_op(s, (struct op) { .mask = BPF, .off = s->own_off, .len = len });
}

void receive_stream(struct setup *s, struct stream *st, unsigned int mask,
		    int want, const char *text)
{
	struct peer p = connect_peer(send_stream, st);

	check_res(do_op(s, (struct op) { .mask = mask, .fd = p.sock, .len = REC,
			.ioprio = IORING_RECV_MULTISHOT, .lba = 4096,
			.flags = IORING_UNIFIED_F_FLUSH }), want, text);
	end_peer(&p);
}
