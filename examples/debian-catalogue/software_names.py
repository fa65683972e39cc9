"""Which words of a description are names of software? Distant supervision from the catalogue itself.

A word is a candidate if a package or source package is called so. Many are ordinary words too (time, make, screen), so
the way a word is written - "Perl", "perl" and "PERL" are three - must earn trust: the more often the packages whose
descriptions use it also depend on, suggest or are themselves a package of that name, the surer it is a name.
"""
import re
from collections import defaultdict
from dataclasses import dataclass

LABEL = "SOFTWARE"
# Words of two letters and more that do not run on into a path, an address, a Perl module or a longer compound.
_WORD = re.compile(r"(?<![\w@./+:&-])[A-Za-z][A-Za-z0-9]*(?:[.+_-][A-Za-z0-9]+)*(?:\+\+|\+)?(?!\w|[@/+]|::|-\w)")
_PREFIXES = re.compile(r"^(lib|python3?-|node-|golang-|ruby-|r-cran-|r-bioc-|php-|elpa-|gir1\.2-|fonts-|haskell-)")
_SUFFIXES = re.compile(r"(-(dev|common|data|doc|bin|core|client|server|perl|java|utils|tools|base|gtk|qt))+$")

# Share of a form's sources that must be related to the package of that name, by how the form looks. A capital inside
# a word ("PostgreSQL") is proof enough.
_NEEDED = {"plain": 0.4, "capitalised": 0.4, "capitals": 0.3, "compound": 0.3, "camel": 0.0}
# Found by reading what these rules let through: ordinary words, formats and protocols that happen to name a package.
ORDINARY = frozenset("""
    Black Bullet Diagnostics Flare Fluid Focus Granule Gringotts Heroes Impressive Matchbox Pebble Pinball
    Projectile Quota Retry Truffle Velvet Worker attr defcon enum epic heroes ident ledger lattice mon patience
    peek pinball retry spinner survival tomb ACME ACPI BALL CBOR CCID CODA CURL DIME EXIF FIAT FLAC Flac ICOM
    LESS LZMA METAR MUSIC OFX PCB SCRAM SMBus SNMP SNTP STUN TELNET TIFF TIGER TOML UUID WBXML WHOIS WOFF WebP
    WEBP WebVTT OPUS Opus flac tiff uuid bluetooth Zip GPX SWF DICT UTF-8 X11 x11 IPv4 IPv6 ipv6 JavaScript
    TypeScript GitHub base64 Base64 base58 Base58 base32 md5 sha256 html5 HTML5 H.264 NeuroDebian ChIP-Seq
    ChIP-seq Drop-seq PPPoE DebiChem FAST5
""".split())
# Names that texts use far more often than dependencies do.
WELL_KNOWN = frozenset("""
    Apache bash Bash Bison bzip2 Chromium cmake curl Cython docker Docker Doxygen doxygen ffmpeg Firefox GCC gcc
    gdb GDB gettext GNOME gnuplot GTK+ gzip Icinga Jinja KDE Kubernetes Lua memcached MySQL ncurses nginx nmap
    NodeJS Nodejs nodejs OpenJDK PHPUnit Prometheus QEMU Qt Qt5 Qt6 readline Redis rpm Samba sendmail Subversion
    SWIG systemd tcpdump udev vim Vim wget Xen Xfce xterm zsh
""".split())


@dataclass(frozen=True)
class SoftwareNames:
    forms: frozenset  # exactly as written

    @staticmethod
    def learn(packages):
        known = set()
        for package in packages:
            known |= own_names(package.name) | own_names(package.source)
        users, related_users = defaultdict(set), defaultdict(set)
        for package in packages:
            related = None
            for word in set(_WORD.findall(package.text)):
                name = word.lower()
                if name not in known or len(name) < 2:
                    continue
                if related is None:
                    related = set().union(*map(names_meant, package.related))
                users[word].add(package.source)
                if name in related:
                    related_users[word].add(package.source)
        trusted = {word for word, sources in users.items()
                   if is_trusted(word, len(sources), len(related_users[word]))}
        return SoftwareNames(frozenset(trusted - ORDINARY | WELL_KNOWN))

    def spans(self, text):
        """[[start, end, "SOFTWARE"], ...] in code points, end exclusive, in the order of the text."""
        return [[match.start(), match.end(), LABEL] for match in _WORD.finditer(text) if match.group() in self.forms]


def is_trusted(word, n_users, n_related):
    """A plain word must earn its share with one unrelated user added: a single user proves little."""
    shape = shape_of(word)
    return n_related >= _NEEDED[shape] * (n_users + (shape in ("plain", "capitalised")))


def shape_of(word):
    if re.search(r"[a-z][A-Z]", word) and len(word) > 3:
        return "camel"
    if re.fullmatch(r"[a-z]+", word):
        return "plain"
    if re.fullmatch(r"[A-Z][a-z]+", word) or len(word) <= 3:
        return "capitalised"
    return "capitals" if word.isupper() else "compound"


def own_names(package_name):
    """The name, and the name without a version at its end: postgresql-15 is what texts call PostgreSQL."""
    return {package_name, re.sub(r"-?\d[\d.]*$", "", package_name)}


def names_meant(package_name):
    """What a text may call a package: with and without version, the usual prefixes and the usual suffixes."""
    names = own_names(package_name)
    for name in list(names):
        bare = _PREFIXES.sub("", name)
        names |= own_names(bare) | own_names(_SUFFIXES.sub("", name)) | own_names(_SUFFIXES.sub("", bare))
    return names
