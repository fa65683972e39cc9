"""A hub on this machine that speaks as huggingface.co does: its programming interface, small files behind a redirection to itself,
large ones behind one to another host that wants no token. What is to go wrong is said by `fault`."""
import hashlib
import json
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def git_sha1(content):
    return hashlib.sha1(b'blob %d\0' % len(content) + content).hexdigest()


class Repository:
    def __init__(self, files, large=('.safetensors',), commit='1' * 40, branches=('main',), gated=False, private=False):
        self.files, self.large, self.commit, self.branches, self.gated, self.private = dict(files), large, commit, branches, gated, private

    def is_large(self, path):
        return path.endswith(tuple(self.large))

    def etag(self, path):
        content = self.files[path]
        return hashlib.sha256(content).hexdigest() if self.is_large(path) else git_sha1(content)

    def tree(self):
        entries = [{'type': 'directory', 'path': name, 'oid': '0' * 40, 'size': 0} for name in sorted({path.split('/')[0] for path in self.files if '/' in path})]
        for path, content in sorted(self.files.items()):
            entry = {'type': 'file', 'path': path, 'size': len(content), 'oid': git_sha1(content)}
            if self.is_large(path):
                entry['oid'] = git_sha1(b'a pointer')
                entry['lfs'] = {'oid': self.etag(path), 'size': len(content), 'pointerSize': 130}
            entries.append(entry)
        return entries


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def answer(self, status, body=b'', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        if 'Content_Length' not in headers:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def refuse(self, status, code, message='', **headers):
        self.answer(status, b'{"error":"%s"}' % message.encode(), X_Error_Code=code, X_Error_Message=message, **headers)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = self.server.hub
        url = urllib.parse.urlsplit(self.path)  # a proxy is asked with all of the address
        if url.netloc:
            hub.proxied.append(self.path)
        hub.requests.append((self.server.is_cdn, self.command, url.path, self.headers.get('Range'), self.headers.get('Authorization')))
        try:
            if hub.fault and hub.fault(self, url.path):
                return
            path = urllib.parse.unquote(url.path)
            if self.server.is_cdn or (url.netloc and path.startswith('/cdn/')):
                return self.content(path.removeprefix('/cdn/'))
            self.hub_answer(hub, path, urllib.parse.parse_qs(url.query), url.path)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def repository(self, hub, name):
        repository = hub.repositories.get(name)
        if repository is None or (repository.private and self.headers.get('Authorization') != f'Bearer {hub.token}'):
            self.refuse(401, 'RepoNotFound', 'Invalid username or password.')
            return None
        return repository

    def hub_answer(self, hub, path, query, raw):
        parts = path.strip('/').split('/')
        if parts[:2] == ['api', 'models']:
            repository = self.repository(hub, '/'.join(parts[2:4]))
            if repository is None:
                return
            if parts[4] == 'revision':
                revision = urllib.parse.unquote(raw.split('/revision/')[1])
                if revision not in (*repository.branches, repository.commit):
                    return self.refuse(404, 'RevisionNotFound', f'Invalid rev id: {revision}')
                return self.answer(200, json.dumps({'id': '/'.join(parts[2:4]), 'sha': repository.commit, 'siblings': []}).encode(), Content_Type='application/json')
            if parts[5] != repository.commit:
                return self.refuse(404, 'RevisionNotFound', 'Invalid rev id')
            entries = repository.tree()
            begin = int(query.get('cursor', ['0'])[0])
            more = {'Link': f'<{hub.endpoint}{raw}?recursive=true&cursor={begin + 3}>; rel="next"'} if begin + 3 < len(entries) else {}
            return self.answer(200, json.dumps(entries[begin:begin + 3]).encode(), Content_Type='application/json', **more)
        if parts[:2] == ['api', 'resolve-cache']:
            return self.content('/'.join(parts[2:]))
        repository = self.repository(hub, '/'.join(parts[:2]))
        if repository is None:
            return
        revision, file = parts[3], '/'.join(parts[4:])
        facts = {'X_Repo_Commit': repository.commit}
        if repository.gated and self.headers.get('Authorization') != f'Bearer {hub.token}':
            return self.refuse(403, 'GatedRepo', 'Access to this model is restricted.', **facts)
        if revision not in (*repository.branches, repository.commit):
            return self.refuse(404, 'RevisionNotFound', 'Invalid rev id')
        if file not in repository.files:
            return self.refuse(404, 'EntryNotFound', 'Entry not found', **facts)
        place = '/'.join(parts[:2]) + '/' + file
        if repository.is_large(file):
            return self.answer(302, b'Found', Location=f'{hub.cdn}/cdn/{place}?signature=secret-signature', X_Linked_Etag=f'"{repository.etag(file)}"',
                               X_Linked_Size=str(len(repository.files[file])), **facts)
        return self.answer(307, b'Temporary Redirect', Location=f'/api/resolve-cache/{place}', ETag=f'"{repository.etag(file)}"', **facts)

    def content(self, place):
        owner, name, file = place.split('/', 2)
        repository = self.server.hub.repositories[f'{owner}/{name}']
        content = repository.files[file]
        begin = int((self.headers.get('Range') or 'bytes=0-').removeprefix('bytes=').split('-')[0])
        facts = {'ETag': f'"{repository.etag(file)}"', 'X_Repo_Commit': repository.commit}
        if begin == 0:
            return self.send(200, content, **facts)
        if begin >= len(content):
            return self.answer(416, b'', Content_Range=f'bytes */{len(content)}')
        return self.send(206, content[begin:], Content_Range=f'bytes {begin}-{len(content) - 1}/{len(content)}', **facts)

    def send(self, status, body, **headers):
        """The body, as slowly as the hub is to be."""
        pause = self.server.hub.pause_after_64k
        if not pause or len(body) < 1 << 16:
            return self.answer(status, body, **headers)
        self.answer(status, b'', Content_Length=str(len(body)), **headers)
        if self.command != 'HEAD':
            for begin in range(0, len(body), 1 << 16):
                self.wfile.write(body[begin:begin + (1 << 16)])
                self.wfile.flush()
                time.sleep(pause)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_CONNECT(self):
        """A proxy for https: it sees the name of the host and nothing else."""
        hub = self.server.hub
        hub.connected.append((self.path, dict(self.headers)))
        host, port = self.path.split(':')
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()

            def copy(source, target):
                try:
                    while data := source.recv(1 << 16):
                        target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
            back = threading.Thread(target=copy, args=(there, self.connection), daemon=True)
            back.start()
            copy(self.connection, there)
            back.join(5)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, hub, is_cdn, context=None):
        super().__init__(('127.0.0.1', 0), Handler)
        self.hub, self.is_cdn = hub, is_cdn
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request, client_address):
        pass


class Hub:
    """Two servers, the hub and another host for large files; `stop` ends both."""

    def __init__(self, repositories=None, context=None):
        self.repositories, self.token, self.fault, self.pause_after_64k = dict(repositories or {}), 'hf_secret', None, 0
        self.requests, self.proxied, self.connected = [], [], []
        self.servers = [Server(self, is_cdn, context) for is_cdn in (False, True)]
        scheme = 'https' if context else 'http'
        self.endpoint, self.cdn = (f'{scheme}://localhost:{server.server_port}' for server in self.servers)
        for server in self.servers:
            threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def n_contents(self, ending):
        """How often content of such a file was asked for."""
        return sum(path.endswith(ending) and ('/cdn/' in path or '/resolve-cache/' in path) for _, command, path, _, _ in self.requests if command == 'GET')
