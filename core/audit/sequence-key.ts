/** A whole number as 20 decimal digits, so that keys sort as numbers do. */
export const sequenceKey = (sequence: number): string => String(sequence).padStart(20, '0');
