"""Which package catalogue is there? Brings the lists of the Debian archive into a private folder.

Nothing outside that folder is written, no privilege is needed, and other package sources of the machine are neither
read nor able to stand in the way: apt runs with a configuration of its own, into which only the machine's network
settings (proxies, certificates, timeouts) are copied.
"""
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

APT_HELPER = "/usr/lib/apt/apt-helper"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
# For systems that are not Debian themselves.
DEFAULT_CODENAME = "trixie"

# The machine's settings for these would hide the descriptions or bring files that nothing here reads.
_OWN_SETTINGS = ("Acquire::Languages", "Acquire::IndexTargets", "Acquire::GzipIndexes", "Acquire::CompressionTypes",
                 "Acquire::PDiffs", "Acquire::Changelogs")
_COPIED = ("Acquire::", "APT::Architecture ", "Dir::Etc::netrc ", "Dir::Etc::netrcparts ")


class CatalogueError(Exception):
    """One sentence: what is missing and what to do."""


@dataclass(frozen=True)
class Catalogue:
    codename: str
    packages: Path
    translation: Path | None  # None: only the short descriptions are known
    origin: str               # how it came here, for people


def machine_codename(os_release="/etc/os-release"):
    """(codename, whether the machine says it is Debian)."""
    values = {}
    try:
        for line in Path(os_release).read_text(encoding="utf-8").splitlines():
            key, found, value = line.partition("=")
            if found:
                values[key] = value.strip().strip("\"'")
    except OSError:
        pass
    if values.get("ID") == "debian" and values.get("VERSION_CODENAME"):
        return values["VERSION_CODENAME"], True
    return DEFAULT_CODENAME, False


def copied_settings(dump):
    """The lines of `apt-config dump` that a private apt still needs: how to reach the network."""
    return [line for line in dump.splitlines()
            if line.startswith(_COPIED) and not line.startswith(_OWN_SETTINGS)]


def debian_mirrors(index_targets, codename):
    """Addresses of the Debian archive among the machine's sources, the ones that serve `codename` first.

    `index_targets`: lines "origin|release|component|repository" as `apt-get indextargets` prints them. The origin is
    known only after the machine's first update; before it, the last part of the address has to do.
    """
    exact, others = [], []
    for line in index_targets.splitlines():
        parts = line.split("|")
        if len(parts) != 4:
            continue
        origin, release, component, repository = parts
        repository = repository.rstrip("/")
        looks_like_debian = origin == "Debian" or (not origin and repository.rsplit("/", 1)[-1] == "debian")
        is_addition = re.search(r"-(security|updates|backports)", release) or repository.endswith("security")
        if component != "main" or not looks_like_debian or repository.startswith("cdrom:"):
            continue
        if not is_addition and release == codename:
            exact.append(repository)
        elif not repository.endswith("security"):
            others.append(repository)
    return list(dict.fromkeys(exact + others))


def machine_mirrors(codename):
    """Addresses of the Debian archive among this machine's sources, the ones that serve `codename` first."""
    return debian_mirrors(_run("apt-get", "indextargets", "--format", _REPOSITORIES).stdout, codename)


def complaint_of(output):
    """The most telling line of a failed `apt-get update`."""
    lines = [line.strip() for line in output.splitlines()]
    for start in ("E: Failed to fetch", "W: Failed to fetch", "E:", "W:", "Err:"):
        for line in lines:
            if line.startswith(start):
                return " ".join(line.split()[1:])
    return ""


def without_password(address):
    return re.sub(r"//[^/@]*@", "//", address)


def read_list(path):
    """The lines of a list, whatever its compression: apt's own helper knows all that apt can store."""
    if path.suffix not in (".lz4", ".gz", ".xz", ".bz2", ".zst"):
        yield from path.open(encoding="utf-8", errors="replace")
        return
    process = subprocess.Popen([APT_HELPER, "cat-file", str(path)], stdout=subprocess.PIPE, text=True,
                               encoding="utf-8", errors="replace")
    with process:
        yield from process.stdout
    if process.returncode != 0:
        raise CatalogueError(f"{path}: the list cannot be unpacked; delete it and try again with --force")


