'use strict';
// Coming in and confirming: signing in, enrolling, passkeys, and the gesture that an act may need. Uses the small things of desk.js,
// which comes behind it.

// ---- passkeys: between this API's JSON and the browser's ----

const toBytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0));

function fromBytes(buffer) {
  const text = Array.from(new Uint8Array(buffer), b => String.fromCharCode(b)).join('');
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

const credentialIds = list => (list || []).map(c => ({...c, id: toBytes(c.id)}));

function credentialJson(credential) {
  const response = {};
  for (const part of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (credential.response[part]) response[part] = fromBytes(credential.response[part]);
  }
  return {id: credential.id, rawId: fromBytes(credential.rawId), type: credential.type, clientExtensionResults: {}, response};
}

const isAddress = /^(\d+\.\d+\.\d+\.\d+|\[.*\])$/.test(location.hostname);

// Why passkeys cannot be used at this address, as nodes to show; null when they can.
function noPasskeys() {
  if (isAddress) {
    const elsewhere = `http://localhost:${location.port || 80}/`;
    const local = /^127\.|^\[::1\]$/.test(location.hostname);
    return ['Passkeys need a name, not a number, in the address bar. ',
      ...(local ? ['On this computer use ', el('a', {href: elsewhere + location.hash}, elsewhere), '.'] : ['Ask your administrator for the desk’s name.'])];
  }
  if (!window.isSecureContext) return ['Passkeys need an encrypted connection: the address has to begin with https://.'];
  return window.PublicKeyCredential ? null : ['This browser knows no passkeys.'];
}

const passkeyProblems = {
  NotAllowedError: 'No passkey was used: it was cancelled, or took too long, or none of yours is for this desk.',
  InvalidStateError: 'This device has a passkey for you already.',
  SecurityError: 'Passkeys for this desk work at another address than this one.',
  NotSupportedError: 'This device cannot make a passkey that asks who you are.',
};

async function withPasskey(options, use) {
  const why = noPasskeys();
  if (why) throw new Problem(0, {detail: el('p', {}, ...why).textContent});
  if (options.rpId && location.hostname !== options.rpId && !location.hostname.endsWith(`.${options.rpId}`)) {
    throw new Problem(0, {detail: `Passkeys for this desk work at ${options.rpId}, not at ${location.hostname}.`});
  }
  try {
    return credentialJson(await use());
  } catch (error) {
    throw new Problem(0, {detail: passkeyProblems[error.name] || `The passkey could not be used (${error.name}).`});
  }
}

const usePasskey = options => withPasskey(options, () => navigator.credentials.get({publicKey: {...options,
  challenge: toBytes(options.challenge), allowCredentials: credentialIds(options.allowCredentials)}}));

const makePasskey = options => withPasskey({...options, rpId: options.rp.id}, () => navigator.credentials.create({publicKey: {...options,
  challenge: toBytes(options.challenge), user: {...options.user, id: toBytes(options.user.id)},
  excludeCredentials: credentialIds(options.excludeCredentials)}}));

// What a new passkey is called unless its owner says otherwise.
function thisDevice() {
  const name = (navigator.userAgentData && navigator.userAgentData.platform) || navigator.platform || '';
  return name ? `This device (${name})`.slice(0, 60) : 'This device';
}

// ---- what is on the screen ----

const fill = (node, ...children) => node.replaceChildren(...children.filter(child => child != null));

const screens = ['sign-in', 'enrol', 'limited', 'app'];

function show(name) {
  for (const screen of screens) $(screen).hidden = screen !== name;
}

// ---- signing in and out ----

let lastUser = null;

function leave(text) {
  session = null;
  current = null;
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close('');
  for (const kept of ['ticket', 'list', 'alarms', 'account', 'limited-form', 'enrol-card']) $(kept).replaceChildren();
  show('sign-in');
  note($('sign-in-note'), text, true);
  document.title = 'Sealdesk';
  const why = noPasskeys();
  $('passkey-sign-in').hidden = Boolean(why);
  $('passkey-none').hidden = !why;
  fill($('passkey-none'), ...(why || []));
  (why ? $('email') : $('passkey-sign-in')).focus();
}

function enter(data) {
  if (lastUser !== data.user.id) drafts.clear(); // they are kept over an ended session, for the same person alone
  lastUser = data.user.id;
  session = data;
  if (data.limited) {
    show('limited');
    drawLimited();
    return;
  }
  show('app');
  $('who').textContent = `${data.user.name}, ${data.user.role}`;
  const queues = $('filter-queue');
  queues.replaceChildren(el('option', {value: ''}, 'All'), ...data.user.queues.map(q => el('option', {value: q}, q)));
  $('to-quarantine').hidden = !may('release');
  $('to-incidents').hidden = !may('alarms');
  loadList();
  loadAlarms();
  loadRequests();
  follow();
}

const isCode = text => /^\d{6}$/.test(text) || /^[0-9A-Za-z-]{8,}$/.test(text); // an authenticator's, or a recovery code

// What is plainly incomplete is not tried: each failed attempt counts.
function incomplete(form) {
  if (!form.email.value.trim()) return {field: form.email, text: 'Enter your e-mail address.'};
  if (!form.password.value) return {field: form.password, text: 'Enter your password.'};
  if (!isCode(form.totp.value.replace(/\s/g, ''))) {
    return {field: form.totp, text: 'Enter the six digits that your authenticator shows now, or a recovery code.'};
  }
  return null;
}

const waiting = problem => problem.status === 429 ? ` Try again in ${duration(Number(problem.retryAfter) || 1)}.` : '';

// Runs while the button is busy; what goes wrong is said in the note. True when nothing did.
async function attempt(button, where, act) {
  if (!busy(button, true)) return false;
  note(where, '');
  try {
    await act();
    return true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    note(where, problem.message + waiting(problem));
    return false;
  } finally {
    busy(button, false);
  }
}

async function signInByPassword(event) {
  event.preventDefault();
  const form = event.target;
  const missing = incomplete(form);
  if (missing) {
    note($('sign-in-note'), missing.text);
    missing.field.focus();
    return;
  }
  const done = await attempt(form.querySelector('button'), $('sign-in-note'), async () => {
    const {data} = await ask('POST', '/api/v1/session', {body: {
      email: form.email.value.trim(), password: form.password.value, totp: form.totp.value.replace(/\s/g, '')}});
    form.password.value = form.totp.value = '';
    enter(data);
  });
  if (done) return;
  form.totp.value = '';
  form.totp.focus();
}

async function signInByPasskey() {
  await attempt($('passkey-sign-in'), $('sign-in-note'), async () => {
    const {data: options} = await ask('POST', '/api/v1/session/challenge');
    const credential = await usePasskey(options);
    enter((await ask('POST', '/api/v1/session/passkey', {body: {credential}})).data);
  });
}

async function signOut() {
  drafts.clear();
  try {
    await ask('DELETE', '/api/v1/session');
    leave('You are signed out.');
  } catch (problem) {
    if (session) note($('list-note'), problem.message);
  }
}

// ---- a session that lacks a passkey ----

function field(id, label, attributes) {
  return [el('label', {for: id}, label), el('input', {id, ...attributes})];
}

function drawLimited() {
  const why = noPasskeys();
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const name = field('limited-name', 'What to call it', {maxlength: 60, autocomplete: 'off', value: thisDevice()});
  const code = field('limited-code', 'The next code from your authenticator',
    {inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 40, placeholder: '6 digits'});
  const button = el('button', {class: 'primary', type: 'submit'}, 'Add a passkey');
  $('limited-form').onsubmit = event => {
    event.preventDefault();
    attempt(button, fault, async () => {
      if (!isCode(code[1].value.replace(/\s/g, ''))) throw new Problem(0, {detail: 'Enter the code that your authenticator shows now.'});
      await addPasskey(name[1].value.trim() || thisDevice(), code[1].value.replace(/\s/g, ''));
      enter((await ask('GET', '/api/v1/session')).data);
    });
  };
  fill($('limited-form'),
    el('p', {class: 'brand'}, el('img', {src: '/icon.svg', alt: '', width: 28, height: 28}), ' Sealdesk'),
    el('h1', {}, 'Add a passkey'),
    el('p', {class: 'soft'}, `You are signed in as ${plain(session.user.name)}. The role ${session.user.role} needs a passkey: until you have one, `
      + 'nothing else can be done here. The code that you signed in with is used up: wait for the next one.'),
    why ? el('p', {class: 'note calm'}, ...why) : null, fault, ...(why ? [] : [...name, ...code, button]),
    el('button', {class: 'quiet', type: 'button', on: {click: signOut}}, 'Sign out'));
  (why ? $('limited-form').querySelector('a, button') : code[1]).focus();
}

async function addPasskey(name, totp) {
  const {data: options} = await ask('POST', '/api/v1/passkeys/challenge');
  const credential = await makePasskey(options);
  await ask('POST', '/api/v1/passkeys', {body: {name, credential, ...(totp ? {totp} : {})}, what: 'add another passkey'});
}

// ---- a gesture for one act ----

const acts = {
  'release': 'release something that is held', 'export': 'get tickets out of the desk', 'purge': 'destroy mail for good',
  'people': 'change people or what they may', 'reset-factors': 'give somebody a new start with password and factors',
  'policy': 'set policy', 'keys': 'replace keys', 'audit': 'read the log', 'warrants': 'issue or revoke a warrant',
  'tokens': 'make an API token', 'break-glass': 'open a queue in an emergency; everybody is told',
  'exceed-budget': 'open more messages than your budget allows', 'own-factors': 'change how you sign in'};

// Resolves with what was chosen: '' when it was closed.
function dialogChoice(dialog, first) {
  dialog.returnValue = '';
  dialog.showModal();
  first.focus();
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue), {once: true}));
}

