// SPDX-License-Identifier: GPL-2.0
/*
 * dedup: drop a record whose content was seen among the last ones.
 *
 * It remembers of each record that it let through a 64-bit hash (MurmurHash64A),
 * its CRC32C and its length; 96 bits that are right by chance once in 2^96.  With
 * last=65536 a new record is dropped by mistake with a probability of 2^-80, once
 * in 10^24 records.  That holds for accidents: who knows the seed can make two
 * records that are the same to it.
 *
 * What it does well: a record that repeats costs no write.  What it does not do:
 * find repetitions that begin elsewhere in a record; nor forget in exact order, the
 * map is the kernel's LRU hash.  It takes time for each byte.
 */
#include "vmlinux.h"
#include "unified.bpf.h"

#define DEDUP_M		0xc6a4a7935bd1e995ull
#define DEDUP_R		47
#define DEDUP_CHUNK	64

UNIFIED_OPTION("how many records to remember") UNIFIED_ENTRIES(dedup_seen)
const volatile __u32 last = 65536;

UNIFIED_OPTION("of the hash; a secret one cannot be cheated")
const volatile __u64 seed;

UNIFIED_VERDICTS(dedup_verdicts);
UNIFIED_SAVE_EXIT(dedup)

struct dedup_key {
	__u64 hash;
	__u32 crc;
	__u32 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct dedup_key);
	__type(value, __u64);		/* how often it has come again */
} dedup_seen SEC(".maps");

/* The last chunk is filled up with zeroes; the length is in the hash, and the key */
static __always_inline __u64 dedup_hash(struct io_unified_buf *buf)
{
	__u64 words[DEDUP_CHUNK / 8], h = seed ^ buf->len * DEDUP_M, k;
	__u32 i, j, n;

	bpf_for(i, 0, (buf->len + DEDUP_CHUNK - 1) / DEDUP_CHUNK) {
		__builtin_memset(words, 0, sizeof(words));
		n = buf->len - i * DEDUP_CHUNK;
		if (n > DEDUP_CHUNK)
			n = DEDUP_CHUNK;
		bpf_io_unified_buf_load(buf, i * DEDUP_CHUNK, words, n);
		for (j = 0; j < DEDUP_CHUNK / 8; j++) {
			k = words[j] * DEDUP_M;
			k ^= k >> DEDUP_R;
			h = (h ^ k * DEDUP_M) * DEDUP_M;
		}
	}
	h ^= h >> DEDUP_R;
	h *= DEDUP_M;
	return h ^ h >> DEDUP_R;
}

SEC("struct_ops/rx")
int BPF_PROG(dedup_rx, struct io_unified_ctx *region, struct io_unified_buf *buf)
{
	struct dedup_key key = {
		.hash = dedup_hash(buf),
		.crc = bpf_io_unified_buf_crc32c(buf, 0),
		.len = buf->len,
	};
	__u64 *again = bpf_map_lookup_elem(&dedup_seen, &key), none = 0;

	if (again)
		__sync_fetch_and_add(again, 1);
	else
		bpf_map_update_elem(&dedup_seen, &key, &none, BPF_ANY);
	return unified_verdict(dedup_verdicts,
			       again ? IO_UNIFIED_DROP : IO_UNIFIED_NEXT, buf->len);
}

UNIFIED_ABOUT("drop records whose content was seen among the last N")
UNIFIED_STAGE(dedup, .rx = (void *)dedup_rx, .exit = (void *)dedup_exit_save);

char LICENSE[] SEC("license") = "GPL";
