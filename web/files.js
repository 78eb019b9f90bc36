'use strict';
// Attachments: what was found in them, pictures of them, their originals, and what is held. Uses desk.js, access.js, account.js and
// sender.js.

// ---- states ----

// [sign, shape, words]: shape, colour and words each say it, so that none of them is needed.
const fileStates = {
  clean: ['✓', 'verified', 'Nothing found'], suspicious: ['!', 'unverified', 'Suspicious'], malicious: ['✕', 'failed', 'Malicious'],
  encrypted: ['*', 'unverified', 'Encrypted, not looked into'], unscannable: ['?', 'unverified', 'Could not be looked into'],
  unscanned: ['…', 'unknown', 'Not scanned yet']};

function stateChip(item) {
  const [glyph, shape, words] = fileStates[item.state] || fileStates.unscanned;
  return el('span', {class: `trust ${shape}`}, el('span', {class: `mark ${shape}`, 'aria-hidden': 'true'}, glyph), el('b', {}, words));
}

function releasedChip(item) {
  if (!item.released) return null;
  return el('span', {class: 'trust unverified'}, el('span', {class: 'mark unverified', 'aria-hidden': 'true'}, '!'), el('span', {}, el('b', {}, 'Released'),
    ...(item.released.name ? [' by ', theirs(item.released.name, 60)] : []), item.released.at ? `, ${when(item.released.at)}` : ''));
}

const engineName = engine => (engine || '').split('/')[0];

// What was found, as a list to unfold; a name for it where the scanner has one.
function findingList(item, open) {
  const lines = item.findings.map(f => el('li', {}, f.sentence || f.id));
  if (item.signature) lines.unshift(el('li', {}, `${engineName(item.engine) || 'The virus scanner'} calls it `, el('code', {}, plain(item.signature)), '.'));
  if (item.scanned_at) lines.push(el('li', {class: 'soft'}, `Looked into ${when(item.scanned_at)}${item.engine ? ` with ${plain(engineName(item.engine))}` : ''}.`));
  if (!lines.length) return null;
  return el('details', {class: 'findings', open: Boolean(open)}, el('summary', {}, item.findings.length ? 'What was found' : 'Details'), el('ul', {}, ...lines));
}

const may = right => session.rights.includes(right);

// ---- the list of a message ----

