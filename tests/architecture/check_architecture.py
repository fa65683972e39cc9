#!/usr/bin/env python3
"""Holds the repository to what ARCHITECTURE.md promises. Python's standard library only.

usage: check_architecture.py [--root FOLDER] [--binary POLYTASK] [--list]

Every rule is a function below that yields sentences `file: what was found, what was expected`; --list prints them. The
exit status is 1 when there is one. --binary is the built command, whose libraries are looked at too.
`check_architecture_test.py` breaks every rule once and expects it to be said.
"""
import argparse
import os
import re
import subprocess
import sys
from functools import cached_property

LARGEST_FILE = 450  # lines; a file that grows beyond it holds two things
LARGEST_TEST = 700  # a list of cases may be longer
LARGER_FILES = {
    # file: why it is one piece
}
TORCH_ROOMS = ('src/nn/', 'src/train/', 'src/cli/torch/', 'tests/agreement/', 'cmake/torch_pch.cpp')
SOURCE_ENDINGS = ('.h', '.cpp')
TEXT_ENDINGS = ('.h', '.cpp', '.cmake', '.txt', '.md', '.py', '.sh', '.yaml', '.yml', '.json', '.js', '.html', '.css')
SKIPPED_FOLDERS = {'.git', 'build', 'bin', '.run', '.polytask', '__pycache__', 'node_modules'}
# Where the documentation may point outside, and hosts that exist only in examples.
PUBLIC_HOSTS = {
    'github.com', 'arxiv.org', 'doi.org', 'aclanthology.org', 'huggingface.co', 'pytorch.org', 'prng.di.unimi.it',
    'www.rfc-editor.org', 'www.unicode.org', 'yaml.org', 'jsonlines.org',
    'www.apache.org', 'www.w3.org', 'keepachangelog.com', 'semver.org'}
EXAMPLE_HOST = re.compile(r'(^|\.)(example|invalid|test|localhost|p:1)(\.(com|org|net))?(:\d+)?$')
# Folders of one person's machine. (The brackets keep this file from matching itself.)
MACHINE_PATH = re.compile(r'(?<![\w.$}~*/-])/(wor[k]|hom[e]|roo[t]|op[t]|mn[t]|tm[p]|User[s]|workspac[e])/[\w.-]')
HOUSEKEEPING_WORD = re.compile(
    r'\b(workplac[e]|(this|our|my|next|previous|earlier) sessio[n]\b(?! of)|the lea[d]\b(?! (to|in))|'
    r'(fixes|closes|see) issu[e] #?\d|issu[e] #\d)', re.IGNORECASE)


