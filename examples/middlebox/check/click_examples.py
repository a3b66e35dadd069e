#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which of Click's own examples the engine takes: those in its elements' documentation, and conf/.

    click_examples.py MIDDLEBOX_CHECK CHECKOUT

CHECKOUT is a checkout of Click's sources. Prints a line for each example that uses no elements but
the engine's: where it stands, and whether it is accepted or why not.

Examples in documentation are fragments, which Click would refuse, too. "..." among arguments is
left out, elsewhere it is an Idle; open ports and elements that are not declared lead to one; names
of networks stand for 10.0.0.0/8; a Queue stands before a ToDevice that is pushed to.
"""

import pathlib
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*[\s*]*(=c\b.*?)\*/", re.DOTALL)
FOREIGN = re.compile(r"unknown element class|'[A-Z]\w*' is neither a declared element")
UNDECLARED = re.compile(r"'([a-z]\w*)' is neither a declared element")
OPEN = re.compile(r"'(\S+)' has (\d+) (input|output)s, but \w+ wants (\d+)")
UNUSED = re.compile(r"'([a-z]\w*)' push output (\d+) unused")
UNEQUAL = re.compile(r"'(\w+)' has (\d+) inputs, but (\d+) outputs")
FEW = re.compile(r"(\w+): (\d+ patterns|action '\w+', but there are only 0)")
SECTIONS = ("d", "e", "n")  # description, examples, notes
ROUNDS = 10  # of putting a fragment right


def documents(folder):
    """The documentation comments of all headers below a folder: name, lines."""
    for path in sorted(folder.rglob("*.hh")):
        for comment in COMMENT.findall(path.read_text(errors="replace")):
            lines = [re.sub(r"^ ?\* ?", "", line) for line in comment.splitlines()]
            name = next((re.match(r"\w+", line) for line in lines[1:] if line.strip()), None)
            if name:
                yield name.group(), lines


def blocks(lines):
    """What is indented in a comment's sections, block by block."""
    section, block = "", []
    for line in [*lines, "="]:
        if line[:1].isspace() and line.strip() and section in SECTIONS:
            block.append(line)
        elif line.strip():
            if block:
                yield "\n".join(block)
            block = []
        if line.startswith("="):
            section = line[1:].split(" ")[0].strip()


def looks_like_configuration(text):
    """Has it a connection, a declaration, or an element with arguments, and is it no shell's?"""
    if re.search(r"^\s*%|\w \.\.\.;", text, re.MULTILINE):
        return False
    return re.search(r"->|::|^\s*[A-Z]\w+\(", text, re.MULTILINE) is not None


def completed(text):
    """A fragment without its omissions."""
    text = re.sub(r"^[^(]*:\n", "", text)  # a heading
    text = re.sub(r"^(\s*\w+) : ", r"\1 :: ", text, flags=re.MULTILINE)
    text = re.sub(r"-> (\w+)(\[\d+\])\s*;", r"-> \2\1;", text)
    text = re.sub(r",\s*\.\.\.(?=\s*\))", "", text)
    text = re.sub(r"\.\.\.?", " Idle ", text)
    if re.match(r"\s*->", text):
        text = f"Idle {text}"
    elif "->" not in text and "::" not in text:
        text = f"example :: {text}"
    names = set(re.findall(r"\b(?:src|dst) ([A-Z_]{3,})\b", text))
    networks = "".join(f"AddressInfo({name} 10.0.0.0/8);" for name in sorted(names))
    return f"{networks}{text.strip().rstrip(';')}\n;"


def check(program, text):
    """Run middlebox_check; what it says on stderr, or "" when it is satisfied."""
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def mended(text, said):
    """A fragment without the first thing that is said to be wrong with it."""
    if name := UNDECLARED.search(said):
        return f"{name[1]} :: Idle; {text}"
    if name := FEW.search(said):
        outputs = int(name[2].split()[0]) if name[2][0].isdigit() else 1
        return text + "".join(f"{name[1]}[{port}] -> Idle;" for port in range(outputs))
    if unused := UNUSED.findall(said):
        return text + "".join(f"{name}[{port}] -> Idle;" for name, port in unused)
    if equal := UNEQUAL.search(said):
        return text + f"{equal[1]}[{equal[3]}] -> Idle;"
    if "no definition of ''" in said:
        return f"{text} Idle -> {text.split()[0]} -> Idle;"
    if "agnostic" in said:
        return re.sub(r"-> (?=ToDevice)", "-> Queue -> ", text)
    if not (opened := OPEN.search(said)):
        return text
    name, first, kind, last = opened[1], int(opened[2]), opened[3], max(int(opened[4]), 1)
    if "@" not in name:
        end = "{0}[{1}] -> Idle;" if kind == "output" else "Idle -> [{1}]{0};"
        return text + "".join(end.format(name, port) for port in range(first, last))
    return text.replace("\n;", "-> Idle\n;") if kind == "output" else f"Idle -> {text}"


def try_fragment(program, text):
    """Check a fragment, put right as far as that can be; what is still wrong with it."""
    text = completed(text)
    for _ in range(ROUNDS):
        said = check(program, text)
        if not said or FOREIGN.search(said):
            break
        text = mended(text, said)
    return said


def main():
    """Try all; return the exit code."""
    program, checkout = sys.argv[1], pathlib.Path(sys.argv[2])
    tried = []
    for name, lines in documents(checkout / "elements"):
        for text in filter(looks_like_configuration, blocks(lines)):
            tried.append((name, try_fragment(program, text)))
    for path in sorted((checkout / "conf").glob("*.click")):
        tried.append((f"conf/{path.name}", check(program, path.read_text(errors="replace"))))
    for where, said in tried:
        if not FOREIGN.search(said):
            print(f"{where}: {said.strip() or 'accepted'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