async function gestureBody(options, dialog) {
  if (options.allowCredentials.length) return {credential: await usePasskey(options)};
  const totp = dialog.querySelector('input').value.replace(/\s/g, '');
  if (!isCode(totp)) throw new Problem(0, {detail: 'Enter the code that your authenticator shows now.'});
  return {totp};
}

async function confirmAct({act, object}, what) {
  const body = {act, ...(object ? {object} : {})};
  const {data: options} = await send('POST', '/api/v1/step-up/challenge', {body});
  const dialog = $('gesture');
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const none = options.allowCredentials.length === 0;
  const button = el('button', {class: 'primary', type: 'submit'}, 'Confirm');
  const cancel = el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel');
  const form = el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    attempt(button, fault, async () => {
      await send('POST', '/api/v1/step-up', {body: {...body, ...await gestureBody(options, dialog)}});
      dialog.close('done');
    });
  }}},
    el('h2', {id: 'gesture-title'}, none ? 'Confirm with a code' : 'Confirm with your passkey'),
    el('p', {class: 'what'}, `${what || acts[act] || act}.`),
    none ? el('p', {class: 'note calm'}, 'You have no passkey yet. Most desks want one here: add it on your account page first.') : null,
    ...(none ? field('gesture-code', 'Code from your authenticator', {inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 40}) : []),
    fault, el('div', {class: 'foot'}, button, cancel));
  fill(dialog, form);
  if (await dialogChoice(dialog, none ? form.querySelector('input') : button) !== 'done') {
    throw new Problem(0, {detail: 'Not confirmed; nothing was done.', code: 'not-confirmed'});
  }
}