class Tree:
    """The files of the repository, read once."""

    def __init__(self, root):
        self.root = os.path.abspath(root)

    @cached_property
    def files(self):
        """Tracked and new files, relative to the root; without git, all but what a build leaves behind."""
        try:
            listed = subprocess.run(['git', '-C', self.root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
                                    capture_output=True, check=True).stdout.decode()
            top = subprocess.run(['git', '-C', self.root, 'rev-parse', '--show-toplevel'], capture_output=True, check=True).stdout.decode().strip()
            names = listed.split('\0') if os.path.realpath(top) == os.path.realpath(self.root) else None
        except (OSError, subprocess.CalledProcessError):
            names = None
        if names is None:
            names = []
            for folder, folders, files in os.walk(self.root):
                folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
                names += [os.path.relpath(os.path.join(folder, name), self.root) for name in files]
        return sorted({name for name in names if name and os.path.isfile(os.path.join(self.root, name))})

    def text(self, name):
        with open(os.path.join(self.root, name), encoding='utf-8', errors='replace') as file:
            return file.read()

    def exists(self, name):
        return os.path.exists(os.path.join(self.root, name))

    @cached_property
    def sources(self):
        return [name for name in self.files if name.startswith('src/') and name.endswith(SOURCE_ENDINGS)]

    @cached_property
    def documents(self):
        return [name for name in self.files if name.endswith('.md')]

    @cached_property
    def includes(self):
        """{file: [(line, '"room/file.h"' or '<torch/torch.h>')]}"""
        pattern = re.compile(r'^\s*#\s*include\s*(["<][^">]+[">])')
        return {name: [(number, found.group(1)) for number, line in enumerate(self.text(name).splitlines(), 1)
                       if (found := pattern.match(line))]
                for name in self.files if name.endswith(SOURCE_ENDINGS)}


class Target:
    """A library or executable of a room's CMakeLists.txt."""

    def __init__(self, name, room, depends, sources, tests=(), is_room=False):
        self.name, self.room, self.depends, self.is_room = name, room, set(depends), is_room
        folder = f'src/{room}/'
        self.sources = {folder + source for source in sources}
        self.tests = {folder + test for test in tests}


def words_of(block):
    return re.sub(r'#.*', '', block).split()


def read_targets(tree):
    """{room: its Target} and [every other Target] as the CMakeLists.txt files declare them."""
    rooms, others = {}, []
    for name in tree.files:
        found = re.fullmatch(r'src/([\w-]+)/CMakeLists\.txt', name)
        if not found:
            continue
        room, text = found.group(1), tree.text(name)
        for block in re.findall(r'\bpolytask_room\(([^)]*)\)', text):
            words = words_of(block)
            parts, key = {}, None
            for word in words[1:]:
                if word in ('DEPENDS', 'LIBRARIES', 'PRIVATE_LIBRARIES', 'SOURCES', 'TESTS', 'TORCH'):
                    key = word
                elif key:
                    parts.setdefault(key, []).append(word)
            rooms[words[0]] = Target(words[0], room, parts.get('DEPENDS', []), parts.get('SOURCES', []), parts.get('TESTS', []), is_room=True)
        links = {}
        for block in re.findall(r'\btarget_link_libraries\(([^)]*)\)', text):
            words = words_of(block)
            links.setdefault(words[0], []).extend(word[len('polytask::'):] for word in words[1:] if word.startswith('polytask::'))
        for block in re.findall(r'\badd_(?:library|executable)\(([^)]*)\)', text):
            words = words_of(block)
            sources = [word for word in words[1:] if word.endswith('.cpp')]
            if sources:
                others.append(Target(words[0], room, links.get(words[0], []), sources))
    return rooms, others


def reachable(rooms, depends):
    """The rooms in `depends` and all that they depend on."""
    found, waiting = set(), list(depends)
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting += rooms[room].depends if room in rooms else []
    return found


def room_of(include):
    return include[1:-1].split('/')[0] if include.startswith('"') else None


def owner_of(name, rooms, others):
    """The target that a file belongs to: a header goes with the source of its name."""
    source = re.sub(r'\.h$', '.cpp', name)
    for target in others:
        if source in target.sources:
            return target
    # Headers of an executable's folder belong to it: src/cli/torch/.
    for target in others:
        folders = {os.path.dirname(one) for one in target.sources} - {f'src/{target.room}'}
        if os.path.dirname(name) in folders:
            return target
    return rooms.get(name.split('/')[1])


# ---- the rules ----

def includes_match_depends(tree):
    """A room includes the rooms that its DEPENDS declares, all of them and no others; `base` is free for everyone."""
    rooms, others = read_targets(tree)
    used = {}
    for name in tree.sources:
        owner = owner_of(name, rooms, others)
        if owner is None:
            yield f'{name}: lies in src/{name.split("/")[1]}, which no polytask_room() declares'
            continue
        is_test = name.endswith('_test.cpp') or '/test_support' in name
        allowed = reachable(rooms, owner.depends) if is_test or not owner.is_room else set(owner.depends)
        for line, include in tree.includes[name]:
            room = room_of(include)
            if room is None:
                continue
            if not tree.exists('src/' + include[1:-1]):
                yield f'{name}:{line}: includes {include}, which is no file of src/; paths start at src/'
                continue
            if not is_test:
                used.setdefault(owner.name, set()).add(room)
            other = owner_of('src/' + include[1:-1], rooms, others)
            if room in (owner.room, 'base') or (owner.is_room and other is not None and not other.is_room and owner.name in {'cli', other.room}):
                continue  # a plain-data library of a torch room, linked beside it
            if room not in allowed:
                yield f'{name}:{line}: includes {include}, but {owner.name} does not declare {room} in src/{owner.room}/CMakeLists.txt'
    for target in rooms.values():
        has_product_code = any(owner_of(name, rooms, others) is target and not name.endswith('_test.cpp') for name in tree.sources)
        for room in sorted(target.depends - {'base'} - used.get(target.name, set())):
            if has_product_code:
                yield f'src/{target.room}/CMakeLists.txt: {target.name} declares {room} and includes nothing of it; take it out'


def rooms_have_no_cycle(tree):
    """No room depends on itself, over whatever way."""
    rooms, _ = read_targets(tree)
    for room, target in rooms.items():
        if room in reachable(rooms, target.depends):
            yield f'src/{target.room}/CMakeLists.txt: {room} depends on itself through {", ".join(sorted(target.depends))}'


def every_source_is_built(tree):
    """Every .cpp of src/ is named by a CMakeLists.txt."""
    rooms, others = read_targets(tree)
    known = set().union(*(target.sources | target.tests for target in [*rooms.values(), *others]))
    for name in tree.sources:
        if name.endswith('.cpp') and name not in known:
            yield f'{name}: no CMakeLists.txt names it, so it is neither built nor tested'


def internal_headers_stay_inside(tree):
    """A header in src/<room>/internal/ is included by that room alone."""
    for name, includes in tree.includes.items():
        for line, include in includes:
            if '/internal/' in include and include.startswith('"') and not name.startswith(f'src/{room_of(include)}/'):
                yield f'{name}:{line}: includes {include}, which is internal to {room_of(include)}'


def only_torch_rooms_include_torch(tree):
    """Torch is included by nn, train, cli/torch and tests/agreement alone, and `train/config.h` and `train/pretrain_config.h` stay free of it."""
    for name, includes in tree.includes.items():
        for line, include in includes:
            is_torch = re.match(r'[<"](torch|ATen|c10|caffe2)/', include)
            if is_torch and (not name.startswith(TORCH_ROOMS) or re.fullmatch(r'src/train/(pretrain_)?config\.(h|cpp)', name)):
                yield f'{name}:{line}: includes {include}; only nn, train and cli/torch include torch'
            # What reaches torch through a header of a torch room.
            room = room_of(include)
            if room in ('nn', 'train') and include not in ('"train/config.h"', '"train/pretrain_config.h"') and name.startswith('src/') and not name.startswith(TORCH_ROOMS):
                yield f'{name}:{line}: includes {include}, a header of a room that needs torch'


def architecture_names_every_room(tree):
    """The table of rooms in ARCHITECTURE.md is what the CMakeLists.txt files say."""
    rooms, _ = read_targets(tree)
    document = 'ARCHITECTURE.md'
    rows = dict(re.findall(r'^\| `(\w+)` \|[^|\n]*\|([^|\n]*)\|$', tree.text(document), re.MULTILINE))
    for room in sorted(rooms.keys() - rows.keys()):
        yield f'{document}: the table has no room {room}'
    for room in sorted(rows.keys() - rooms.keys()):
        yield f'{document}: the table names the room {room}, which src/ does not have'
    for room in sorted(rooms.keys() & rows.keys()):
        if rows[room].strip() == 'everything':
            continue
        told, declared = set(re.findall(r'`(\w+)`', rows[room])), rooms[room].depends - {'base'}
        if told != declared:
            yield f'{document}: {room} may include {sorted(told)}, its CMakeLists.txt declares {sorted(declared)}'


def headers_say_what_they_are(tree):
    """A header starts with a comment that says what it is, then #pragma once."""
    for name in tree.sources:
        if not name.endswith('.h'):
            continue
        lines = tree.text(name).splitlines()
        if not lines or not re.match(r'// \S', lines[0]):
            yield f'{name}:1: starts without a comment that says what it is'
        code = [line for line in lines if line.strip() and not line.startswith('//')]
        if not code or code[0] != '#pragma once':
            yield f'{name}: its first line of code is not #pragma once'


def files_stay_small(tree):
    """No source file is longer than it takes to be read in one go."""
    for name in tree.files:
        if not name.endswith((*SOURCE_ENDINGS, '.py', '.sh', '.cmake')) or name in LARGER_FILES:
            continue
        n_lines = len(tree.text(name).splitlines())
        most = LARGEST_TEST if re.search(r'_test\.\w+$', name) else LARGEST_FILE
        if n_lines > most:
            yield f'{name}: has {n_lines} lines, {most} are the most; split it, or give the reason in LARGER_FILES'
    for name in LARGER_FILES:
        if not tree.exists(name) or len(tree.text(name).splitlines()) <= LARGEST_FILE:
            yield f'{name}: needs no exception in LARGER_FILES any more'


VOCABULARY = re.compile(r'^encoders/[^/]+/(vocab\.txt|tokenizer\.json)$')


def nothing_of_one_machine(tree):
    """No path of somebody's machine, no host that the public does not know, no word about how the work was organised."""
    for name in tree.files:
        if not (name.endswith(TEXT_ENDINGS) or '.' not in os.path.basename(name) or name.startswith('.')):
            continue
        if VOCABULARY.search(name):  # the words of a language, whatever they are
            continue
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for pattern, what in ((MACHINE_PATH, 'a path of one machine'), (HOUSEKEEPING_WORD, 'a word about how the work was organised')):
                if found := pattern.search(line):
                    yield f'{name}:{number}: holds {what}, "{found.group(0).strip()}"'
            for host in re.findall(r'\bhttps?://([^/\s"\'<>)`\]}]+)', line):
                bare = host.split('@')[-1].rstrip('.,;')
                if bare not in PUBLIC_HOSTS and not EXAMPLE_HOST.search(bare):
                    yield f'{name}:{number}: points to {bare}; only public hosts are named (PUBLIC_HOSTS)'


def anchor_of(heading):
    """GitHub's name of a heading."""
    text = re.sub(r'[^\w\- ]', '', heading.strip().lower().replace('`', ''))
    return text.replace(' ', '-')


def headings(text):
    """The anchors of a document, code blocks left out."""
    return {anchor_of(line.lstrip('#')) for line in re.sub(r'^```.*?^```', '', text, flags=re.M | re.S).splitlines() if line.startswith('#')}


def links_resolve(tree):
    """Every link of a document points to a file, and to a heading, that is there."""
    for name in tree.documents:
        text = re.sub(r'^```.*?^```', lambda block: '\n' * block.group(0).count('\n'), tree.text(name), flags=re.M | re.S)
        for number, line in enumerate(text.splitlines(), 1):
            for target in re.findall(r'\]\(([^)\s]+)\)', re.sub(r'`[^`]*`', '', line)):
                if re.match(r'https?:|mailto:', target):
                    continue
                path, _, anchor = target.partition('#')
                file = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
                if not tree.exists(file):
                    yield f'{name}:{number}: links to {target}, which is not there'
                elif anchor and anchor not in headings(tree.text(file)):
                    yield f'{name}:{number}: links to {target}, whose file has no such heading'


def named_files_exist(tree):
    """Every file of ours that a document names in `code` is there, from the root, from src/ or beside the document."""
    ours = re.compile(r'^(?:[\w.-]+/)+[\w.-]+\.(h|cpp|py|sh|md|cmake)$|^(src|tests|tools|cmake|docs|examples)/[\w./-]*$')
    for name in tree.documents:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for word in re.findall(r'`([^`\s]+)`', line):
                places = (word, f'src/{word}', os.path.join(os.path.dirname(name), word))
                if ours.match(word) and not any(tree.exists(place) for place in places):
                    yield f'{name}:{number}: names {word}, which is not there'


def code_words(text, first_column_only=False):
    """What a document writes in `code`; of tables, perhaps the first column alone."""
    if first_column_only:
        text = '\n'.join(re.findall(r'^\|([^|\n]*)\|', text, re.MULTILINE))
    return set(re.findall(r'`([^`\n]+)`', text))


def project_file_keys_are_documented(tree):
    """docs/reference/project-file.md has every key that the command reads, and no other in its tables."""
    code, document = 'src/cli/project_file.cpp', 'docs/reference/project-file.md'
    text = tree.text(code)
    keys = set(re.findall(r'\.\s*(?:text|texts|number|whole|choice|get)\s*(?:<[^(]*>)?\s*\(\s*"(\w+)"', text))
    keys |= set(re.findall(r'\{\s*"(\w+)"\s*,\s*data::Split::', text)) | set(re.findall(r'std::pair\{\s*"(\w+)"', text))
    if len(keys) < 20:
        yield f'{code}: only {len(keys)} keys were found in it; the rule does not understand the file any more'
    rows = code_words(tree.text(document), first_column_only=True)
    told = {word.split('.')[-1] for word in rows if re.fullmatch(r'[\w.<>]*\w', word)}
    for key in sorted(keys - told):
        yield f'{document}: has no row for the key "{key}", which {code} reads'
    for key in sorted(told - keys):
        yield f'{document}: has a row for the key "{key}", which {code} does not read'


def training_defaults_are_documented(tree):
    """The defaults that docs/reference/project-file.md states for `train`, and for tasks, are those of train/config.h."""
    document, header = 'docs/reference/project-file.md', 'src/train/config.h'
    defaults = {name: value.replace("'", '') for name, value in re.findall(r'^\s*(?:double|std::int64_t) (\w+) = ([^;]+);', tree.text(header), re.MULTILINE)}
    rows = re.findall(r'^\| `(?:train|tasks\.<name>)\.([\w.]+)` \|([^|\n]*)\|([^|\n]*)\|', tree.text(document), re.MULTILINE)
    told = {key.split('.')[-1]: default.strip().strip('`').replace(',', '') for key, _, default in rows}
    for name, value in sorted(defaults.items()):
        try:
            agrees = name in told and float(told[name]) == float(value)
        except ValueError:
            agrees = False
        if not agrees:
            yield f'{document}: train.{name} has the default {told.get(name, "(no row)")}, {header} says {value}'


def command_options_are_documented(tree):
    """docs/reference/command.md has every verb and option that the command knows, and no other."""
    code, document = 'src/cli/command_line.cpp', 'docs/reference/command.md'
    source, text = tree.text(code), tree.text(document)
    options = {option for names in re.findall(r'add_(?:option|flag)(?:_function)?(?:<[^>(]*>)?\s*\(\s*"([^"]+)"', source)
               for option in names.split(',') if option.startswith('--')}
    options |= {'--help'} | set(re.findall(r'set_version_flag\(\s*"(--\w+)"', source))
    verbs = set(re.findall(r'add_subcommand\(\s*"(\w+)"', source))
    if len(options) < 8 or len(verbs) < 4:
        yield f'{code}: only {len(options)} options and {len(verbs)} verbs were found in it; the rule does not understand the file any more'
    told = set(re.findall(r'(--[a-z][a-z-]*)', text))
    for option in sorted(options - told):
        yield f'{document}: does not have the option {option}'
    for option in sorted(told - options):
        yield f'{document}: has the option {option}, which {code} does not know'
    titles = ' '.join(line for line in text.splitlines() if line.startswith('#'))
    for verb in sorted(verbs):
        if not re.search(rf'\b{verb}\b', titles):
            yield f'{document}: has no section for the verb {verb}'


def command_does_not_link_torch(_tree, binary):
    """The command itself, `polytask`, needs no LibTorch at run time, no library of other programs' formats, and no network."""
    listed = subprocess.run(['ldd', binary], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        yield f'{binary}: ldd could not read it: {listed.stderr.strip()}'
    for library in re.findall(r'^\s*(lib(?:torch|c10|caffe2|onnx|protobuf|curl)\S*)', listed.stdout, re.MULTILINE):
        yield f'{binary}: is linked with {library}; only polytask-torch, polytask-exchange and polytask-hub may be'


RULES = (includes_match_depends, rooms_have_no_cycle, every_source_is_built, internal_headers_stay_inside,
         only_torch_rooms_include_torch, architecture_names_every_room, headers_say_what_they_are, files_stay_small,
         nothing_of_one_machine, links_resolve, named_files_exist, project_file_keys_are_documented,
         training_defaults_are_documented, command_options_are_documented)


def findings(root, binary=None):
    """[(rule, sentence)]"""
    tree = Tree(root)
    found = [(rule.__name__, sentence) for rule in RULES for sentence in rule(tree)]
    if binary:
        found += [('command_does_not_link_torch', sentence) for sentence in command_does_not_link_torch(tree, binary)]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--root', default=os.path.join(os.path.dirname(__file__), '..', '..'))
    parser.add_argument('--binary', help='the built command, whose libraries are checked')
    parser.add_argument('--list', action='store_true', help='prints the rules')
    arguments = parser.parse_args()
    if arguments.list:
        for rule in (*RULES, command_does_not_link_torch):
            print(f'{rule.__name__}: {rule.__doc__}')
        return 0
    found = findings(arguments.root, arguments.binary)
    for rule, sentence in found:
        print(f'{sentence}  [{rule}]')
    n_rules = len(RULES) + bool(arguments.binary)
    print(f'{n_rules} rules, {len(found)} findings')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