// As people call them; others by the word that the sender's program used.
const kindsOfFiles = {
  'application/pdf': 'PDF', 'application/msword': 'Word document', 'application/zip': 'ZIP archive', 'message/rfc822': 'message', 'text/plain': 'text',
  'application/octet-stream': 'of no declared type', 'application/vnd.oasis.opendocument.text': 'text document (ODF)',
  'application/vnd.ms-excel': 'Excel sheet', 'application/vnd.ms-powerpoint': 'PowerPoint slides',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'Word document',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'Excel sheet',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation': 'PowerPoint slides'};
const kindOfFile = type => kindsOfFiles[type.toLowerCase()] || plain(type);

function closedText(file) {
  if (file.openable) return may('download') ? '' : 'The original is for those who have the right to download.';
  if (file.state === 'unscanned') return 'Closed until it has been scanned, which is tried again by itself.';
  if (file.state === 'clean') return 'Closed until the ticket is taken out of Review.';
  return may('release') ? '' : 'Closed. Somebody with the right can release it.';
}

function fileItem(message, file) {
  const name = plain(file.name || '(no name)');
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const button = (label, act) => el('button', {type: 'button', 'aria-label': `${label.replace('…', '')}: ${name}`, on: {click: e => act(e.target, fault)}}, label);
  const buttons = [
    file.previewable ? button('Preview', () => showPreview(file)) : null,
    file.openable && may('download') ? button('Download original…', (target, where) => downloadOriginal(target, file, where)) : null,
    !file.released && file.state !== 'clean' && may('release')
      ? button('Release…', (target, where) => release(target, `attachments/${file.id}`, file, `the attachment “${name}”`, where, () => fileChanged(message))) : null];
  const closed = closedText(file);
  return el('li', {class: 'file', 'data-id': file.id},
    el('p', {class: 'name'}, theirs(file.name || '(no name)', 120), el('span', {class: 'soft'}, ` · ${kindOfFile(file.type)} · ${size(file.size)}`)),
    el('div', {class: 'chips'}, stateChip(file), releasedChip(file), findingList(file)),
    closed ? el('p', {class: 'small'}, closed) : null,
    buttons.some(Boolean) ? el('div', {class: 'foot'}, ...buttons) : null, fault);
}

function fileList(message) {
  const files = message.attachments;
  const open = files.filter(f => f.openable).length;
  const count = files.length === 1 ? '1 attachment' : `${files.length} attachments`;
  const heading = open === files.length ? count : open ? `${count}, ${files.length - open} of them closed` : `${count}, closed`;
  return el('details', {class: 'attachments', open: files.length <= 10}, el('summary', {}, heading),
    el('ul', {class: 'files'}, ...files.map(f => fileItem(message, f))));
}

async function fileChanged(message) {
  await openMessage(message.id);
  loadList();
}

// ---- the message itself ----

// What was found in the letter as a whole, and in none of its attachments: those say it themselves.
function messageFindings(message) {
  const told = new Set(message.attachments.flatMap(a => a.findings.map(f => f.id)));
  const findings = message.findings.filter(f => !told.has(f.id));
  if (!findings.length) return null;
  return el('div', {class: 'found chips'}, el('span', {class: 'small'}, 'The message as a whole:'), stateChip(message), releasedChip(message),
    findingList({...message, findings}, true));
}

// Plain text first. The formatted page is somebody else's: in a frame without any rights, where nothing runs and nothing is fetched.
function messageText(message) {
  const text = el('div', {class: 'text'}, message.text === null ? 'The text of this message is missing or was changed in the store.'
    : (message.text || '(no text)').replace(/[\u202d\u202e]/g, '\ufffd'));
  if (!message.has_html) return [text];
  const place = el('div', {});
  const choose = formatted => {
    message.formatted = formatted;
    fill(place, ...(formatted ? [el('iframe', {class: 'formatted', sandbox: '', title: 'The message as its sender laid it out', src: `/api/v1/messages/${message.id}/html`,
      referrerpolicy: 'no-referrer'}), el('p', {class: 'small'}, 'Nothing in it runs, and nothing is fetched from elsewhere. Links do not open from here.')] : [text]));
    buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(Boolean(i) === formatted)));
  };
  const buttons = ['Plain text', 'Show formatting'].map((label, i) => el('button', {type: 'button', on: {click: () => choose(Boolean(i))}}, label));
  choose(Boolean(message.formatted));
  return [el('div', {class: 'switch', role: 'group', 'aria-label': 'How the message is shown'}, ...buttons), place];
}

// ---- pictures ----

const previewPath = file => `/api/v1/attachments/${file.id}/preview`;

// Asks for pictures, and waits until there are some or it is known that there will be none.
async function makePictures(file, stillWanted) {
  let {data} = await ask('POST', previewPath(file));
  for (let turn = 0; data.state === 'wanted' && turn < 30 && stillWanted(); turn++) {
    data = (await ask('GET', `${previewPath(file)}?wait=1`)).data;
  }
  return data;
}

function pageCount(preview) {
  const pages = preview.pages === 1 ? '1 page' : `${preview.pages} pages`;
  if (preview.total && preview.total > preview.pages) return `The first ${pages} of ${preview.total}`;
  return preview.cut ? `${pages}, and there is more` : pages;
}

function picture(file, page, preview) {
  const image = el('img', {src: `${previewPath(file)}/${page}`, loading: 'lazy', decoding: 'async', alt: `Page ${page} of ${preview.pages}`});
  image.addEventListener('load', () => image.classList.add('there'));
  image.addEventListener('error', () => image.replaceWith(el('p', {class: 'note'}, `Page ${page} could not be loaded. Close this and open it again.`)));
  return el('figure', {}, image, el('figcaption', {class: 'small'}, String(page)));
}

