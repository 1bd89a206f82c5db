#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vmlinux-btf.sh [-v] VMLINUX: is vmlinux.h still what the kernel has?
#
# VMLINUX is a kernel image with BTF, or a BTF file (/sys/kernel/btf/vmlinux).
# Every member of every struct, and every enumerator, that vmlinux.h declares must
# be in the kernel's type of the same name, with the same type, and enumerators
# with the same value.  vmlinux.h may declare fewer members, and in any order:
# CO-RE finds them.
#
# Needs bpftool, clang and python3.
set -euo pipefail
cd "$(dirname "$0")/../.."

verbose=
[ "${1:-}" != -v ] || { verbose=1; shift; }
[ $# -eq 1 ] || { sed -n '4,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
kernel=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An object that uses every type, or clang leaves it out of the BTF
all_types() {
	echo '#include "vmlinux.h"'
	sed -nE 's/^(struct|enum) ([a-z_0-9]+) \{.*/\1 \2 __keep_\1_\2;/p' vmlinux.h
}

all_types >"$work/types.c"
"${CLANG:-clang}" -target bpf -g -O2 -I. -c "$work/types.c" -o "$work/types.o"
bpftool -j btf dump file "$kernel" >"$work/kernel.json"
bpftool -j btf dump file "$work/types.o" >"$work/ours.json"

verbose=$verbose python3 - "$work/kernel.json" "$work/ours.json" <<'PY'
import json, os, sys

QUALIFIERS = ("CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")

class Btf:
    def __init__(self, path):
        with open(path) as f:
            self.types = {t["id"]: t for t in json.load(f)["types"]}
        self.by_name = {}
        for t in self.types.values():
            if t["name"] != "(anon)":
                self.by_name.setdefault((self.kind(t), t["name"]), t)

    def kind(self, t):
        return {"ENUM64": "ENUM"}.get(t["kind"], t["kind"])

    def describe(self, id, depth=0):
        """A type as text that two kernels, or a kernel and we, can compare"""
        if id == 0:
            return "void"
        t = self.types[id]
        kind = t["kind"]
        if kind in QUALIFIERS or kind == "TYPEDEF":
            return self.describe(t["type_id"], depth)
        if kind == "PTR":
            return self.describe(t["type_id"], depth + 1) + " *"
        if kind == "ARRAY":
            return "%s[%d]" % (self.describe(t["type_id"], depth), t["nr_elems"])
        if kind == "INT":
            encoding = "bool" if t["encoding"] == "BOOL" else \
                "s" if t["encoding"] == "SIGNED" else "u"
            # whether char is signed is the architecture's
            return "8" if t["size"] == 1 and encoding != "bool" else \
                "%s%d" % (encoding, t["size"] * 8)
        if kind == "FUNC_PROTO":
            args = ", ".join(self.describe(p["type_id"], depth)
                             for p in t["params"])
            return "%s(%s)" % (self.describe(t["ret_type_id"], depth), args)
        word = "struct" if kind in ("STRUCT", "FWD") else kind.lower()
        return "%s %s" % (word, t["name"])

    def resolve(self, id):
        while self.types[id]["kind"] in QUALIFIERS:
            id = self.types[id]["type_id"]
        return self.types[id]

    def members(self, t, prefix=""):
        """name -> (type, bits); what is in an anonymous type is listed by itself"""
        found = {}
        for m in t["members"]:
            name = "" if m["name"] == "(anon)" else m["name"]
            inner = self.resolve(m["type_id"]) if m["type_id"] else None
            if inner and inner["kind"] in ("STRUCT", "UNION") and \
               inner["name"] == "(anon)":
                below = prefix + name + "." if name else prefix
                found.update(self.members(inner, below))
            else:
                found[prefix + name] = (self.describe(m["type_id"]),
                                        m.get("bitfield_size", 0))
        return found

def compare_struct(kernel, ours, t, k):
    theirs = kernel.members(k)
    for name, what in ours.members(t).items():
        if name not in theirs:
            yield "no member '%s'" % name
        elif theirs[name] != what:
            yield "'%s' is %s, we say %s" % (name, theirs[name], what)

def compare_enum(kernel, ours, t, k):
    theirs = {v["name"]: v["val"] for v in k["values"]}
    for v in t["values"]:
        if theirs.get(v["name"]) != v["val"]:
            yield "%s is %s, we say %s" % (v["name"], theirs.get(v["name"]), v["val"])

def main():
    kernel, ours = Btf(sys.argv[1]), Btf(sys.argv[2])
    compare = {"STRUCT": compare_struct, "ENUM": compare_enum}
    bad = nr = 0
    for (kind, name), t in sorted(ours.by_name.items()):
        if kind not in compare:
            continue
        nr += 1
        k = kernel.by_name.get((kind, name))
        problems = list(compare[kind](kernel, ours, t, k)) if k else ["not there"]
        for p in problems:
            print("not ok - %s %s: %s" % (kind.lower(), name, p))
        if not problems and os.environ.get("verbose"):
            print("ok - %s %s" % (kind.lower(), name))
        bad += bool(problems)
    print("%d types of vmlinux.h compared with the kernel's BTF, %d differ" % (nr, bad))
    # nothing compared is nothing tested
    return 1 if bad or not nr else 0

sys.exit(main())
PY
