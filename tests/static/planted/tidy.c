// SPDX-License-Identifier: GPL-2.0
/* finds: bugprone-sizeof-expression */
#include <string.h>

struct entry {
	char text[100];
};

void clear(struct entry *entry);

void clear(struct entry *entry)
{
	memset(entry, 0, sizeof(entry));
}
