// SPDX-License-Identifier: GPL-2.0
/* mark start|stop: tell count.c, outside the guest, when to count */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "start")) {
		asm volatile(".byte 0x0f, 0x1f, 0x80, 0x01, 0xce, 0x51, 0x1c");
	} else if (argc == 2 && !strcmp(argv[1], "stop")) {
		asm volatile(".byte 0x0f, 0x1f, 0x80, 0x02, 0xce, 0x51, 0x1c");
	} else {
		fprintf(stderr, "usage: mark start|stop\n");
		return 2;
	}
	return 0;
}
