"""The document on its own, and the checker itself: it must notice what it is there to notice."""
import copy
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_openapi as contract  # noqa: E402

HEADERS = {'cache-control': 'no-store', 'content-type': 'application/json'}


def answer(status, body, **headers):
    return contract.Answer(status, {**HEADERS, **{k.replace('_', '-'): v for k, v in headers.items()}}, body)


def test_document():
    contract.check_document()


def test_every_endpoint_of_the_contract_is_there():
    have = {(m, p) for p, m, _, _ in contract.operations(contract.load())}
    assert {('post', '/api/v1/session'), ('delete', '/api/v1/session'), ('get', '/api/v1/tickets'),
            ('get', '/api/v1/tickets/{id}'), ('patch', '/api/v1/tickets/{id}'), ('get', '/api/v1/messages/{id}'),
            ('get', '/api/v1/messages/{id}/source'), ('post', '/api/v1/tickets/{id}/replies'),
            ('get', '/api/v1/tickets/{id}/timeline'), ('get', '/readyz'), ('get', '/api/v1/openapi.json')} <= have


@pytest.mark.parametrize('break_it', [
    lambda d: d.update(openapi='3.0.3'),
    lambda d: d['components']['schemas'].pop('Mailbox'),
    lambda d: d['components']['schemas']['Id'].update(type='word'),
    lambda d: d['paths']['/api/v1/tickets']['get'].update(operationId='signIn'),
    lambda d: d['paths']['/api/v1/tickets/{id}'].pop('parameters'),
])
def test_a_broken_document_is_noticed(break_it):
    document = copy.deepcopy(contract.load())
    break_it(document)
    with pytest.raises(contract.Violation):
        contract.check_document(document)


@pytest.mark.parametrize('wrong', [
    answer(200, b'{"items":[]}'),
    answer(200, b'{"items":[],"next":null,"more":1}'),
    answer(200, b'{"items":[{}],"next":null}'),
    answer(200, b'{"items":[],"next":null}', cache_control='private'),
    answer(200, b'{"items":[],"next":null}', content_type='text/html'),
    answer(500, b'{}'),
    answer(401, b'{"code":"x"}', content_type='application/problem+json'),
])
def test_a_wrong_answer_is_noticed(wrong):
    with pytest.raises(contract.Violation):
        contract.check_answer(contract.load(), 'GET', '/api/v1/tickets', wrong)


def test_a_right_answer_passes():
    right = answer(200, b'{"items":[],"next":null}')
    assert contract.check_answer(contract.load(), 'GET', '/api/v1/tickets?limit=2', right) == 'listTickets'


def test_totp_of_the_rfc():
    assert contract.totp('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', 59) == '287082'
