import { posix, relative, sep } from 'node:path';

/**
 * An ESLint rule: who may import what. It judges every way by which a module can name another (`import`, `export …
 * from`, `import()`, `require()`, an `import('…')` type, a module's URL), resolves the name from the importing file,
 * and refuses what it cannot judge. A pattern for specifiers would let `./../lib/app.ts` pass.
 */
const cdk = /^(aws-cdk|@aws-cdk|constructs$|cdk-)/;
const codeFile = /\.([cm]?[jt]s|[jt]sx)$/;

/** `lib/app.ts` → `lib`; the repository's own root → ''. */
const folderOf = (path) => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
const packageOf = (specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;

/** The text of a literal, and of a template without holes. */
function textOf(node) {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node?.type === 'TSLiteralType') return textOf(node.literal);
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0) return node.quasis[0].value.cooked;
  return undefined;
}

const isImportMetaUrl = (node) =>
  node?.type === 'MemberExpression' && node.object.type === 'MetaProperty' && node.property.name === 'url';

/** What is wrong with `specifier` in the file `path`, or undefined. */
function objection(path, specifier, rules) {
  const folder = folderOf(path);
  const may = rules.folders[folder] ?? [];
  if (/^\.{1,2}(\/|$)/.test(specifier)) {
    const target = posix.join(posix.dirname(path), specifier);
    const inModules = /(^|\/)node_modules\/(.*)$/.exec(target);
    if (inModules) return objection(path, inModules[2], rules);
    if (target.startsWith('../')) return `${specifier} is outside the repository.`;
    const other = folderOf(target);
    if (other === folder || may.includes(other)) return undefined;
    const allowed = may.length > 0 ? `${may.join(', ')} only` : 'nothing of ours';
    return `${folder || 'the root'}/ may import ${allowed} (see ARCHITECTURE.md).`;
  }
  if (/^([/#]|(?!node:)[a-z]+:)/i.test(specifier))
    return `${specifier}: import a package or a relative path.`;
  const name = specifier.startsWith('node:') ? specifier : packageOf(specifier);
  if (
    cdk.test(name) &&
    !rules.cdkIn.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
  )
    return `The CDK is for ${rules.cdkIn.join(' and ')}; running code must not import it.`;
  if (/^(node:)?module$/.test(name) && !rules.moduleIn.includes(path))
    return `${specifier} can load anything behind the linter’s back.`;
  const packages = rules.packages[folder];
  if (packages && !packages.includes(name))
    return `${folder}/ may import ${packages.join(', ')} only: what does I/O stays outside (see ARCHITECTURE.md).`;
  return undefined;
}

/** @type {import('eslint').Rule.RuleModule} */
export const boundaries = {
  meta: { type: 'problem', schema: [{ type: 'object' }] },
  create(context) {
    const rules = context.options[0];
    const path = relative(context.cwd, context.filename).split(sep).join('/');
    const refuse = (node, message) => context.report({ node, message });
    const judge = (node, named) => {
      const specifier = textOf(named);
      if (specifier !== undefined) {
        const message = objection(path, specifier, rules);
        if (message) refuse(node, message);
      } else if (!rules.computedIn.includes(path))
        refuse(node, 'Import a literal: where a computed name leads cannot be checked.');
    };
    const judgeSource = (node) => node.source && judge(node, node.source);
    return {
      ImportDeclaration: judgeSource,
      ExportNamedDeclaration: judgeSource,
      ExportAllDeclaration: judgeSource,
      ImportExpression: judgeSource,
      TSImportType: judgeSource,
      TSExternalModuleReference: (node) => judge(node, node.expression),
      'CallExpression[callee.name="require"]': (node) => judge(node, node.arguments[0]),
      'MemberExpression[property.name="getBuiltinModule"]': (node) =>
        refuse(node, 'getBuiltinModule goes around the import directions: import the module.'),
      // What a worker or a child process is started with.
      'NewExpression[callee.name="URL"]': (node) => {
        const [file, base] = node.arguments;
        if (codeFile.test(textOf(file) ?? '') && isImportMetaUrl(base)) judge(node, file);
      },
    };
  },
};