function drawPictures(file, preview, place) {
  const pages = Array.from({length: preview.pages}, (_, i) => picture(file, i + 1, preview));
  fill(place, el('div', {class: 'viewer-facts'}, el('p', {}, el('b', {}, pageCount(preview)), '. These are pictures of the pages; the original stays closed.'),
    preview.note ? el('p', {class: 'small'}, plain(preview.note)) : null,
    el('p', {}, el('a', {href: `${previewPath(file)}/pdf`, download: ''}, 'Save the pictures as a PDF'))), ...pages);
}

function drawNoPictures(file, preview, place, again) {
  const text = preview.state === 'wanted' ? 'It takes longer than usual. Look again in a moment.' : preview.reason || 'There are no pictures of it.';
  fill(place, el('p', {class: 'note calm', role: 'alert'}, text),
    preview.final ? null : el('div', {class: 'foot'}, el('button', {type: 'button', on: {click: again}}, 'Try again')));
}

async function showPreview(file) {
  const dialog = $('viewer');
  const place = el('div', {class: 'viewer-pages', tabindex: 0, role: 'region', 'aria-label': 'Pages', 'aria-live': 'polite'});
  const close = el('button', {type: 'button', on: {click: () => dialog.close()}}, 'Close');
  const run = async () => {
    fill(place, el('p', {class: 'empty'}, 'Making pictures of the pages…'));
    try {
      const preview = await makePictures(file, () => dialog.open && place.isConnected);
      if (preview.state === 'done') drawPictures(file, preview, place);
      else drawNoPictures(file, preview, place, run);
    } catch (problem) {
      fill(place, el('p', {class: 'note', role: 'alert'}, problem.message));
    }
  };
  fill(dialog, el('header', {class: 'viewer-head'}, el('h2', {id: 'viewer-title'}, theirs(file.name || '(no name)', 120)), stateChip(file), close), place);
  dialog.onclose = () => { if (!dialog.open) fill(dialog); }; // it comes late: the next one may be open by then. The focus goes back by itself
  dialog.showModal();
  close.focus();
  await run();
}

// ---- the original ----

// RFC 8187: the server has made the name safe.
function fileName(answer) {
  const encoded = /filename\*=UTF-8''([^;]+)/.exec(answer.headers.get('Content-Disposition') || '');
  return encoded ? decodeURIComponent(encoded[1]) : 'attachment';
}

async function saveOriginal(file) {
  const {answer} = await ask('GET', `/api/v1/attachments/${file.id}`, {file: true, what: `download “${plain(file.name)}”`});
  const address = URL.createObjectURL(await answer.blob());
  el('a', {href: address, download: fileName(answer)}).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

async function downloadOriginal(button, file, fault) {
  const dialog = $('approval');
  const go = el('button', {class: file.state === 'clean' ? 'primary' : 'danger', type: 'submit'}, 'Download the original');
  const cancel = el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel');
  fill(dialog, el('form', {class: 'stack', on: {submit: event => { event.preventDefault(); dialog.close('go'); }}},
    el('h2', {id: 'approval-title'}, 'Download the original?'),
    el('p', {class: 'file-name'}, theirs(file.name || '(no name)', 120)),
    el('p', {class: 'chips'}, stateChip(file), releasedChip(file)), file.findings.length ? findingList(file, true) : null,
    el('p', {}, file.state === 'clean'
      ? 'It leaves the desk’s protection: a program on this computer will open it. That nothing was found does not mean that there is nothing.'
      : 'It was released although this was found. On this computer nothing protects you from it.'),
    file.previewable ? el('p', {class: 'soft'}, 'To read it, its preview is enough.') : null,
    el('p', {class: 'soft'}, 'The download is on the record.'),
    el('div', {class: 'foot'}, go, cancel)));
  if (await dialogChoice(dialog, cancel) === 'go') {
    await attempt(button, fault, async () => {
      await saveOriginal(file);
      say('The original was downloaded.');
    });
  }
}

// ---- release ----

// Of an attachment or a whole message: why, then the gesture.
async function release(button, path, item, what, fault, then) {
  const dialog = $('approval');
  const reason = el('textarea', {id: 'release-reason', rows: 3, maxlength: 250});
  const wrong = el('p', {class: 'note', role: 'alert', hidden: true});
  fill(dialog, el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    if (reason.value.trim().length >= 10) dialog.close('release');
    else note(wrong, 'Say why, in at least ten characters.');
  }}},
    el('h2', {id: 'approval-title'}, 'Release it?'), el('p', {class: 'what'}, plain(what)), el('p', {class: 'chips'}, stateChip(item)), findingList(item, true),
    el('p', {}, path.startsWith('attachments') ? `Everybody who may download can then open the original, whatever was found in it.${item.previewable ? ' To look at it, its preview is enough.' : ''}`
      : 'Everybody on its queue can then read the message. Its attachments stay as they are.'),
    el('label', {for: 'release-reason'}, 'Why'), reason, wrong,
    el('div', {class: 'foot'}, el('button', {class: 'danger', type: 'submit'}, 'Release'), el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel'))));
  if (await dialogChoice(dialog, reason) !== 'release') return;
  await attempt(button, fault, async () => {
    await ask('POST', `/api/v1/${path}/release`, {body: {reason: reason.value.trim()}, what: `release ${what}`});
    await then();
    say('Released.');
  });
}

