'use strict';
// One's own account, what others ask one to approve, and what everybody is told at once. Uses desk.js and access.js.

const section = (title, ...nodes) => el('section', {class: 'card block stack'}, el('h2', {}, title), ...nodes);

// Says in its place what went wrong; when nothing did, draws the page anew.
function actor(fault) {
  return (button, act, said) => attempt(button, fault, async () => {
    await act();
    await drawAccount();
    say(said);
  });
}

// ---- passkeys ----

function passkeyItem(key, act) {
  const facts = [`added ${when(key.created_at)}`, key.used_at ? `last used ${when(key.used_at)}` : 'not used yet',
    key.backed_up ? 'kept in a cloud account' : '', key.suspended ? 'suspended: it may have been copied' : ''].filter(Boolean).join(' · ');
  return el('li', {}, el('div', {class: 'grow'}, el('b', {}, theirs(key.name || '(no name)', 80)), el('p', {class: 'small'}, facts)),
    el('button', {type: 'button', 'aria-label': `Remove ${plain(key.name)}`, on: {click: e => act(e.target, () => ask('DELETE', `/api/v1/passkeys/${key.id}`,
      {what: `remove the passkey “${plain(key.name)}”`}), 'The passkey was removed.')}}, 'Remove'));
}

function passkeySection(keys) {
  const why = noPasskeys();
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const act = actor(fault);
  const first = keys.length === 0;
  const name = field('passkey-name', 'What to call it', {maxlength: 60, autocomplete: 'off', value: thisDevice()});
  const code = first ? field('passkey-code', 'Code from your authenticator', {inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 40}) : [];
  const add = el('button', {class: 'primary', type: 'submit'}, first ? 'Add a passkey' : 'Add another passkey');
  const form = el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    act(add, () => addPasskey(name[1].value.trim() || thisDevice(), first ? code[1].value.replace(/\s/g, '') : ''), 'The passkey was added.');
  }}}, ...name, ...code, el('div', {class: 'foot'}, add));
  return section('Passkeys', first ? el('p', {class: 'soft'}, 'You have none yet.') : el('ul', {class: 'things'}, ...keys.map(k => passkeyItem(k, act))),
    fault, why ? el('p', {class: 'note calm'}, ...why) : form);
}

// ---- sessions ----

const factors = {passkey: 'with a passkey', totp: 'with password and code', recovery: 'with a recovery code'};

function sessionItem(s, act) {
  return el('li', {}, el('div', {class: 'grow'}, el('b', {}, plain(s.origin), s.mine ? ' · this one' : ''),
    el('p', {class: 'small'}, `since ${when(s.started_at)}, last used ${when(s.used_at)}, ${factors[s.factor] || s.factor}`)),
    s.mine ? null : el('button', {type: 'button', 'aria-label': `End the session from ${s.origin}`,
      on: {click: e => act(e.target, () => ask('DELETE', `/api/v1/sessions/${s.id}`), 'The session was ended.')}}, 'End'));
}

function sessionSection(sessions) {
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const act = actor(fault);
  const others = sessions.some(s => !s.mine);
  return section('Where you are signed in', el('ul', {class: 'things'}, ...sessions.map(s => sessionItem(s, act))), fault,
    others ? el('div', {class: 'foot'}, el('button', {type: 'button', on: {click: e => act(e.target, () => ask('DELETE', '/api/v1/sessions'),
      'All other sessions were ended.')}}, 'End all others')) : null);
}

// ---- recovery codes and password ----

function recoverySection(hasPasskey) {
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const code = hasPasskey ? [] : field('recovery-code', 'Code from your authenticator', {inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 40});
  const make = el('button', {type: 'submit'}, 'Make new codes');
  const box = section('Recovery codes', el('p', {class: 'soft'}, 'Each lets you in once when you have lost your device. New codes end the older ones.'),
    el('form', {class: 'stack', novalidate: true, on: {submit: event => {
      event.preventDefault();
      attempt(make, fault, async () => {
        const {data} = await ask('POST', '/api/v1/recovery-codes', {body: hasPasskey ? {} : {totp: code[1].value.replace(/\s/g, '')}, what: 'make new recovery codes'});
        const shown = recoveryCodes(data.recovery_codes);
        shown.classList.add('card', 'block');
        box.replaceWith(shown);
        shown.setAttribute('tabindex', '-1');
        shown.focus();
      });
    }}}, ...code, fault, el('div', {class: 'foot'}, make)));
  return box;
}

function passwordSection() {
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const old = field('password-old', 'Your password now', {type: 'password', autocomplete: 'current-password', maxlength: 1000});
  const fresh = field('password-new', 'The new one', {type: 'password', autocomplete: 'new-password', maxlength: 1000});
  const again = field('password-again', 'The new one again', {type: 'password', autocomplete: 'new-password', maxlength: 1000});
  const change = el('button', {type: 'submit'}, 'Change password');
  return section('Password', el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    actor(fault)(change, async () => {
      if (!old[1].value || !fresh[1].value) throw new Problem(0, {detail: 'Fill in all three.'});
      if (fresh[1].value !== again[1].value) throw new Problem(0, {detail: 'The two new passwords are not the same.'});
      await ask('POST', '/api/v1/password', {body: {old: old[1].value, password: fresh[1].value}, what: 'change your password'});
    }, 'Your password was changed, and all other sessions were ended.');
  }}}, ...old, ...fresh, ...again, fault, el('div', {class: 'foot'}, change)));
}

// ---- the pages ----

const toTickets = () => el('a', {class: 'back-link', href: '#/'}, '← All tickets');

