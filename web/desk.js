'use strict';
// The agents' page. What comes from the server enters the document as text only; nothing is kept outside this page's memory.

const $ = id => document.getElementById(id);

// ---- small things ----

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === 'on') Object.entries(value).forEach(([type, handler]) => node.addEventListener(type, handler));
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child != null && child !== ''));
  return node;
}

// Not `disabled`: that would take the focus away from whoever just pressed it. False when it is at work already.
function busy(button, on) {
  if (on && button.getAttribute('aria-disabled')) return false;
  if (on) button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
  return true;
}

const say = text => { $('status').textContent = text; };

function note(node, text, calm) {
  node.textContent = text || '';
  node.hidden = !text;
  node.classList.toggle('calm', Boolean(calm));
}

const clock = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'short'});
const day = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium'});
const when = text => text ? clock.format(new Date(text)) : 'no readable date';

function time(text) {
  return el('time', {datetime: text || false, title: text || false}, when(text));
}

// What a stranger wrote stays in its own direction: without this a name could turn round the address that stands behind it.
const turning = /[\u202a-\u202e\u2066-\u2069]/g;
const plain = text => text.replace(turning, '\ufffd');

function theirs(text, longest = 300) {
  const all = plain(text);
  const cut = all.length > longest;
  return el('bdi', {title: cut && all}, cut ? `${all.slice(0, longest)}…` : all);
}

const person = mailbox => plain(mailbox.name ? `${mailbox.name} <${mailbox.address}>` : mailbox.address || '(no address)');

// The name may be cut, the address never.
function personNodes(mailbox) {
  if (!mailbox.address) return [theirs(mailbox.name || '(no address)', 100)];
  const address = el('bdi', {}, plain(mailbox.address));
  return mailbox.name ? [theirs(mailbox.name, 100), ' <', address, '>'] : [address];
}

const people = list => list.flatMap((mailbox, i) => [i ? ', ' : '', ...personNodes(mailbox)]);
const duration = seconds => seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
const words = {open: 'Open', pending: 'Pending', closed: 'Closed', review: 'Review', quarantine: 'Quarantine', spam: 'Spam'};

function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('');
}

// ---- the server ----

class Problem extends Error {
  constructor(status, body, retryAfter) {
    const fields = (body.errors || []).map(e => `${e.field ? e.field + ': ' : ''}${e.detail}`).join(' ');
    super(fields || body.detail || 'The server did not answer as expected.');
    this.status = status;
    this.code = body.code;
    this.act = body.act;
    this.object = body.object;
    this.retryAfter = retryAfter;
  }
}

let session = null;

async function send(method, path, {body, headers = {}, file = false} = {}) {
  const options = {method, headers: {...headers}, credentials: 'same-origin', cache: 'no-store'};
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['Content-Type'] = 'application/json';
  }
  if (method !== 'GET' && session) options.headers['X-CSRF-Token'] = session.csrf;
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(0, {detail: 'The desk cannot be reached. Check the connection and try again.'});
  }
  if (file && answer.ok) return {answer};
  const data = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const problem = new Problem(answer.status, data, answer.headers.get('Retry-After'));
    if (problem.code === 'not-signed-in' && session) leave('Your session has ended. Sign in again; what you were writing is kept.');
    throw problem;
  }
  return {data, etag: answer.headers.get('ETag')};
}

// The same, with a gesture or a second person where the server wants one. what: the act in words, for whoever confirms it.
async function ask(method, path, options = {}) {
  for (let turn = 0; ; turn++) {
    try {
      return await send(method, path, options);
    } catch (problem) {
      if (problem.code === 'approval-required') await askApproval(problem, options.what);
      else if (problem.code === 'step-up-required' && turn < 2) await confirmAct(problem, options.what);
      else throw problem;
    }
  }
}

// ---- the list ----

let listAsked = 0;

