// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <string.h>

#include "crc32c.h"

#define POLYNOMIAL	0x82f63b78u	/* Castagnoli, bits reversed */

/* table[n][b]: what byte b does to the sum when n bytes follow */
static uint32_t table[8][256];

static void fill_table(void)
{
	for (unsigned int b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][b] = crc;
	}
	for (unsigned int n = 1; n < 8; n++)
		for (unsigned int b = 0; b < 256; b++)
			table[n][b] = table[n - 1][b] >> 8 ^
				      table[0][table[n - 1][b] & 0xff];
}

static uint32_t eight(uint32_t crc, const unsigned char *p)
{
	uint32_t next = 0;

	for (int i = 0; i < 8; i++)
		next ^= table[7 - i][p[i] ^ (i < 4 ? crc >> 8 * i & 0xff : 0)];
	return next;
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t len)
{
	static bool filled;

	if (!filled)
		fill_table();
	filled = true;
	for (; len >= 8; len -= 8, p += 8)
		crc = eight(crc, p);
	while (len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

/* the tests want the other one, too */
#if defined(__x86_64__) && !defined(CRC32C_BY_TABLE)
#define HAVE_INSTRUCTION	__builtin_cpu_supports("sse4.2")

__attribute__((target("sse4.2")))
static uint32_t by_instruction(uint32_t crc, const unsigned char *p, size_t len)
{
	uint64_t next = crc, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		next = __builtin_ia32_crc32di(next, word);
	}
	crc = next;
	while (len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#else
#define HAVE_INSTRUCTION	false
#define by_instruction		by_table
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	return ~(HAVE_INSTRUCTION ? by_instruction : by_table)(~crc, data, len);
}
