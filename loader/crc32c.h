/* SPDX-License-Identifier: GPL-2.0 */
/* CRC32C (Castagnoli), as in RFC 3720: of "123456789" it is 0xe3069283. */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *data, size_t len);

#endif
