import process from 'node:process';

const majorMin = 24;

/**
 * Whether this Node can run what follows. An older one would end in a stack trace at the first TypeScript file, so
 * this file and those that import it are plain JavaScript.
 */
export function requireNode(name) {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) >= majorMin) return true;
  process.stderr.write(
    `error: CONFIG: Holdfast runs on Node ${majorMin}, and this is Node ${node}` +
      ` — type \`npx ${name}\` in the checkout, which starts the Node that npm ci brought\n`,
  );
  process.exitCode = 78;
  return false;
}