class PrivateApt:
    """An apt that sees one folder and one source."""

    def __init__(self, folder, codename, languages=("en",)):
        self.folder = folder.resolve()
        self.codename = codename
        self.languages = languages
        self.lists = self.folder / "lists"

    def update(self, mirror):
        """Downloads the lists; returns "" or apt's own reason why not."""
        self._write_configuration(mirror)
        result = self._apt("update", "-q", timeout=600)
        if result.returncode == 0 and self.files()[0]:
            return ""
        return complaint_of(result.stdout) or f"apt-get update ended with {result.returncode}"

    def files(self):
        """(Packages, Translation-en) where they are there, else None."""
        if not (self.folder / "apt.conf").exists():
            return None, None
        return _list_files(self._apt("indextargets", "--format", _FILES).stdout, self.codename)

    def translation(self, language):
        """The Translation list of a language, where it was downloaded, else None."""
        return _list_files(self._apt("indextargets", "--format", _FILES).stdout, self.codename, language)[1]

    def _write_configuration(self, mirror):
        for name in ("lists/partial", "cache/archives/partial", "no-parts"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        keyring = next((f"[signed-by={path}] " for path in KEYRINGS if Path(path).exists()), "")
        (self.folder / "sources.list").write_text(f"deb {keyring}{mirror} {self.codename} main\n", encoding="utf-8")
        lines = copied_settings(_run("apt-config", "dump").stdout)
        if not any(line.startswith("Acquire::http::Timeout ") for line in lines):
            lines.append('Acquire::http::Timeout "30";')
        lines += [
            "Acquire::Languages { " + " ".join(f'"{language}";' for language in self.languages) + " };",
            'Acquire::GzipIndexes "true";',
            'APT::Update::Error-Mode "any";',
            f'Dir::Etc::main "{self.folder}/no-apt.conf";',
            f'Dir::Etc::parts "{self.folder}/no-parts/";',
            f'Dir::Etc::sourcelist "{self.folder}/sources.list";',
            f'Dir::Etc::sourceparts "{self.folder}/no-parts/";',
            f'Dir::Etc::preferencesparts "{self.folder}/no-parts/";',
            f'Dir::State::lists "{self.lists}/";',
            f'Dir::Cache "{self.folder}/cache/";',
            'Dir::Cache::pkgcache "";',
            'Dir::Cache::srcpkgcache "";',
        ]
        configuration = self.folder / "apt.conf"
        configuration.touch(mode=0o600)  # a proxy's address may hold a password
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _apt(self, *arguments, timeout=60):
        return _run("apt-get", *arguments, timeout=timeout, APT_CONFIG=str(self.folder / "apt.conf"))


_FILES = "$(CREATED_BY)|$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(LANGUAGE)|$(FILENAME)"
_REPOSITORIES = "$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)"


def _list_files(index_targets, codename, wanted_language="en"):
    found = {}
    for line in index_targets.splitlines():
        kind, release, name, component, language, path = (line.split("|") + [""] * 6)[:6]
        if component != "main" or codename not in (release, name) or not Path(path).is_file():
            continue
        if not os.access(path, os.R_OK):
            continue
        if kind == "Packages" or (kind == "Translations" and language == wanted_language):
            found.setdefault(kind, Path(path))
    return found.get("Packages"), found.get("Translations")


def _run(*command, timeout=60, **environment):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=timeout, env={**os.environ, "LC_ALL": "C.UTF-8", **environment}, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, f"E: no answer within {timeout} seconds")
    except FileNotFoundError as error:
        raise CatalogueError(f"{command[0]} is not on this machine; the catalogue is apt's, so this example needs a "
                             "Debian or Ubuntu machine") from error


def find_catalogue(folder, codename, fresh, say, mirror=None):
    """The lists in `folder` if they are there (unless `fresh`), else downloaded, else the machine's own.

    Downloaded from `mirror`, or from the Debian archives among the machine's sources. Throws CatalogueError when there is
    no catalogue at all.
    """
    machine, is_debian = machine_codename()
    if not codename:
        codename = machine
        if not is_debian:
            say(f"this machine is not Debian (untested): taking the catalogue of Debian {codename}")
    apt = PrivateApt(folder / codename, codename)
    packages, translation = apt.files()
    if packages and translation and not fresh:
        return Catalogue(codename, packages, translation, "downloaded earlier")

    mirrors = [mirror] if mirror else machine_mirrors(codename)
    reason = "" if mirrors else "this machine's package sources name no Debian archive; give one with --mirror ADDRESS"
    for address in mirrors:
        say(f"downloading the catalogue of Debian {codename} from {without_password(address)} (about 16 MB)")
        failure = apt.update(address)
        if not failure:
            return Catalogue(codename, *apt.files(), f"downloaded from {without_password(address)}")
        reason = reason or failure
        say(f"that did not work: {failure}")

    for origin, files in (("those downloaded earlier", apt.files()),
                          ("the machine's own lists", _machine_files(codename))):
        if files[0]:
            say(f"going on with the lists that are here, {origin}"
                + ("" if files[1] else "; they hold short descriptions only"))
            return Catalogue(codename, *files, origin)
    raise CatalogueError(f"no package catalogue of Debian {codename}: it could not be downloaded ({reason}) and this "
                         "machine has no lists of its own; connect it to a Debian mirror and try again")


def _machine_files(codename):
    return _list_files(_run("apt-get", "indextargets", "--format", _FILES).stdout, codename)
