// SPDX-License-Identifier: GPL-2.0
/* finds: arrayIndexOutOfBounds */
int last(void);

int last(void)
{
	int list[4] = { 0 };

	return list[4];
}