async function drawAccount() {
  const page = $('account');
  try {
    const [keys, sessions] = await Promise.all([ask('GET', '/api/v1/passkeys'), ask('GET', '/api/v1/sessions')]);
    if (!session || location.hash !== '#/account') return;
    fill(page, toTickets(), el('h1', {tabindex: -1}, 'Your account'),
      el('p', {class: 'soft'}, `${plain(session.user.name)}, ${session.user.role}. Signed in ${factors[session.factor] || ''}.`),
      passkeySection(keys.data.items), sessionSection(sessions.data.items), recoverySection(keys.data.items.length > 0), passwordSection());
  } catch (problem) {
    if (session) fill(page, toTickets(), el('p', {class: 'note', role: 'alert'}, problem.message));
  }
}

// ---- requests ----

const states = {open: 'waiting for a second person', approved: 'approved: do it now', declined: 'declined', used: 'done', over: 'over'};

// What the act is to be done to, as far as this person may know it.
function target(request, names) {
  if (names[request.object]) return [': ', theirs(names[request.object], 100)];
  const live = request.state === 'open' || request.state === 'approved';
  if (live && (request.verb === 'purge' || request.verb === 'export')) return [': ', el('a', {href: `#/t/${request.object}`}, 'this ticket'), ' or message'];
  return [];
}

function requestItem(request, names, act, fault) {
  const who = request.mine ? 'You ask' : `${plain(request.by_name)} asks`;
  const text = el('div', {class: 'grow'}, el('b', {}, `${who} to ${acts[request.verb] || request.verb}`), ...target(request, names),
    el('p', {}, theirs(request.reason, 300)), el('p', {class: 'small'}, `${when(request.at)} · ${states[request.state] || request.state}`));
  if (request.mine || request.state !== 'open') return el('li', {}, text);
  const decide = (how, said) => e => act(e.target, async () => {
    const {data} = await ask('POST', `/api/v1/requests/${request.id}/${how}`,
      {what: `approve that ${plain(request.by_name)} may ${acts[request.verb] || request.verb}`});
    if (data.code) note(fault, `Pass this code on to the person themselves, by telephone or in person: ${data.code}`, true);
  }, said);
  return el('li', {}, text, el('div', {class: 'foot'}, el('button', {class: 'primary', type: 'button', on: {click: decide('approve', 'Approved.')}}, 'Approve'),
    el('button', {type: 'button', on: {click: decide('decline', 'Declined.')}}, 'Decline')));
}

let requests = {items: [], names: {}};

async function loadRequests() {
  try {
    requests = (await ask('GET', '/api/v1/requests')).data;
  } catch {
    requests = {items: [], names: {}};
  }
  if (!session) return;
  const open = requests.items.filter(r => !r.mine && r.state === 'open').length;
  $('to-requests').hidden = requests.items.length === 0;
  $('to-requests').textContent = open ? `Approvals (${open})` : 'Approvals';
}

async function drawRequests() {
  await loadRequests();
  if (!session || location.hash !== '#/requests') return;
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const list = el('ul', {class: 'things'});
  const draw = () => list.replaceChildren(...requests.items.map(r => requestItem(r, requests.names || {}, act, fault)));
  const act = (button, run, said) => attempt(button, fault, async () => {
    await run();
    const code = fault.textContent; // of an approval: it stays
    await loadRequests();
    draw();
    note(fault, code, true);
    say(said);
  });
  draw();
  fill($('account'), toTickets(), el('h1', {tabindex: -1}, 'Approvals'),
    el('p', {class: 'soft'}, 'Acts that need a second person: what others ask you, and what you asked.'), fault,
    requests.items.length ? el('section', {class: 'card block'}, list) : el('p', {class: 'empty'}, 'Nothing waits.'));
}

// ---- alarms ----

// Of what came out later the incident says all; its ids are for the log.
function alarmReason(alarm) {
  const incident = alarm.kind === 'infected' && /^incident (\d+)/.exec(alarm.reason);
  if (incident) return el('p', {}, el('a', {href: '#/incidents'}, `Incident ${incident[1]}`));
  return alarm.reason ? el('p', {}, 'Reason given: ', theirs(alarm.reason, 300)) : null;
}

function alarmItem(alarm) {
  const button = el('button', {type: 'button', 'aria-label': `Seen: ${alarm.sentence}`}, 'Seen');
  const item = el('li', {}, el('span', {class: 'sign', 'aria-hidden': 'true'}, '!'),
    el('div', {class: 'grow'}, el('b', {}, alarm.sentence), alarm.name ? el('span', {}, ' ', theirs(alarm.name, 100)) : null,
      alarmReason(alarm), el('p', {class: 'small'}, time(alarm.at))), button);
  button.addEventListener('click', async () => {
    if (!busy(button, true)) return;
    try {
      await ask('POST', `/api/v1/alarms/${alarm.id}/seen`);
      item.remove();
      $('alarms').hidden = $('alarms').querySelectorAll('li').length === 0;
      (document.querySelector('#alarms button') || $('who')).focus();
      say('Noted.');
    } catch {
      busy(button, false);
    }
  });
  return item;
}

async function loadAlarms() {
  $('alarms').hidden = true;
  if (!session.alarms) return;
  try {
    const {data} = await ask('GET', '/api/v1/alarms');
    const unseen = data.items.filter(a => !a.seen);
    if (!session || !unseen.length) return;
    $('alarms').replaceChildren(el('ul', {class: 'things'}, ...unseen.map(alarmItem)));
    $('alarms').hidden = false;
  } catch {
    // the list of tickets says what is wrong, if anything is
  }
}
