/**
 * A command line of Holdfast as a user types it: `npx` finds it in the checkout and starts it on the Node that
 * `npm ci` brought. Whatever is printed to be typed goes through here.
 */
export const typed = (commandLine: string): string => `npx ${commandLine}`;