// Asks a second person. The act itself is done later, by the one who asked.
async function askApproval({act, object}, what) {
  const dialog = $('approval');
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const reason = el('textarea', {id: 'approval-reason', rows: 3, maxlength: 250});
  const button = el('button', {class: 'primary', type: 'submit'}, 'Ask for approval');
  fill(dialog, el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    attempt(button, fault, async () => {
      if (reason.value.trim().length < 10) throw new Problem(0, {detail: 'Say why, in at least ten characters.'});
      await send('POST', '/api/v1/requests', {body: {act, ...(object ? {object} : {}), reason: reason.value.trim()}});
      dialog.close('asked');
    });
  }}},
    el('h2', {id: 'approval-title'}, 'This needs a second person'),
    el('p', {class: 'what'}, `${what || acts[act] || act}.`),
    el('p', {class: 'soft'}, 'Somebody else with the same right approves it first. Then do it again here, within a day.'),
    el('label', {for: 'approval-reason'}, 'Why'), reason, fault,
    el('div', {class: 'foot'}, button, el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel'))));
  const asked = await dialogChoice(dialog, reason) === 'asked';
  if (asked) loadRequests();
  throw new Problem(0, {code: 'asked', detail: asked ? 'Approval was asked for. When somebody has given it, do this again.' : 'Nothing was done.'});
}

