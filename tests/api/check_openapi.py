#!/usr/bin/env python3
"""Contract test: docs/openapi.yaml is a sound OpenAPI 3.1 document, and a running desk answers as it says.

    check_openapi.py                      the document alone
    check_openapi.py URL                  and a desk; sign in with SEALDESK_EMAIL, SEALDESK_PASSWORD, SEALDESK_TOTP, or
                                          SEALDESK_TOTP_SECRET (base32)

From a test: `check(base_url, session)`, where session is an object with request(method, path, headers=…, body=…) that
returns an Answer, for instance a signed-in Desk of this module. It returns the list of operations it saw answered.
Only Debian's python3-yaml and python3-jsonschema are needed.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import struct
import sys
import time
import urllib.parse

import jsonschema
import yaml

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'openapi.yaml')
METHODS = ('get', 'put', 'post', 'delete', 'patch', 'head', 'options', 'trace')
NOBODY = 'fe' * 16


class Violation(AssertionError):
    """The document or an answer is not what the contract says."""


def load(path=DOCUMENT):
    with open(path, encoding='utf-8') as f:
        return yaml.safe_load(f)


def need(truth, text):
    if not truth:
        raise Violation(text)


# ---- the document ----

def resolve(document, node):
    """Follows one $ref within the document, as often as needed."""
    while isinstance(node, dict) and '$ref' in node:
        need(node['$ref'].startswith('#/'), f"reference outside the document: {node['$ref']}")
        target = document
        for step in node['$ref'][2:].split('/'):
            need(isinstance(target, dict) and step in target, f"dangling reference {node['$ref']}")
            target = target[step]
        node = target
    return node


def walk(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


def schemas_of(node):
    for child in walk(node):
        if isinstance(child, dict) and isinstance(child.get('schema'), dict):
            yield child['schema']


def operations(document):
    for path, item in document['paths'].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method], item.get('parameters', [])


def check_operation(document, path, method, operation, shared):
    where = f'{method.upper()} {path}'
    need(operation.get('operationId'), f'{where}: no operationId')
    need(operation.get('responses'), f'{where}: no responses')
    parameters = [resolve(document, p) for p in shared + operation.get('parameters', [])]
    named = {p['name'] for p in parameters if p['in'] == 'path'}
    need(named == set(re.findall(r'{(\w+)}', path)), f'{where}: path parameters do not match')
    for status, response in operation['responses'].items():
        need(re.fullmatch(r'[1-5][0-9][0-9]|default', str(status)), f'{where}: status {status}')
        response = resolve(document, response)
        need('description' in response, f'{where} {status}: no description')
        if str(status)[0] in '45' and path.startswith('/api/'):
            need('application/problem+json' in response.get('content', {}), f'{where} {status}: errors are problems')


def check_document(document=None):
    """Raises Violation unless the document is well-formed OpenAPI 3.1 as far as this project uses it."""
    document = document or load()
    need(re.fullmatch(r'3\.1\.\d+', str(document.get('openapi'))), 'openapi is not 3.1')
    need(document.get('info', {}).get('title') and document['info'].get('version'), 'info needs title and version')
    need(document.get('paths'), 'no paths')
    for node in walk(document):
        if isinstance(node, dict) and '$ref' in node:
            resolve(document, node)
    for name, schema in document['components']['schemas'].items():
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise Violation(f'schema {name}: {error.message}') from error
    for schema in schemas_of(document['paths']):
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = []
    for path, method, operation, shared in operations(document):
        need(path.startswith('/'), f'{path}: paths begin with /')
        check_operation(document, path, method, operation, shared)
        ids.append(operation['operationId'])
    need(len(ids) == len(set(ids)), 'operationIds repeat')
    return document


# ---- answers ----

def find_operation(document, method, path):
    path = urllib.parse.urlsplit(path).path
    for template, name, operation, _ in operations(document):
        pattern = re.sub(r'{\w+}', r'[^/]+', template)
        if name == method.lower() and re.fullmatch(pattern, path):
            return template, operation
    return None, None


def check_answer(document, method, path, answer):
    """Raises Violation unless this answer is one that the document describes; the operationId."""
    template, operation = find_operation(document, method, path)
    need(operation, f'{method} {path} is not in the document')
    where = f'{method} {template} → {answer.status}'
    response = resolve(document, operation['responses'].get(str(answer.status)))
    need(response is not None, f'{where}: a status that the document does not name')
    need(answer.headers.get('cache-control') == 'no-store', f'{where}: Cache-Control is not no-store')
    for name, header in (response.get('headers') or {}).items():
        header, value = resolve(document, header), answer.headers.get(name.lower())
        need(value is not None or not header.get('required'), f'{where}: no {name}')
        if value is not None and header.get('schema', {}).get('type') == 'string':
            jsonschema.validate(value, header['schema'])
    content = response.get('content') or {}
    media_type = (answer.headers.get('content-type') or '').split(';')[0].strip()
    if not content:
        need(answer.body == b'', f'{where}: a body where there is none')
        return operation['operationId']
    need(media_type in content, f'{where}: Content-Type {media_type}')
    if media_type.endswith('json'):
        check_schema(document, content[media_type]['schema'], json.loads(answer.body), where)
    return operation['operationId']


def check_schema(document, schema, value, where):
    whole = {**schema, 'components': document['components'], '$schema': 'https://json-schema.org/draft/2020-12/schema'}
    try:
        jsonschema.Draft202012Validator(whole).validate(value)
    except jsonschema.ValidationError as error:
        at = '/'.join(map(str, error.absolute_path))
        raise Violation(f'{where}: {at}: {error.message}') from error


# ---- a client ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Desk:
    """A client of a few lines: one connection per request, the session's cookie and CSRF token."""

    def __init__(self, base_url):
        self.url = urllib.parse.urlsplit(base_url)
        self.cookie = self.csrf = self.user = None

    def request(self, method, path, headers=None, body=None):
        headers = dict(headers or {})
        if self.cookie:
            headers.setdefault('Cookie', self.cookie)
        if self.csrf and method not in ('GET', 'HEAD'):
            headers.setdefault('X-CSRF-Token', self.csrf)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault('Content-Type', 'application/json')
        if self.url.scheme == 'https':
            context = ssl._create_unverified_context()  # a test's own certificate
            connection = http.client.HTTPSConnection(self.url.netloc, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection(self.url.netloc, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def sign_in(self, email, password, totp):
        answer = self.request('POST', '/api/v1/session', body={'email': email, 'password': password, 'totp': totp})
        if answer.status == 201:
            self.cookie = answer.headers['set-cookie'].split(';')[0]
            self.csrf, self.user = answer.json()['csrf'], answer.json()['user']
        return answer


def totp(secret, at=None):
    """RFC 6238: six digits, SHA-1, 30 s."""
    key = base64.b32decode(secret.upper() + '=' * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack('>Q', int((at or time.time()) // 30)), hashlib.sha1).digest()
    offset = mac[-1] & 15
    return f'{(struct.unpack(">I", mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06d}'


# ---- the contract over a running desk ----

def check_strangers(document, base_url, seen):
    """Without a session: everything but the public addresses is 401, and sign-in tells nothing."""
    stranger = Desk(base_url)
    for path in ('/healthz', '/readyz', '/api/v1/openapi.json'):
        seen.append(check_answer(document, 'GET', path, stranger.request('GET', path)))
    for template, method, operation, _ in operations(document):
        if operation.get('security', document['security']) == []:
            continue
        path = re.sub(r'{\w+}', NOBODY, template)
        answer = stranger.request(method.upper(), path, body={} if method in ('post', 'put', 'patch') else None)
        need(answer.status == 401 and answer.json()['code'] == 'not-signed-in', f'{method} {template}: {answer.status} for a stranger')
        seen.append(check_answer(document, method, path, answer))
    answer = stranger.request('GET', '/api/v1/openapi.json')
    need(answer.json() == document, 'the served document is not docs/openapi.yaml')


def check_lists(document, get, seen):
    pages, path = 0, '/api/v1/tickets?limit=2'
    tickets = []
    while path and pages < 50:
        page = get(path)
        need(len(page['items']) <= 2, 'a page longer than its limit')
        tickets += page['items']
        path = page['next'] and '/api/v1/tickets?limit=2&cursor=' + urllib.parse.quote(page['next'])
        pages += 1
    need(len({t['id'] for t in tickets}) == len(tickets), 'a ticket twice in the pages')
    return tickets


def check_filters(document, get):
    """Every documented value is taken; who a ticket's letters are from is what it was found by."""
    schemas = document['components']['schemas']
    for level in schemas['TrustLevel']['enum']:
        for ticket in get(f'/api/v1/tickets?limit=3&trust={level}')['items']:
            levels = [m['trust']['level'] for m in get(f"/api/v1/tickets/{ticket['id']}")['messages'] if m['direction'] == 'in']
            need(level in levels, f'trust={level} found a ticket of {levels}')
    for signal in schemas['SignalId']['enum']:
        get(f'/api/v1/tickets?limit=1&signal={signal}&state=open')
    get('/api/v1/tickets?limit=1&domain=nobody.example&trust=verified')


def check_message(document, session, path, seen):
    def ask(address):
        answer = session.request('GET', address)
        seen.append(check_answer(document, 'GET', address, answer))
        return answer
    opened = ask(path)
    ask(f'{path}/source')
    if opened.status != 200:
        return
    message = opened.json()
    need((ask(f'{path}/html').status == 200) == message['has_html'] == (message['html'] is not None), 'has_html is not whether there is HTML')
    need(ask(f'{path}/attachments').json()['items'] == message['attachments'], 'two lists of the same attachments')
    for attachment in message['attachments'][:3]:
        address = f"/api/v1/attachments/{attachment['id']}"
        need((ask(address).status == 200) == attachment['openable'], f'openable, and {address} says otherwise')
        ask(f'{address}/preview')
        ask(f'{address}/preview/1')
        ask(f'{address}/preview/pdf')


def check_ticket(document, session, get, ticket, seen):
    whole = get(f"/api/v1/tickets/{ticket['id']}")
    get(f"/api/v1/tickets/{ticket['id']}/timeline")
    answer = session.request('GET', f"/api/v1/tickets/{ticket['id']}")
    need(answer.headers['etag'] == f"\"{answer.json()['revision']}\"", 'ETag is not the revision')
    for message in whole['messages'][:3]:
        check_message(document, session, f"/api/v1/messages/{message['id']}", seen)
    path = f"/api/v1/tickets/{ticket['id']}"
    for headers, status in (({}, 428), ({'If-Match': '"0"'}, 412), ({'If-Match': '*', 'X-CSRF-Token': 'x'}, 403)):
        answer = session.request('PATCH', path, headers=headers, body={'state': 'open'})
        need(answer.status == status, f'PATCH with {headers}: {answer.status}, not {status}')
        seen.append(check_answer(document, 'PATCH', path, answer))


def check_not_there(document, session, seen):
    """What is not there answers like what is malformed, byte for byte."""
    bodies = set()
    for path in ('/api/v1/tickets/%s', '/api/v1/tickets/%s/timeline', '/api/v1/messages/%s', '/api/v1/messages/%s/source',
                 '/api/v1/messages/%s/html', '/api/v1/messages/%s/attachments', '/api/v1/attachments/%s', '/api/v1/attachments/%s/preview',
                 '/api/v1/attachments/%s/preview/1', '/api/v1/attachments/%s/preview/pdf'):
        for name in (NOBODY, 'x', '1', NOBODY.upper()):
            answer = session.request('GET', path % name)
            need(answer.status == 404, f'GET {path % name}: {answer.status}')
            seen.append(check_answer(document, 'GET', path % name, answer))
            bodies.add(answer.body)
    need(len(bodies) == 1, 'different bodies for what is not there')


def check(base_url, session):
    """All of it over a running desk; changes nothing but the audit log. session: signed in."""
    document = check_document()
    seen = []
    check_strangers(document, base_url, seen)

    def get(path):
        answer = session.request('GET', path)
        need(answer.status == 200, f'GET {path}: {answer.status}')
        seen.append(check_answer(document, 'GET', path, answer))
        return answer.json()

    get('/api/v1/session')
    for wrong in ('limit=0', 'limit=101', 'state=lost', 'cursor=!', 'trust=maybe', 'signal=none', 'domain=bank', 'domain=a..b'):
        answer = session.request('GET', f'/api/v1/tickets?{wrong}')
        need(answer.status == 422 and answer.json()['errors'], f'{wrong}: {answer.status}')
        seen.append(check_answer(document, 'GET', '/api/v1/tickets', answer))
    check_filters(document, get)
    check_not_there(document, session, seen)
    for ticket in check_lists(document, get, seen)[:5]:
        check_ticket(document, session, get, ticket, seen)
    return sorted(set(seen))


def main(arguments):
    document = check_document()
    print(f"document: {sum(1 for _ in operations(document))} operations, {len(document['components']['schemas'])} schemas")
    if len(arguments) < 2:
        return 0
    desk = Desk(arguments[1])
    secret = os.environ.get('SEALDESK_TOTP_SECRET')
    code = os.environ.get('SEALDESK_TOTP') or (totp(secret) if secret else '')
    answer = desk.sign_in(os.environ.get('SEALDESK_EMAIL', ''), os.environ.get('SEALDESK_PASSWORD', ''), code)
    check_answer(document, 'POST', '/api/v1/session', answer)
    need(answer.status == 201, f'sign-in: {answer.status}')
    print('answered as documented:', ', '.join(check(arguments[1], desk)))
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv))
    except Violation as violation:
        print(f'violated: {violation}', file=sys.stderr)
        sys.exit(1)
