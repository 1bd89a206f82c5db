// SPDX-License-Identifier: GPL-2.0
/*
 * harness: sluice/stage-test.h notices what it is there for.  Each mistake is made
 * here, and its failure is taken back.
 */
#include <sluice/stage-test.h>

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} array SEC(".maps");

/* So many failures more than before: they were wanted */
static unsigned int taken_back(void)
{
	unsigned int nr = stage_test_failures;

	stage_test_failures = 0;
	return nr;
}

static void mistakes(void)
{
	struct io_unified_buf *buf, *own;

	stage_test_buf("abcd", 4, 2, 0);
	bpf_io_unified_alloc(NULL, 512);
	stage_test_reset();
	stage_test_equal(taken_back(), 1);

	own = bpf_io_unified_alloc(NULL, 512);
	bpf_io_unified_buf_drop(own);
	bpf_io_unified_buf_drop(own);
	stage_test_equal(taken_back(), 1);

	own = bpf_io_unified_alloc(NULL, 512);
	stage_test_equal(bpf_io_unified_buf_write(own, 1, 5), 0);
	bpf_io_unified_buf_data(own, 0, 1);
	stage_test_equal(taken_back(), 1);
	stage_test_equal(stage_test_fates(STAGE_TEST_WRITTEN), 1);

	buf = stage_test_buf("abcd", 4, 2, 0);
	bpf_io_unified_buf_drop(buf);
	stage_test_equal(taken_back(), 1);
}

static void answers(void)
{
	struct io_unified_buf *buf = stage_test_buf("abcd", 4, 2, 0), *own;
	char bytes[4];

	stage_test_check(!bpf_io_unified_buf_data(buf, 1, 2));
	stage_test_check(!bpf_io_unified_buf_data(buf, 4, 1));
	stage_test_check(*bpf_io_unified_buf_data(buf, 2, 2) == 'c');
	stage_test_equal(bpf_io_unified_buf_load(buf, 0, bytes, 4), 0);
	stage_test_check(!memcmp(bytes, "abcd", 4));
	stage_test_equal(bpf_io_unified_buf_load(buf, 1, bytes, 4), -22);
	stage_test_equal(bpf_io_unified_buf_load(buf, 5, bytes, 0), -22);
	stage_test_equal(bpf_io_unified_buf_store(buf, 1, "XY", 2), 0);
	stage_test_check(stage_test_has(buf, "aXYd", 4));
	own = bpf_io_unified_buf_clone(buf);
	stage_test_check(stage_test_has(own, "aXYd", 4));
	/* no whole blocks: refused, and gone */
	stage_test_equal(bpf_io_unified_buf_write(own, 0, 0), -22);
	own = bpf_io_unified_alloc(NULL, 512);
	stage_test_equal(bpf_io_unified_buf_pass(own, 0), -95);
	own = bpf_io_unified_buf_clone(buf);
	stage_test_equal(bpf_io_unified_buf_send(own, 1), -107);
	stage_test_equal(stage_test_fates(STAGE_TEST_SENT), 0);
	stage_test_socks = 2;
	own = bpf_io_unified_buf_clone(buf);
	stage_test_equal(bpf_io_unified_buf_send(own, 1), 0);
	stage_test_equal(stage_test_fates(STAGE_TEST_SENT), 1);
	stage_test_check(!bpf_io_unified_alloc(NULL, 0));
	stage_test_check(!bpf_io_unified_alloc(NULL, 65537));
}

static void maps(void)
{
	__u64 v[3] = { 10, 11, 12 };
	__u32 k[3] = { 0, 1, 2 };

	stage_test_equal(*bpf_map_lookup_elem(&array, &k[1]), 0);
	stage_test_check(!bpf_map_lookup_elem(&array, &k[2]));
	stage_test_equal(bpf_map_update_elem(&array, &k[0], &v[0], BPF_ANY), 0);
	stage_test_equal(*bpf_map_lookup_elem(&array, &k[0]), 10);
	bpf_map_update_elem(&lru, &k[0], &v[0], BPF_ANY);
	bpf_map_update_elem(&lru, &k[1], &v[1], BPF_ANY);
	stage_test_equal(*bpf_map_lookup_elem(&lru, &k[0]), 10);
	bpf_map_update_elem(&lru, &k[2], &v[2], BPF_ANY);
	/* 1 was used longest ago */
	stage_test_check(!bpf_map_lookup_elem(&lru, &k[1]));
	stage_test_equal(bpf_map_update_elem(&lru, &k[0], &v[1], BPF_NOEXIST), -17);
	stage_test_equal(bpf_map_update_elem(&lru, &k[1], &v[1], BPF_EXIST), -2);
	stage_test_equal(bpf_map_delete_elem(&lru, &k[0]), 0);
	stage_test_equal(bpf_map_delete_elem(&lru, &k[0]), -2);
}

int main(void)
{
	mistakes();
	answers();
	maps();
	return stage_test_end();
}
