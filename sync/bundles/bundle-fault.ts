import { GranaryError } from '#core/kernel/index.ts';

/** What is wrong with a bundle; `details.fault` of the error. */
export type BundleFault =
  | 'not-a-bundle'
  | 'truncated'
  | 'section-invalid'
  | 'section-unexpected'
  | 'frontier-invalid'
  | 'frontier-unsigned'
  | 'chunk-damaged'
  | 'index-mismatch'
  | 'digest-mismatch';

/** The error for a bundle that is not as its format has it; `what` completes the sentence "… : …". */
export const bundleDamaged = (fault: BundleFault, what: string): GranaryError =>
  new GranaryError(
    'BUNDLE_DAMAGED',
    `The bundle is damaged or no bundle: ${what}. What was taken in before stays; copy the file again and repeat.`,
    { fault },
  );

/** `what` says which bundle is of another space. */
export const bundleForeign = (what: string): GranaryError =>
  new GranaryError('BUNDLE_FOREIGN', `${what}. Join its space first, or take a bundle of this one.`);
