# SPDX-License-Identifier: GPL-2.0
#
# documentation.py [FILE]: what the documents name is there.
#
# In the tables of Documentation/conformance.md, or of FILE instead: each test, each
# check of it that is quoted, each file and make target; and each conformance test
# is named there.  In kernel/Documentation: each file of the kernel side.
import glob, os, re, sys

nr = failed = 0


def ok(holds, text):
    global nr, failed
    nr += 1
    failed += not holds
    print(f"{'' if holds else 'not '}ok {nr} - {text}")


def read(path):
    return open(path, encoding="utf-8", errors="replace").read()


tests = {os.path.basename(p)[:-3] for p in glob.glob("tests/cases/*.sh")}
parts = {}      # of tests: by name, the files that may be meant
for path in glob.glob("tests/cases/*") + glob.glob("tests/guest/*") + \
        glob.glob("tests/unit/*") + glob.glob("tests/conformance/*"):
    if re.search(r"\.(sh|c|py)$", path):
        parts.setdefault(os.path.basename(path).rsplit(".", 1)[0], []).append(path)
headers = "".join(read(p) for p in glob.glob("kernel/include/**/*.h", recursive=True))
targets = read("Makefile") + read("tests/vm/vm.mk")


def sources(test):
    """The text of a test, and of what it names, and so on"""
    text, new = {}, [f"tests/cases/{test}.sh"]
    while new:
        path = new.pop()
        if path in text:
            continue
        # strings may go on in the next line
        text[path] = re.sub(r'"\s*\n\s*"', "", read(path))
        if path.endswith("/lib.sh") or path.endswith(".h"):
            continue
        for word in set(re.findall(r"[\w-]+", text[path])):
            new += parts.get(word, []) if word not in ("lib", "run") else []
    return "".join(text.values())


def table(path):
    """What each row says in its second column"""
    for line in read(path).split("\n"):
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) == 4 and not re.match(r"[ :-]*$", cells[2]) and cells[1].strip() != "statement":
            yield cells[2].strip()
        elif line.startswith("|") and len(cells) != 4:
            ok(False, f"a row of two columns: {line}")


def check_row(cell, named):
    """What is wrong with it"""
    last = base = None
    for code, quote in re.findall(r'`([^`]*)`|"([^"]*)"', cell):
        if quote:
            if last and quote not in sources(last):
                return f'{last} has no check "{quote}"'
            continue
        if re.fullmatch(r"-[a-z-]+", code) and base:
            code = base + code
        elif re.fullmatch(r"[a-z0-9-]+", code):
            base = code
        if "*" in code and re.fullmatch(r"[a-z*-]+", code):
            found = {t for t in tests if re.fullmatch(code.replace("*", ".*"), t)}
            if not found:
                return f"no test is {code}"
            named |= found
        elif code.startswith("make "):
            if not re.search(rf"^{code[5:].split()[0]}:", targets, re.M):
                return f"there is no {code}"
        elif re.fullmatch(r"[a-z]+/[\w./*-]+", code):
            if not glob.glob(code) and not glob.glob(f"kernel/{code}"):
                return f"there is no file {code}"
        elif code in tests:
            named.add(code)
            last = code
        elif re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code):
            return f"there is no test {code}"
        elif re.fullmatch(r"[a-z]+", code) and not os.path.exists(f"bpf/{code}.bpf.c") and \
                not re.search(rf"\b{code}\b", headers):
            return f"there is no {code}: no test, no stage, and nothing in the headers"
    return None


document = sys.argv[1] if len(sys.argv) > 1 else "Documentation/conformance.md"
named, rows = set(), 0
for cell in table(document):
    rows += 1
    wrong = check_row(cell, named)
    if wrong:
        ok(False, f"{document}: {wrong}")
ok(rows >= 60 and not failed, f"{document}: what its {rows} rows name, is there")
for test in sorted(t for t in tests if t.startswith("conform-")):
    if test not in named:
        ok(False, f"{document} does not name {test}")
ok(not failed, f"{document} names all conformance tests")
for word in re.findall(r"`make ([a-z-]+)`", read(document)):
    ok(re.search(rf"^{word}:", targets, re.M), f"{document}: make {word}")

for path in glob.glob("kernel/Documentation/**/*.rst", recursive=True):
    files = set(re.findall(r"``((?:[\w-]+/)*[\w-]+\.[ch])``", read(path)))
    for file in sorted(files):
        ok(glob.glob(f"kernel/{file}") or glob.glob(f"kernel/io_uring/{file}"),
           f"{path}: {file}")
    ok(len(files) > 5, f"{path} names files")
print(f"1..{nr}")
sys.exit(failed > 0)
