'use strict';
// Who sent a message, as people read it. Uses the small things of desk.js, which comes behind it.

// Shape, colour and word each say the level, so that none of them is needed.
const marks = {verified: '✓', unverified: '?', failed: '!'};
const mark = level => el('span', {class: `mark ${level}`, 'aria-hidden': 'true'}, marks[level] || '?');

// The sentence comes from the server; its first word and the domain stand out.
function trustText(trust, text) {
  const all = plain(text);
  const colon = all.indexOf(': ');
  if (colon < 0) return [all];
  const rest = all.slice(colon + 2);
  const at = trust.domain ? rest.indexOf(trust.domain) : -1;
  const named = at < 0 ? [rest] : [rest.slice(0, at), el('bdi', {class: 'domain'}, trust.domain), rest.slice(at + trust.domain.length)];
  return [el('b', {}, all.slice(0, colon)), ': ', ...named];
}

const trustChip = (trust, text) => el('span', {class: `trust ${trust.level}`}, mark(trust.level), el('span', {}, ...trustText(trust, text)));

const sign = () => el('span', {class: 'sign', 'aria-hidden': 'true'}, '!');

const tlsName = version => (version || '').replace(/^TLSv/, 'TLS ');
const behind = reason => reason ? `: ${reason}` : '';

// Each check is [how it went, sentence]; what an older message does not have is left out.
function spfSentence({result, domain, identity, reason}) {
  const who = domain || 'the sending server';
  const greeting = identity === 'helo' ? ' (the server’s own name)' : '';
  return {
    pass: ['good', `SPF pass for ${who}${greeting}: it allows the address that sent this.`],
    fail: ['bad', `SPF fail for ${who}${greeting}: it forbids the address that sent this.`],
    softfail: ['care', `SPF softfail for ${who}${greeting}: it does not expect mail from this address.`],
    neutral: ['none', `SPF neutral for ${who}: it says neither yes nor no.`],
    temperror: ['care', `SPF could not be checked for ${who}${behind(reason)}.`],
    permerror: ['care', `SPF of ${who} cannot be read${behind(reason)}.`],
  }[result] || ['none', `SPF: ${domain || 'the sender'} publishes no rule.`];
}

function dkimSentence({result, domain, algorithm, bits, partial, repeated, reason}) {
  const key = bits ? ` (${bits} bit, ${algorithm})` : '';
  const but = [partial ? 'the end of the text is not signed' : '', repeated ? 'a signed field occurs once more, unsigned' : ''].filter(Boolean).join('; ');
  if (result === 'pass') return [but ? 'care' : 'good', `DKIM pass by ${domain}${key}: signed, and not changed since${but ? `, but ${but}` : ''}.`];
  if (result === 'temperror') return ['care', `DKIM of ${domain} could not be checked${behind(reason)}.`];
  return ['bad', `DKIM ${result} by ${domain || 'an unnamed domain'}${key}${behind(reason)}.`];
}

function dmarcSentence({result, domain, policy, spf_aligned: spf, dkim_aligned: dkim, reason}) {
  const by = [spf && 'SPF', dkim && 'DKIM'].filter(Boolean).join(' and ');
  const wish = {reject: 'refused', quarantine: 'held back'}[policy];
  return {
    pass: ['good', `DMARC pass for ${domain}${by ? `, by ${by}` : ''}: the sender shown is the one that was proved.`],
    fail: ['bad', `DMARC fail for ${domain}: nothing proves the sender shown${wish ? `; its owner wants such mail ${wish}` : ''}.`],
    temperror: ['care', `DMARC could not be checked${behind(reason)}.`],
    permerror: ['care', `DMARC of ${domain} cannot be read${behind(reason)}.`],
  }[result] || ['none', `DMARC: the sender’s domain publishes no policy${by ? `; ${by} proved the domain shown` : ''}.`];
}

function arcSentence({result, instance, domain, reason}) {
  const seals = instance === 1 ? 'one seal' : `${instance} seals`;
  return {
    pass: ['none', `ARC pass: ${seals}, the newest by ${domain}.`],
    fail: ['care', `ARC fail: the chain of seals is broken${behind(reason)}.`],
    temperror: ['care', `ARC could not be checked${behind(reason)}.`],
  }[result];
}

function addressSentence({result, name}) {
  return {
    pass: ['good', `Address confirmed as ${name}.`],
    temperror: ['care', 'The name of the sending address could not be checked.'],
  }[result] || ['none', 'The sending address has no name that confirms it.'];
}

function checkSentences({checks, known}) {
  const signatures = checks.dkim || [];
  const sentences = [
    checks.dmarc && dmarcSentence(checks.dmarc), checks.spf && spfSentence(checks.spf),
    ...signatures.map(dkimSentence), signatures.length ? null : ['none', 'DKIM: it is not signed.'],
    checks.arc && arcSentence(checks.arc), checks.iprev && addressSentence(checks.iprev),
    checks.tls && ['good', `Connection encrypted with ${tlsName(checks.tls.version)}${checks.tls.cipher ? ` (${checks.tls.cipher})` : ''}.`],
    checks.tls === null && ['care', 'Connection not encrypted.'],
    checks.upstream && ['none', 'It came through your own mail server, which made the check of SPF and of the address; the connection is the one from there.'],
    checks.override && ['care', `Not held against it: ${checks.override.reason || `${checks.override.kind}, ${checks.override.by}`}`],
    known && (known.messages
      ? ['good', `Known since ${day.format(new Date(known.since))}: ${known.messages === 1 ? 'one message' : `${known.messages} messages`} before this one.`]
      : ['care', 'First contact: nobody has written from this address before.'])];
  return sentences.filter(Boolean);
}

const checkMarks = {good: '✓', care: '!', bad: '✕', none: '–'};

function senderLine(m) {
  const chip = trustChip(m.trust, m.trust.line);
  if (!m.trust.checks || m.direction === 'out') return el('p', {}, chip);
  const box = el('details', {class: 'sender', open: current.why.has(m.id)},
    el('summary', {}, chip, el('span', {class: 'why'}, 'Checks')),
    el('ul', {class: 'checks'}, ...checkSentences(m.trust).map(([went, sentence]) => el('li', {class: went},
      el('span', {class: 'check', 'aria-hidden': 'true'}, checkMarks[went]), theirs(sentence, 600)))));
  const why = current.why;
  box.addEventListener('toggle', () => { if (box.open) why.add(m.id); else why.delete(m.id); });
  return box;
}

const hasSignal = (m, id) => m.trust.signals.some(s => s.id === id);

function notCustomer(m) {
  if (m.as_customer !== false) return null;
  const text = hasSignal(m, 'stranger') ? 'From somebody who takes no part in this ticket. Answers do not go to them.'
    : m.trust.level === 'verified' ? 'Not treated as this ticket’s customer.'
      : 'Not treated as this ticket’s customer: who wrote it is not verified.';
  return el('p', {class: 'not-customer'}, text);
}

// A list of warnings, each with its sign.
function signs(sentences) {
  if (!sentences.length) return null;
  return el('ul', {class: 'warnings', 'aria-label': 'Warnings'}, ...sentences.map(s => el('li', {}, sign(), el('span', {}, s))));
}

// First contact and the like weigh nothing: the trust line says them already. A stranger is named above.
const warnings = m => signs(m.trust.signals.filter(s => s.weight > 0 && s.id !== 'stranger').map(s => s.sentence));
