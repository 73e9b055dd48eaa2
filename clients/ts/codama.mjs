// Generates src/generated from the program's IDL: `npm run generate`, or with arguments
// `node codama.mjs <folder that gets src/generated> <IDL>`.
//
// The IDL describes bytes. This file adds the meaning that it cannot express: which bytes are
// booleans, which are one of a few choices, and which are text.

import { appendFileSync, existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  booleanTypeNode,
  definedTypeLinkNode,
  definedTypeNode,
  enumEmptyVariantTypeNode,
  enumTypeNode,
  fixedSizeTypeNode,
  numberTypeNode,
  stringTypeNode,
} from '@codama/nodes';
import { rootNodeFromAnchor } from '@codama/nodes-from-anchor';
import { renderVisitor } from '@codama/renderers-js';
import { bottomUpTransformerVisitor, visit } from '@codama/visitors-core';
import prettier from 'prettier';

const here = path.dirname(fileURLToPath(import.meta.url));
const [folder = here, idlFile = path.join(here, '../../idl/referral.json')] = process.argv.slice(2);
const idl = JSON.parse(readFileSync(idlFile, 'utf8'));

/** The enums that the program stores as one byte, in the order of their numbers. */
const ENUMS = {
  action: [
    'signup',
    'mint',
    'purchase',
    'booking',
    'enrollment',
    'loan',
    'rental',
    'subscription',
    'custom',
  ],
  funding: ['mintAuthority', 'vault', 'paymentSplit'],
  proof: ['open', 'attested', 'payment'],
  rewardKind: ['fixed', 'percent'],
  status: ['pending', 'paid', 'cancelled'],
  uniqueness: ['wallet', 'walletAndCode', 'order'],
};

/** Booleans that are stored as one byte, by account or type. */
const YES_OR_NO = {
  campaign: ['perOwner', 'paused', 'closed'],
  conversion: ['budgeted'],
  referral: ['active', 'suspended'],
  settings: ['attestedCodes'],
  terms: ['perOwner'],
  campaignPauseChanged: ['old', 'new'],
  referralSuspensionChanged: ['old', 'new'],
  referralUpdated: ['oldActive', 'newActive'],
};

const u8 = numberTypeNode('u8');
const text = stringTypeNode('utf8');

const isByte = (node) => node.type.kind === 'numberTypeNode' && node.type.format === 'u8';

/**
 * The IDL without its aliases, which Codama does not support. An alias such as `PodU64` is
 * replaced by the number type that it stands for.
 */
function withoutAliases(idl) {
  const aliases = new Map(
    idl.types
      .filter(({ type }) => type.kind === 'type')
      .map(({ name, type }) => [name, type.alias]),
  );
  const types = idl.types.filter(({ name }) => !aliases.has(name));
  return JSON.parse(
    JSON.stringify({ ...idl, types }),
    (_, value) => aliases.get(value?.defined?.name) ?? value,
  );
}

const named = (stack) =>
  [...stack]
    .reverse()
    .find((node) => ['accountNode', 'definedTypeNode', 'eventNode'].includes(node.kind))?.name;

const adapt = bottomUpTransformerVisitor([
  {
    select: '[programNode]',
    transform: (node) => ({
      ...node,
      definedTypes: [
        ...node.definedTypes,
        ...Object.entries(ENUMS).map(([name, variants]) =>
          definedTypeNode({
            name,
            type: enumTypeNode(
              variants.map((variant) => enumEmptyVariantTypeNode(variant)),
              { size: u8 },
            ),
          }),
        ),
      ],
    }),
  },
  {
    // An enum's field has the same name everywhere, also in arguments.
    select: (path) => {
      const node = path.at(-1);
      return (
        ['structFieldTypeNode', 'instructionArgumentNode'].includes(node.kind) &&
        node.name in ENUMS &&
        isByte(node)
      );
    },
    transform: (node) => ({ ...node, type: definedTypeLinkNode(node.name) }),
  },
  {
    select: (path) => {
      const node = path.at(-1);
      return (
        node.kind === 'structFieldTypeNode' &&
        isByte(node) &&
        YES_OR_NO[named(path)]?.includes(node.name)
      );
    },
    transform: (node) => ({ ...node, type: booleanTypeNode(u8) }),
  },
  {
    // A code is text, padded with zeros.
    select: (path) => {
      const node = path.at(-1);
      return (
        ['structFieldTypeNode', 'instructionArgumentNode'].includes(node.kind) &&
        node.name === 'code'
      );
    },
    transform: (node) => ({ ...node, type: fixedSizeTypeNode(text, 12) }),
  },
]);

const root = visit(rootNodeFromAnchor(withoutAliases(idl)), adapt);

await visit(
  root,
  renderVisitor(folder, {
    formatCode: false,
    generatedFolder: 'src/generated',
    kitImportStrategy: 'rootOnly',
    syncPackageJson: false,
  }),
);

const generated = path.join(folder, 'src/generated');

// Codama keeps an error's message in development builds only, and never its name.
writeFileSync(
  path.join(generated, 'errors/names.ts'),
  `/** The program's errors by their numbers, as \`custom program error\` gives them. */
    export const PROGRAM_ERRORS = {
        ${idl.errors
          .map(({ code, name, msg }) => `${code}: ${JSON.stringify({ name, message: msg })}`)
          .join(',')}
    } as const;`,
);
appendFileSync(path.join(generated, 'errors/index.ts'), "export * from './names';\n");

// The last accounts of these instructions may be left out together. The parser then reports them
// as absent.
for (const [name, all, always] of [
  ['convert', 18, 9],
  ['purchase', 19, 8],
  ['claim', 9, 6],
]) {
  const file = path.join(generated, `instructions/${name}.ts`);
  const source = readFileSync(file, 'utf8')
    .replace(`instruction.accounts.length < ${all}`, `instruction.accounts.length < ${always}`)
    .replace(`expectedAccountMetas: ${all}`, `expectedAccountMetas: ${always}`)
    .replace(
      'return accountMeta.address ===',
      'return accountMeta?.address === undefined || accountMeta.address ===',
    );
  if (source.split(`< ${always}`).length !== 2 || !source.includes('accountMeta?.')) {
    throw new Error(`${name} is read in another way: see here`);
  }
  writeFileSync(file, source);
}

// @solana/kit 8 describes the type of a client with this plugin; the renderer's own description
// is outdated.
const program = path.join(generated, 'programs/referral.ts');
const [before, after, ...more] = readFileSync(program, 'utf8').split(
  /: Omit<T, ['"]referral['"]> & \{ referral: ReferralPlugin \}(?= =>)/,
);
if (after === undefined || more.length > 0) throw new Error('the plugin is another one: see here');
writeFileSync(program, before + after);

/** Converts names in docs that are quoted from Rust to camel case. */
const camelCase = (text) =>
  text.replace(/`[a-z]+(_[a-z]+)+`/g, (name) =>
    name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
  );

// Codama writes imports for a bundler. In ESM, the path must name the file.
const options = await prettier.resolveConfig(path.join(here, 'src/index.ts'));
for (const name of readdirSync(generated, { recursive: true })) {
  const file = path.join(generated, name);
  if (!name.endsWith('.ts')) continue;
  const source = camelCase(readFileSync(file, 'utf8')).replace(
    /(from\s+['"])(\.[^'"]*)(['"])/g,
    (_, before, target, after) => {
      const isFile = existsSync(path.join(path.dirname(file), `${target}.ts`));
      return `${before}${target}${isFile ? '.js' : '/index.js'}${after}`;
    },
  );
  writeFileSync(file, await prettier.format(source, { ...options, parser: 'typescript' }));
}
