import { bodyHashOf, checkedParams, commandIdOf } from '../../../core/commands/submission.ts';

describe('a submission', () => {
  it('names the field that is wrong and what the kind takes', () => {
    expect(() => checkedParams('volume.check', { volumeId: 'UPPER' })).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        message: expect.stringMatching(/^parameters of volume\.check: volumeId is "UPPER", not lower-case/),
        hint: 'volume.check takes volumeId',
      }),
    );
  });

  it('lists the kinds for one that there is not', () => {
    expect(() => checkedParams('format.disk', {})).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', hint: expect.stringContaining('restore.start') }),
    );
    expect(() => checkedParams('constructor', {})).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
  });

  it('refuses parameters that are too large', () => {
    expect(() => checkedParams('probe', { echo: 'x'.repeat(17_000) })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', hint: expect.stringContaining('16384') }),
    );
  });

  it('refuses parameters that the kind does not know', () => {
    expect(() => checkedParams('probe', { volume: 'v1' })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT' }),
    );
  });

  it('has the same id for the same tenant, gateway and key only', () => {
    const id = commandIdOf('acme', 'gw-1', 'key');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(commandIdOf('acme', 'gw-1', 'key')).toBe(id);
    expect(new Set([id, commandIdOf('acm', 'egw-1', 'key'), commandIdOf('acme', 'gw-1k', 'ey')]).size).toBe(
      3,
    );
  });

  it('has the same body whatever the order of its fields', () => {
    expect(bodyHashOf('probe', { a: { x: 1, y: 2 }, b: 3 })).toBe(
      bodyHashOf('probe', { b: 3, a: { y: 2, x: 1 } }),
    );
    expect(bodyHashOf('probe', { a: 1 })).not.toBe(bodyHashOf('probe', { a: 2 }));
  });
});
