// npm's mailauth over the benchmark's letters, its resolver answering from memory. Prints nanoseconds of CPU per letter as JSON.
//   node mailauth.mjs NODE_MODULES CORPUS SECONDS
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [modules, corpus, seconds] = process.argv.slice(2);
const { authenticate } = createRequire(`${modules}/`)('mailauth');

const zone = new Map();
for (const line of readFileSync(`${corpus}/zone`, 'utf8').split('\n')) {
  const found = /^(\S+)\. 3600 IN (\S+) (.*)$/.exec(line);
  if (!found) continue;
  const [, name, type, data] = found;
  const bare = data.replace(/\.$/, '');
  const value = type === 'TXT' ? [...data.matchAll(/"([^"]*)"/g)].map((m) => m[1])
    : type === 'MX' ? { priority: Number(bare.split(' ')[0]), exchange: bare.split(' ')[1] } : bare;
  const key = `${name} ${type}`;
  zone.set(key, [...(zone.get(key) ?? []), value]);
}
const resolver = async (name, type) => {
  const found = zone.get(`${name.toLowerCase().replace(/\.$/, '')} ${type}`);
  if (found) return found;
  throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
};

const letters = readFileSync(`${corpus}/list`, 'utf8').trim().split('\n').map((line) => {
  const [path, sender] = line.split(' ');
  return { bytes: readFileSync(path), sender };
});
const judge = async ({ bytes, sender }) => {
  const result = await authenticate(bytes, { ip: '198.51.100.10', helo: 'client.relay.example', sender, mta: 'mail.desk.example', resolver,
    disableBimi: true });
  const passed = result.spf.status.result === 'pass' && result.dkim.results[0].status.result === 'pass' && result.dmarc.status.result === 'pass';
  if (!passed) throw new Error(`a letter did not pass: ${JSON.stringify(result.dkim.results[0]?.status)} ${result.spf.status.result} ${result.dmarc.status.result}`);
};

for (const letter of letters) await judge(letter); // warm: compiled, caches filled
let n = 0;
const before = process.cpuUsage();
const end = Date.now() + Number(seconds) * 1000;
while (Date.now() < end) for (const letter of letters.slice(0, 50)) { await judge(letter); n++; }
const used = process.cpuUsage(before);
console.log(JSON.stringify({ ns: Math.round(((used.user + used.system) * 1000) / n), letters: n }));
