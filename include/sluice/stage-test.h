/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stage-test.h: test a stage natively, without a kernel, in milliseconds.
 *
 *	#include <sluice/stage-test.h>
 *	#include "my.bpf.c"
 *
 *	int main(void)
 *	{
 *		struct io_unified_buf *buf = stage_test_buf("hello", 5, 2, 3, 0);
 *
 *		stage_test_set(limit, 3);
 *		stage_test_check(my_rx(NULL, buf) == IO_UNIFIED_DROP);
 *		return stage_test_end();
 *	}
 *
 * The stage is compiled into the test.  Maps, helpers and kfuncs are stood in for
 * by plain C, and each piece of a buffer is memory of its own, so that the address
 * sanitizer notices what the verifier would.  Compile with
 *
 *	cc -g -fsanitize=address,undefined $(pkg-config --cflags sluice) \
 *		-Wno-attributes test.c
 *
 * It is not the verifier: that a test passes does not say that a kernel takes the
 * stage.  There is one CPU, and an LRU map forgets in exact order.  The stage's
 * names must not be functions of the C library, whose headers are included here.
 *
 * Include this file once, and before anything of the stage.
 */
#ifndef SLUICE_STAGE_TEST_H
#define SLUICE_STAGE_TEST_H

#define UNIFIED_STAGE_TEST	1

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The language of BPF programs
 */

#define SEC(name)		__attribute__((used))
#define __ksym
#define __kconfig
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define __arg_trusted
#define __arg_nonnull
#define __noinline		__attribute__((noinline))
#ifndef __weak
#define __weak
#endif
#define __uint(name, val)	int (*name)[val]
#define __type(name, val)	__typeof__(val) *name
#define __array(name, val)	__typeof__(val) *name[]
#define BPF_PROG(name, args...)	name(args)
#define UNIFIED_TAG(text)
#define barrier()		__asm__ volatile("" ::: "memory")
#define barrier_var(var)	__asm__ volatile("" : "+r"(var))
#define bpf_for(i, start, end)	\
	for (long long ___i = (start); \
	     ___i < (long long)(end) && (((i) = ___i), 1); ___i++)
#define bpf_repeat(n)		for (long long ___i = 0; ___i < (long long)(n); ___i++)
#define bpf_htons(v)		__builtin_bswap16(v)
#define bpf_ntohs(v)		__builtin_bswap16(v)
#define bpf_htonl(v)		__builtin_bswap32(v)
#define bpf_ntohl(v)		__builtin_bswap32(v)
#define bpf_cpu_to_be64(v)	__builtin_bswap64(v)
#define bpf_be64_to_cpu(v)	__builtin_bswap64(v)
#define BPF_CORE_READ(src, a)	((src)->a)
#define bpf_core_field_exists(field)	1
#define bpf_printk(fmt, args...)	fprintf(stderr, fmt "\n", ##args)

#include "vmlinux.h"

/*
 * Checks.  A failed one is told and counted, and the test goes on.
 */

static unsigned int stage_test_failures, stage_test_checks;

static inline void stage_test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "not ok - %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	stage_test_failures++;
}

#define stage_test_check(cond)						\
	do {								\
		stage_test_checks++;					\
		if (!(cond))						\
			stage_test_fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)