// ---- enrolling ----

// The picture as our own nodes: what comes from the server is taken apart, never put in.
function qrPicture(text) {
  const from = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  for (const [name, value] of [['viewBox', from.getAttribute('viewBox') || ''], ['role', 'img'], ['aria-label', 'QR code for your authenticator'],
    ['shape-rendering', 'crispEdges'], ['class', 'qr']]) svg.setAttribute(name, value);
  for (const path of from.querySelectorAll('path')) {
    const copy = document.createElementNS(ns, 'path');
    for (const name of ['d', 'fill']) copy.setAttribute(name, path.getAttribute(name) || '');
    svg.append(copy);
  }
  return svg;
}

const enrolLink = () => (/^#\/enrol\/([A-Za-z0-9_-]{43})$/.exec(location.hash) || [])[1];

function showEnrolment(link) {
  session = null;
  show('enrol');
  document.title = 'Set up your account · Sealdesk';
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const code = field('enrol-code', 'The code that came another way than the link', {autocomplete: 'off', autocapitalize: 'characters', spellcheck: 'false', maxlength: 32});
  const button = el('button', {class: 'primary', type: 'submit'}, 'Continue');
  // Nothing was sent so far: programs that follow links do not get here.
  drawEnrolment(el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    attempt(button, fault, async () => {
      const start = {link, code: code[1].value.trim()};
      if (!start.code) throw new Problem(0, {detail: 'Type the code.'});
      const {data} = await ask('POST', '/api/v1/enrolment', {body: start});
      drawFactors(start, data);
    });
  }}},
    el('h1', {}, 'Set up your account'),
    el('p', {class: 'soft'}, 'Somebody invited you to this desk. Type the code they gave you; five wrong ones end the link.'), ...code, fault, button));
  code[1].focus();
}

function drawEnrolment(...nodes) {
  fill($('enrol-card'), el('p', {class: 'brand'}, el('img', {src: '/icon.svg', alt: '', width: 28, height: 28}), ' Sealdesk'), ...nodes);
}

// The part about a passkey; made.credential is what a finished one leaves there.
function passkeyPart(start, needed, made) {
  const why = noPasskeys();
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const name = field('enrol-passkey-name', 'What to call it', {maxlength: 60, autocomplete: 'off', value: thisDevice()});
  const button = el('button', {type: 'button'}, 'Create a passkey');
  const ready = el('p', {class: 'ready', role: 'status', hidden: true}, 'The passkey is ready.');
  button.addEventListener('click', () => attempt(button, fault, async () => {
    const {data: options} = await ask('POST', '/api/v1/enrolment/challenge', {body: start});
    made.credential = await makePasskey(options);
    ready.hidden = false;
    button.textContent = 'Create another one instead';
  }));
  made.name = () => name[1].value.trim() || thisDevice();
  return el('section', {class: 'stack'}, el('h2', {}, needed ? 'Your passkey' : 'A passkey (recommended)'),
    el('p', {class: 'soft'}, needed ? 'Your role signs in with a passkey: a fingerprint, a face or a PIN on your device, or a security key.'
      : 'With a passkey you sign in by fingerprint, face or PIN, and nobody can talk you out of it.'),
    why ? el('p', {class: 'note calm'}, ...why) : null, ...(why ? [] : name), fault, why ? null : button, ready);
}

