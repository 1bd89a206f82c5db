/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC32C of RFC 3720; @crc is 0, or the result for what comes before */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

#endif
