#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""syzkaller.py FILE...: does a description for syzkaller say what C says?  Each struct
after a line "# sizeof C_TYPE" has that size, without padding of the compiler's, and
names in capital letters are those of headers.  syzkaller itself is not needed."""
import re
import subprocess
import sys

INCLUDES = """
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/io_uring.h>
#include <linux/nvme_ioctl.h>
#include <linux/io_uring/unified.h>
"""
RESOURCES = {"fd": 4, "fd_unified_nvme": 4, "sock_tcp": 4, "sqe_user_data": 8}


def split(text):
    """The arguments between commas that are not in brackets of their own."""
    args, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == "[") - (c == "]")
        if c == "," and not depth:
            args.append(text[start:i].strip())
            start = i + 1
    return args + [text[start:].strip()]


def size(field, structs):
    """Bytes of a field's type."""
    name, _, rest = field.partition("[")
    args = split(rest[:-1]) if rest else []
    if m := re.fullmatch(r"int(8|16|32|64)", name):
        return int(m[1]) // 8
    if name in ("ptr64", "vma64"):
        return 8
    if name in ("const", "flags"):
        return size(args[1], structs)
    if name == "array":
        return size(args[0], structs) * int(args[1])
    if name in RESOURCES:
        return RESOURCES[name]
    return structs[name]


def parse(path):
    """Sizes and C types of the structs, all names in capitals, and those defined here."""
    structs, c_types, names, defined = {}, {}, set(), set()
    c_type = current = None
    for nr, line in enumerate(open(path), 1):
        line = line.rstrip()
        if m := re.fullmatch(r"# sizeof (.+)", line):
            c_type = m[1]
        if line.startswith("#") or not line:
            continue
        if m := re.match(r"define\s+(\w+)", line):
            defined.add(m[1])
        if not line.startswith(("include", "define")):
            names |= set(re.findall(r"(?<![\w$])[A-Z][A-Z0-9_]{3,}\b", re.sub(r'"[^"]*"', "", line)))
        if m := re.fullmatch(r"(\w+) \{", line):
            current = m[1]
            structs[current] = 0
            if c_type:
                c_types[current] = c_type
            c_type = None
        elif line == "}":
            current = None
        elif current:
            try:
                bytes_ = size(line.split(None, 1)[1], structs)
            except (KeyError, IndexError, ValueError) as e:
                sys.exit(f"not ok - {path}:{nr}: {line.strip()}: {e!r}")
            natural = min(bytes_, 8) if "array" not in line else 1
            if structs[current] % natural:
                sys.exit(f"not ok - {path}:{nr}: the compiler would pad before {line.strip()}")
            structs[current] += bytes_
    return structs, c_types, names - defined


def main():
    failed = False
    for path in sys.argv[1:]:
        structs, c_types, names = parse(path)
        lines = [f'printf("%zu {name}\\n", sizeof({c}));' for name, c in c_types.items()]
        lines += [f"(void)({name});" for name in sorted(names)]
        code = INCLUDES + "int main(void)\n{\n" + "\n".join(lines) + "\n}\n"
        done = subprocess.run(["gcc", "-D_GNU_SOURCE", "-Ikernel/include/uapi", "-xc", "-",
                               "-o", "/tmp/syzkaller-sizes"], input=code, text=True,
                              capture_output=True)
        print(f"{'not ' * bool(done.returncode)}ok - {path}: all names are there")
        if done.returncode:
            sys.exit(done.stderr)
        out = subprocess.run(["/tmp/syzkaller-sizes"], text=True, capture_output=True, check=True)
        for line in out.stdout.splitlines():
            want, name = line.split()
            good = int(want) == structs[name]
            print(f"{'' if good else 'not '}ok - {path}: {name} has {want} bytes")
            failed |= not good
    return failed


if __name__ == "__main__":
    sys.exit(main())