function listItem(ticket) {
  const held = ticket.assignee === session.user.id ? 'you' : ticket.assignee_name;
  const facts = [`#${ticket.number}`, ticket.queue, words[ticket.state], held ? `with ${held}` : ''];
  const link = el('a', {href: `#/t/${ticket.id}`, 'data-id': ticket.id},
    el('span', {class: 'row'}, el('span', {class: 'grow subject'}, theirs(ticket.subject || '(no subject)'))),
    el('span', {class: 'row small'}, el('span', {class: 'grow'}, theirs(ticket.from.name || ticket.from.address)), time(ticket.updated_at)),
    el('span', {class: 'row small'}, facts.filter(Boolean).join(' · ')),
    trustChip(ticket.trust, ticket.trust.sentence),
    ticket.warnings ? el('span', {class: 'flagged'}, sign(), ticket.warnings === 1 ? '1 warning' : `${ticket.warnings} warnings`) : null);
  return el('li', {}, link);
}

function emptyText() {
  const state = $('filter-state').value;
  if (senderAsked().length && session.user.queues.length) return 'No tickets like this here. Choose another state, or clear the sender.';
  if (!session.user.queues.length) return 'You are in no queue, so there are no tickets for you. An administrator can change that.';
  return state ? `No tickets are ${state === 'review' ? 'in Review' : state === 'quarantine' ? 'in quarantine' : state} here.` : 'No tickets here.';
}

// An address was meant as its domain.
const domainAsked = () => $('filter-domain').value.trim().replace(/^.*@/, '').replace(/\.$/, '');

function senderAsked() {
  return ['trust', 'signal'].filter(name => $(`filter-${name}`).value)
    .map(name => $(`filter-${name}`).selectedOptions[0].textContent).concat(domainAsked() || []);
}

async function loadList(cursor) {
  const turn = ++listAsked;
  const query = new URLSearchParams({limit: 50});
  for (const name of ['state', 'queue', 'trust', 'signal']) if ($(`filter-${name}`).value) query.set(name, $(`filter-${name}`).value);
  if (domainAsked()) query.set('domain', domainAsked());
  $('sender-summary').textContent = `: ${senderAsked().join(' · ') || 'anybody'}`;
  if (cursor) query.set('cursor', cursor);
  try {
    const {data} = await ask('GET', `/api/v1/tickets?${query}`);
    if (turn !== listAsked) return;
    const items = data.items.map(listItem);
    if (cursor) $('list').append(...items); else $('list').replaceChildren(...items);
    $('list-empty').hidden = $('list').children.length > 0;
    $('list-empty').textContent = emptyText();
    $('more').hidden = !data.next;
    $('more').onclick = () => loadList(data.next);
    note($('list-note'), '');
    markCurrent();
    say(`${$('list').children.length} tickets shown.`);
  } catch (problem) {
    if (session && turn === listAsked) note($('list-note'), problem.message.replace(/^domain: /, ''));
  }
}