#define stage_test_equal(a, b)						\
	do {								\
		long long __a = (long long)(a), __b = (long long)(b);	\
									\
		stage_test_checks++;					\
		if (__a != __b)						\
			stage_test_fail(__FILE__, __LINE__,		\
					"%s is %lld, not %s, %lld",	\
					#a, __a, #b, __b);		\
	} while (0)

/*
 * Options: const to the stage, and set before it runs, as the loader does
 */

static inline void stage_test_write(const volatile void *to, const volatile void *from,
				    size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *start = (char *)((unsigned long)to & ~(page - 1));

	if (mprotect(start, (char *)to + size - start, PROT_READ | PROT_WRITE)) {
		perror("stage_test_set");
		exit(2);
	}
	for (size_t i = 0; i < size; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): each is set */
		((volatile char *)to)[i] = ((const volatile char *)from)[i];
}

#define stage_test_set(option, value)					\
	stage_test_write(&(option), (__typeof__(option)[1]){ value },	\
			 sizeof(option))

/* An array of bytes and its option_len */
#define stage_test_set_bytes(option, text, nr)				\
	do {								\
		char __bytes[sizeof(option)] = { 0 };			\
									\
		memcpy(__bytes, text, nr);				\
		stage_test_write(&(option), __bytes, sizeof(option));	\
		stage_test_set(option##_len, nr);			\
	} while (0)

/*
 * Time, chance and memory, under the test's control
 */

static __u64 stage_test_ns = 1000000000;	/* what time it is */
static __u32 stage_test_random = 1;		/* the state of a generator */
static unsigned int stage_test_no_memory;	/* so many allocations fail next */

static inline __u64 bpf_ktime_get_ns(void) { return stage_test_ns; }
static inline __u64 bpf_ktime_get_boot_ns(void) { return stage_test_ns; }
static inline __u64 bpf_ktime_get_coarse_ns(void) { return stage_test_ns; }
static inline __u64 bpf_ktime_get_tai_ns(void) { return stage_test_ns; }
static inline __u64 bpf_jiffies64(void) { return stage_test_ns / 4000000; }
static inline __u32 bpf_get_smp_processor_id(void) { return 0; }
static inline __u32 bpf_get_prandom_u32(void)
{
	/* xorshift32 */
	stage_test_random ^= stage_test_random << 13;
	stage_test_random ^= stage_test_random >> 17;
	return stage_test_random ^= stage_test_random << 5;
}

static inline long bpf_probe_read_kernel(void *dst, __u32 size, const void *src)
{
	memcpy(dst, src, size);
	return 0;
}

static inline long bpf_probe_read_kernel_str(void *dst, __u32 size, const void *src)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	((char *)dst)[len] = '\0';
	return len + 1;
}

static inline long bpf_loop(__u32 nr, void *fn, void *ctx, __u64 flags)
{
	long (*step)(__u64 i, void *ctx) = (long (*)(__u64, void *))fn;
	__u32 i;

	(void)flags;
	for (i = 0; i < nr; i++)
		if (step(i, ctx))
			return i + 1;
	return nr;
}

/*
 * Maps: a list of entries each, the one that was used last in front
 */

struct stage_test_entry {
	struct stage_test_entry *next;
	const void *map;
	void *key, *value;
};

static struct stage_test_entry *stage_test_entries;

#define STAGE_TEST_ARRAY(type)						\
	((type) == BPF_MAP_TYPE_ARRAY || (type) == BPF_MAP_TYPE_PERCPU_ARRAY)

static inline void *stage_test_copy(const void *from, size_t size)
{
	void *to = calloc(1, size ? size : 1);

	if (!to)
		abort();
	if (from)
		memcpy(to, from, size);
	return to;
}

static inline struct stage_test_entry **
stage_test_find(const void *map, const void *key, size_t key_size)
{
	struct stage_test_entry **p = &stage_test_entries;

	while (*p && ((*p)->map != map || memcmp((*p)->key, key, key_size)))
		p = &(*p)->next;
	return p;
}

static inline struct stage_test_entry *
stage_test_add(const void *map, const void *key, size_t key_size, const void *value,
	       size_t size)
{
	struct stage_test_entry *e = stage_test_copy(NULL, sizeof(*e));

	e->map = map;
	e->key = stage_test_copy(key, key_size);
	e->value = stage_test_copy(value, size);
	e->next = stage_test_entries;
	stage_test_entries = e;
	return e;
}

static inline void stage_test_remove(struct stage_test_entry **p)
{
	struct stage_test_entry *e = *p;

	*p = e->next;
	free(e->key);
	free(e->value);
	free(e);
}

static inline void *stage_test_lookup(const void *map, int type, __u32 max,
				      const void *key, size_t key_size, size_t size)
{
	struct stage_test_entry **p = stage_test_find(map, key, key_size), *e = *p;
	__u32 index;

	if (!e && STAGE_TEST_ARRAY(type)) {
		memcpy(&index, key, sizeof(index));
		return index < max ? stage_test_add(map, key, key_size, NULL, size)->value :
				     NULL;
	}
	if (!e)
		return NULL;
	*p = e->next;
	e->next = stage_test_entries;
	stage_test_entries = e;
	return e->value;
}

static inline unsigned int stage_test_count(const void *map)
{
	const struct stage_test_entry *e;
	unsigned int nr = 0;

	for (e = stage_test_entries; e; e = e->next)
		nr += e->map == map;
	return nr;
}

/* The entry that was used longest ago */
static inline struct stage_test_entry **stage_test_oldest(const void *map)
{
	struct stage_test_entry **p, **oldest = NULL;

	for (p = &stage_test_entries; *p; p = &(*p)->next)
		if ((*p)->map == map)
			oldest = p;
	return oldest;
}

static inline long stage_test_update(const void *map, int type, __u32 max,
				     const void *key, size_t key_size,
				     const void *value, size_t size, __u64 flags)
{
	void *old = stage_test_lookup(map, type, max, key, key_size, size);

	if (old && flags == BPF_NOEXIST)
		return -17;	/* EEXIST */
	if (!old && (flags == BPF_EXIST || STAGE_TEST_ARRAY(type)))
		return -2;	/* ENOENT */
	if (old) {
		memcpy(old, value, size);
		return 0;
	}
	if (stage_test_count(map) >= max) {
		if (type != BPF_MAP_TYPE_LRU_HASH)
			return -7;	/* E2BIG */
		stage_test_remove(stage_test_oldest(map));
	}
	stage_test_add(map, key, key_size, value, size);
	return 0;
}

static inline long stage_test_delete(const void *map, const void *key, size_t key_size)
{
	struct stage_test_entry **p = stage_test_find(map, key, key_size);

	if (!*p)
		return -2;
	stage_test_remove(p);
	return 0;
}

#define STAGE_TEST_TYPE(m)	((int)(sizeof(*(m)->type) / sizeof(int)))
#define STAGE_TEST_MAX(m)	((__u32)(sizeof(*(m)->max_entries) / sizeof(int)))
#define bpf_map_lookup_elem(m, k)					\
	((__typeof__((m)->value))stage_test_lookup(m, STAGE_TEST_TYPE(m), \
		STAGE_TEST_MAX(m), k, sizeof(*(m)->key), sizeof(*(m)->value)))
#define bpf_map_update_elem(m, k, v, flags)				\
	stage_test_update(m, STAGE_TEST_TYPE(m), STAGE_TEST_MAX(m), k,	\
			  sizeof(*(m)->key), v, sizeof(*(m)->value), flags)
#define bpf_map_delete_elem(m, k)					\
	stage_test_delete(m, k, sizeof(*(m)->key))

#include "unified.bpf.h"

/*
 * Buffers: pieces of memory that the test chooses, and what became of them
 */

enum stage_test_fate {
	STAGE_TEST_LENT,	/* a record of the kernel's */
	STAGE_TEST_OWNED,	/* the stage's, and not handed on yet */
	STAGE_TEST_WRITTEN,
	STAGE_TEST_READ,
	STAGE_TEST_PASSED,
	STAGE_TEST_SENT,
	STAGE_TEST_DROPPED,
};

struct stage_test_piece {
	__u8 *data;
	__u32 len;
};

struct stage_test_buf {
	struct io_unified_buf	buf;	/* what the stage sees */
	struct stage_test_piece	*pieces;
	struct stage_test_buf	*origin;	/* of a clone: whose memory it is */
	enum stage_test_fate	fate;
	__u64			user_data;	/* as it was passed, ... */
	__u64			slba;		/* written or read */
	__u32			dev;
	__u32			sock;		/* sent */
	struct stage_test_buf	*next;
};

static struct stage_test_buf *stage_test_bufs;	/* the last made first */

/* Bytes of stream_storage() of a stream */
struct stage_test_storage {
	struct stage_test_storage *next;
	__u32 stream;
	__u8 *data;
	size_t size;
};

static struct stage_test_storage *stage_test_storages;

static inline struct stage_test_buf *stage_test_of(struct io_unified_buf *buf)
{
	return (struct stage_test_buf *)((char *)buf -
					 offsetof(struct stage_test_buf, buf));
}

static inline struct stage_test_buf *stage_test_new(__u32 len)
{
	struct stage_test_buf *b = stage_test_copy(NULL, sizeof(*b));

	b->buf.len = len;
	b->buf.stream = 1;
	b->next = stage_test_bufs;
	stage_test_bufs = b;
	return b;
}

static inline void stage_test_piece_add(struct stage_test_buf *b, const void *data,
					__u32 len)
{
	/* NOLINTNEXTLINE(bugprone-suspicious-realloc-usage): without memory it ends */
	b->pieces = realloc(b->pieces, (b->buf.nr_frags + 1) * sizeof(*b->pieces));
	if (!b->pieces)
		abort();
	b->pieces[b->buf.nr_frags++] = (struct stage_test_piece) {
		.data = stage_test_copy(data, len), .len = len,
	};
}

/* A record of @len bytes, in pieces of so many bytes as each further argument
 * says, up to a 0; what remains is the last piece
 */
static inline struct io_unified_buf *stage_test_buf(const void *data, __u32 len, ...)
{
	struct stage_test_buf *b = stage_test_new(len);
	__u32 off = 0;
	va_list ap;
	int n;

	va_start(ap, len);
	while ((n = va_arg(ap, int)) > 0 && off + n < len) {
		stage_test_piece_add(b, (const char *)data + off, n);
		off += n;
	}
	va_end(ap);
	stage_test_piece_add(b, (const char *)data + off, len - off);
	return &b->buf;
}

/* The same, all pieces of @piece bytes */
static inline struct io_unified_buf *stage_test_cut(const void *data, __u32 len,
						    __u32 piece)
{
	struct stage_test_buf *b = stage_test_new(len);
	__u32 off, n;

	for (off = 0; off < len || !off; off += n) {
		n = len - off < piece ? len - off : piece;
		stage_test_piece_add(b, (const char *)data + off, n);
		if (!n)
			break;
	}
	return &b->buf;
}

/* Is the payload now @len bytes as @data has them? */
static inline bool stage_test_has(struct io_unified_buf *buf, const void *data, __u32 len)
{
	struct stage_test_buf *b = stage_test_of(buf);
	__u32 i, off = 0;

	if (buf->len != len)
		return false;
	for (i = 0; i < buf->nr_frags; off += b->pieces[i++].len)
		if (memcmp(b->pieces[i].data, (const char *)data + off, b->pieces[i].len))
			return false;
	return true;
}

/* How many buffers of the stage's own met that fate */
static inline unsigned int stage_test_fates(enum stage_test_fate fate)
{
	const struct stage_test_buf *b;
	unsigned int nr = 0;

	for (b = stage_test_bufs; b; b = b->next)
		nr += b->fate == fate;
	return nr;
}

/* A stage that works with a buffer which it has handed on */
static inline struct stage_test_buf *stage_test_use(struct io_unified_buf *buf,
						    const char *who)
{
	struct stage_test_buf *b = stage_test_of(buf);

	if (b->fate > STAGE_TEST_OWNED)
		stage_test_fail(who, 0, "uses a buffer that it has handed on");
	return b;
}

static inline void stage_test_hand_on(struct io_unified_buf *buf, const char *who,
				      enum stage_test_fate fate)
{
	struct stage_test_buf *b = stage_test_use(buf, who);

	if (b->fate == STAGE_TEST_LENT)
		stage_test_fail(who, 0, "hands on a record that is not the stage's own");
	else
		b->fate = fate;
}

__u8 *bpf_io_unified_buf_data(struct io_unified_buf *buf, __u32 off, const size_t size)
{
	struct stage_test_buf *b = stage_test_use(buf, __func__);
	__u32 i;

	for (i = 0; i < buf->nr_frags; i++) {
		if (off >= b->pieces[i].len) {
			off -= b->pieces[i].len;
			continue;
		}
		return size > b->pieces[i].len - off ? NULL : b->pieces[i].data + off;
	}
	return NULL;
}

/* Copy to or from the pieces */
static inline int stage_test_move(struct stage_test_buf *b, __u32 off, __u8 *to,
				  const __u8 *from, __u32 n)
{
	__u32 i;

	if (off > b->buf.len || n > b->buf.len - off)
		return -22;
	for (i = 0; i < b->buf.nr_frags; off -= b->pieces[i++].len) {
		while (n && off < b->pieces[i].len) {
			if (to)
				*to++ = b->pieces[i].data[off++];
			else
				b->pieces[i].data[off++] = *from++;
			n--;
		}
		if (!n)
			return 0;
	}
	return n ? -22 : 0;
}

int bpf_io_unified_buf_load(struct io_unified_buf *buf, __u32 off, void *dst, __u32 n)
{
	return stage_test_move(stage_test_use(buf, __func__), off, dst, NULL, n);
}

int bpf_io_unified_buf_store(struct io_unified_buf *buf, __u32 off, const void *src,
			     __u32 n)
{
	return stage_test_move(stage_test_use(buf, __func__), off, NULL, src, n);
}

__u32 bpf_io_unified_buf_crc32c(struct io_unified_buf *buf, __u32 crc)
{
	struct stage_test_buf *b = stage_test_use(buf, __func__);
	__u32 i, j, bit;

	crc = ~crc;
	for (i = 0; i < buf->nr_frags; i++)
		for (j = 0; j < b->pieces[i].len; j++) {
			crc ^= b->pieces[i].data[j];
			for (bit = 0; bit < 8; bit++)
				crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		}
	return ~crc;
}

struct io_unified_buf *bpf_io_unified_alloc(struct io_unified_ctx *region, __u32 len)
{
	struct stage_test_buf *b;

	(void)region;
	if (!len || len > 65536 || stage_test_no_memory) {
		stage_test_no_memory -= !!stage_test_no_memory;
		return NULL;
	}
	b = stage_test_new(len);
	b->fate = STAGE_TEST_OWNED;
	b->buf.stream = 0;
	stage_test_piece_add(b, NULL, len);
	return &b->buf;
}

struct io_unified_buf *bpf_io_unified_buf_clone(struct io_unified_buf *buf)
{
	struct stage_test_buf *from = stage_test_use(buf, __func__), *b;

	if (stage_test_no_memory) {
		stage_test_no_memory--;
		return NULL;
	}
	b = stage_test_new(buf->len);
	b->buf = *buf;
	b->fate = STAGE_TEST_OWNED;
	b->pieces = from->pieces;
	b->origin = from;
	return &b->buf;
}

static inline int stage_test_command(struct io_unified_buf *buf, const char *who,
				     enum stage_test_fate fate, __u32 dev, __u64 slba)
{
	struct stage_test_buf *b = stage_test_of(buf);

	stage_test_hand_on(buf, who, fate);
	b->dev = dev;
	b->slba = slba;
	if (buf->len % 512 || (fate == STAGE_TEST_READ && b->origin)) {
		b->fate = STAGE_TEST_DROPPED;
		return -22;
	}
	return 0;
}

int bpf_io_unified_buf_write(struct io_unified_buf *buf, __u32 dev, __u64 slba)
{
	return stage_test_command(buf, __func__, STAGE_TEST_WRITTEN, dev, slba);
}

int bpf_io_unified_buf_read(struct io_unified_buf *buf, __u32 dev, __u64 slba)
{
	return stage_test_command(buf, __func__, STAGE_TEST_READ, dev, slba);
}

int bpf_io_unified_buf_pass(struct io_unified_buf *buf, __u64 user_data)
{
	struct stage_test_buf *b = stage_test_of(buf);

	stage_test_hand_on(buf, __func__, STAGE_TEST_PASSED);
	b->user_data = user_data;
	if (b->origin)
		return 0;
	b->fate = STAGE_TEST_DROPPED;
	return -95;	/* EOPNOTSUPP */
}

static __u32 stage_test_socks;		/* so many sockets are connected */

int bpf_io_unified_buf_send(struct io_unified_buf *buf, __u32 sock)
{
	struct stage_test_buf *b = stage_test_of(buf);

	stage_test_hand_on(buf, __func__, STAGE_TEST_SENT);
	b->sock = sock;
	if (sock < stage_test_socks)
		return 0;
	b->fate = STAGE_TEST_DROPPED;
	return -107;	/* ENOTCONN */
}

void bpf_io_unified_buf_drop(struct io_unified_buf *buf)
{
	stage_test_hand_on(buf, __func__, STAGE_TEST_DROPPED);
}

__u8 *bpf_io_unified_stream_storage(struct io_unified_buf *buf, const size_t size)
{
	struct stage_test_buf *b = stage_test_use(buf, __func__);
	struct stage_test_storage *s;

	if (!buf->stream || b->fate != STAGE_TEST_LENT)
		return NULL;
	if (size > 64)
		stage_test_fail(__func__, 0, "%zu bytes wanted, there are 64", size);
	for (s = stage_test_storages; s; s = s->next)
		if (s->stream == buf->stream)
			return s->data;
	s = stage_test_copy(NULL, sizeof(*s));
	s->stream = buf->stream;
	s->data = stage_test_copy(NULL, 64);
	s->next = stage_test_storages;
	stage_test_storages = s;
	return s->data;
}

static struct io_unified_stats stage_test_stats;	/* what get_stats() tells */

int bpf_io_unified_get_stats(struct io_unified_ctx *region, void *stats, __u32 size)
{
	(void)region;
	if (size > sizeof(stage_test_stats))
		return -22;
	memcpy(stats, &stage_test_stats, size);
	return 0;
}

static const char *stage_test_exit_reason;	/* of bpf_io_unified_exit(), or NULL */
static __s64 stage_test_exit_code;

void bpf_io_unified_exit(struct io_unified_ctx *region, __s64 code, const char *reason)
{
	(void)region;
	stage_test_exit_reason = reason;
	stage_test_exit_code = code;
}

/* Forget all buffers, maps and storage; what the stage has not handed on is a
 * failure
 */
static inline void stage_test_reset(void)
{
	struct stage_test_storage *s;
	struct stage_test_buf *b;
	__u32 i;

	if (stage_test_fates(STAGE_TEST_OWNED))
		stage_test_fail("stage_test_reset", 0, "%u buffers were not handed on",
				stage_test_fates(STAGE_TEST_OWNED));
	while ((b = stage_test_bufs)) {
		stage_test_bufs = b->next;
		for (i = 0; i < b->buf.nr_frags && !b->origin; i++)
			free(b->pieces[i].data);
		if (!b->origin)
			free(b->pieces);
		free(b);
	}
	while (stage_test_entries)
		stage_test_remove(&stage_test_entries);
	while ((s = stage_test_storages)) {
		stage_test_storages = s->next;
		free(s->data);
		free(s);
	}
	stage_test_exit_reason = NULL;
	stage_test_no_memory = 0;
	stage_test_socks = 0;
}

/* The exit code: 0 if all was well, and there was something to check */
static inline int stage_test_end(void)
{
	stage_test_reset();
	if (!stage_test_failures && stage_test_checks)
		printf("ok - %u checks\n", stage_test_checks);
	return stage_test_failures || !stage_test_checks;
}

#endif /* SLUICE_STAGE_TEST_H */
