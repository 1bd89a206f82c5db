# SPDX-License-Identifier: GPL-2.0
#
# mutate.py list [NAME]...   check that each mutant fits the kernel in /linux, and
#                            print its name and its test
# mutate.py apply NAME       change the kernel
# mutate.py undo NAME        change it back
#
# The table is tests/mutation/mutants, which says what is in it.
import os, sys

table = "/sluice/tests/mutation/mutants"


def die(text):
    sys.exit(f"mutate: {text}")


def read_table():
    mutants, now = {}, None
    for nr, line in enumerate(open(table), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        kind, text = line[0], line[1:].strip()
        if kind == "@":
            words = text.split()
            if len(words) != 3 or words[0] in mutants:
                die(f"line {nr} of {table}: a new name, a file and a test are expected")
            now = mutants[words[0]] = dict(file=words[1], case=words[2], old=[], new=[])
        elif kind == "-" and now and not now["new"]:
            now["old"].append(text)
        elif kind == "+" and now and now["old"]:
            now["new"].append(text)
        else:
            die(f"line {nr} of {table}: '{line}' is out of place")
    return mutants


def changed(name, mutant):
    """The file's text with the mutant's lines in place of the kernel's"""
    path = f"/linux/{mutant['file']}"
    if not os.path.exists(path):
        die(f"{name}: there is no {mutant['file']}")
    lines = open(path).read().split("\n")
    old, bare = mutant["old"], [line.strip() for line in lines]
    at = [i for i in range(len(bare)) if bare[i:i + len(old)] == old]
    if len(at) != 1:
        die(f"{name}: '{' '.join(old)}' is {len(at)} times in {mutant['file']}, not once")
    indent = lines[at[0]][:len(lines[at[0]]) - len(lines[at[0]].lstrip())]
    lines[at[0]:at[0] + len(old)] = [indent + line for line in mutant["new"]]
    return path, "\n".join(lines)


def put(path, text):
    # a new file: the old one may be a link to that of the unpatched tree
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


mutants = read_table()
command, names = sys.argv[1], sys.argv[2:]
for name in names:
    if name not in mutants:
        die(f"no mutant '{name}'")
if command == "list":
    for name in names or mutants:
        changed(name, mutants[name])
        print(f"{name}\t{mutants[name]['case']}")
elif command == "apply":
    path, text = changed(names[0], mutants[names[0]])
    os.rename(path, f"{path}.orig")
    put(path, text)
elif command == "undo":
    path = f"/linux/{mutants[names[0]]['file']}"
    put(path, open(f"{path}.orig").read())
    os.remove(f"{path}.orig")