function markCurrent() {
  for (const link of $('list').querySelectorAll('a')) {
    if (current && link.dataset.id === current.id) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}

$('filter-state').addEventListener('change', () => loadList());
$('filter-queue').addEventListener('change', () => loadList());
$('refresh').addEventListener('click', () => loadList());
$('filter-trust').addEventListener('change', () => loadList());
$('filter-signal').addEventListener('change', () => loadList());
$('sender-form').addEventListener('submit', event => { event.preventDefault(); loadList(); }); // each search is recorded: not while typing
$('filter-domain').addEventListener('search', () => { if (!$('filter-domain').value) loadList(); });
$('sender-clear').addEventListener('click', () => {
  $('sender-form').reset();
  loadList();
  $('filter-trust').focus();
});

// ---- one ticket ----

let current = null; // {id, ticket, etag, texts: Map of message id to what was opened, why: ids whose checks are unfolded}
const drafts = new Map(); // ticket id to {text, cc, key}: in memory only

function follow() {
  const link = enrolLink();
  const page = {'#/account': drawAccount, '#/requests': drawRequests, '#/quarantine': drawQuarantine, '#/incidents': drawIncidents}[location.hash];
  const match = /^#\/t\/([0-9a-f]{32})$/.exec(location.hash);
  if (link) showEnrolment(link);
  if (!session || session.limited) return;
  $('panes').hidden = Boolean(page);
  $('account').hidden = !page;
  if (page) page().then(() => $('account').querySelector('h1')?.focus());
  else $('account').replaceChildren();
  if (match && (!current || current.id !== match[1])) showTicket(match[1]);
  if (!match) closeTicket();
}
window.addEventListener('hashchange', follow);
$('skip').addEventListener('click', event => { event.preventDefault(); $('ticket').focus(); });

function closeTicket() {
  current = null;
  $('panes').classList.remove('reading');
  document.title = 'Sealdesk';
  $('ticket').replaceChildren(el('p', {class: 'empty placeholder'},
    'Choose a ticket to read it. Each message you open is on the record.'));
  markCurrent();
}

async function showTicket(id) {
  current = {id, texts: new Map(), why: new Set()};
  $('panes').classList.add('reading');
  $('ticket').replaceChildren(el('p', {class: 'empty'}, 'Loading…'));
  await reload(true);
}

async function reload(first, message) {
  const mine = current;
  try {
    const {data, etag} = await ask('GET', `/api/v1/tickets/${mine.id}`);
    if (mine !== current) return;
    Object.assign(mine, {ticket: data, etag});
    drawTicket(message);
    if (first) {
      window.scrollTo(0, 0);
      $('ticket').scrollTop = 0;
      $('ticket').focus({preventScroll: true});
      const newest = data.messages[data.messages.length - 1];
      if (newest) openMessage(newest.id);
    }
  } catch (problem) {
    if (mine === current && session) {
      $('ticket').replaceChildren(backLink(), el('p', {class: 'note', role: 'alert'},
        problem.status === 404 ? 'This ticket is not there, or not yours to see.' : problem.message));
    }
  }
}

const backLink = () => el('button', {class: 'quiet back', type: 'button', on: {click: () => { location.hash = '#/'; }}}, '← All tickets');

function drawTicket(message) {
  const t = current.ticket;
  const focused = focusedPlace();
  document.title = `#${t.number} ${plain(t.subject)} · Sealdesk`;
  const holder = t.assignee ? t.assignee === session.user.id ? 'you' : t.assignee_name || 'a colleague' : 'nobody yet';
  $('ticket').replaceChildren(
    backLink(),
    el('div', {class: 'ticket-head'},
      el('h1', {}, theirs(t.subject || '(no subject)', 1000)),
      el('p', {class: 'small'}, `#${t.number} · ${t.queue} · ${words[t.state]}${t.category === 'normal' ? '' : ` · ${t.category}`} · assigned to ${holder}`)),
    ...[heldBox(t)].filter(Boolean),
    actions(t),
    el('p', {class: 'note', id: 'ticket-note', role: 'alert', hidden: !message}, message || ''),
    ...t.messages.map(drawMessage),
    replyBox(t),
    timeline());
  if (focused) (focused() || $('ticket')).focus({preventScroll: true});
  markCurrent();
}

// Drawing anew must not throw somebody with a keyboard back to the top: how to find again what has the focus, or null.
function focusedPlace() {
  const node = document.activeElement;
  if (!$('ticket').contains(node)) return null;
  const id = node.id;
  const message = node.closest('article');
  const label = node.textContent;
  return () => {
    if (id && id !== 'ticket') return $(id);
    if (message) return $('ticket').querySelector(`article[data-id="${message.dataset.id}"]`);
    return [...$('ticket').querySelectorAll('button, summary')].find(b => b.textContent === label);
  };
}

// Why a ticket is held, and what a person can do about it.
function heldBox(t) {
  if (t.state !== 'review' && t.state !== 'quarantine') return null;
  const incoming = t.messages.filter(m => m.direction === 'in');
  const cause = incoming.findLast(m => m.disposition === t.state) || incoming[incoming.length - 1];
  const letOut = t.state === 'review' && cause && cause.disposition === 'quarantine';
  const reason = letOut ? `It was released from quarantine.${cause.disposition_reason ? ` What held it there: ${cause.disposition_reason}` : ''}`
    : cause && cause.disposition === t.state && cause.disposition_reason ? cause.disposition_reason : 'By the rules of this desk a message with this trust level does not open a ticket.';
  const review = t.state === 'review';
  const open = el('button', {type: 'button', on: {click: e => changeTicket(e.target, {state: 'open'})}}, 'Open ticket');
  return el('section', {class: 'held', 'aria-label': review ? 'Held in Review' : 'Held in quarantine'},
    el('h2', {}, mark('failed'), review ? 'Held in Review' : 'Held in quarantine'),
    el('p', {}, plain(reason)),
    el('p', {}, review
      ? 'You can read it, and no answer leaves. Ask the sender by another way, by telephone for instance. If you are sure who wrote it, open the ticket; if not, close it or mark it as spam.'
      : 'It cannot be read, answered or changed here.'),
    review ? open : cause && may('release') ? releaseButton(cause) : null);
}

function releaseButton(message) {
  const item = {state: 'suspicious', findings: [], ...current.texts.get(message.id)};
  const then = () => reload(true);
  return el('button', {type: 'button', on: {click: e => release(e.target, `messages/${message.id}`, item, `the message from ${person(message.from)}`, $('ticket-note'), then)}},
    'Release…');
}

function actions(t) {
  const buttons = [];
  const add = (label, change) => buttons.push(el('button', {type: 'button', on: {click: e => changeTicket(e.target, change)}}, label));
  if (t.state !== 'quarantine') {
    if (t.assignee !== session.user.id) add('Assign to me', {assignee: session.user.id});
    else add('Give back', {assignee: null});
    if (t.state === 'closed' || t.state === 'spam') add('Reopen', {state: 'open'});
    else add('Close', {state: 'closed'});
    if (t.state !== 'spam') add('Mark as spam', {state: 'spam'});
    if (session.rights.includes('classify')) {
      buttons.push(el('button', {type: 'button', on: {click: e => chooseCategory(e.target, t)}}, `Category: ${categories[t.category].split(' ')[0]}`));
    }
  }
  if (session.rights.includes('purge')) {
    buttons.push(el('button', {class: 'danger', type: 'button', on: {click: e => destroyTicket(e.target, t)}}, 'Destroy for good'));
  }
  return el('div', {class: 'actions'}, ...buttons);
}

const categories = {normal: 'Normal', confidential: 'Confidential', special: 'Special (health, belief …)'};

// By a dialog: a choice that takes effect with each press of an arrow key could put a ticket out of one's own reach.
async function chooseCategory(button, t) {
  const dialog = $('approval');
  const choice = el('select', {id: 'category'}, ...Object.entries(categories).map(([value, text]) => el('option', {value, selected: value === t.category}, text)));
  fill(dialog, el('form', {class: 'stack', on: {submit: event => { event.preventDefault(); dialog.close('save'); }}},
    el('h2', {id: 'approval-title'}, `What kind of mail is ticket #${t.number}?`),
    el('label', {for: 'category'}, 'Category'), choice,
    el('p', {class: 'soft'}, 'A category that you may not see takes the ticket out of your lists; somebody who may see it has to bring it back.'),
    el('div', {class: 'foot'}, el('button', {class: 'primary', type: 'submit'}, 'Save'),
      el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel'))));
  if (await dialogChoice(dialog, choice) === 'save' && choice.value !== t.category) changeTicket(button, {category: choice.value});
}

async function destroyTicket(button, t) {
  if (!busy(button, true)) return;
  try {
    await ask('DELETE', `/api/v1/tickets/${t.id}`, {what: `destroy ticket #${t.number}`});
    location.hash = '#/';
    loadList();
    say('The ticket was destroyed.');
  } catch (problem) {
    if (!session) return;
    busy(button, false);
    note($('ticket-note'), problem.message, problem.code === 'asked' || problem.code === 'not-confirmed');
  }
}

async function changeTicket(button, change) {
  const mine = current;
  if (!busy(button, true)) return;
  try {
    const {etag} = await ask('PATCH', `/api/v1/tickets/${mine.id}`, {body: change, headers: {'If-Match': mine.etag}});
    if (mine !== current) return;
    if (!etag) { // done, and out of this person's reach
      location.hash = '#/';
      loadList();
      say('Saved; the ticket is no longer among yours.');
      return;
    }
    await reload();
    say('Saved.');
    loadList();
  } catch (problem) {
    if (!session || mine !== current) return;
    busy(button, false);
    if (problem.status === 412) await reload(false, 'Somebody changed this ticket meanwhile. This is how it is now.');
    else note($('ticket-note'), problem.message);
  }
}

// ---- messages ----

const deliveries = {
  queued: 'Waiting to be delivered', held: 'Held, not sent', deferred: 'Delayed; it will be tried again',
  sent: 'Delivered to the recipient’s server', failed: 'Could not be delivered'};

function drawMessage(m) {
  const opened = current.texts.get(m.id);
  const lines = [
    el('p', {class: 'from'}, ...personNodes(m.from), m.direction === 'out' ? ' (this desk)' : ''),
    el('p', {class: 'small'}, 'to ', ...(m.to.length ? people(m.to) : ['(nobody named)']),
      ...(m.cc.length ? [', copy to ', ...people(m.cc)] : []), ' · ', time(m.received_at)),
    senderLine(m), notCustomer(m), warnings(m)];
  if (m.delivery) {
    lines.push(el('p', {class: `small delivery ${m.delivery.state}`},
      deliveries[m.delivery.state] + (m.delivery.status ? ` (${m.delivery.status})` : '')));
  }
  return el('article', {class: `card message ${m.direction}`, 'data-id': m.id, tabindex: -1, 'aria-label': `Message from ${person(m.from)}`},
    el('header', {}, ...lines.filter(Boolean)),
    opened ? openedParts(opened) : el('button', {type: 'button', on: {click: e => { if (busy(e.target, true)) openMessage(m.id); }}},
      'Open this message'));
}

function openedParts(opened) {
  if (opened.problem) return el('p', {class: 'note calm', role: 'alert'}, opened.problem);
  return el('div', {class: 'message-body'},
    signs((opened.ambiguity_notes || []).map(a => a.sentence)), messageFindings(opened), ...messageText(opened),
    opened.attachments.length ? fileList(opened) : null);
}

async function openMessage(id) {
  const mine = current;
  try {
    const {data} = await ask('GET', `/api/v1/messages/${id}?html=false`);
    mine.texts.set(id, {...data, formatted: Boolean(mine.texts.get(id)?.formatted)});
  } catch (problem) {
    if (!session) return;
    mine.texts.set(id, {problem: problem.message});
  }
  if (mine !== current) return;
  // Only this message is drawn anew: somebody may be writing below.
  const old = $('ticket').querySelector(`article[data-id="${id}"]`);
  const message = mine.ticket.messages.find(m => m.id === id);
  if (!old || !message) return;
  const focused = old.contains(document.activeElement);
  const drawn = drawMessage(message);
  old.replaceWith(drawn);
  if (focused) drawn.focus();
}

// ---- the answer ----

function unanswerable(t) {
  if (t.state === 'review') return 'In Review: no answer leaves. To answer, open the ticket first, if you are sure who wrote it.';
  if (t.state === 'quarantine') return 'In quarantine: it cannot be answered.';
  if (t.state === 'spam') return 'Marked as spam. Reopen it to answer.';
  return t.reply_to ? '' : 'There is no address that can be answered.';
}

function replyBox(t) {
  const reason = unanswerable(t);
  if (reason) return el('p', {class: 'note calm'}, reason);
  const draft = drafts.get(t.id) || {text: '', cc: ''};
  const keep = () => drafts.set(t.id, {text: text.value, cc: cc.value, key: null});
  const text = el('textarea', {id: 'reply-text', rows: 8, required: true, on: {input: keep}});
  const cc = el('input', {id: 'reply-cc', type: 'text', autocomplete: 'off', on: {input: keep}});
  text.value = draft.text;
  cc.value = draft.cc;
  return el('form', {class: 'card reply', novalidate: true, on: {submit: e => { e.preventDefault(); sendReply(e.target); }}},
    el('p', {class: 'to'}, el('span', {class: 'soft'}, 'To '), ...personNodes(t.reply_to)),
    t.reply_to.reason ? el('p', {class: 'note calm', id: 'reply-reason'}, plain(t.reply_to.reason)) : null,
    el('label', {for: 'reply-text'}, 'Your answer'), text,
    el('label', {for: 'reply-cc'}, 'Copy to (optional, separated by commas)'), cc,
    el('p', {class: 'note', id: 'reply-note', role: 'alert', hidden: true}),
    el('div', {class: 'foot'}, el('button', {class: 'primary', type: 'submit'}, 'Send answer'),
      el('span', {class: 'small'}, `Signed and sent as ${t.queue}.`)));
}

async function sendReply(form) {
  const mine = current;
  const draft = drafts.get(mine.id) || {text: '', cc: ''};
  draft.key = draft.key || newKey(); // the same until the text changes: sending again after a lost answer sends nothing twice
  drafts.set(mine.id, draft);
  const button = form.querySelector('button');
  const cc = draft.cc.split(',').map(a => a.trim()).filter(Boolean);
  if (!draft.text.trim()) {
    note($('reply-note'), 'Write an answer first.');
    $('reply-text').focus();
    return;
  }
  if (!busy(button, true)) return;
  note($('reply-note'), '');
  try {
    await ask('POST', `/api/v1/tickets/${mine.id}/replies`, {
      body: cc.length ? {text: draft.text, cc} : {text: draft.text},
      headers: {'Idempotency-Key': draft.key, 'If-Match': mine.etag}});
    drafts.delete(mine.id);
    if (mine !== current) return;
    await reload();
    $('ticket').querySelector('article:last-of-type').focus();
    say('Your answer is signed and on its way.');
    loadList();
    watchDelivery(mine, 0);
  } catch (problem) {
    if (!session || mine !== current) return;
    busy(button, false);
    if (problem.status === 412) await reload(false, 'Something new came in while you were writing. Read it, then send again.');
    else note($('reply-note'), problem.message);
  }
}

function watchDelivery(mine, turn) {
  const waits = [1500, 4000, 10000, 30000];
  const waiting = mine.ticket.messages.some(m => m.delivery && m.delivery.state === 'queued');
  if (!waiting || turn >= waits.length) return;
  setTimeout(async () => {
    if (mine !== current || !session || drafts.has(mine.id)) return; // never redraw under somebody who writes
    await reload();
    if (mine === current) watchDelivery(mine, turn + 1);
  }, waits[turn]);
}

// ---- history ----

const kinds = {received: 'Received', opened: 'Opened', listed: 'Listed', changed: 'Changed', queued: 'Queued', sent: 'Sent',
  deferred: 'Delayed', failed: 'Failed', check: 'Checked'};

// The same person doing the same thing in a row is one line, at its latest time.
function withoutRepeats(items) {
  const lines = [];
  for (const item of items) {
    const last = lines[lines.length - 1];
    const same = last && ['kind', 'detail', 'message'].every(k => last[k] === item[k]) && last.actor.id === item.actor.id;
    if (same) Object.assign(last, {at: item.at, times: last.times + 1});
    else lines.push({...item, times: 1});
  }
  return lines;
}

function timeline() {
  const mine = current;
  const list = el('ol', {});
  const box = el('details', {class: 'card timeline', open: Boolean(mine.historyOpen)}, el('summary', {}, 'History'), list);
  const load = async () => {
    mine.historyOpen = box.open;
    if (!box.open) return;
    try {
      const {data} = await ask('GET', `/api/v1/tickets/${mine.id}/timeline`);
      list.replaceChildren(...withoutRepeats(data.items).map(i => el('li', {}, el('span', {class: 'soft'}, time(i.at)),
        el('span', {}, theirs(i.detail || kinds[i.kind] || i.kind),
          i.actor.name && i.actor.kind === 'person' ? el('span', {class: 'soft'}, ' · ', theirs(i.actor.name, 100)) : null,
          i.times > 1 ? el('span', {class: 'soft'}, ` · ${i.times} times`) : null))));
    } catch (problem) {
      if (session) list.replaceChildren(el('li', {}, problem.message));
    }
  };
  box.addEventListener('toggle', load); // also fires for a box that is made open
  return box;
}

// ---- start ----

setUpAccess();
if (enrolLink()) {
  showEnrolment(enrolLink());
} else {
  send('GET', '/api/v1/session').then(({data}) => enter(data)).catch(problem => {
    leave(problem.code === 'not-signed-in' ? '' : problem.message);
  });
}