// ---- the page of what is held ----

// Whoever may release need not be one who may read: then it has a number and no name.
function heldName(item) {
  if (item.kind === 'file') return item.name === null ? `Attachment ${item.index + 1}` : item.name || '(no name)';
  return item.subject === null ? 'The whole message' : item.subject || '(no subject)';
}

// What may not be read has no page to go to.
const heldTicket = item => item.number ? [' · ', item.subject !== null ? el('a', {href: `#/t/${item.ticket}`}, `ticket #${item.number}`) : `ticket #${item.number}`] : [];

function heldItem(item, fault, again) {
  const what = `${item.kind === 'file' ? 'the attachment' : 'the message'} “${plain(heldName(item))}”${item.number ? ` of ticket #${item.number}` : ''}`;
  const path = item.kind === 'file' ? `attachments/${item.id}` : `messages/${item.id}`;
  const facts = [item.kind === 'file' && item.subject ? `attached to “${plain(item.subject)}”` : '', item.from ? `from ${person(item.from)}` : '',
    item.queue, item.received_at ? when(item.received_at) : ''].filter(Boolean).join(' · ');
  const destroy = target => attempt(target, fault, async () => {
    await ask('DELETE', `/api/v1/messages/${item.message}`, {what: `destroy for good the whole message with ${what}`});
    await again();
    say('The message was destroyed.');
  });
  return el('li', {'data-id': item.id}, el('div', {class: 'grow stack'}, el('b', {}, theirs(heldName(item), 120)),
    el('p', {class: 'small'}, facts, ...heldTicket(item)),
    el('div', {class: 'chips'}, stateChip(item), findingList(item),
      item.disposition === 'quarantine' ? el('span', {class: 'small'}, item.kind === 'file' ? 'Its message is in quarantine.' : 'In quarantine: not even its subject can be read.') : null)),
  el('div', {class: 'foot'}, el('button', {type: 'button', 'aria-label': `Release: ${what}`, on: {click: e => release(e.target, path, item, what, fault, again)}}, 'Release…'),
    may('purge') ? el('button', {class: 'danger', type: 'button', 'aria-label': `Destroy the message with ${what}`, on: {click: e => destroy(e.target)}}, 'Destroy…') : null));
}

