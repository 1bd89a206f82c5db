// SPDX-License-Identifier: GPL-2.0
/* finds: analyzer-file-leak */
#include <stdio.h>

int first(const char *path);

int first(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return -1;
	return fgetc(file);
}
