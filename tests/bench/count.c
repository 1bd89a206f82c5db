// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that counts the guest's instructions by where they are.
 *
 *	-plugin count.so,out=FOLDER
 *
 * Counts between two markers that a program in the guest executes (mark.c), and
 * writes them to FOLDER/1, FOLDER/2 and so on, a line for each address at which a
 * block of instructions begins:
 *
 *	ADDRESS INSTRUCTIONS TIMES
 *
 * ADDRESS is hexadecimal, and 0 for all of user space.  INSTRUCTIONS are those of
 * the blocks that were entered, TIMES how often that was.  Halted CPUs execute
 * nothing.  A block that is left by a fault counts as a whole, and an instruction
 * with a rep prefix once an iteration.
 *
 * Debian packages no header of QEMU's plugin interface.  What is declared here is
 * from docs/devel/tcg-plugins.rst of QEMU, interface version 7 (QEMU 11.1).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_info;
typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;
enum { QEMU_PLUGIN_CB_NO_REGS };
enum { QEMU_PLUGIN_INLINE_ADD_U64 };

#define EXPORT __attribute__((visibility("default")))

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(struct qemu_plugin_tb *, void *data),
					   void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       qemu_plugin_u64 entry, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int vcpu, void *data),
					    int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t nr);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);
int qemu_plugin_num_vcpus(void);

EXPORT int qemu_plugin_version = 7;

/* all blocks of a kernel that runs this, with room; the rest is counted in the last */
#define SLOTS	(1U << 18)

struct slot {
	uint64_t insns, times;
};

static struct qemu_plugin_scoreboard *counts;	/* struct slot[SLOTS] a CPU */
static uint64_t vaddr[SLOTS];			/* hashed by address; 0: none */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static unsigned int nr;

/* The slot of the block at @addr; user space, which has many programs, is slot 0 */
static unsigned int slot_of(uint64_t addr)
{
	unsigned int i;

	if (addr >> 47 == 0)
		return 0;
	i = (addr * 0x9e3779b97f4a7c15ULL) >> 46;
	for (unsigned int probe = 0; probe < 64; probe++, i = (i + 1) % (SLOTS - 1)) {
		if (!i || i == SLOTS - 1)
			continue;
		if (!vaddr[i])
			vaddr[i] = addr;
		if (vaddr[i] == addr)
			return i;
	}
	return SLOTS - 1;
}

static void start(unsigned int vcpu, void *data)
{
	for (int cpu = 0; cpu < qemu_plugin_num_vcpus(); cpu++)
		memset(qemu_plugin_scoreboard_find(counts, cpu), 0, SLOTS * sizeof(struct slot));
}

static void stop(unsigned int vcpu, void *data)
{
	char path[512];
	FILE *f;

	pthread_mutex_lock(&lock);
	snprintf(path, sizeof(path), "%s/%u", folder, ++nr);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		exit(1);
	}
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct slot sum = {};

		for (int cpu = 0; cpu < qemu_plugin_num_vcpus(); cpu++) {
			struct slot *s = qemu_plugin_scoreboard_find(counts, cpu);

			sum.insns += s[i].insns;
			sum.times += s[i].times;
		}
		if (sum.times)
			fprintf(f, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", vaddr[i], sum.insns,
				sum.times);
	}
	if (fclose(f)) {
		perror(path);
		exit(1);
	}
	pthread_mutex_unlock(&lock);
}

/* mark.c: a no-op with a displacement that nobody else has */
static int marker(const struct qemu_plugin_insn *insn)
{
	static const unsigned char want[] = { 0x0f, 0x1f, 0x80, 0, 0xce, 0x51, 0x1c };
	unsigned char text[sizeof(want)];

	if (qemu_plugin_insn_data(insn, text, sizeof(text)) != sizeof(text) ||
	    memcmp(text, want, 3) || memcmp(text + 4, want + 4, 3))
		return 0;
	return text[3];
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	qemu_plugin_u64 entry = { .score = counts };

	pthread_mutex_lock(&lock);
	entry.offset = slot_of(addr) * sizeof(struct slot);
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  entry, n);
	entry.offset += offsetof(struct slot, times);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
							  entry, 1);
	/* markers are in user space */
	for (size_t i = 0; i < n && addr >> 47 == 0; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		int what = marker(insn);

		if (what)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, what == 1 ? start : stop,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
			       char **argv)
{
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "count: the argument is out=FOLDER\n");
		return -1;
	}
	folder = argv[0] + 4;
	counts = qemu_plugin_scoreboard_new(SLOTS * sizeof(struct slot));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	return 0;
}