// A page of a list of the keeper's, with more on demand.
async function listPage(hash, address, title, intro, none, draw) {
  const fault = el('p', {class: 'note', role: 'alert', hidden: true});
  const list = el('ul', {class: 'things'});
  const more = el('button', {class: 'quiet more', type: 'button', hidden: true}, 'Show more');
  const load = async cursor => {
    const {data} = await ask('GET', address + (cursor ? `?cursor=${encodeURIComponent(cursor)}` : ''));
    const items = data.items.map(item => draw(item, fault, () => load()));
    if (cursor) list.append(...items); else list.replaceChildren(...(items.length ? items : [el('li', {class: 'soft'}, none)]));
    more.hidden = !data.next;
    more.onclick = () => attempt(more, fault, () => load(data.next));
  };
  try {
    await load();
    if (session && location.hash === hash) {
      fill($('account'), toTickets(), el('h1', {tabindex: -1}, title), el('p', {class: 'soft'}, intro), fault, el('section', {class: 'card block'}, list, more));
    }
  } catch (problem) {
    if (session) fill($('account'), toTickets(), el('h1', {tabindex: -1}, title), el('p', {class: 'note', role: 'alert'}, problem.message));
  }
}

const drawQuarantine = () => listPage('#/quarantine', '/api/v1/quarantine', 'Quarantine',
  'What is not clean and was not released, newest first. It stays closed. Suspicious attachments can be looked at as pictures, from their ticket.', 'Nothing is held.', heldItem);

// ---- incidents ----

const facetNames = {file: 'downloaded the original', source: 'took the source', preview: 'looked at pictures', text: 'read the message', html: 'read the message'};

function openedBy(incident) {
  if (!incident.opened_by.length) return el('p', {}, 'Nobody had opened it.');
  return el('ul', {class: 'plain'}, ...incident.opened_by.map(o => el('li', {}, el('b', {}, theirs(o.name || o.person, 80)), ` ${facetNames[o.facet] || 'opened it'}, ${when(o.at)}`)));
}

async function closeIncident(button, incident, fault, again) {
  const dialog = $('approval');
  const text = el('textarea', {id: 'incident-note', rows: 3, maxlength: 250});
  const wrong = el('p', {class: 'note', role: 'alert', hidden: true});
  fill(dialog, el('form', {class: 'stack', novalidate: true, on: {submit: event => {
    event.preventDefault();
    if (text.value.trim()) dialog.close('close');
    else note(wrong, 'Say what was done.');
  }}},
    el('h2', {id: 'approval-title'}, `Close incident ${incident.id}?`), el('label', {for: 'incident-note'}, 'What was done about it'), text, wrong,
    el('div', {class: 'foot'}, el('button', {class: 'primary', type: 'submit'}, 'Close the incident'), el('button', {type: 'button', on: {click: () => dialog.close('')}}, 'Cancel'))));
  if (await dialogChoice(dialog, text) !== 'close') return;
  await attempt(button, fault, async () => {
    await ask('POST', `/api/v1/incidents/${incident.id}/close`, {body: {note: text.value.trim()}});
    await again();
    say('The incident was closed.');
  });
}

function incidentItem(incident, fault, again) {
  const open = incident.state === 'open';
  return el('li', {'data-id': incident.id}, el('div', {class: 'grow'},
    el('p', {class: 'chips'}, el('span', {class: `trust ${open ? 'failed' : 'verified'}`}, el('span', {class: `mark ${open ? 'failed' : 'verified'}`, 'aria-hidden': 'true'}, open ? '!' : '✓'),
      el('b', {}, open ? 'Open' : 'Closed')), el('b', {}, `Incident ${incident.id}`)),
    el('p', {}, 'Something that had been let in is malicious', ...(incident.signature ? [': ', el('code', {}, plain(incident.signature))] : []), '. It is closed.'),
    openedBy(incident),
    el('p', {class: 'small'}, `${when(incident.at)} · ${plain(incident.queue)}`, ...(may('list') ? [' · ', el('a', {href: `#/t/${incident.ticket}`}, 'its ticket')] : [])),
    open ? null : el('p', {class: 'small'}, `Closed${incident.closed_at ? ` ${when(incident.closed_at)}` : ''}: `, theirs(incident.note || '', 300))),
  open ? el('button', {type: 'button', 'aria-label': `Close incident ${incident.id}`, on: {click: e => closeIncident(e.target, incident, fault, again)}}, 'Close…') : null);
}

const drawIncidents = () => listPage('#/incidents', '/api/v1/incidents', 'Incidents',
  'What turned out to be malicious after it was let in, and who had opened it by then.', 'There was none.', incidentItem);