function authenticatorPart(data, code) {
  return el('section', {class: 'stack'}, el('h2', {}, data.passkey_needed ? 'An authenticator app (for recovery)' : 'An authenticator app'),
    el('p', {class: 'soft'}, 'Scan this with the app, or type the secret into it; then enter the code that it shows.'),
    qrPicture(data.qr), el('p', {class: 'secret'}, data.secret.replace(/(.{4})(?=.)/g, '$1 ')), ...code);
}

function drawFactors(start, data) {
  const made = {};
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const password = field('enrol-password', 'A new password', {type: 'password', autocomplete: 'new-password', maxlength: 1000});
  const again = field('enrol-again', 'The same again', {type: 'password', autocomplete: 'new-password', maxlength: 1000});
  const code = field('enrol-totp', 'Code from the app', {inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 8, placeholder: '6 digits'});
  const button = el('button', {class: 'primary', type: 'submit'}, 'Finish');
  drawEnrolment(el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    attempt(button, fault, async () => {
      const totp = code[1].value.replace(/\s/g, '');
      if (!password[1].value) throw new Problem(0, {detail: 'Choose a password.'});
      if (password[1].value !== again[1].value) throw new Problem(0, {detail: 'The two passwords are not the same.'});
      if (data.passkey_needed && !made.credential) throw new Problem(0, {detail: 'Create a passkey first.'});
      if (!made.credential && !totp) throw new Problem(0, {detail: 'Enter the code from the app, or create a passkey.'});
      const body = {...start, password: password[1].value, ...(totp ? {totp} : {}),
        ...(made.credential ? {credential: made.credential, passkey_name: made.name()} : {})};
      const {data: done} = await ask('POST', '/api/v1/enrolment/finish', {body});
      drawEnrolled(data, done.recovery_codes);
    });
  }}},
    el('h1', {}, `Welcome, ${plain(data.name)}`),
    el('p', {class: 'soft'}, `You will sign in as ${plain(data.email)}, with the role ${data.role}.`),
    el('section', {class: 'stack'}, el('h2', {}, 'Your password'), el('input', {type: 'text', autocomplete: 'username', value: data.email, hidden: true}),
      ...password, ...again),
    ...(data.passkey_needed ? [passkeyPart(start, true, made), authenticatorPart(data, code)] : [authenticatorPart(data, code), passkeyPart(start, false, made)]),
    fault, button));
  password[1].focus();
}

// Shown once: with what it takes to keep them.
function recoveryCodes(codes) {
  const said = el('span', {class: 'small', role: 'status'});
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(codes.join('\n'));
      said.textContent = 'Copied.';
    } catch {
      said.textContent = 'They could not be copied; write them down.';
    }
  };
  return el('section', {class: 'stack codes'}, el('h2', {}, 'Recovery codes'),
    el('p', {}, 'Each lets you in once, with your password, when you have lost your device. They are shown only now: keep them on paper.'),
    el('ul', {}, ...codes.map(c => el('li', {}, c))),
    el('div', {class: 'foot'}, el('button', {type: 'button', on: {click: () => window.print()}}, 'Print'),
      el('button', {type: 'button', on: {click: copy}}, 'Copy'), said));
}

function drawEnrolled(data, codes) {
  const done = el('button', {class: 'primary', type: 'button', on: {click: () => {
    history.replaceState(null, '', '/');
    leave('Your account is ready. Sign in.');
  }}}, codes.length ? 'I have kept them' : 'Sign in');
  drawEnrolment(el('h1', {tabindex: -1}, 'Your account is ready'),
    codes.length ? recoveryCodes(codes) : el('p', {class: 'soft'}, 'You sign in with your passkey.'), done);
  $('enrol-card').querySelector('h1').focus();
}

function setUpAccess() {
  $('sign-in-form').addEventListener('submit', signInByPassword);
  $('passkey-sign-in').addEventListener('click', signInByPasskey);
  $('sign-out').addEventListener('click', signOut);
}
