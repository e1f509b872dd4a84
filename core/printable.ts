/**
 * What a terminal or a log shows was often written by somebody else: a gateway's name, a host's, an error's words.
 * Controls and marks of direction are spelt out, as JSON spells them, so that nobody else's text moves a cursor,
 * hides a line or makes a new one.
 */
const unprintable = /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

const spelt = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** One line. */
export const printableLine = (text: string): string => text.replace(unprintable, spelt);

/** Lines that were laid out by us. */
export const printable = (text: string): string => text.split('\n').map(printableLine).join('\n');
